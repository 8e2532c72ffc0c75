"""Rings go round parts and holes, each hole is joined to the ring around it."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from segloop.data import masks
from segloop.data.masks.outlines import trace
from tests.data.masks.cases import RING, images


def test_rings_of_parts_and_of_holes_are_told_apart() -> None:
    found = trace([masks.encode(np.zeros((6, 8))), masks.encode(RING)], (6, 8))
    assert found.owner.tolist() == [1, 1, 1]
    assert (found.parent >= 0).tolist() == [False, False, True]
    bridge = int(found.parent[2])
    assert found.points[bridge].tolist() == [2, 2]
    assert found.points[found.first[2]].tolist() == [3, 2]
    assert found.fixed[[bridge, int(found.first[2])]].all()


def signed_area(ring: np.ndarray) -> float:
    x, y = ring.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


@given(images())
def test_parts_go_clockwise_holes_against_it_and_areas_add_up(drawn) -> None:
    size_hw, bitmaps = drawn
    found = trace([masks.encode(bitmap) for bitmap in bitmaps], size_hw)
    areas = [signed_area(found.points[low:high]) for low, high in found.ranges()]
    assert [area < 0 for area in areas] == (found.parent >= 0).tolist()
    for index, bitmap in enumerate(bitmaps):
        own = [area for area, owner in zip(areas, found.owner, strict=True) if owner == index]
        assert sum(own) == bitmap.sum()


def test_pixels_that_share_a_corner_have_rings_of_their_own() -> None:
    for mask in (np.eye(2, dtype=bool), np.eye(2, dtype=bool)[::-1]):
        assert [len(ring) for ring in masks.exact_rings(masks.encode(mask), (2, 2))] == [4, 4]
