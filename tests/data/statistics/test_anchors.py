"""Anchors meet the boxes that they were fitted to, and more of them than the usual ones do."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.data.statistics.anchors import fit_anchors, share_met, usual_anchors
from segloop.data.statistics.bins import SIZES


def boxes_of(sides: list[tuple[float, float]]) -> np.ndarray:
    counts = np.zeros((SIZES.count, SIZES.count), int)
    wide, high = np.array(sides).T
    np.add.at(counts, (SIZES.place(wide), SIZES.place(high)), 1)
    return counts


def test_small_cells_need_smaller_anchors_than_coco() -> None:
    rng = np.random.default_rng(0)
    boxes = boxes_of([(12 * a, 12 * a * b) for a, b in rng.uniform(0.7, 1.3, (400, 2))])
    usual, fitting = usual_anchors(boxes), fit_anchors(boxes)
    assert fitting is not None
    assert usual.met < 0.05
    assert fitting.met > 0.95


def test_long_ships_get_their_ratios() -> None:
    boxes = boxes_of([(80, 20)] * 50 + [(20, 80)] * 50)
    fitting = fit_anchors(boxes)
    assert fitting is not None
    assert fitting.ratios == (0.25, 4.0)
    assert fitting.met == 1.0


def test_a_grid_that_is_wide_beside_its_anchors_misses() -> None:
    boxes = boxes_of([(64, 64)] * 10)
    assert share_met(boxes, (1.0,), (1.0,)) == 0.0  # 64 pixels on stride 64: half of the box is beside it
    assert share_met(boxes, (8.0,), (1.0,)) == 1.0  # 64 pixels on stride 8


def test_in_an_enlarged_image_the_grid_is_finer_for_the_same_boxes() -> None:
    boxes, twice = boxes_of([(8, 8)] * 10), boxes_of([(16, 16)] * 10)
    assert share_met(boxes, (3.36,), (1.0,), factor=2.0) == share_met(twice, (3.36,), (1.0,))
    assert fit_anchors(boxes, factor=2.0) == fit_anchors(twice)


def test_no_boxes_no_anchors() -> None:
    assert fit_anchors(np.zeros((SIZES.count, SIZES.count), int)) is None


def test_the_usual_ones_stay_where_they_do() -> None:
    boxes = boxes_of([(2.0**power * 1.2, 2.0**power * 1.2) for power in range(5, 9)])
    fitting = fit_anchors(boxes)
    assert fitting is not None
    assert fitting.per_place <= 2
    assert fitting.met == pytest.approx(1.0)
