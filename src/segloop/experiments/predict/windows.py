"""Cuts a large image into windows that overlap, and says how much each one counts where.

Along each side the windows are spread evenly. Two neighbours meet in the middle of their overlap: there one
fades into the other over half of the overlap that was asked for, and on either side of that at least a
quarter of it is looked at and not used, because a network knows least at the rim of what it sees. All weights
of a pixel add up to 1, so nothing has to be divided, and there are no seams. A network that sees no farther
than that quarter predicts the same as from the whole image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from segloop.utils.errors import UserError

OVERLAP = 0.25  # of a window
MOST_OVERLAP = 0.5


@dataclass(frozen=True)
class Window:
    """A part of an image: `rows` and `columns` are where it lies, the weights how much its pixels count.

    `row_weights` [h] and `column_weights` [w] are float32; a pixel counts by their product.
    """

    rows: slice
    columns: slice
    row_weights: np.ndarray
    column_weights: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """The weight of each pixel, [h, w] float32."""
        return np.outer(self.row_weights, self.column_weights)


@dataclass(frozen=True)
class Grid:
    """The windows of an image, row by row."""

    size_hw: tuple[int, int]
    rows: tuple[tuple[slice, np.ndarray], ...]
    columns: tuple[tuple[slice, np.ndarray], ...]

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def __iter__(self) -> Iterator[Window]:
        for rows, row_weights in self.rows:
            for columns, column_weights in self.columns:
                yield Window(rows, columns, row_weights, column_weights)

    def neighbours(self) -> Iterator[tuple[int, int]]:
        """Yield the numbers of windows that overlap, each pair once."""
        rows, columns = _touching(self.rows), _touching(self.columns)
        for (lower, above), (right, left) in product(enumerate(rows), enumerate(columns)):
            second = lower * len(columns) + right
            firsts = (row * len(columns) + column for row, column in product(above, left))
            yield from ((first, second) for first in firsts if first < second)


def make_grid(size_hw: tuple[int, int], window_hw: tuple[int, int], *, overlap: float = OVERLAP) -> Grid:
    """Return the windows that cover an image; `overlap` is the least share of a window, at most a half.

    An image that is smaller than a window along a side has one window of its own length there.

    >>> [rows.start for rows, _ in make_grid((100, 50), (40, 50)).rows]
    [0, 30, 60]
    """
    if not 0 <= overlap <= MOST_OVERLAP:
        raise UserError(f"--overlap {overlap}: windows overlap by 0 to {MOST_OVERLAP} of their side.")
    if min(window_hw) < 1:
        raise UserError(f"--window {window_hw[0]}x{window_hw[1]}: a window has at least one pixel.")
    rows, columns = (
        tuple(_spread(length, min(window, length), overlap=overlap))
        for length, window in zip(size_hw, window_hw, strict=True)
    )
    return Grid(size_hw, rows, columns)


def _spread(length: int, window: int, *, overlap: float) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the windows along a side with their weights."""
    shared = math.floor(window * overlap)
    count = 1 if window >= length else math.ceil((length - shared) / (window - shared))
    starts = [round(place * (length - window) / max(count - 1, 1)) for place in range(count)]
    # Between pixels: where a window gives way to the next one.
    seams = [(start + window + after) / 2 for start, after in pairwise(starts)]
    fade = shared / 4  # on either side of a seam
    for place, start in enumerate(starts):
        centers = np.arange(start, start + window) + 0.5
        weights = np.ones(window)
        if place > 0:
            weights *= _rise(centers, seams[place - 1], fade)
        if place < count - 1:
            weights *= 1 - _rise(centers, seams[place], fade)
        yield slice(start, start + window), weights.astype(np.float32)


def _rise(centers: np.ndarray, seam: float, fade: float) -> np.ndarray:
    """Return 0 before a seam and 1 behind it, by a smooth step."""
    if fade <= 0:
        return (centers >= seam).astype(np.float64)
    place = np.clip((centers - seam + fade) / (2 * fade), 0, 1)
    return place * place * (3 - 2 * place)


def _touching(sides: tuple[tuple[slice, np.ndarray], ...]) -> list[list[int]]:
    """Return for each window along a side the numbers of those that share pixels with it, itself too."""
    spans = [span for span, _ in sides]
    return [
        [number for number, other in enumerate(spans) if span.start < other.stop and other.start < span.stop]
        for span in spans
    ]
