"""Groups images into batches of one size, before any of them is decoded, the same way each time.

A network's borders see padding, so an image among larger ones would be predicted differently. Here images
share a batch only if each alone would enter the network at the same size; what a batch changes then is the
rounding of sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segloop.data.annotations import ImageRecord, SizeHW
from segloop.data.image_files import image_size
from segloop.utils.errors import UserError

MOST_IN_BATCH = 32  # images, unless a number is asked for
LARGE = 4  # times the pixels that go together unasked: a batch of more is computed alone
# Resizing steps whose result is known from the size alone.
_RESIZES = ("Resize",)
# Steps that leave the size as it is.
_STILL = (
    "LoadImageFromFile",
    "LoadIndexMask",
    "LoadAnnotations",
    "LoadInstances",
    "PackSegInputs",
    "PackDetInputs",
)


@dataclass(frozen=True)
class Batch:
    """Images that go through the network together, and the state of each one's file by its id.

    It is `large` if it has over `LARGE` times the pixels that go together unasked, or nobody knows how many.
    """

    images: tuple[ImageRecord, ...]
    stamps: Mapping[str, str]
    large: bool = False


def plan_batches(
    images: Sequence[ImageRecord],
    *,
    batch_size: int | None,
    most_pixels: int,
    input_size: Callable[[SizeHW], SizeHW | None] = lambda size_hw: size_hw,
) -> list[Batch]:
    """Return batches of images of one size at the network's door, in the order of their first images.

    `input_size` tells that size (height, width) by an image's; None where the network would rather have such
    an image alone. Without a `batch_size` as many go together as `images_together` says. An image whose
    header cannot be read is alone, so that it spoils nothing.
    """
    groups: dict[SizeHW, list[int]] = {}
    alone: list[list[int]] = []
    for place, image in enumerate(images):
        size_hw = _size(image)
        entry = None if size_hw is None else input_size(size_hw)
        if entry is None:
            alone.append([place])
        else:
            groups.setdefault(entry, []).append(place)
    parts = [(part, True) for part in alone]
    for (height, width), places in groups.items():
        many = batch_size or images_together(height * width, most_pixels)
        for begin in range(0, len(places), many):
            part = places[begin : begin + many]
            parts.append((part, len(part) * height * width > LARGE * most_pixels))
    return [_batch([images[place] for place in part], large=large) for part, large in sorted(parts)]


def images_together(pixels: int, most_pixels: int) -> int:
    """Return how many images of so many pixels come nearest to `most_pixels`: 1 to `MOST_IN_BATCH`.

    >>> images_together(100, 180), images_together(900, 180)
    (2, 1)
    """
    return max(1, min(MOST_IN_BATCH, round(most_pixels / max(1, pixels))))


def network_size(size_hw: SizeHW, steps: Sequence[Mapping[str, Any]], *, divisor: int = 1) -> SizeHW | None:
    """Return the size of an image of `size_hw` after a test pipeline and padding to a multiple of `divisor`.

    None where a step is not known; then images of one size are of one size after it, too.
    """
    height, width = size_hw
    for step in steps:
        kind = str(step.get("type")).rpartition(".")[2]
        if kind in _RESIZES and {*step} <= {
            "type",
            "scale",
            "scale_factor",
            "keep_ratio",
            "interpolation",
            "backend",
        }:
            height, width = _resized((height, width), step)
        elif kind not in _STILL:
            return None
    return -(-height // divisor) * divisor, -(-width // divisor) * divisor


def _resized(size_hw: SizeHW, step: Mapping[str, Any]) -> SizeHW:
    """Return the size that mmcv's `Resize` gives."""
    from mmcv.image import rescale_size

    height, width = size_hw
    factor = step.get("scale_factor")
    if step.get("scale") is not None:
        scale = step["scale"]
        scale = (scale, scale) if isinstance(scale, int) else tuple(scale)
    else:
        across, down = (factor, factor) if isinstance(factor, int | float) else tuple(factor or (1.0, 1.0))
        scale = (int(width * across + 0.5), int(height * down + 0.5))  # as mmcv rounds
    if step.get("keep_ratio"):
        wide, high = rescale_size((width, height), scale)
        return high, wide
    return int(scale[1]), int(scale[0])


def _size(image: ImageRecord) -> SizeHW | None:
    if image.file is None:
        return None
    try:
        return image_size(image.file)
    except UserError:  # it is told when it cannot be decoded
        return None


def _batch(images: Sequence[ImageRecord], *, large: bool) -> Batch:
    return Batch(tuple(images), {image.image_id: file_stamp(image.file) for image in images}, large)


def file_stamp(file: Path | None) -> str:
    """Return what tells a file's state: its bytes and the time of its last change."""
    try:
        found = file.stat() if file is not None else None
    except OSError:
        return "missing"
    return "missing" if found is None else f"{found.st_size}-{found.st_mtime_ns}"
