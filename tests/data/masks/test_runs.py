"""Runs stand for exactly the pixels that they were made from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from pycocotools import mask as coco

from segloop.data import masks
from segloop.data.masks import runs as room
from tests.data.masks.cases import RING, RING_RUNS, images


def test_the_golden_mask_has_its_runs() -> None:
    assert masks.encode(RING).tolist() == RING_RUNS
    assert (masks.decode(np.array(RING_RUNS), (6, 8)) == RING).all()
    assert masks.area(masks.encode(RING)) == 13


@given(images())
def test_masks_come_back_from_runs_and_spans(drawn) -> None:
    size_hw, bitmaps = drawn
    runs = [masks.encode(bitmap) for bitmap in bitmaps]
    again = masks.from_spans(masks.to_spans(runs, size_hw), size_hw)
    for bitmap, each, other in zip(bitmaps, runs, again, strict=True):
        assert (masks.decode(each, size_hw) == bitmap).all()
        assert each.tolist() == other.tolist() == masks.canonical(each).tolist()
        assert masks.fault(each, bitmap.size) is None


@pytest.mark.parametrize("few", [0, 512], ids=["together", "one-by-one"])
@given(images(most=12))
def test_boxes_and_areas_are_those_of_pycocotools(few: int, drawn) -> None:
    size_hw, bitmaps = drawn
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "FEW_NUMBERS", few)
        patch.setattr(room, "FEW", few)
        boxes = masks.boxes_xyxy([masks.encode(bitmap) for bitmap in bitmaps], size_hw)
        assert masks.areas([masks.encode(bitmap) for bitmap in bitmaps]) == [
            bitmap.sum() for bitmap in bitmaps
        ]
    for bitmap, (x1, y1, x2, y2) in zip(bitmaps, boxes.tolist(), strict=True):
        theirs = coco.toBbox(coco.encode(np.asfortranarray(bitmap.astype(np.uint8))))
        assert [x1, y1, x2 - x1, y2 - y1] == theirs.tolist()


@given(images())
def test_painting_and_counting_agree_with_pixels(drawn) -> None:
    size_hw, bitmaps = drawn
    runs = [masks.encode(bitmap) for bitmap in bitmaps]
    canvas, expected = np.zeros(size_hw, np.int32), np.zeros(size_hw, np.int32)
    for value, bitmap in enumerate(bitmaps, start=1):
        expected[bitmap] = value
    masks.paint(runs, list(range(1, len(runs) + 1)), canvas)
    assert (canvas == expected).all()
    assert (masks.overlapping(runs, size_hw) == sum(bitmaps, np.zeros(size_hw, int))).all()
    for value, each in masks.encode_labels(canvas).items():
        assert (masks.decode(each, size_hw) == (canvas == value)).all()


@given(images(most=12))
def test_each_pixel_stays_with_the_last_mask_that_has_it(drawn) -> None:
    size_hw, bitmaps = drawn
    left = np.zeros(size_hw, int)
    for value, bitmap in enumerate(bitmaps, start=1):
        left[bitmap] = value
    found = masks.apart([masks.encode(bitmap) for bitmap in bitmaps], size_hw)
    wanted = [masks.encode(left == value).tolist() for value in range(1, len(bitmaps) + 1)]
    assert [each.tolist() for each in found] == wanted


@given(images(most=20))
def test_masks_of_lines_of_any_length_come_back(drawn) -> None:
    size_hw, bitmaps = drawn
    runs = [masks.encode(bitmap) for bitmap in bitmaps]
    again = masks.from_spans(masks.to_spans(runs, size_hw), size_hw)
    assert [each.tolist() for each in again] == [each.tolist() for each in runs]


def test_empty_runs_inside_are_taken_out() -> None:
    for odd in ([0, 0, 3, 1], [3, 0, 0, 1], [1, 0, 2, 1, 0], [2, 0, 1, 1]):
        assert masks.canonical(np.array(odd)).tolist() == [3, 1]
    assert masks.canonical(np.array([0, 2, 0, 2])).tolist() == [0, 4]


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ([], "no run lengths"),
        ([1.5, 2.5], "whole numbers"),
        ([5, -1], "run 2 has a negative"),
        ([1, 2], "add up to 3"),
        ([2**62, 2**62], "longer than"),
    ],
)
def test_lengths_that_are_no_mask_are_told(counts: list, words: str) -> None:
    assert words in str(masks.fault(np.array(counts), 4))


@given(images())
def test_unions_hold_each_pixel_of_their_parts(drawn) -> None:
    size_hw, bitmaps = drawn
    half = len(bitmaps) // 2
    parts = [bitmaps[:half], [], bitmaps[half:]]
    found = masks.unite([masks.encode(each) for each in bitmaps], [len(each) for each in parts], size_hw)
    for group, runs in zip(parts, found, strict=True):
        wanted = np.any(group, axis=0) if group else np.zeros(size_hw, bool)
        assert runs.tolist() == masks.encode(wanted).tolist()
