"""Takes in images that somebody drops: a few, small enough, of known kinds, and whole; names become ids."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from segloop.data.annotations import ImageRecord
from segloop.data.image_files import image_facts, image_size, kind_of
from segloop.utils.errors import UserError

NAMES = ("png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp")
_LONGEST = 80


@dataclass(frozen=True)
class Limits:
    """The most that is taken at once: images, bytes of one and of all, pixels of one."""

    images: int = 64
    size: int = 32 << 20
    whole: int = 256 << 20
    pixels: int = 40_000_000

    def __str__(self) -> str:
        """Return the limits in words."""
        return (
            f"At most {self.images} images at a time, {self.size >> 20} MiB and "
            f"{self.pixels // 1_000_000} million pixels each."
        )


@dataclass(frozen=True)
class Taken:
    """The images that were written to a folder, and why others were not."""

    images: tuple[ImageRecord, ...]
    refused: tuple[str, ...]


def take_in(files: Sequence[tuple[str, bytes]], folder: Path, *, limits: Limits | None = None) -> Taken:
    """Write uploaded images, name and bytes each, to an empty folder, under names that are safe.

    The bytes stay as they are. What is no image, cut off, or too large costs a line.
    """
    limits = limits or Limits()
    if len(files) > limits.images:
        raise UserError(f"{len(files)} images are too many. {limits}")
    if sum(len(data) for _, data in files) > limits.whole:
        raise UserError(f"Together they are larger than {limits.whole >> 20} MiB; take fewer at a time.")
    images: list[ImageRecord] = []
    refused: list[str] = []
    taken: set[str] = set()
    for name, data in files:
        kind = kind_of(data)
        image_id = _free(safe_id(name), taken)
        path = folder / f"{image_id}{kind}"
        reason = _size_fault(data, kind, limits)
        if reason is None:
            path.write_bytes(data)
            reason = _fault(path, data, limits)
        if reason is not None:
            path.unlink(missing_ok=True)
            refused.append(f"{safe_id(name)}: {reason}")
            continue
        taken.add(image_id.casefold())
        images.append(ImageRecord(image_id=image_id, name=path.name, file=path))
    return Taken(tuple(images), tuple(refused))


def safe_id(name: str) -> str:
    """Return an id made of an uploaded file's name: no folders, no signs that mean something elsewhere.

    >>> safe_id("C:\\\\photos\\\\..\\\\a b.PNG"), safe_id("../../.png"), safe_id("Мост 1.jpg")
    ('a_b', 'image', 'Мост_1')
    """
    stem = PurePosixPath(unicodedata.normalize("NFC", name).replace("\\", "/")).name
    stem = stem.rpartition(".")[0] or ("" if stem.startswith(".") else stem)
    return re.sub(r"[^\w.-]+", "_", stem).strip("._")[:_LONGEST] or "image"


def _free(image_id: str, taken: set[str]) -> str:
    """Return the id, or one with a number behind it; disks that ignore case are thought of."""
    number, found = 1, image_id
    while found.casefold() in taken:
        number += 1
        found = f"{image_id}-{number}"
    return found


def _size_fault(data: bytes, kind: str | None, limits: Limits) -> str | None:
    if kind is None:
        return f"not an image of a known kind ({', '.join(NAMES)})"
    if len(data) > limits.size:
        return f"{len(data) / 2**20:.1f} MiB are more than the limit of {limits.size >> 20} MiB"
    return None


def _fault(path: Path, data: bytes, limits: Limits) -> str | None:
    """Say what is wrong with an image: the header is looked at before any pixel is decoded."""
    try:
        height, width = image_size(path)
    except UserError as error:
        return str(error).removeprefix(f"{path}: ")
    if height * width > limits.pixels:
        return f"{width}x{height} pixels are more than the limit of {limits.pixels:,}"
    return image_facts(data).error
