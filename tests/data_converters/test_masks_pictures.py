"""Pictures of masks are read whatever their depth, and numbers are whole."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_converters import masks
from data_converters.base import ReadOptions
from segloop.data.png import encode_grey
from tests.data.masks.cases import RING
from tests.data_converters.masks_cases import (
    NUMBERS,
    SIZE,
    as_file,
    nucleus,
    numbered,
    pixels_of,
    put,
    trouble,
)


def test_an_object_without_a_pixel_is_kept(tmp_path: Path) -> None:
    nucleus(tmp_path, "a", np.zeros(SIZE, bool), np.ones(SIZE, bool))
    (record,) = masks.read(tmp_path, options=ReadOptions())
    assert [int(each.sum()) for each in pixels_of(record)] == [0, 48]


def test_masks_of_every_depth_are_set_where_they_are_not_0(tmp_path: Path) -> None:
    deep = RING.astype(np.uint16) * 65_535
    palette = Image.new("P", SIZE[::-1])
    palette.putpalette([0, 0, 0, 9, 9, 9])
    palette.putdata(RING.astype(np.uint8).ravel().tolist())
    stream = io.BytesIO()
    palette.save(stream, "PNG")
    files = [as_file(RING), as_file(RING.astype(np.uint8)), encode_grey(deep), stream.getvalue()]
    nucleus(tmp_path, "a", *files)
    put(tmp_path / "a/masks/z.tif", as_file(RING.astype(np.int32), "TIFF"))
    (record,) = masks.read(tmp_path, options=ReadOptions())
    assert len(record.instances) == 5
    for found in pixels_of(record):
        np.testing.assert_array_equal(found, RING)


@pytest.mark.parametrize("folders", ["", "train/"])
@pytest.mark.parametrize("kind", ["16 bit", "8 bit", "tiff", "float"])
def test_numbers_of_objects_are_read_from_any_depth(tmp_path: Path, folders: str, kind: str) -> None:
    numbers = NUMBERS if kind != "8 bit" else np.where(NUMBERS == 1000, 200, NUMBERS).astype(np.uint8)
    root = tmp_path / folders
    if kind in ("tiff", "float"):
        data = as_file(numbers.astype(np.int32 if kind == "tiff" else np.float32), "TIFF")
        numbered(root, "sub/a", data, suffix=".tif")
    else:
        numbered(root, "sub/a", numbers)
    (record,) = masks.read(tmp_path, options=ReadOptions(labels=("cell",)))
    assert (record.image_id, record.split, record.size_hw) == ("sub/a", folders[:-1] or None, SIZE)
    assert [each.label for each in record.instances] == ["cell"] * 3
    values = sorted(set(numbers.ravel().tolist()) - {0})
    for found, value in zip(pixels_of(record), values, strict=True):
        np.testing.assert_array_equal(found, numbers == value)


def test_can_report_numbers_that_are_none(tmp_path: Path) -> None:
    odd = NUMBERS.astype(np.float32)
    odd[5, 5] = 0.5
    numbered(tmp_path, "a", as_file(odd, "TIFF"), suffix=".tif")
    numbered(tmp_path, "b", as_file(NUMBERS.astype(np.int32) - 1, "TIFF"), suffix=".tif")
    numbered(tmp_path, "c", as_file(NUMBERS[:3].astype(np.int32), "TIFF"), suffix=".tif")
    numbered(tmp_path, "d", as_file(NUMBERS.astype(np.int32), "TIFF"), suffix=".tif")
    (tmp_path / "instances/d.tif").unlink()
    numbered(tmp_path, "e", as_file(NUMBERS.astype(np.int32), "TIFF"), suffix=".tif")
    (tmp_path / "images/e.png").unlink()
    numbered(tmp_path, "f", as_file(NUMBERS.astype(np.uint8), "JPEG"), suffix=".tif")
    told = trouble(masks.read(tmp_path, options=ReadOptions()))
    assert told["a"] == ("instances/a.tif: 1 pixels are no whole numbers, 0.5 for one",)
    assert told["b"] == ("instances/b.tif: 33 pixels have numbers below 0",)
    assert "mask 8x3, image 8x6" in told["c"][0]
    assert told["d"] == ("images without a mask: images/d.png: expected instances/d.tif",)
    assert told["f"] == ("instances/f.tif: a JPEG blurs the numbers of objects; save them as PNG",)
    assert told["e"] == ("masks without an image: instances/e.tif: no image e in images",)
