"""Regions of wrong pixels and their kinds, worked by hand on small maps."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.analysis.regions import KINDS, Regions, find_regions


def regions_of(truth, pred, *, background=0, edge_px=2.0, confidence=None):
    found, objects = find_regions(
        np.array(truth, np.uint8),
        np.array(pred, np.uint8),
        ignore_index=255,
        background=background,
        edge_px=edge_px,
        confidence=None if confidence is None else np.array(confidence, np.uint8),
    )
    return found, objects


def kinds(found: Regions) -> list[str]:
    return [KINDS[kind] for kind in found.kind]


def block(size, top, left, bottom, right, value=1):
    mask = np.zeros((size, size), np.uint8)
    mask[top:bottom, left:right] = value
    return mask


def test_nothing_wrong_gives_no_region_and_all_objects_found():
    mask = block(8, 2, 2, 5, 6)
    found, objects = regions_of(mask, mask)
    assert len(found) == 0
    assert (objects.label.tolist(), objects.area.tolist(), objects.found.tolist()) == ([1], [12], [12])


def test_an_object_that_is_not_seen_is_missed_and_one_that_is_not_there_invented():
    truth, pred = block(12, 1, 1, 4, 4), block(12, 7, 7, 11, 11, 2)
    found, objects = regions_of(truth, pred)
    assert kinds(found) == ["missed", "invented"]
    assert found.area.tolist() == [9, 16]
    assert found.of_truth.tolist() == [1.0, pytest.approx(16 / (144 - 9))]
    assert found.of_pred.tolist() == [pytest.approx(9 / (144 - 16)), 1.0]
    assert found.box_xyxy.tolist() == [[1, 1, 4, 4], [7, 7, 11, 11]]
    assert (objects.area.tolist(), objects.found.tolist()) == ([9], [0])


def test_an_object_of_another_class_is_a_wrong_class():
    found, _ = regions_of(block(10, 2, 2, 8, 8, 1), block(10, 2, 2, 8, 8, 2))
    assert kinds(found) == ["class"]
    assert (found.truth.tolist(), found.pred.tolist()) == ([1], [2])
    assert found.depth[0] == pytest.approx(3, abs=0.2)  # 36 pixels: the innermost is three from the rim


def test_a_strip_along_an_outline_is_an_edge_and_a_deep_bite_is_not():
    truth = block(40, 5, 5, 35, 35)
    found, objects = regions_of(truth, block(40, 5, 7, 35, 37))
    assert kinds(found) == ["edge", "edge"]
    assert found.area.tolist() == [60, 60]
    assert objects.found.tolist() == [30 * 28]
    bitten = truth.copy()
    bitten[5:17, 5:17] = 0
    assert kinds(regions_of(truth, bitten)[0]) == ["missed"]


def test_two_wrong_classes_side_by_side_are_two_regions():
    truth = block(10, 0, 0, 10, 10, 1)
    pred = truth.copy()
    pred[:, :4], pred[:, 4:7] = 2, 3
    found, _ = regions_of(truth, pred)
    assert (found.pred.tolist(), found.area.tolist()) == ([2, 3], [40, 30])


def test_corners_touch():
    truth = np.zeros((4, 4), np.uint8)
    pred = np.diag([1, 1, 1, 1]).astype(np.uint8)
    assert regions_of(truth, pred)[0].area.tolist() == [4]


def test_ignored_pixels_belong_to_nothing():
    truth, pred = block(8, 2, 2, 6, 6), np.zeros((8, 8), np.uint8)
    truth[2:6, 4:6] = 255
    pred[2:6, 4:6] = 1
    found, objects = regions_of(truth, pred)
    assert kinds(found) == ["missed"]
    assert (found.area.tolist(), found.of_truth.tolist(), objects.area.tolist()) == ([8], [1.0], [8])


def test_all_ignored():
    found, objects = regions_of(np.full((3, 3), 255), np.ones((3, 3)))
    assert (len(found), len(objects.area)) == (0, 0)


def test_without_a_background_nothing_is_missed():
    truth, pred = block(12, 1, 1, 6, 6), np.zeros((12, 12), np.uint8)
    found, objects = regions_of(truth, pred, background=None)
    assert kinds(found) == ["class"]
    assert sorted(objects.area.tolist()) == [25, 119]


def test_the_confidence_of_a_region_is_the_mean_of_its_pixels():
    sure = np.full((6, 6), 50)
    sure[1, 1:3] = 80, 100
    found, _ = regions_of(block(6, 1, 1, 2, 3), np.zeros((6, 6)), confidence=sure)
    assert found.confidence.tolist() == [pytest.approx(0.9)]
    unknown, _ = regions_of(block(6, 1, 1, 2, 3), np.zeros((6, 6)))
    assert np.isnan(unknown.confidence).all()


def test_the_regions_of_a_map_with_many_classes_do_not_collide():
    truth, pred = np.full((2, 2), 900, np.uint16), np.array([[1, 2], [900, 3]], np.uint16)
    found, _ = find_regions(truth, pred, ignore_index=65535, background=None, edge_px=2)
    assert sorted(zip(found.truth.tolist(), found.pred.tolist(), strict=True)) == [
        (900, 1),
        (900, 2),
        (900, 3),
    ]


def test_areas_add_up_to_the_wrong_pixels_of_noise():
    draw = np.random.default_rng(0)
    truth, pred = draw.integers(0, 4, (2, 50, 37), dtype=np.uint8)
    truth[draw.random((50, 37)) < 0.1] = 255
    found, objects = regions_of(truth, pred)
    assert found.area.sum() == ((truth != pred) & (truth != 255)).sum()
    assert objects.area.sum() == ((truth != 0) & (truth != 255)).sum()
    assert objects.found.sum() == ((truth == pred) & (truth != 0)).sum()
