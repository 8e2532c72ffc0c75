"""Pixels and small patches alone do not solve the multiclass demo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.demo_difficulty import (
    LIMITS,
    QUICK,
    THRESHOLD_LIMITS,
    foreground_dice,
    foreground_iou,
    measure,
    measure_threshold,
    patches_at,
)
from data_converters.prepare.demos import make_demo


def test_foreground_dice_leaves_the_background_out() -> None:
    confusion = np.array([[90, 0, 0], [0, 6, 2], [0, 0, 2]])
    assert foreground_dice(confusion) == pytest.approx((2 * 6 / 14 + 2 * 2 / 6) / 2)


def test_patches_are_centred_on_their_pixel() -> None:
    images = np.arange(2 * 5 * 6 * 3, dtype=np.uint8).reshape(2, 5, 6, 3)
    patch = patches_at(images, np.array([[1, 2, 3]]), side=3).reshape(3, 3, 3)  # channel, row, column
    np.testing.assert_array_equal(patch, images[1, 1:4, 2:5].transpose(2, 0, 1))


def test_a_threshold_is_scored_image_by_image() -> None:
    images = np.zeros((3, 2, 2, 3), np.uint8)
    images[0, 0] = images[1] = (0, 90, 0)
    masks = np.array([[[1, 1], [0, 0]], [[2, 0], [0, 0]], [[0, 0], [0, 0]]], np.uint8)
    assert foreground_iou(images, masks, threshold=50) == pytest.approx((1 + 1 / 4) / 2)
    assert foreground_iou(images, masks, threshold=100) == 0


@pytest.mark.slow
@pytest.mark.parametrize(("task", "side"), [(task, side) for task in LIMITS for side in LIMITS[task]])
def test_forests_stay_under_their_limits(
    tmp_path_factory: pytest.TempPathFactory, task: str, side: int
) -> None:
    pytest.importorskip("sklearn", reason="pip install segloop[bench]")

    root: Path = tmp_path_factory.getbasetemp() / f"difficulty-{task}"
    if not root.exists():
        make_demo(task, str(root), seed=0)
    scores = measure(root, side=side, **QUICK)
    assert max(scores.values()) < LIMITS[task][side]
    if task in THRESHOLD_LIMITS:
        assert measure_threshold(root)[1] < THRESHOLD_LIMITS[task]
