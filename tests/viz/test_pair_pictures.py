"""A picture of two models on one image."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.viz.error_pictures import GAP, Case
from segloop.viz.overlay import MISSED
from segloop.viz.pair_pictures import duel


def case(pred, *, size=(40, 60)):
    image = np.full((*size, 3), 120, np.uint8)
    truth = np.zeros(size, np.uint8)
    truth[10:30, 10:30] = 1
    return Case("x", image, truth, truth * pred, ("ground", "disc"), ((0, 0, 0), (0, 200, 0)), 0)


def test_two_rows_of_three_tiles():
    drawn = duel(case(1), case(0), side=60)
    assert drawn.shape == (2 * 40 + GAP, 3 * 60 + 2 * GAP, 3)
    missed = (np.abs(drawn.astype(int) - MISSED).sum(axis=2) < 60).nonzero()
    # the second model missed the disc: red in the last tile below, and nowhere else
    assert len(missed[0])
    assert missed[0].min() > 40
    assert missed[1].min() > 120


def test_pictures_of_different_images_are_no_pair():
    with pytest.raises(ValueError, match="not of one image"):
        duel(case(1), case(1, size=(30, 60)))
