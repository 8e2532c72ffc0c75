"""A watershed does not solve the cells demo, and its score is the competition's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.cells_baseline import (
    LIMITS,
    QUICK,
    Settings,
    contrasts,
    find_cells,
    mean_score,
    measure,
    precision,
)


def cell(size: int, *spans: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(size, np.bool_)
    for low, high in spans:
        mask[low:high] = True
    return mask[None]


def test_the_score_counts_hits_misses_and_inventions_at_ten_thresholds() -> None:
    truth = [cell(40, (0, 10)), cell(40, (20, 30))]
    found = np.zeros((1, 40), np.int32)
    found[0, :10], found[0, 20:28], found[0, 35:40] = 4, 2, 9
    # The second has an IoU of .8, which is over the thresholds .5 to .75; the third hits nothing.
    assert precision(truth, found) == pytest.approx((6 * 2 / 3 + 4 * 1 / 4) / 10)


def test_annotations_may_overlap_and_pictures_may_be_empty() -> None:
    found = np.array([[1] * 10 + [2] * 6 + [0] * 4])
    assert precision([cell(20, (0, 10)), cell(20, (6, 16))], found) == pytest.approx((2 * 1 + 8 * 1 / 3) / 10)
    empty = np.zeros((1, 20), np.int32)
    assert precision([], empty) == 1
    assert precision([], found) == precision([cell(20, (0, 3))], empty) == 0


def test_two_cells_that_touch_are_cut_apart() -> None:
    image = np.full((96, 96), 130, np.uint8)
    for x in (34, 58):
        cv2.circle(image, (x, 48), 13, 100, -1)
    cells = find_cells(contrasts(image)["dark"], Settings("dark", 0.8, 5, 15))
    assert len(np.unique(cells)) == 3
    assert cells[48, 34] != cells[48, 58]
    assert cells[10, 10] == 0


@pytest.mark.slow
def test_the_watershed_finds_some_cells_and_misses_most() -> None:
    low, high = LIMITS
    assert low < mean_score(measure(**QUICK)) < high
