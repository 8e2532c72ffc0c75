"""Pixels and small patches alone do not solve the multiclass demo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.demo_difficulty import LIMITS, QUICK, foreground_dice, measure, patches_at


def test_foreground_dice_leaves_the_background_out() -> None:
    confusion = np.array([[90, 0, 0], [0, 6, 2], [0, 0, 2]])
    assert foreground_dice(confusion) == pytest.approx((2 * 6 / 14 + 2 * 2 / 6) / 2)


def test_patches_are_centred_on_their_pixel() -> None:
    images = np.arange(2 * 5 * 6 * 3, dtype=np.uint8).reshape(2, 5, 6, 3)
    patch = patches_at(images, np.array([[1, 2, 3]]), side=3).reshape(3, 3, 3)  # channel, row, column
    np.testing.assert_array_equal(patch, images[1, 1:4, 2:5].transpose(2, 0, 1))


@pytest.mark.slow
@pytest.mark.parametrize("side", LIMITS)
def test_forests_stay_under_their_limits(tmp_path_factory: pytest.TempPathFactory, side: int) -> None:
    pytest.importorskip("sklearn", reason="pip install segloop[bench]")
    from segloop.data.demo.multiclass import draw_native

    root: Path = tmp_path_factory.getbasetemp() / "difficulty"
    if not root.exists():
        draw_native(root)
    scores = measure(root, side=side, **QUICK)
    assert max(scores.values()) < LIMITS[side]
