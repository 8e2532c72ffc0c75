"""Outlines draw as pycocotools draws; exact ones hold every pixel, simple ones stay as near as they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco
from scipy import ndimage

from segloop.data import masks
from segloop.utils.errors import DataError
from tests.data.masks.cases import RING, images

GOLDEN = [
    [[7, 0], [8, 0], [8, 1], [7, 1]],
    [[2, 1], [6, 1], [6, 5], [2, 5], [2, 2], [3, 2], [3, 4], [5, 4], [5, 2], [2, 2]],
]


def test_the_golden_ring_is_one_part_with_a_bridge_and_a_pixel() -> None:
    assert [ring.tolist() for ring in masks.exact_rings(masks.encode(RING), (6, 8))] == GOLDEN


@given(images())
def test_exact_outlines_rasterise_to_the_same_pixels(drawn) -> None:
    size_hw, bitmaps = drawn
    runs = [masks.encode(bitmap) for bitmap in bitmaps]
    polygons = masks.exact_polygons(runs, size_hw)
    assert [each.tolist() for each in masks.rasterize(polygons, size_hw)] == [each.tolist() for each in runs]
    for bitmap, rings in zip(bitmaps, polygons, strict=True):
        assert len(rings) == ndimage.label(bitmap)[1]  # one ring a part, holes or not


@given(st.integers(0, 9999), st.sampled_from([0.3, 0.6, 0.9]))
def test_exact_outlines_of_noise_and_of_nested_rings_hold(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    size_hw = tuple(rng.integers(1, 30, 2).tolist())
    nested = np.maximum(*np.abs(np.indices(size_hw) - np.array(size_hw)[:, None, None] // 2)) % 2 == 0
    runs = [masks.encode(rng.random(size_hw) < share), masks.encode(nested)]
    drawn = masks.rasterize(masks.exact_polygons(runs, size_hw), size_hw)
    assert [each.tolist() for each in drawn] == [each.tolist() for each in runs]


def test_a_long_row_of_holes_is_joined_without_recursion() -> None:
    mask = np.ones((3, 8001), bool)
    mask[1, 1::2] = False
    (ring,) = masks.exact_rings(masks.encode(mask), mask.shape)
    assert masks.rasterize([(ring,)], mask.shape)[0].tolist() == masks.encode(mask).tolist()


@given(st.data())
def test_polygons_are_drawn_as_pycocotools_draws_them(data) -> None:
    numbers = st.floats(-5, 20, allow_nan=False)
    ring = st.lists(st.tuples(numbers, numbers), min_size=3, max_size=7)
    polygons = data.draw(st.lists(st.lists(ring, min_size=1, max_size=3), max_size=4))
    height, width = data.draw(st.tuples(st.integers(1, 13), st.integers(1, 13)))
    found = masks.rasterize([tuple(np.array(each) for each in rings) for rings in polygons], (height, width))
    for rings, runs in zip(polygons, found, strict=True):
        theirs = coco.merge(coco.frPyObjects([np.ravel(each).tolist() for each in rings], height, width))
        assert (masks.decode(runs, (height, width)) == coco.decode(theirs)).all()
        assert runs.dtype == np.uint32
        assert masks.fault(runs, height * width) is None


def test_two_points_draw_nothing_and_are_no_box() -> None:
    two, square = np.array([[1.0, 1], [3, 3]]), np.array([[0.0, 0], [2, 0], [2, 2], [0, 2]])
    found = masks.rasterize([(two,), (), (two, square)], (4, 4))
    assert masks.areas(found) == [0, 0, 4]


@pytest.mark.parametrize(
    ("rings", "words"),
    [
        ([], "no ring"),
        ([np.zeros((2, 2))], "needs three"),
        ([np.zeros((3, 2)), np.array([[0, 0], [1, np.nan], [1, 1]])], "ring 2: a coordinate is no number"),
        ([np.array([[0, 0], [1, 1e300], [1, 1]])], "limit"),
        ([np.array([[0, 0], [9e6, 0], [1, 1]])], "outline of .* pixels; the limit"),
    ],
)
def test_rings_that_cannot_be_drawn_are_told(rings: list[np.ndarray], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(masks.rings_fault(rings))
    if rings and len(rings[0]) > 2:
        with pytest.raises(DataError, match="cannot be drawn"):
            masks.rasterize([tuple(rings)], (4, 4))


@given(images(), st.sampled_from([0.5, 1.0, 2.0, 4.0]))
def test_simple_outlines_are_near_and_nothing_vanishes(drawn, tolerance: float) -> None:
    size_hw, bitmaps = drawn
    runs = [masks.encode(bitmap) for bitmap in bitmaps]
    found = masks.contour_polygons(runs, size_hw, tolerance)
    for bitmap, exact, rings in zip(bitmaps, masks.exact_polygons(runs, size_hw), found, strict=True):
        assert len(rings) == len(exact)
        assert all(masks.area(each) for each in masks.rasterize([(ring,) for ring in rings], size_hw))
        assert sum(map(len, rings)) <= sum(map(len, exact))
        changed = masks.decode(masks.rasterize([rings], size_hw)[0], size_hw) != bitmap
        padded = np.pad(bitmap, 1)
        edge = ndimage.distance_transform_edt(padded) + ndimage.distance_transform_edt(~padded) - 0.5
        assert (edge[1:-1, 1:-1][changed] <= tolerance + 0.8).all()  # half a diagonal, and fifths of pixels


def test_a_disc_needs_fewer_points_and_one_pixel_stays() -> None:
    disc = np.hypot(*(np.indices((40, 50)) - np.array([20, 25])[:, None, None])) < 15
    (ring,) = masks.contour_rings(masks.encode(disc), disc.shape, 1.0)
    (exact,) = masks.exact_rings(masks.encode(disc), disc.shape)
    assert len(ring) * 3 < len(exact)
    (drawn,) = masks.rasterize([(ring,)], disc.shape)
    both = (masks.decode(drawn, disc.shape) & disc).sum() / (masks.decode(drawn, disc.shape) | disc).sum()
    assert both > 0.95
    pixel = np.zeros((5, 5), bool)
    pixel[2, 3] = True
    assert (
        masks.area(masks.rasterize([masks.contour_rings(masks.encode(pixel), (5, 5), 3.0)], (5, 5))[0]) == 1
    )


def test_a_thin_ring_is_not_eaten_from_both_sides() -> None:
    thin = np.ones((9, 9), bool)
    thin[1:-1, 1:-1] = False
    thin[4, 4] = True
    rings = masks.contour_rings(masks.encode(thin), (9, 9), 2.0)
    assert len(rings) == 2
    assert all(masks.area(each) for each in masks.rasterize([(ring,) for ring in rings], (9, 9)))
