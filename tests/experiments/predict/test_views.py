"""A name stands for views that are all different and begin with the image itself."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.experiments.predict.views import NAMES, View, views_of


@pytest.mark.parametrize(("name", "count"), [("", 1), *zip(NAMES, (2, 2, 4, 8), strict=True)])
def test_views_of_a_name_differ(name: str, count: int) -> None:
    image = np.arange(6).reshape(2, 3)
    views = views_of(name)
    laid = {(np.flip(np.rot90(image, turns), axes)).tobytes() + bytes([turns]) for turns, axes in views}
    assert views[0] == View(0, ())
    assert len(views) == len(laid) == count
