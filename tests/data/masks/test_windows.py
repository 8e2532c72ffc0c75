"""Masks in windows come out as if their whole images had been encoded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segloop.data.masks import Patch, boxes_xyxy, encode, encode_patches, encode_stack, windows
from tests.data.masks.cases import images


@given(images(), st.booleans())
def test_tight_and_loose_windows_give_the_runs_of_the_whole_image(
    case: tuple[tuple[int, int], list[np.ndarray]], tight: bool
) -> None:
    size_hw, masks = case
    runs = [encode(mask) for mask in masks]
    boxes = boxes_xyxy(runs, size_hw).tolist() if tight else [(0, 0, *size_hw[::-1])] * len(masks)
    patches = [
        Patch(left, top, mask[top:bottom, left:right].astype(np.uint8) * 255)
        for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True)
    ]
    found = encode_patches(patches, size_hw)
    assert [each.tolist() for each in found] == [each.tolist() for each in runs]


def test_few_windows_are_held_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "BATCH_PIXELS", 10)
    held: list[int] = []
    encode_batch = windows._encode
    monkeypatch.setattr(
        windows, "_encode", lambda batch, size_hw: (held.append(len(batch)), encode_batch(batch, size_hw))[1]
    )
    squares = (Patch(index, 0, np.ones((2, 2), bool)) for index in range(8))
    found = encode_patches(squares, (2, 10))
    assert [each.tolist() for each in found[:2]] == [[0, 4, 16], [2, 4, 14]]
    assert held == [3, 3, 2]


@given(images())
def test_a_stack_of_masks_gives_the_runs_of_each(case: tuple[tuple[int, int], list[np.ndarray]]) -> None:
    size_hw, masks = case
    stack = np.array(masks).reshape(-1, *size_hw)
    for bitmaps in (stack, stack.astype(np.uint8) * 7):
        assert [each.tolist() for each in encode_stack(bitmaps)] == [encode(mask).tolist() for mask in masks]
