"""Index masks are read as they are: 8 and 16 bit, grey and palette, never a colour, never wrapped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segloop.data.transforms import LoadIndexMask, read_index_mask, reduce_zero
from segloop.utils.errors import DataError


def test_reads_a_palettes_indices_not_its_colours(tmp_path: Path) -> None:
    mask = np.array([[0, 1], [2, 255]], np.uint8)
    paletted = Image.new("P", (2, 2))
    paletted.putpalette([10, 20, 30] * 256)
    paletted.putdata(mask.ravel().tolist())
    paletted.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_index_mask(tmp_path / "p.png"), mask)


def test_keeps_class_256_of_a_16_bit_mask(tmp_path: Path) -> None:
    mask = np.array([[0, 256], [300, 7]], np.uint16)
    Image.fromarray(mask).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_index_mask(tmp_path / "deep.png"), mask)


def test_refuses_colours_and_what_is_no_image(tmp_path: Path) -> None:
    Image.new("RGB", (2, 2)).save(tmp_path / "rgb.png")
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(DataError, match="3 channels"):
        read_index_mask(tmp_path / "rgb.png")
    with pytest.raises(DataError, match="cannot be read"):
        read_index_mask(tmp_path / "text.png")


def test_reduces_the_zero_label_without_wrapping() -> None:
    np.testing.assert_array_equal(
        reduce_zero(np.array([[0, 1, 5, 255]], np.uint8)), np.array([[255, 0, 4, 255]], np.uint8)
    )


def test_loads_into_a_pipelines_results(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 1, 2]], np.uint8)).save(tmp_path / "m.png")
    results = {"seg_map_path": str(tmp_path / "m.png"), "seg_fields": [], "label_map": {1: 2, 2: 1}}
    loaded = LoadIndexMask().transform(results)
    np.testing.assert_array_equal(loaded["gt_seg_map"], [[0, 2, 1]])
    assert loaded["seg_fields"] == ["gt_seg_map"]
