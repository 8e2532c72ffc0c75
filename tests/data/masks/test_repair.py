"""What was drawn as an outline is filled, and what is not open stays as it is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from scipy.ndimage import binary_fill_holes

from segloop.data import masks
from tests.data.masks.cases import RING, images


def ellipse(*, begin: int = 0, end: int = 360, thick: int = 1) -> np.ndarray:
    """Return an ellipse of 40x24 pixels, or a part of its outline; -1 fills it."""
    canvas = np.zeros((60, 90), np.uint8)
    cv2.ellipse(canvas, (45, 30), (20, 12), 20, begin, end, 1, thick)
    return canvas


@given(images())
def test_holes_are_those_of_scipy_and_nothing_else_changes(drawn) -> None:
    size_hw, bitmaps = drawn
    found = masks.mend([masks.encode(bitmap) for bitmap in bitmaps], size_hw)
    for place, bitmap in enumerate(bitmaps):
        whole = binary_fill_holes(bitmap)
        if place not in found:
            assert (whole == bitmap).all()
        elif found[place].fault == "holes":
            assert (masks.decode(found[place].runs, size_hw) == whole).all()
            assert found[place].added == whole.sum() - bitmap.sum() > 0
        else:
            assert (masks.decode(found[place].runs, size_hw) >= whole).all()


def test_the_ring_loses_its_hole_and_keeps_its_lone_pixel() -> None:
    found = masks.mend([masks.encode(RING)], (6, 8))
    assert found[0].added == 4
    assert masks.decode(found[0].runs, (6, 8))[0, 7]


@pytest.mark.parametrize(("thick", "begin"), [(1, 20), (1, 100), (2, 25), (3, 30)])
def test_an_outline_with_a_gap_is_closed_and_filled(thick: int, begin: int) -> None:
    outline = ellipse(begin=begin, end=begin + 325, thick=thick)
    found = masks.mend([masks.encode(outline)], outline.shape)
    assert found[0].fault == "gaps"
    mended = masks.decode(found[0].runs, outline.shape)
    whole = ellipse(thick=thick) | ellipse(thick=-1)
    assert (mended >= outline).all()
    assert (mended & (whole != 0)).sum() / (mended | (whole != 0)).sum() > 0.9
    assert found[0].added == mended.sum() - outline.sum()


def test_what_is_no_outline_is_not_closed() -> None:
    half = ellipse(end=180)
    solid = ellipse(thick=-1)
    solid[28:31, 30:48] = 0  # a bay, open to the left
    solid[28:31, :30] = 0
    thread = np.zeros((60, 90), np.uint8)
    cv2.polylines(thread, [np.array([[5, 5], [30, 40], [60, 10], [80, 50]])], False, 1, 3)
    drawn = [half, solid, thread, np.zeros((60, 90)), np.ones((60, 90))]
    assert masks.mend([masks.encode(each) for each in drawn], (60, 90)) == {}


def test_masks_at_the_border_stay_inside() -> None:
    ring = np.ones((5, 7), bool)
    ring[1:-1, 1:-1] = False
    found = masks.mend([masks.encode(ring), masks.encode(~ring)], (5, 7))
    assert found[0].runs.tolist() == [0, 35]
    assert list(found) == [0]
    assert masks.mend([], (5, 7)) == {}
