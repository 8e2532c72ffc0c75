"""Index masks as their files have them: any depth, grey or palette, never wrapped, scaled or coloured."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from segloop.data.image_files import decoding_error, size_excess, structure_damage
from segloop.data.png import decode_plain
from segloop.utils.errors import DataError

_MOST_VALUES = 300  # distinct values that are kept of one mask
_PNG_GREY = 0
# Pillow spreads grey of 2 and 4 bits over 0 to 255, so that class 1 would become class 85 or 17.
_STEPS = {2: 85, 4: 17}


@dataclass(frozen=True)
class MaskFacts:
    """A mask file: size, Pillow's mode, and how many pixels have which value; or what is wrong with it."""

    size_hw: tuple[int, int] = (0, 0)
    mode: str = ""
    values: dict[int, int] = field(default_factory=dict)
    error: str | None = None


def mask_facts(file: Path | bytes) -> MaskFacts:
    """Decode a mask and count its values; the indices of a palette, not its colours.

    `file` is a path, or what the file holds.
    """
    return _look(file, count=True)[0]


def read_mask(file: Path) -> tuple[MaskFacts, np.ndarray]:
    """Return a mask's pixels, [H, W], and its facts, for which no values are counted.

    Pixels are uint8 where the file has up to 8 bits, else of the file's own kind. What has colours or cannot
    be read has 0x0 pixels.
    """
    return _look(file, count=False)


def count_values(pixels: np.ndarray) -> dict[int, int]:
    """Return how many pixels have which value; of values beyond the first 300, nothing.

    >>> count_values(np.array([[0, 7, 7]], np.uint8))
    {0: 1, 7: 2}
    """
    if pixels.dtype == np.uint8 and pixels.size:  # Pillow counts bytes as they are, numpy makes int64 of them
        found = Image.fromarray(pixels).histogram()
        return {value: count for value, count in enumerate(found) if count}
    if pixels.dtype in (np.uint8, np.uint16):
        counts = np.bincount(pixels.ravel())
        values = np.flatnonzero(counts)
        counts = counts[values]
    else:
        values, counts = np.unique(pixels, return_counts=True)
    pairs = zip(values[:_MOST_VALUES].tolist(), counts[:_MOST_VALUES].tolist(), strict=True)
    return {int(value): count for value, count in pairs}


def mask_palette(file: Path) -> list[tuple[int, int, int]]:
    """Return a mask's palette, RGB by index; empty where it has none or cannot be read."""
    try:
        with Image.open(file) as image:
            flat = image.getpalette("RGB") or [] if image.mode == "P" else []
    except Exception:  # Pillow's plug-ins raise whatever they come across
        return []
    return list(zip(flat[0::3], flat[1::3], flat[2::3], strict=True))


def read_index_mask(path: Path | str) -> np.ndarray:
    """Return a mask file's class indices, uint8 or uint16 [H, W]; a palette's indices, not its colours."""
    path = Path(path)
    try:
        plain = decode_plain(path.read_bytes())
    except OSError:  # told below
        plain = None
    if plain is not None:
        return plain
    facts, mask = read_mask(path)
    if facts.error:
        raise DataError(f"The mask {path} cannot be read: {facts.error}")
    if mask.shape != facts.size_hw:
        raise DataError(f"The mask {path} has colours (mode {facts.mode}); an index mask has one channel.")
    return mask.astype(np.uint8 if mask.max(initial=0) <= 255 else np.uint16)


def reduce_zero(mask: np.ndarray) -> np.ndarray:
    """Drop class 0: it becomes 255 (ignored) and every other class moves down by one.

    >>> reduce_zero(np.array([0, 1, 254, 255], np.uint8)).tolist()
    [255, 0, 253, 255]
    """
    return np.where((mask == 0) | (mask == 255), 255, mask - 1).astype(mask.dtype)


def reduced(value: int) -> int:
    """Return what a value of a mask file becomes where class 0 is dropped.

    >>> [reduced(value) for value in (0, 1, 254, 255)]
    [255, 0, 253, 255]
    """
    return 255 if value in (0, 255) else value - 1


def _look(file: Path | bytes, *, count: bool) -> tuple[MaskFacts, np.ndarray]:
    nothing = np.zeros((0, 0), np.uint8)
    try:
        data = file if isinstance(file, bytes) else file.read_bytes()
    except OSError as error:
        return MaskFacts(error=error.strerror), nothing
    damage = structure_damage(data)
    if damage:
        return MaskFacts(error=damage), nothing
    plain = decode_plain(data)
    if plain is not None:
        mode = "L" if data[25] == _PNG_GREY else "P"
        return MaskFacts(plain.shape[:2], mode, count_values(plain) if count else {}), plain
    try:
        with Image.open(io.BytesIO(data)) as image:
            size_hw = image.size[::-1]
            if excess := size_excess(size_hw):
                return MaskFacts(error=excess), nothing
            if len(image.getbands()) != 1:
                image.load()
                return MaskFacts(size_hw, image.mode), nothing
            step = _grey_step(data) if image.mode == "L" else 1
            if count and image.mode in ("L", "P"):
                found = {value // step: number for value, number in enumerate(image.histogram()) if number}
                return MaskFacts(size_hw, image.mode, found), nothing
            pixels = _pixels(image, step)
            return MaskFacts(size_hw, image.mode, count_values(pixels) if count else {}), pixels
    except Exception as error:  # Pillow's plug-ins raise whatever they come across
        return MaskFacts(error=decoding_error(error)), nothing


def _grey_step(data: bytes) -> int:
    depth, kind = data[24:26] if data.startswith(b"\x89PNG") else (8, _PNG_GREY)
    return _STEPS.get(depth, 1) if kind == _PNG_GREY else 1


def _pixels(image: Image.Image, step: int) -> np.ndarray:
    pixels = np.asarray(image)
    if pixels.dtype == bool:
        return pixels.astype(np.uint8)
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize == 2:
        return pixels.astype(np.uint16, copy=False)  # in this machine's byte order
    return pixels if step == 1 else pixels // np.uint8(step)
