"""Boundary counts, worked by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from segloop.analysis.boundaries import BoundaryCounts, boundary_counts, tolerance_px


def counted(truth, pred, *, tolerance=1, ignore=255):
    classes, counts = boundary_counts(
        np.array(truth, np.uint8),
        np.array(pred, np.uint8),
        num_classes=3,
        ignore_index=ignore,
        tolerance=tolerance,
    )
    return dict(zip(classes.tolist(), counts.tolist(), strict=True))


def square(left, *, value=1):
    mask = np.zeros((12, 20), np.uint8)
    mask[3:8, left : left + 5] = value
    return mask


def test_the_tolerance_is_that_of_davis():
    assert tolerance_px((480, 854)) == 8
    assert tolerance_px((10, 10)) == 1


def test_equal_maps_meet_everywhere():
    found = counted(square(4), square(4))
    assert found[1] == [16, 16, 16, 16]  # the rim of 5x5
    assert found[0] == [20, 20, 20, 20]  # around it, without the corners, which touch by no side


def test_a_shift_beyond_the_tolerance_is_not_met():
    near, far = counted(square(4), square(5))[1], counted(square(4), square(10))[1]
    assert near == [16, 16, 16, 16]
    assert far == [16, 0, 16, 0]
    # two to the right: four of the five pixels of top and bottom are met, nothing of the left side, and of
    # the right side those two that lie below the top and above the bottom of the other
    assert counted(square(4), square(6))[1] == [16, 10, 16, 10]


def test_a_class_of_one_side_alone_scores_nothing_and_an_absent_one_is_left_out():
    found = counted(square(4), np.zeros((12, 20)))
    assert found[1] == [16, 0, 0, 0]
    counts = BoundaryCounts(*np.array([[16, 0, 0, 0], [0, 0, 0, 0], [10, 5, 20, 20]]).T)
    assert counts.scores().tolist() == [0.0, pytest.approx(np.nan, nan_ok=True), pytest.approx(2 * 0.5 / 1.5)]


def test_the_edge_of_the_image_is_no_outline():
    half = np.zeros((6, 6), np.uint8)
    half[:, :3] = 1
    assert counted(half, half) == {0: [6, 6, 6, 6], 1: [6, 6, 6, 6]}
    assert counted(np.ones((6, 6)), np.ones((6, 6))) == {}


def test_what_lies_beside_ignored_pixels_is_no_outline():
    truth = np.zeros((6, 9), np.uint8)
    truth[:, :3], truth[:, 3:5] = 1, 255
    pred = np.zeros((6, 9), np.uint8)
    pred[:, :4] = 1
    assert counted(truth, pred) == {}


@pytest.mark.parametrize("tolerance", [0, 1, 3, 6])
@pytest.mark.parametrize("seed", range(4))
def test_counts_are_those_of_a_distance_transform_of_each_class(seed, tolerance):
    draw = np.random.default_rng(seed)
    coarse = draw.integers(0, 3, (2, 5, 7), dtype=np.uint8)
    truth, pred = (cv2.resize(each, (61, 43), interpolation=cv2.INTER_NEAREST) for each in coarse)
    pred = np.where(draw.random(pred.shape) < 0.02, 2, pred)
    truth[5:9, 30 * (seed % 2) : 40] = 255
    cross, square = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)), np.ones((3, 3), np.uint8)
    ignored = (truth == 255).astype(np.uint8)
    expected = {}
    for label in range(3):
        solid = [((mask == label) & (ignored == 0)).astype(np.uint8) for mask in (truth, pred)]
        lines = [each - cv2.erode(each, cross) for each in solid]
        lines = [np.where(cv2.dilate(ignored, square) > 0, 0, line).astype(np.uint8) for line in lines]
        row = []
        for own, other in (lines, lines[::-1]):
            away = cv2.distanceTransform(1 - other, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
            met = own.astype(bool) & (away <= tolerance + 1e-3) & bool(other.any())
            row += [int(own.sum()), int(met.sum())]
        if row[0] or row[2]:
            expected[label] = row
    assert counted(truth, pred, tolerance=tolerance) == expected
