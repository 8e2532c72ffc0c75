"""Segmentations, areas and boxes as pycocotools sees them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as pycocotools_mask

from data_converters.base import Loss, WriteOptions
from data_converters.coco_masks import Masks, as_list, as_number, bare_box, masks_mode
from data_converters.coco_shapes import far_end
from segloop.data import masks
from segloop.data.annotations import Bitmap, Box, ImageRecord, Instance, Polygon, Shape
from segloop.utils.errors import UserError
from tests.data.masks.cases import RING, RING_STRING, images

TRIANGLE = Polygon((np.array([[0.25, 0], [4, 0], [4, 3.123456]]),))


def made(shapes: list[Shape], mode: str = "rle", *, size_hw: tuple[int, int] = (6, 8), **more: Any) -> Any:
    """Return the masks of an image, and what was lost."""
    losses: list[Loss] = []
    decimals = more.pop("decimals", None)
    instances = [Instance(label="a", shape=shape, **more) for shape in shapes]
    record = ImageRecord(image_id="1", name="1.png", size_hw=size_hw, instances=tuple(instances))
    found = Masks(record, instances, WriteOptions(masks=mode), losses, decimals=decimals)
    return found, losses


def drawn(text: str, size_hw: tuple[int, int]) -> np.ndarray:
    """Draw a segmentation as pycocotools does."""
    value = json.loads(text)
    if isinstance(value, list):
        value = pycocotools_mask.merge(pycocotools_mask.frPyObjects(value, *size_hw))
    return pycocotools_mask.decode(value).astype(bool)


@given(images(), st.sampled_from(["rle", "exact-polygon", "polygon:0"]))
def test_pycocotools_draws_what_was_there_and_measures_the_same(case: Any, mode: str) -> None:
    size_hw, bitmaps = case
    found, losses = made([Bitmap(size_hw, masks.encode(each)) for each in bitmaps], mode, size_hw=size_hw)
    for place, bitmap in enumerate(bitmaps):
        assert np.array_equal(drawn(found.texts[place], size_hw), bitmap)
        measured = json.loads(f"{{{found.area_and_box(place)}}}")
        encoded = pycocotools_mask.encode(np.asfortranarray(bitmap.astype(np.uint8)))
        assert measured["area"] == pycocotools_mask.area(encoded)
        if bitmap.any():
            assert measured["bbox"] == pycocotools_mask.toBbox(encoded).tolist()
    assert losses == []
    assert found.pixels == sum(int(each.sum()) for each in bitmaps)


def test_runs_are_coco_s_compressed_text() -> None:
    found, _ = made([Bitmap((6, 8), masks.encode(RING)), TRIANGLE])
    assert found.texts[0] == f'{{"size":[6,8],"counts":"{RING_STRING}"}}'
    assert found.area_and_box(0) == '"area":13,"bbox":[2,0,6,5]'
    assert found.texts[1].startswith('{"size"')


def test_polygons_stay_as_they_were_drawn_where_outlines_are_written() -> None:
    for mode in ("exact-polygon", "polygon:2"):
        found, losses = made([TRIANGLE, Bitmap((6, 8), masks.encode(RING))], mode)
        assert found.texts[0] == "[[0.25,0,4,0,4,3.123456]]"
        assert losses == []
    found, _ = made([TRIANGLE], "exact-polygon", decimals=2)
    assert found.texts[0] == "[[0.25,0,4,0,4,3.12]]"


def test_rounded_outlines_are_measured_as_they_are_written() -> None:
    near = Polygon((np.array([[0, 0], [2.499, 0], [2.499, 4], [0, 4]]),))
    for decimals, columns in ((None, 2), (2, 3)):
        found, _ = made([near], "exact-polygon", decimals=decimals)
        assert (found.areas[0], found.pixels) == (4 * columns, 4 * columns)
        assert drawn(found.texts[0], (6, 8)).sum() == 4 * columns
    found, _ = made([near], decimals=2)
    assert found.areas[0] == 8, "runs are of the outline as it came"


def test_crowds_and_masks_without_a_pixel_are_runs_in_every_mode() -> None:
    empty = Bitmap((6, 8), np.array([48], np.uint32))
    found, _ = made([empty], "exact-polygon")
    assert found.texts[0] == '{"size":[6,8],"counts":"`1"}'
    assert found.area_and_box(0) == '"area":0,"bbox":[0,0,0,0]'
    found, _ = made([Bitmap((6, 8), masks.encode(RING))], "exact-polygon", crowd=True)
    assert found.texts[0].startswith('{"size"')


def test_pixels_that_a_plain_outline_costs_are_told() -> None:
    disc = np.hypot(*np.mgrid[-15:16, -15:17]) < 13
    found, losses = made([Bitmap(disc.shape, masks.encode(disc))], "polygon:1.5", size_hw=disc.shape)
    after = drawn(found.texts[0], disc.shape)
    (loss,) = losses
    assert loss == Loss("outline-pixels", int((after != disc).sum()), "1")
    assert loss.count > 0
    assert found.pixels == int((after & disc).sum())
    assert json.loads(f"{{{found.area_and_box(0)}}}")["area"] == after.sum()


def test_outlines_of_two_points_are_left_out_and_told() -> None:
    line = np.array([[0, 0], [3, 3]])
    found, losses = made([Polygon((line, *TRIANGLE.rings)), Polygon((line,))], "exact-polygon")
    assert losses == [Loss("outlines-of-two-points", 2, "1: a")]
    assert found.texts[0] == "[[0.25,0,4,0,4,3.123456]]"
    assert found.texts[1] == '{"size":[6,8],"counts":"`1"}'


def test_boxes_have_no_segmentation_and_come_back() -> None:
    found, _ = made([Box((1, 2, 3.5, 4))])
    assert found.texts == {}
    assert found.area_and_box(0) == '"area":5,"bbox":[1,2,2.5,2]'
    noise = np.random.default_rng(0)
    for _ in range(100):
        for decimals in (1, 2, 4, 8):
            left, right = sorted((noise.random(2) * 700).round(decimals).tolist())
            x, _, width, _ = bare_box(Box((left, 0, right, 1)))
            assert far_end(x, width) == right


def test_a_polygon_between_the_pixels_has_the_box_of_its_points() -> None:
    found, _ = made([Polygon((np.array([[1.1, 1], [1.2, 1], [1.2, 1.25]]),))], "exact-polygon")
    assert found.area_and_box(0).startswith('"area":0,"bbox":[1.1,1,')


@pytest.mark.parametrize("text", ["rl", "polygon", "polygon:-1", "polygon:x", "polygon:nan", "rle:2", ""])
def test_modes_that_are_none(text: str) -> None:
    with pytest.raises(UserError, match="choose rle, exact-polygon or polygon:TOL"):
        masks_mode(text)


def test_numbers_are_written_short_and_exact() -> None:
    assert as_list([1.0, 0.1, -2, 1e300, 2.0**60]) == "[1,0.1,-2,1e+300,1.152921504606847e+18]"
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match=str(value)):
            as_number(value)
