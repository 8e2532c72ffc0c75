"""Damage and size are found from a file's bytes."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps
from PIL.BmpImagePlugin import BmpRleDecoder
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from segloop.data.image_files import image_facts, image_size, structure_damage
from segloop.data.png import encode_rgb
from segloop.utils.errors import DataError

IMAGE = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)


def jpeg(**options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(IMAGE).save(stream, "JPEG", **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    "data", [encode_rgb(IMAGE), jpeg(), jpeg(progressive=True), jpeg(comment=b"\xff\xd9")]
)
def test_no_cut_goes_unseen(data: bytes) -> None:
    assert structure_damage(data) is None
    assert [cut for cut in range(8, len(data)) if structure_damage(data[:cut]) is None] == []


def test_what_follows_the_end_is_no_damage() -> None:
    assert structure_damage(encode_rgb(IMAGE) + b"trailer") is None
    assert structure_damage(jpeg() + b"trailer") is None


def test_a_jpeg_of_endless_scans_is_refused_and_a_film_behind_one_is_not_taken_for_them() -> None:
    data = jpeg(progressive=True)
    last = data.rindex(b"\xff\xda")
    scan, comment = data[last:-2], b"\xff\xfe\x00\x04\xff\xd9"
    assert structure_damage(data[:-2] + (comment + scan) * 50 + b"\xff\xd9") is None
    assert "scans" in str(structure_damage(data[:-2] + (comment + scan) * 100 + b"\xff\xd9"))
    assert structure_damage(data + scan * 200) is None


def test_every_flipped_bit_of_a_png_is_seen() -> None:
    data = encode_rgb(IMAGE[:2, :2])
    for place in range(8, len(data)):
        broken = data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]
        assert structure_damage(broken), place


def test_other_formats_are_left_to_their_decoder() -> None:
    assert structure_damage(b"BM and more") is None
    assert structure_damage(b"") == "the file is empty"


def test_the_size_is_what_a_loader_sees(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    (tmp_path / "a.jpg").write_bytes(jpeg(exif=exif))
    facts = image_facts(tmp_path / "a.jpg")
    assert (facts.size_hw, facts.orientation, facts.error) == ((16, 12), 8, None)


def test_a_png_is_turned_as_its_exif_says_wherever_it_lies(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(IMAGE).save(tmp_path / "a.png", exif=exif)
    data = (tmp_path / "a.png").read_bytes()
    chunk = data.index(b"eXIf") - 4
    length = 12 + int.from_bytes(data[chunk : chunk + 4], "big")
    behind = data[:chunk] + data[chunk + length : -12] + data[chunk : chunk + length] + data[-12:]
    (tmp_path / "b.png").write_bytes(behind)
    for name in ("a.png", "b.png"):
        assert image_facts(tmp_path / name).orientation == 6
        assert image_facts(tmp_path / name).size_hw == (16, 12)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_tiff_is_turned_once(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(IMAGE).save(tmp_path / "a.tif", exif=exif)
    with Image.open(tmp_path / "a.tif") as image:
        seen = np.asarray(image).shape[:2]
    assert image_size(tmp_path / "a.tif") == image_facts(tmp_path / "a.tif").size_hw == seen


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_sizes_are_those_of_loader_and_viewer_or_the_file_is_refused(
    suffix: str, orientation: int, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = tmp_path / f"a{suffix}"
    Image.fromarray(IMAGE).save(file, exif=exif)
    facts = image_facts(file)
    if suffix == ".webp" and orientation > 1:
        assert facts.error is not None
        assert f"its EXIF orientation {orientation} says, and OpenCV turns no WebP" in facts.error
        with pytest.raises(DataError, match=r"a\.webp: cannot be decoded .*save it upright"):
            image_size(file)
        return
    loaded = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_COLOR)
    with Image.open(file) as image:
        seen = ImageOps.exif_transpose(image).size[::-1]
    assert image_size(file) == facts.size_hw == loaded.shape[:2] == seen


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.float32])
def test_a_tiff_of_more_bits_than_loaders_read_is_told(kind: type[np.generic], tmp_path: Path) -> None:
    Image.fromarray(IMAGE[..., 0].astype(kind)).save(tmp_path / "a.tif")
    loaded = cv2.imdecode(np.fromfile(tmp_path / "a.tif", np.uint8), cv2.IMREAD_COLOR)
    wide = "a TIFF of 1 channel(s) of 32 bits; OpenCV reads 8 and 16"
    assert image_facts(tmp_path / "a.tif").error == (wide if loaded is None else None)


def tiled_tiff(*, side: int, tile: int) -> bytes:
    """Return a grey TIFF of one tile, as small as its packed zeros are."""
    packed = zlib.compress(bytes(tile * tile), 9)
    tags = {256: side, 257: side, 258: 8, 259: 8, 262: 1, 277: 1, 322: tile, 323: tile, 325: len(packed)}
    tags[324] = 8 + 2 + 12 * (len(tags) + 1) + 4  # behind the directory
    rows = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items())]
    return b"".join([b"II*\0\x08\0\0\0", struct.pack("<H", len(rows)), *rows, bytes(4), packed])


def test_a_small_tiff_of_huge_tiles_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert image_facts(tiled_tiff(side=20, tile=64), most_pixels=4096).size_hw == (20, 20)
    monkeypatch.setattr(TiffImageFile, "load", lambda self: pytest.fail("decoded"))
    error = image_facts(tiled_tiff(side=20, tile=80), most_pixels=4096).error
    assert error == "tiles of 80x80 pixels; the limit is 4096 in all"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_tags_that_share_their_bytes_are_not_copied_one_by_one(
    order: str, big: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def block(count: int) -> bytes:
        """Return an EXIF block, or the head of a TIFF, of which each tag claims all 4,000 bytes."""
        head = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}H", 43 if big else 42)
        head += struct.pack(f"{order}HHQ" if big else f"{order}I", *((8, 0, 4016) if big else (4008,)))
        tags = [
            struct.pack(f"{order}HHQQ" if big else f"{order}HHII", tag, 1, 4000, 8)
            for tag in range(40_000, 40_000 + count)
        ]
        return head + bytes(4000) + struct.pack(f"{order}Q" if big else f"{order}H", count) + b"".join(tags)

    assert "tags claim 200000 bytes" in str(structure_damage(block(50)))
    assert structure_damage(block(3)) is None
    file = tmp_path / "a.webp"
    Image.fromarray(IMAGE).save(file, exif=b"Exif\0\0" + block(50))
    with pytest.raises(DataError, match="tags claim"):
        image_size(file)
    Image.fromarray(IMAGE).save(tmp_path / "a.png", exif=b"Exif\0\0" + block(50))
    monkeypatch.setattr(Image.Exif, "load", lambda self, data: pytest.fail("copied"))
    assert image_size(tmp_path / "a.png") == (12, 16)


def test_a_bmp_of_run_lengths_is_not_unpacked_by_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object) -> None:
        raise AssertionError("16 million pixels took it 9 seconds")

    monkeypatch.setattr(BmpRleDecoder, "decode", slow)
    palette, runs = bytes(4) + b"\xff\xff\xff\0", b"\3\1\0\0\2\1\1\0\0\1"  # 3 white; 2 white, 1 black
    head = struct.pack("<IiiHHIIiiII", 40, 3, 2, 1, 8, 1, len(runs), 0, 0, 2, 0)
    data = b"BM" + struct.pack("<IHHI", 62 + len(runs), 0, 0, 62) + head + palette + runs
    assert image_facts(data).size_hw == (2, 3)
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert decoded.tolist() == [[255, 255, 0], [255, 255, 255]]
    assert image_facts(data[:-3]).error == "truncated: 3 bytes are missing"


def test_a_png_without_exif_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(encode_rgb(IMAGE))
    monkeypatch.setattr(PngImageFile, "load", lambda self: pytest.fail("decoded"))
    assert image_facts(tmp_path / "a.png").size_hw == (12, 16)


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    assert image_facts(tmp_path / "gone.png").error == "No such file or directory"


def test_the_size_comes_from_the_header_alone(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    Image.fromarray(IMAGE).save(stream, "PNG", exif=exif)
    files = {
        "plain.png": (encode_rgb(IMAGE), (12, 16)),
        "turned.png": (stream.getvalue(), (16, 12)),
        "plain.jpg": (jpeg(progressive=True), (12, 16)),
        "turned.jpg": (jpeg(exif=exif), (16, 12)),
        "cut.jpg": (jpeg(exif=exif)[:-200], (16, 12)),
        "odd-exif.jpg": (jpeg(exif=b"Exif\0\0nonsense"), (12, 16)),
    }
    for name, (data, size_hw) in files.items():
        (tmp_path / name).write_bytes(data)
        assert image_size(tmp_path / name) == size_hw, name
    Image.fromarray(IMAGE).save(tmp_path / "a.bmp")
    assert image_size(tmp_path / "a.bmp") == (12, 16)


def test_orientation_behind_the_pixels_of_a_png_counts(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    body = exif.tobytes()[6:]
    chunk = struct.pack(">I", len(body)) + b"eXIf" + body + struct.pack(">I", zlib.crc32(b"eXIf" + body))
    data = encode_rgb(IMAGE)
    (tmp_path / "a.png").write_bytes(data[:-12] + chunk + data[-12:])
    assert image_size(tmp_path / "a.png") == image_facts(tmp_path / "a.png").size_hw == (16, 12)


def test_a_header_that_is_no_image_or_absurd_is_told(tmp_path: Path) -> None:
    huge = bytearray(encode_rgb(IMAGE))
    huge[16:24] = struct.pack(">II", 70000, 70000)
    (tmp_path / "huge.png").write_bytes(huge)
    with pytest.raises(DataError, match=r"huge.png: 70000x70000 pixels; the limit is 268435456"):
        image_size(tmp_path / "huge.png")
    with pytest.raises(DataError, match="cannot be read"):
        image_size(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(DataError, match=r"text.png: not an image that can be decoded$"):
        image_size(tmp_path / "text.png")
    for data in (encode_rgb(IMAGE), jpeg()):
        for cut in range(24):
            (tmp_path / "cut").write_bytes(data[:cut])
            with pytest.raises(DataError, match="cut: "):
                image_size(tmp_path / "cut")
