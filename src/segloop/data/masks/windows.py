"""Masks that lie in small windows of a large image, as run lengths of the whole image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from segloop.data.masks.runs import Runs, SizeHW, boxes_xyxy, from_spans
from segloop.data.masks.spans import BATCH_PIXELS, INT, Spans


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """What a mask has inside a window; outside of it nothing is set. Whatever is not 0 is set."""

    left: int
    top: int
    bitmap: np.ndarray


def encode_patches(patches: Iterable[Patch], size_hw: SizeHW) -> list[Runs]:
    """Return the runs of masks whose windows fit the image; few windows are held at a time.

    >>> encode_patches([Patch(1, 0, np.ones((2, 1)))], (2, 2))[0].tolist()
    [2, 2]
    """
    return [runs for batch in _batches(patches) for runs in _encode(batch, size_hw)]


def encode_stack(bitmaps: np.ndarray) -> list[Runs]:
    """Return the runs of many masks of one image, [N, H, W]; only what lies in their tight boxes is laid out.

    >>> [runs.tolist() for runs in encode_stack(np.array([[[0, 1], [0, 1]], [[0, 0], [0, 0]]]))]
    [[2, 2], [4]]
    """
    _, height, width = bitmaps.shape
    bitmaps = bitmaps if bitmaps.dtype == np.bool_ else bitmaps != 0
    return encode_patches((_tight(bitmap) for bitmap in bitmaps), (height, width))


def _tight(bitmap: np.ndarray) -> Patch:
    """Return a mask as what it has inside its tight box."""
    rows = np.flatnonzero(bitmap.any(axis=1))
    if len(rows) == 0:
        return Patch(0, 0, bitmap[:0, :0])
    top, band = int(rows[0]), bitmap[rows[0] : rows[-1] + 1]
    columns = np.flatnonzero(band.any(axis=0))
    return Patch(int(columns[0]), top, band[:, columns[0] : columns[-1] + 1])


def decode_patches(runs: Sequence[Runs], size_hw: SizeHW) -> Iterator[Patch]:
    """Yield each mask as what it has inside its tight box; an empty one has a box without pixels."""
    height = size_hw[0]
    for each, (left, top, right, bottom) in zip(runs, boxes_xyxy(runs, size_hw).tolist(), strict=True):
        within = np.clip(np.cumsum(each, dtype=INT), left * height, right * height)
        values = np.zeros(len(each), bool)
        values[1::2] = True
        columns = np.repeat(values, np.diff(within, prepend=left * height)).reshape(right - left, height)
        yield Patch(left, top, columns[:, top:bottom].T)


def _batches(patches: Iterable[Patch]) -> Iterator[list[Patch]]:
    batch: list[Patch] = []
    pixels = 0
    for patch in patches:
        batch.append(patch)
        pixels += patch.bitmap.size
        if pixels > BATCH_PIXELS:
            yield batch
            batch, pixels = [], 0
    if batch:
        yield batch


def _encode(patches: Sequence[Patch], size_hw: SizeHW) -> list[Runs]:
    """Lay the columns of all windows into one line, an unset pixel before each, and look where it changes."""
    table = np.array([(each.left, each.top, *each.bitmap.shape) for each in patches], INT)
    left, top, height, width = table.T
    line = height + 1
    begin = np.cumsum(width * line) - width * line
    flat = np.zeros(int((width * line).sum()) + 1, bool)  # and one at the end, so that every run ends
    for patch, at, (*_, tall, wide) in zip(patches, begin.tolist(), table.tolist(), strict=True):
        columns = flat[at : at + wide * (tall + 1)].reshape(wide, tall + 1)
        np.not_equal(patch.bitmap.T, 0, out=columns[:, 1:])
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts, stops = edges[0::2], edges[1::2]
    owner = np.searchsorted(begin, starts, "right") - 1
    x, y = np.divmod(starts - begin[owner], line[owner])
    place = (left[owner] + x) * size_hw[0] + top[owner] + y - 1
    first = np.searchsorted(owner, np.arange(len(patches) + 1))
    return from_spans(Spans(place, place + stops - starts, first, size_hw[0]), size_hw)
