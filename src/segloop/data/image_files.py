"""What an image or mask file holds, found from its bytes: decoders repair or hide much of what is broken."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
_EXIF_ORIENTATION = 0x0112
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_MOST_VALUES = 300  # distinct values that are kept of one mask


@dataclass(frozen=True)
class ImageFacts:
    """An image file: its size as loaders see it, after the EXIF orientation, or what is wrong with it."""

    size_hw: tuple[int, int] = (0, 0)
    orientation: int = 1
    error: str | None = None


@dataclass(frozen=True)
class MaskFacts:
    """A mask file: size, Pillow's mode, and how many pixels have which value; or what is wrong with it."""

    size_hw: tuple[int, int] = (0, 0)
    mode: str = ""
    values: dict[int, int] = field(default_factory=dict)
    error: str | None = None


def image_facts(file: Path | bytes) -> ImageFacts:
    """Look an image over without decoding the pixels of PNG and JPEG: their structure shows damage.

    `file` is a path, or what the file holds.
    """
    data = file if isinstance(file, bytes) else file.read_bytes()
    damage = structure_damage(data)
    if damage:
        return ImageFacts(error=damage)
    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
            if not data.startswith((_PNG, _JPEG)):
                image.load()
    except Exception as error:  # Pillow's plug-ins raise whatever they come across
        return ImageFacts(error=_reason(error))
    turned = orientation in (5, 6, 7, 8)  # OpenCV, and so mmcv, turns the image as EXIF says
    return ImageFacts((width, height) if turned else (height, width), int(orientation))


def mask_facts(file: Path | bytes) -> MaskFacts:
    """Decode a mask and count its values; the indices of a palette, not its colours.

    `file` is a path, or what the file holds.
    """
    data = file if isinstance(file, bytes) else file.read_bytes()
    damage = structure_damage(data)
    if damage:
        return MaskFacts(error=damage)
    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            values = _count_values(image) if len(image.getbands()) == 1 else {}
            return MaskFacts((height, width), image.mode, values)
    except Exception as error:  # Pillow's plug-ins raise whatever they come across
        return MaskFacts(error=_reason(error))


def _count_values(image: Image.Image) -> dict[int, int]:
    if image.mode in ("L", "P"):
        return {value: count for value, count in enumerate(image.histogram()) if count}
    values, counts = np.unique(np.asarray(image), return_counts=True)
    pairs = zip(values[:_MOST_VALUES].tolist(), counts[:_MOST_VALUES].tolist(), strict=True)
    return {int(value): count for value, count in pairs}


def _reason(error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return "not an image that can be decoded"
    return f"cannot be decoded ({error})"


def structure_damage(data: bytes) -> str | None:
    """Say how the bytes of a PNG or JPEG are damaged; None if they are whole or of another format."""
    if not data:
        return "the file is empty"
    if data.startswith(_PNG):
        return _png_damage(data)
    if data.startswith(_JPEG):
        return _jpeg_damage(data)
    return None


def _png_damage(data: bytes) -> str | None:
    place = len(_PNG)
    view = memoryview(data)
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        if end > len(data):
            return f"truncated: {end - len(data)} bytes or more are missing"
        if struct.unpack_from(">I", data, end - 4)[0] != zlib.crc32(view[place + 4 : end - 4]):
            return f"damaged: the checksum of its {kind.decode('latin-1')} chunk at byte {place} is wrong"
        if kind == b"IEND":
            return None
        place = end
    return "truncated: the end of the PNG is missing"


def _jpeg_damage(data: bytes) -> str | None:
    """Walk the segments up to the first scan, then look for the end mark: thumbnails have their own."""
    place = 2
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            return f"damaged: no JPEG marker at byte {place}"
        marker = data[place + 1]
        if marker == 0xFF:  # fill byte
            place += 1
        elif marker == 0xDA:  # start of scan
            return None if data.find(b"\xff\xd9", place) >= 0 else "truncated: the end of the JPEG is missing"
        else:
            place += 2 + struct.unpack_from(">H", data, place + 2)[0]
    return "truncated: the JPEG ends before its pixels"
