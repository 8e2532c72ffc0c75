"""COCO's segmentations in all their spellings, and what is told of those that are none."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from pycocotools import mask as pycocotools_mask

from data_converters.coco_shapes import shapes
from segloop.data import masks
from segloop.data.annotations import Bitmap, Box, Opaque, Polygon
from tests.data.masks.cases import RING, RING_STRING, images
from tests.data_converters.coco_cases import COMPRESSED, UNCOMPRESSED, annotation

SIZE = (6, 8)


def problems_of(*annotations: dict[str, Any], size_hw: tuple[int, int] | None = SIZE) -> list[str]:
    """Return what is told of annotations, each with its place."""
    told: list[str] = []
    shapes(annotations, size_hw, tell=lambda place, problem: told.append(f"{place}: {problem}"))
    return told


def shape_of(**given: Any) -> Any:
    """Return the shape of one annotation that nothing is wrong with."""
    told: list[str] = []
    (found,) = shapes([annotation(**given)], SIZE, tell=lambda place, problem: told.append(problem))
    assert told == []
    return found


def test_the_ring_in_both_spellings_of_runs() -> None:
    for segmentation in (COMPRESSED, UNCOMPRESSED):
        shape = shape_of(segmentation=segmentation)
        assert isinstance(shape, Bitmap)
        assert np.array_equal(masks.decode(shape.runs, SIZE), RING)


@given(images())
def test_masks_of_pycocotools_arrive_pixel_by_pixel(drawn: Any) -> None:
    size_hw, bitmaps = drawn
    annotations = []
    for number, bitmap in enumerate(bitmaps):
        encoded = pycocotools_mask.encode(np.asfortranarray(bitmap.astype(np.uint8)))
        counts = encoded["counts"].decode() if number % 2 else masks.encode(bitmap).tolist()
        annotations.append({"segmentation": {"size": list(size_hw), "counts": counts}})
    found = shapes(annotations, size_hw, tell=lambda place, problem: pytest.fail(problem))
    for bitmap, shape in zip(bitmaps, found, strict=True):
        assert isinstance(shape, Bitmap)
        assert shape.runs.tolist() == masks.encode(bitmap).tolist()


def test_empty_runs_inside_are_taken_out() -> None:
    shape = shape_of(segmentation={"size": [6, 8], "counts": [10, 0, 3, 4, 31]})
    assert shape.runs.tolist() == [13, 4, 31]


def test_polygons_stay_as_they_are_with_all_their_parts() -> None:
    rings = [[0.25, 0, 4, 0, 4, 3], [5, 1, 9.5, 1, 7, 4, 6, 2]]
    shape = shape_of(segmentation=rings)
    assert isinstance(shape, Polygon)
    assert [ring.ravel().tolist() for ring in shape.rings] == rings


def test_a_box_is_one_whichever_way_the_segmentation_is_left_out() -> None:
    for given_ in ({"segmentation": []}, {"segmentation": None}):
        assert shape_of(**given_, bbox=[1, 2, 3.5, 4]) == Box((1, 2, 4.5, 6))
    bare = annotation()
    del bare["segmentation"]
    assert shapes([bare], SIZE, tell=lambda *_: None) == [Box((2, 0, 8, 5))]


def test_keypoints_alone_are_carried() -> None:
    shape = shape_of(segmentation=None, bbox=None, keypoints=[1, 2, 2])
    assert shape == Opaque("keypoints", {"keypoints": [1, 2, 2]})


@pytest.mark.parametrize(
    ("segmentation", "told"),
    [
        ({"size": [8, 6], "counts": RING_STRING}, "its mask is 8x6 (height x width), its image 6x8"),
        ({"size": "big", "counts": RING_STRING}, "its mask is big (height x width)"),
        ({"counts": RING_STRING}, "its mask is None"),
        ({"size": [6, 8]}, "its counts are null"),
        ({"size": [6, 8], "counts": {}}, "its counts are an object"),
        ({"size": [6, 8], "counts": "~~~"}, "its counts are not COCO's text"),
        ({"size": [6, 8], "counts": "=4é"}, "its counts are a text"),
        ({"size": [6, 8], "counts": ""}, "its counts are not COCO's text"),
        ({"size": [6, 8], "counts": "=42"}, "the runs add up to 19 pixels, not 48"),
        ({"size": [6, 8], "counts": [13, 4, 30]}, "the runs add up to 47 pixels, not 48"),
        ({"size": [6, 8], "counts": [50, -2]}, "run 2 has a negative length"),
        ({"size": [6, 8], "counts": [4, 2**62, 2**62, 2**62]}, "run 2 is longer than the 48 pixels"),
        ({"size": [6, 8], "counts": [1.5, 46.5]}, "run lengths must be whole numbers"),
        ({"size": [6, 8], "counts": ["48"]}, "run lengths must be whole numbers"),
        ({"size": [6, 8], "counts": [2**70]}, "run lengths must be whole numbers"),
        ({"size": [6, 8], "counts": []}, "there are no run lengths"),
        ([[0, 0, 4, 4]], "its polygon has 2 point(s); it takes three"),
        ([[0, 0, 4, 0, 4, 4, 1]], "its polygon has 7 numbers; x and y come in pairs"),
        ([[0, 0, 4, 0, 4, 4], []], "part 2 of its polygon has 0 point(s)"),
        ([0, 0, 4, 0, 4, 4], "its polygon is a number; a polygon is a list of lists"),
        ([COMPRESSED], "its polygon is an object"),
        ([[0, 0, 4, 0, 4, "4"]], "its polygon holds something else than numbers"),
        ([[0, 0, 4, 0, 4, None]], "its polygon holds something else than numbers"),
        ([[0, 0, 4, 0, 4, math.nan]], "a coordinate is no number"),
        ([[0, 0, 4, 0, 4, math.inf]], "a coordinate is no number"),
        ([[0, 0, 1e12, 0, 4, 4]], "the limit is"),
        ([[0, 0, 4, 0, 4, 10**400]], "its polygon"),
        ([[9, 1, 12, 1, 12, 4]], "its polygon lies outside the image"),
        ([[0, 0, 4, 0, 4, 4], [1, -5, 4, -5, 4, 0]], "part 2 of its polygon lies outside the image"),
        ("=42M000000035MN", "its segmentation is a text"),
        (7, "its segmentation is a number"),
    ],
)
def test_segmentations_that_are_none(segmentation: Any, told: str) -> None:
    """Beside good ones, which keeps nobody from looking closely."""
    good = [annotation(), annotation(segmentation=[[0, 0, 4, 0, 4, 4]])]
    (problem,) = problems_of(*good, annotation(segmentation=segmentation), *good)
    assert problem.startswith("2: ")
    assert told in problem


@pytest.mark.parametrize(
    ("box", "told"),
    [
        (None, "it has neither a segmentation nor a bbox"),
        ([], "it has neither a segmentation nor a bbox"),
        ([1, 2, 0, 4], "has no area"),
        ([1, 2, 3, -4], "has no area"),
        ([8, 2, 3, 4], "lies outside the image"),
        ([1, 2, 3], "not four numbers"),
        ([1, 2, 3, "4"], "not four numbers"),
        ([1, 2, 3, math.nan], "not four numbers"),
        ("1 2 3 4", "not four numbers"),
        ({"x": 1}, "not four numbers"),
    ],
)
def test_boxes_that_are_none(box: Any, told: str) -> None:
    (problem,) = problems_of(annotation(), annotation(segmentation=[], bbox=box))
    assert problem.startswith("1: ")
    assert told in problem


def test_a_box_beside_a_mask_is_looked_at_but_not_believed() -> None:
    assert problems_of(annotation(bbox=[0, 0, 0, 0]), annotation(bbox=None)) == []
    assert "not four numbers" in problems_of(annotation(bbox=[1, 2, "x", 4]))[0]


def test_masks_of_an_image_without_a_size_are_told() -> None:
    (problem,) = problems_of(annotation(), size_hw=None)
    assert "its image is of no known size" in problem


def test_many_long_outlines_are_no_fault_of_any_one() -> None:
    zigzag = [[0, 0] + [5, 1_000_000] * 2 for _ in range(9)]
    assert problems_of(*(annotation(segmentation=[ring]) for ring in zigzag)) == []


def test_a_shape_that_we_wrote_comes_back() -> None:
    shape = shape_of(segloop={"shape": {"kind": "points", "payload": {"points": [1, 2]}}})
    assert shape == Opaque("points", {"points": [1, 2]})
    assert "not a kind and a payload" in problems_of(annotation(segloop={"shape": {"kind": 1}}))[0]
