"""Reads an uploaded image with care: bytes are counted as they come, pixels before they are decoded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from segloop.data.image_files import kind_of
from segloop.experiments.onnx.pictures import read_rgb
from segloop.experiments.serving.refusals import Refusal
from segloop.utils.errors import DataError

FORM = "multipart/form-data"
FIELD = "image"
_DRAINED = 64 << 20  # bytes of a refused upload that are read and thrown away, so that the answer is heard
_PARTS = 16


@dataclass(frozen=True)
class Limits:
    """The most that one request may ask for: bytes, pixels, seconds from its first byte to its answer."""

    size: int = 16 << 20
    pixels: int = 16_000_000
    seconds: float = 30.0


async def read_body(stream: AsyncIterator[bytes], headers: Mapping[str, str], *, limits: Limits) -> bytes:
    """Return the body of a request; one that is too long is refused, at its announcement if it is honest."""
    announced = headers.get("content-length", "")
    too_long = announced.isdigit() and int(announced) > limits.size
    waits = headers.get("expect", "").lower() == "100-continue"  # for a word before it sends anything
    if too_long and (waits or int(announced) > _DRAINED):
        raise _too_long(limits)
    parts, length = [], 0
    async for part in stream:
        length += len(part)
        too_long = too_long or length > limits.size
        if not too_long:
            parts.append(part)
            continue
        parts.clear()
        if length > _DRAINED:  # a connection that is closed under a sender may lose the answer
            break
    if too_long:
        raise _too_long(limits)
    return b"".join(parts)


def _too_long(limits: Limits) -> Refusal:
    return Refusal(413, f"The upload is larger than the limit of {limits.size} bytes.")


def uploaded_file(body: bytes, content_type: str) -> bytes:
    """Return the file in a body: the body itself, or of a form the part `image`, else its only file."""
    if content_type.partition(";")[0].strip().lower() != FORM:
        if not body:
            raise Refusal(400, "The request has no body: send an image, or a form with one.")
        return body
    parts = _form_parts(body, content_type)
    named = [content for name, content in parts if name == FIELD]
    files = named or [content for _, content in parts]
    if len(files) != 1:
        raise Refusal(400, f"The form has {len(files)} files: send one image, in the field {FIELD!r}.")
    return files[0]


def decode(file: bytes, *, limits: Limits) -> np.ndarray:
    """Return the image, RGB [H, W, 3] uint8; its header is looked at before any pixel is decoded."""
    if file and kind_of(file) is None:
        raise Refusal(400, "The upload is no whole image: not a PNG, JPEG, TIFF, BMP or WebP.")
    try:
        return read_rgb(file, most_pixels=limits.pixels)
    except DataError as error:
        if "the limit is" in str(error):
            raise Refusal(413, f"The image has {error}.") from error
        raise Refusal(400, f"The upload is no whole image: {error}.") from error


def _form_parts(body: bytes, content_type: str) -> list[tuple[str, bytes]]:
    """Return the names and contents of a form's files, in memory: their names are never used as paths."""
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser, parse_options_header

    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise Refusal(400, "The form's Content-Type names no boundary.")
    collector = _Collector(parse_options_header)
    try:
        parser = MultipartParser(boundary, collector.callbacks())
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise Refusal(400, f"The form cannot be read: {error}.") from error
    return collector.files


class _Collector:
    """Takes the parts of a form as the parser comes to them."""

    def __init__(self, parse_options: Any) -> None:
        self.files: list[tuple[str, bytes]] = []
        self._parse_options = parse_options
        self._parts = 0
        self._clear()

    def callbacks(self) -> Any:
        """Return what the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header,
            "on_part_data": lambda data, start, end: self._content.extend(data[start:end]),
            "on_part_end": self._end,
        }

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > _PARTS:  # each takes time, whatever it holds
            raise Refusal(400, f"The form has more than {_PARTS} parts: send one image.")
        self._clear()

    def _clear(self) -> None:
        self._name, self._value, self._content = bytearray(), bytearray(), bytearray()
        self._field, self._is_file = "", False

    def _header(self) -> None:
        if bytes(self._name).lower() == b"content-disposition":
            options = self._parse_options(bytes(self._value))[1]
            self._field = options.get(b"name", b"").decode("utf-8", "replace")
            self._is_file = b"filename" in options
        self._name, self._value = bytearray(), bytearray()

    def _end(self) -> None:
        if self._is_file or self._field == FIELD:
            self.files.append((self._field, bytes(self._content)))
