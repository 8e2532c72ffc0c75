"""Index masks are read as they are: any depth, grey or palette, never a colour, never wrapped or scaled."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from segloop.data.index_masks import mask_facts, mask_palette, read_index_mask, read_mask, reduce_zero
from segloop.data.png import _assemble, encode_indices, encode_rgb
from segloop.utils.errors import DataError

MASK = np.array([[0, 1, 1], [2, 2, 2]], np.uint8)


def test_values_are_counted_and_read_by_index_in_every_mode(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(encode_indices(MASK, palette=[(9, 9, 9)] * 3))
    Image.fromarray(MASK).save(tmp_path / "l.png")
    Image.fromarray(MASK.astype(np.uint16)).save(tmp_path / "i.png")
    Image.fromarray(MASK.astype(np.int32)).save(tmp_path / "j.tif")
    for name, mode in (("p.png", "P"), ("l.png", "L"), ("i.png", "I;16"), ("j.tif", "I")):
        facts, pixels = read_mask(tmp_path / name)
        assert (facts.size_hw, facts.mode, facts.values) == ((2, 3), mode, {})
        assert mask_facts(tmp_path / name) == replace(facts, values={0: 1, 1: 2, 2: 3})
        np.testing.assert_array_equal(pixels, MASK)


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("kind", [0, 3])  # grey, palette
def test_small_depths_are_not_spread_over_the_greys(tmp_path: Path, depth: int, kind: int) -> None:
    mask = np.array([[0, 1, 0, 1], [1, (1 << depth) - 1, 1, 0]], np.uint8)
    bits = (mask[:, :, None] >> np.arange(depth)[::-1]) & 1
    packed = np.packbits(bits.reshape(2, -1), axis=1)
    rows = np.concatenate([np.zeros((2, 1), np.uint8), packed], axis=1)
    data = bytearray(_assemble(4, 2, kind, rows, level=6, palette=b"\0" * 48 if kind else b""))
    data[24] = depth
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    (tmp_path / "m.png").write_bytes(data)
    np.testing.assert_array_equal(read_index_mask(tmp_path / "m.png"), mask)
    assert sum(mask_facts(tmp_path / "m.png").values.values()) == 8
    assert set(mask_facts(tmp_path / "m.png").values) == set(mask.ravel().tolist())


def test_keeps_class_256_of_a_16_bit_mask(tmp_path: Path) -> None:
    mask = np.array([[0, 256], [300, 7]], np.uint16)
    cv2.imwrite(str(tmp_path / "deep.png"), mask)
    np.testing.assert_array_equal(read_index_mask(tmp_path / "deep.png"), mask)
    assert mask_facts(tmp_path / "deep.png").values == {0: 1, 7: 1, 256: 1, 300: 1}


def test_a_palette_is_read_and_where_there_is_none_nothing(tmp_path: Path) -> None:
    colors = [(1, 2, 3), (4, 5, 6), (7, 8, 9)]
    (tmp_path / "p.png").write_bytes(encode_indices(MASK, palette=colors))
    Image.fromarray(MASK).save(tmp_path / "l.png")
    assert mask_palette(tmp_path / "p.png")[:3] == colors
    assert mask_palette(tmp_path / "l.png") == mask_palette(tmp_path / "none.png") == []


def test_refuses_colours_and_what_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "rgb.png").write_bytes(encode_rgb(np.zeros((2, 2, 3), np.uint8)))
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(DataError, match="mode RGB"):
        read_index_mask(tmp_path / "rgb.png")
    with pytest.raises(DataError, match=r"cannot be read: not an image"):
        read_index_mask(tmp_path / "text.png")
    with pytest.raises(DataError, match=r"cannot be read: No such file"):
        read_index_mask(tmp_path / "gone.png")


def test_reduces_the_zero_label_without_wrapping() -> None:
    reduced = reduce_zero(np.array([[0, 1, 5, 254, 255]], np.uint8))
    np.testing.assert_array_equal(reduced, np.array([[255, 0, 4, 253, 255]], np.uint8))
    deep = reduce_zero(np.array([[0, 1, 300, 255]], np.uint16))
    np.testing.assert_array_equal(deep, np.array([[255, 0, 299, 255]], np.uint16))
