"""Reads the pictures that are masks of classes, and counts their values or colours, each file once."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from data_converters.pairs_key_files import Known
from segloop.data.annotations import SizeHW
from segloop.data.image_files import decoding_error
from segloop.data.index_masks import count_values, mask_palette, read_mask
from segloop.utils.errors import DataError
from segloop.utils.workers import cpu_count

COLORED = 1 << 24  # added to a colour's number, so that it is no grey value
MOST_REMEMBERED = 1 << 17  # masks
IGNORED = 255
NO_INDEX = 256  # from here on: no mask with a palette holds it


@dataclass(frozen=True, slots=True)
class Codes:
    """What a mask holds: its size, and how many pixels have which code; or why it cannot be read."""

    size_hw: SizeHW = (0, 0)
    counts: Mapping[int, int] = field(default_factory=dict)
    error: str = ""


def decode(file: Path, *, colored: bool) -> np.ndarray:
    """Return a mask's values [H, W], uint8 or int64: grey values and indices, or with `colored` colours.

    Colours are their numbers plus `COLORED`; what is fully transparent is black. A file that cannot be read
    is a DataError.
    """
    facts, pixels = read_mask(file)
    if facts.error:
        raise DataError(f"{file}: {facts.error}")
    # The palette of a GIF has its colours in any order; they are what counts.
    if pixels.size and not colored and file.suffix.lower() != ".gif":
        if pixels.dtype.kind == "f":
            raise DataError(f"{file}: floating-point numbers are no classes; save it with whole numbers")
        return pixels if pixels.dtype == np.uint8 else pixels.astype(np.int64)
    try:
        with Image.open(io.BytesIO(file.read_bytes())) as image:
            whole = np.asarray(image.convert("RGBA")).astype(np.int64)
    except Exception as error:  # Pillow's plug-ins raise whatever they come across
        raise DataError(f"{file}: {decoding_error(error)}") from error
    found = (whole[..., 0] << 16 | whole[..., 1] << 8 | whole[..., 2]) + COLORED
    found[whole[..., 3] == 0] = COLORED
    if not colored and _all_grey(found):
        return found & 255
    return found


def codes_of(file: Path, *, colored: bool = False) -> Codes:
    """Return what a mask holds; a file that did not change is read once by this process."""
    try:
        told = file.stat()
    except OSError as error:
        return Codes(error=f"{file}: {error.strerror}")
    return _codes_of(file, (told.st_mtime_ns, told.st_size), colored=colored)


@lru_cache(maxsize=MOST_REMEMBERED)
def _codes_of(file: Path, stamp: tuple[int, int], *, colored: bool) -> Codes:
    """Count: a folder is read to see what it is, to learn what its values mean, and to cut it."""
    try:
        mask = decode(file, colored=colored)
    except DataError as error:
        return Codes(error=str(error))
    size_hw = mask.shape[0], mask.shape[1]
    if mask.dtype == np.uint8:  # by far the most, and large ones
        return Codes(size_hw, count_values(mask))
    values, several = np.unique(mask, return_counts=True)
    return Codes(size_hw, dict(zip(values.tolist(), several.tolist(), strict=True)))


def count_codes(
    files: Sequence[Path], *, progress: Callable[[int, int], None] | None = None
) -> tuple[Counter[int], bool]:
    """Return how many pixels of all masks have which code, and whether these are colours.

    Masks that cannot be read are passed over: the images that need them are told later.
    """
    with ThreadPoolExecutor(cpu_count()) as pool:  # decoding lets go of the GIL
        plain = _counted(pool.map(codes_of, files), len(files), progress)
        colored = any(counts and min(counts) >= COLORED for counts in plain)
        if not colored and not _palettes_differ(files, plain):
            return _sum(plain), False
        if any(counts and min(counts) < COLORED for counts in plain):
            again = pool.map(lambda file: codes_of(file, colored=True), files)
            plain = _counted(again, len(files), progress)
    return _sum(plain), True


def in_palettes(known: Known, files: Sequence[Path]) -> Known:
    """Return classes with the indices that the palettes of masks give to their colours.

    That is so where the file of classes gives colours and no values, and knows the colour of each index.
    """
    if known.colors is None or not known.placed:
        return known
    found: dict[int, int] = {}
    for file in files:
        palette = [red << 16 | green << 8 | blue for red, green, blue in mask_palette(file)]
        for code in codes_of(file).counts.keys() - {IGNORED}:
            if code >= len(palette) or found.setdefault(code, palette[code]) != palette[code]:
                return known
    codes = {color: code for code, color in found.items()}
    if len(codes) < len(found) or not codes.keys() <= set(known.colors):
        return known
    values = (codes.get(color, NO_INDEX + place) for place, color in enumerate(known.colors))
    return replace(known, values=tuple(values))


def _palettes_differ(files: Sequence[Path], counts: Sequence[Mapping[int, int]]) -> bool:
    """Tell whether one index has several colours, and the colours come again: then they tell the classes.

    Tools that save each mask with a palette of its own number the colours anew in each.
    """
    seen: dict[int, set[tuple[int, int, int]]] = {}
    for file, found in zip(files, counts, strict=True):
        palette = mask_palette(file)
        for code in found:
            if code < len(palette):
                seen.setdefault(code, set()).add(palette[code])
    several = {color for colors in seen.values() for color in colors}
    return any(len(colors) > 1 for colors in seen.values()) and len(several) <= max(
        len(seen), len(files) // 4
    )


def _counted(
    found: Iterable[Codes], total: int, progress: Callable[[int, int], None] | None
) -> list[Mapping[int, int]]:
    counts = []
    for done, each in enumerate(found, start=1):
        counts.append(each.counts)
        if progress is not None:
            progress(done, total)
    return counts


def _sum(several: Iterable[Mapping[int, int]]) -> Counter[int]:
    whole: Counter[int] = Counter()
    for each in several:
        whole.update(each)
    return whole


def _all_grey(codes: np.ndarray) -> bool:
    return bool(((codes & 255 == codes >> 8 & 255) & (codes & 255 == codes >> 16 & 255)).all())
