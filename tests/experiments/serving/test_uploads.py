"""Uploads are counted before they are kept, and looked at before they are decoded."""

from __future__ import annotations

import asyncio
import io
import struct
import zlib
from collections.abc import AsyncIterator
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image, ImageFile

from segloop.experiments.serving.refusals import Refusal
from segloop.experiments.serving.uploads import Limits, decode, read_body, uploaded_file
from tests.experiments.serving.stand_in import as_png, half_bright

LIMITS = Limits(size=1000, pixels=10_000)


async def _stream(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def body(*parts: bytes, length: int | None = None) -> bytes:
    """Read a body that comes in parts, announced with a length or not."""
    headers = {} if length is None else {"content-length": str(length)}
    return asyncio.run(read_body(_stream(*parts), headers, limits=LIMITS))


def test_a_body_is_put_together() -> None:
    assert body(b"ab", b"", b"cd") == b"abcd"
    assert body(b"x" * 1000, length=1000) == b"x" * 1000


@pytest.mark.parametrize(
    ("parts", "length"), [((b"x" * 600,) * 2, None), ((b"x",), 1001), ((b"x" * 1001,), 5)]
)
def test_a_body_that_is_too_long_is_refused(parts: tuple[bytes, ...], length: int | None) -> None:
    with pytest.raises(Refusal, match="larger than the limit of 1000 bytes") as refusal:
        body(*parts, length=length)
    assert refusal.value.status == 413


def test_an_endless_upload_is_not_read_to_its_end() -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield bytes(8 << 20)

    with pytest.raises(Refusal):
        asyncio.run(read_body(endless(), {}, limits=LIMITS))
    assert taken < 12


def form(*parts: tuple[str, str | None, bytes]) -> bytes:
    """Return a form's body with boundary `xyz`."""
    text = b""
    for name, filename, content in parts:
        named = "" if filename is None else f'; filename="{filename}"'
        text += (
            f'--xyz\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode()
            + content
            + b"\r\n"
        )
    return text + b"--xyz--\r\n"


FORM = "multipart/form-data; boundary=xyz"
needs_forms = pytest.mark.skipif(
    find_spec("python_multipart") is None, reason="needs: pip install -r requirements/dev.txt"
)


@needs_forms
def test_a_form_gives_its_image_whatever_it_is_called() -> None:
    content = bytes(range(256)) + b"\r\n--xy"
    assert uploaded_file(form(("image", "../../etc/passwd", content)), FORM) == content
    assert uploaded_file(form(("note", None, b"hello"), ("upload", "a.png", content)), FORM) == content
    assert uploaded_file(form(("other", "b.png", b"no"), ("image", "a.png", content)), FORM) == content
    assert uploaded_file(content, "image/png") == content


@needs_forms
@pytest.mark.parametrize(
    ("sent", "kind", "told"),
    [
        (b"", "image/png", "no body"),
        (b"junk", FORM, "cannot be read"),
        (form(("image", "a.png", b"x"))[:-9], FORM, "has 0 files"),
        (form(("note", None, b"hello")), FORM, "has 0 files"),
        (form(("a", "a.png", b"x"), ("b", "b.png", b"y")), FORM, "has 2 files"),
        (form(*[("a", "a.png", b"x")] * 17), FORM, "more than 16 parts"),
        (form(*[("a", None, b"")] * 17), FORM, "more than 16 parts"),
        (form(("image", "a.png", b"x")), "multipart/form-data", "no boundary"),
    ],
)
def test_a_broken_form_is_refused(sent: bytes, kind: str, told: str) -> None:
    with pytest.raises(Refusal, match=told) as refusal:
        uploaded_file(sent, kind)
    assert refusal.value.status == 400


def bomb(width: int, height: int) -> bytes:
    """Return a small PNG that promises so many pixels, all of which are there, packed."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        whole = kind + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    packed = zlib.compress(bytes(height * (1 + width // 8)), 9)
    head = struct.pack(">II5B", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def test_an_image_is_decoded() -> None:
    assert np.array_equal(decode(as_png(half_bright()), limits=LIMITS), half_bright())


def test_a_bomb_is_refused_by_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    monkeypatch.setattr(cv2, "imdecode", None)  # nothing may be decoded
    small = bomb(8000, 8000)
    assert len(small) < 20_000
    with pytest.raises(Refusal, match="8000x8000 pixels; the limit is 10000") as refusal:
        decode(small, limits=LIMITS)
    assert refusal.value.status == 413
    lying = bytearray(bomb(64, 64))
    lying[16:24] = struct.pack(">II", 99_999, 99_999)
    lying[29:33] = struct.pack(">I", zlib.crc32(bytes(lying[12:29])))
    with pytest.raises(Refusal, match="the limit is 10000 in all") as refusal:
        decode(bytes(lying), limits=LIMITS)
    assert refusal.value.status == 413


@pytest.mark.parametrize("form", ["GIF", "EPS", "PPM"])
def test_other_kinds_are_not_opened(form: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, form)
    with pytest.raises(Refusal, match="not a PNG, JPEG, TIFF, BMP or WebP") as refusal:
        decode(buffer.getvalue(), limits=LIMITS)
    assert refusal.value.status == 400


@pytest.mark.parametrize("form", ["TIFF", "WEBP", "BMP"])
def test_no_pixel_is_decoded_of_what_is_too_large(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (101, 100)).save(buffer, form)
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    with pytest.raises(Refusal, match="101x100 pixels; the limit is 10000") as refusal:
        decode(buffer.getvalue(), limits=LIMITS)
    assert refusal.value.status == 413


@pytest.mark.parametrize("cut", [0, 4, 40, -10], ids=["empty", "start", "middle", "end"])
def test_a_broken_image_is_refused(cut: int) -> None:
    with pytest.raises(Refusal, match="no whole image") as refusal:
        decode(as_png(half_bright())[:cut], limits=LIMITS)
    assert refusal.value.status == 400


@pytest.mark.parametrize("headers", [{"content-length": str(10**10)}, {"expect": "100-continue"}])
def test_what_announces_too_much_and_waits_is_refused_before_anything_is_read(
    headers: dict[str, str],
) -> None:
    taken = 0

    async def silent() -> AsyncIterator[bytes]:
        nonlocal taken
        taken += 1
        yield b"x"

    with pytest.raises(Refusal, match="larger than the limit"):
        asyncio.run(read_body(silent(), {"content-length": "1001"} | headers, limits=LIMITS))
    assert taken == 0
