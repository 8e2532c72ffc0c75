"""The PNG files we write hold exactly their pixels, and the same bytes each time."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from segloop.data import png
from segloop.data.png import decode_plain, encode_grey, encode_indices, encode_rgb


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (64, 33)])
def test_images_come_back_as_they_were(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    with Image.open(io.BytesIO(encode_rgb(image))) as read:
        assert read.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(read), image)


def test_masks_keep_indices_and_show_colours() -> None:
    mask = np.array([[0, 1, 2], [255, 1, 0]], np.uint8)
    with Image.open(io.BytesIO(encode_indices(mask, palette=[(0, 0, 0), (9, 8, 7), (1, 2, 3)]))) as read:
        assert read.mode == "P"
        np.testing.assert_array_equal(np.asarray(read), mask)
        np.testing.assert_array_equal(np.asarray(read.convert("RGB"))[1], [[255] * 3, [9, 8, 7], [0, 0, 0]])


def test_views_are_written_as_they_look() -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 6, 3), np.uint8)[::-1, ::2]
    assert encode_rgb(image) == encode_rgb(image.copy())
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(encode_rgb(image)))), image)


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (64, 300)])
def test_plain_masks_are_read_as_pillow_reads_them(shape: tuple[int, int]) -> None:
    mask = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    palette = io.BytesIO()
    with Image.fromarray(mask) as image:
        image.convert("P").save(palette, "PNG")
    by_cv2 = cv2.imencode(".png", mask)[1].tobytes()  # rows as differences to the left
    up = cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_STRATEGY, 0])[1].tobytes()
    for data in (
        encode_grey(mask),
        encode_indices(mask, palette=[(0, 0, 0)]),
        palette.getvalue(),
        by_cv2,
        up,
    ):
        found = decode_plain(data)
        if found is not None:
            assert np.array_equal(found, mask)
    assert decode_plain(encode_grey(mask)) is not None
    assert decode_plain(by_cv2) is not None


def test_rows_stored_as_differences_to_those_above() -> None:
    mask = np.random.default_rng(0).integers(0, 256, (9, 6), dtype=np.uint8)
    data = bytearray(encode_grey(np.zeros((9, 6), np.uint8)))
    rows = np.full((9, 7), 2, np.uint8)
    rows[:, 1:] = np.diff(mask, axis=0, prepend=np.zeros((1, 6), np.uint8))
    packed = zlib.compress(rows.tobytes())
    chunk = (
        struct.pack(">I", len(packed)) + b"IDAT" + packed + struct.pack(">I", zlib.crc32(b"IDAT" + packed))
    )
    start = data.index(b"IDAT") - 4
    whole = bytes(data[:start]) + chunk + bytes(data[data.index(b"IEND") - 4 :])
    assert np.array_equal(decode_plain(whole), mask)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(whole))), mask)


@pytest.mark.parametrize(
    "kind", ["RGB", "1", "I;16", "LA", "adaptive", "interlaced", "cut", "flipped", "longer", "no"]
)
def test_all_else_is_left_to_a_whole_decoder(kind: str) -> None:
    mask = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    plain = encode_grey(mask)
    file = io.BytesIO()
    if kind in ("RGB", "1", "LA"):
        Image.fromarray(mask).convert(kind).save(file, "PNG")
    elif kind == "I;16":
        file.write(encode_grey(mask.astype(np.uint16)))
    elif kind == "adaptive":
        smooth = np.add.outer(np.arange(40), np.arange(40)).astype(np.uint8)
        smooth[20:] = mask[20:]
        Image.fromarray(smooth).save(file, "PNG")
    elif kind == "interlaced":
        file.write(plain[:28] + b"\1" + plain[29:])
    elif kind == "cut":
        file.write(plain[: len(plain) // 2])
    elif kind == "flipped":
        middle = plain.index(b"IDAT") + 300
        file.write(plain[:middle] + bytes([plain[middle] ^ 8]) + plain[middle + 1 :])
    elif kind == "longer":
        file.write(plain.replace(struct.pack(">II", 40, 40), struct.pack(">II", 40, 41)))
    else:
        file.write(b"no picture")
    assert decode_plain(file.getvalue()) is None


def test_a_file_of_several_ways_is_not_unpacked_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.zeros((4000, 101), np.uint8)
    rows[40:, 0] = 2
    data = png._assemble(100, 4000, 0, rows, level=6)
    machine, unpacked = zlib.decompressobj(), []

    class Counting:
        """A decompressor that notes what it gave."""

        eof, unconsumed_tail = False, b""

        def decompress(self, packed: bytes, most: int) -> bytes:
            piece = machine.decompress(packed, most)
            self.eof, self.unconsumed_tail = machine.eof, machine.unconsumed_tail
            unpacked.append(len(piece))
            return piece

    monkeypatch.setattr(png.zlib, "decompressobj", Counting)
    assert decode_plain(data) is None
    assert 0 < sum(unpacked) < rows.size / 4
