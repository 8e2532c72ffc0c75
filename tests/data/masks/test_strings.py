"""COCO's texts are those of pycocotools, number for number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from segloop.data import masks
from tests.data.masks.cases import RING, RING_RUNS, RING_STRING, images


@given(images())
def test_strings_are_those_of_pycocotools_and_come_back(drawn) -> None:
    _, bitmaps = drawn
    runs = [masks.encode(bitmap) for bitmap in bitmaps]
    texts = masks.to_strings(runs)
    theirs = [coco.encode(np.asfortranarray(bitmap.astype(np.uint8)))["counts"] for bitmap in bitmaps]
    assert texts == [text.decode() for text in theirs]
    assert [each.tolist() for each in masks.from_strings(texts)] == [each.tolist() for each in runs]


def test_long_runs_survive_strings() -> None:
    runs = [np.array([0, 2**31, 5, 1, 2**20, 7])]
    assert masks.from_strings(masks.to_strings(runs))[0].tolist() == runs[0].tolist()


@pytest.mark.parametrize("text", ["", "=42M0\n", "=4é", "P", "=42MP", "o" * 20 + "0"])
def test_a_text_that_is_no_mask_comes_back_empty_and_spoils_no_other(text: str) -> None:
    found = masks.from_strings([RING_STRING, text, RING_STRING])
    assert [len(each) for each in found] == [15, 0, 15]


@given(st.lists(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=9), max_size=5))
def test_any_lengths_survive_beside_each_other(lengths: list[list[int]]) -> None:
    runs = [np.array(each, np.uint32) for each in lengths]
    texts = masks.to_strings(runs)
    assert [each.tolist() for each in masks.from_strings(texts)] == lengths


def test_long_runs_are_not_left_to_pycocotools_which_writes_them_over_other_memory(monkeypatch) -> None:
    runs = [np.array([2**24, 1, 2**24, 3]), np.array([13, 4, 2, 1, 2, 1, 2, 1, 2, 1, 2, 4, 7, 1, 5])]
    shorter = [np.minimum(each, 2**24 - 1) for each in runs]
    packed = masks.to_strings(shorter)
    monkeypatch.setattr(coco, "frPyObjects", None)
    assert masks.from_strings(masks.to_strings(runs))[0].tolist() == runs[0].tolist()
    assert masks.to_strings(runs)[1] == packed[1]
    monkeypatch.setattr("segloop.data.masks.strings.MOST_PACKED", 0)
    assert masks.to_strings(shorter) == packed


@given(images())
def test_what_coco_says_of_masks_is_told_at_once(drawn) -> None:
    size_hw, bitmaps = drawn
    runs = [masks.encode(bitmap) for bitmap in bitmaps] * 300  # pycocotools' area fails for more than 255
    texts, own, sides = masks.strings_areas_boxes(runs, size_hw)
    assert texts == masks.to_strings(runs)
    assert own == masks.areas(runs)
    corners = masks.boxes_xyxy(runs, size_hw)
    assert [[x, y, x + w, y + h] for x, y, w, h in sides] == corners.tolist()


@given(images())
def test_runs_that_fit_are_read_at_once(drawn) -> None:
    size_hw, bitmaps = drawn
    runs = [masks.encode(bitmap) for bitmap in bitmaps]
    found = masks.runs_from_strings(masks.to_strings(runs), size_hw[0] * size_hw[1])
    if not runs:
        assert found is None
        return
    assert found is not None
    assert [each.tolist() for each in found] == [each.tolist() for each in runs]
    assert {each.dtype for each in found} == {np.dtype(np.uint32)}


@pytest.mark.parametrize(
    "counts", [[47], [49], [10, 0, 38], [50, -2], [0, 0, 48], [48, 0], [2**31, 2**31], [10, 38, 0, 0]]
)
def test_runs_that_are_odd_are_left_to_others(counts: list[int]) -> None:
    odd = ["b1N"] if counts == [50, -2] else masks.to_strings([np.array(counts)])
    assert masks.from_strings(odd)[0].tolist() == counts
    assert masks.runs_from_strings(odd, 48) is None
    ring = masks.to_strings([masks.encode(RING)])
    assert masks.runs_from_strings([*ring, *odd, *ring], 48) is None
    for text in ("", "=42M0\n", "=4é", "P"):
        assert masks.runs_from_strings([*ring, text], 48) is None
    found = masks.runs_from_strings(ring, 48)
    assert found is not None
    assert found[0].tolist() == RING_RUNS
