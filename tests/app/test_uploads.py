"""Uploaded images: limits, kinds by their bytes, names that are safe."""

from __future__ import annotations

import io
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segloop.app.uploads import Limits, safe_id, take_in
from segloop.utils.errors import UserError


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 6)) -> bytes:
    target = io.BytesIO()
    Image.fromarray(np.arange(size[0] * size[1] * 3, dtype=np.uint8).reshape(size[1], size[0], 3)).save(
        target, kind
    )
    return target.getvalue()


def bomb() -> bytes:
    """A PNG of a few bytes that says it has 30,000 x 30,000 pixels."""
    head = struct.pack(">II5B", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    packed = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + packed


def test_images_of_each_kind_are_written_byte_by_byte(tmp_path: Path) -> None:
    files = [(f"a.{kind}", picture(kind)) for kind in ("PNG", "JPEG", "TIFF", "BMP", "WEBP")]
    taken = take_in(files, tmp_path)
    assert taken.refused == ()
    assert [image.image_id for image in taken.images] == ["a", "a-2", "a-3", "a-4", "a-5"]
    assert [image.file.read_bytes() for image in taken.images if image.file] == [data for _, data in files]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "not an image of a known kind"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "not an image of a known kind"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image of a known kind"),
        (picture()[:-20], "truncated"),
        (picture("TIFF")[:30], "cannot be decoded|not an image"),
        (bomb(), "30000x30000 pixels"),
        (picture(size=(200, 200)), "200x200 pixels are more than the limit of 20,000"),
        (b"BM" + bytes(70_000), "MiB"),
    ],
)
def test_what_is_no_good_image_costs_a_line_and_leaves_nothing(
    data: bytes, told: str, tmp_path: Path
) -> None:
    limits = Limits(size=200_000 if told.startswith("200") else 60_000, pixels=20_000)
    taken = take_in([("x.png", data), ("fine.png", picture())], tmp_path, limits=limits)
    assert [image.image_id for image in taken.images] == ["fine"]
    assert re.search(told, taken.refused[0])
    assert [each.name for each in tmp_path.iterdir()] == ["fine.png"]


def test_too_many_and_too_much_are_refused_as_a_whole(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="3 images are too many"):
        take_in([("a.png", picture())] * 3, tmp_path, limits=Limits(images=2))
    with pytest.raises(UserError, match="larger than"):
        take_in([("a.png", bytes(2 << 20))], tmp_path, limits=Limits(whole=1 << 20))


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd.png", "..\\..\\boot.png", "/abs.png", "a\0b.png", "....png", "x" * 300 + ".png"],
)
def test_names_stay_in_the_folder(name: str, tmp_path: Path) -> None:
    taken = take_in([(name, picture())], tmp_path / ".")
    (image,) = taken.images
    assert image.file is not None
    assert image.file.parent.resolve() == tmp_path.resolve()
    assert len(image.image_id) <= 80
    assert "/" not in safe_id(name)
