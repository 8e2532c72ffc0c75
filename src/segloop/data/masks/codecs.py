"""Masks as the formats write them: COCO's strings, CVAT's windows, Kaggle's pairs.

The bit orders, and nobody else needs to know them:

| format | order | where it begins | lengths |
|---|---|---|---|
| COCO | column by column, whole image | first pixel | zeros, ones, zeros … |
| CVAT `<mask>` | row by row, inside the box | first pixel of the box | zeros, ones, zeros … |
| Airbus | column by column, whole image | pixel 1 | start and length of each run of ones |
| Sartorius | row by row, whole image | pixel 1 | start and length of each run of ones |

The same numbers read in another order still decode, so the order belongs to a format and is never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from segloop.data.masks.runs import FEW, Order, Runs, SizeHW, alternate_flat, from_spans, to_spans
from segloop.data.masks.spans import INT, Spans, are_runs, boxes, cut, flip, join, turn

MOST_PLACES = 1 << 40  # where no image says how many pixels there are


@dataclass(frozen=True)
class Window:
    """A mask inside a box, as CVAT keeps it: alternating lengths row by row, zeros first."""

    left: int
    top: int
    width: int
    height: int
    counts: np.ndarray


def to_windows(runs: Sequence[Runs], size_hw: SizeHW) -> list[Window]:
    """Return masks of one image in their tight boxes, row by row; an empty one has width and height 0."""
    table, flat, edges = window_table(to_spans(runs, size_hw))
    parts = [flat[low:high].copy() for low, high in pairwise(edges.tolist())]
    parts = [part if len(part) else np.zeros(1, np.uint32) for part in parts]
    boxes_and_counts = zip(table.tolist(), parts, strict=True)
    return [Window(x, y, wide, high, counts) for (x, y, wide, high), counts in boxes_and_counts]


def window_table(columns: Spans) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return masks of one image in their tight boxes as three arrays, for those who write them all at once.

    They are left, top, width and height, Nx4; the lengths of all masks, one behind the other; and where the
    lengths of each mask begin and those of the last one end. An empty mask has no lengths.
    """
    window = boxes(columns)  # left, top, right, bottom: columns are the major axis
    sides = window[:, 2:] - window[:, :2]
    sizes = sides[:, 0] * sides[:, 1]
    base = np.cumsum(sizes) - sizes
    starts, stops, first = turn(columns, window, line=sides[:, 0], base=base)
    back = np.repeat(base, np.diff(first))
    rows = join(Spans(starts - back, stops - back, first, 1))
    flat, edges = alternate_flat(rows, sizes)
    return np.concatenate([window[:, :2], sides], axis=1), flat, edges


def from_windows(windows: Sequence[Window], size_hw: SizeHW) -> list[Runs]:
    """Return the masks that lie in windows of one image; the windows must fit it, and need not be tight."""
    table = np.array([(w.left, w.top, max(w.width, 1)) for w in windows], INT).reshape(-1, 3)
    pieces = cut(to_spans([window.counts for window in windows], size_hw), widths=table[:, 2])
    left, top, width = table[pieces.owners].T
    y, x = np.divmod(pieces.starts, width)
    starts = (y + top) * size_hw[1] + x + left
    rows = Spans(starts, starts + pieces.stops - pieces.starts, pieces.first, size_hw[1])
    return from_spans(flip(join(rows), minor=size_hw[0]), size_hw)


def to_pairs(runs: Sequence[Runs], size_hw: SizeHW, *, order: Order) -> list[np.ndarray]:
    """Return start (from 1) and length of each run of ones as one flat array per mask, ascending."""
    spans = to_spans(runs, size_hw)
    if order == "rows":
        spans = join(flip(spans, minor=size_hw[1]))
    table = np.stack([spans.starts + 1, spans.stops - spans.starts], axis=1)
    edges = spans.first.tolist()
    return [table[low:high].ravel() for low, high in pairwise(edges)]


def from_pairs(pairs: Sequence[np.ndarray], size_hw: SizeHW, *, order: Order) -> list[Runs] | None:
    """Return the masks of pairs; None if `pairs_fault` has something against one of them.

    >>> [runs.tolist() for runs in from_pairs([np.array([1, 3])], (2, 2), order="rows")]
    [[0, 3, 1]]
    """
    total = size_hw[0] * size_hw[1]
    if order == "columns" and len(pairs) <= FEW:
        lone = [_lone_pairs(flat, total) for flat in pairs]
        runs = [each for each in lone if each is not None]
        if len(runs) == len(pairs):
            return runs
    if any(len(flat) % 2 for flat in pairs):
        return None
    spans = pairs_to_spans(pairs, minor=size_hw[1] if order == "rows" else size_hw[0])
    return from_spans(spans, size_hw, order=order) if are_runs(spans, total) else None


def _lone_pairs(flat: np.ndarray, total: int) -> Runs | None:
    """Return one mask of pairs, columns first; None if it has a fault, or runs that touch."""
    if len(flat) % 2 or len(flat) == 0 or np.minimum.reduce(flat) < 1 or np.maximum.reduce(flat) > total:
        return None
    starts, lengths = flat[0::2], flat[1::2]
    stops = starts + lengths
    runs = np.empty(len(flat) + 1, INT)
    runs[0], runs[1::2], runs[2:-1:2] = starts[0] - 1, lengths, starts[1:] - stops[:-1]
    runs[-1] = rest = total + 1 - int(stops[-1])
    if rest < 0 or np.minimum.reduce(runs[1:-1]) < 1:
        return None
    return (runs if rest else runs[:-1]).astype(np.uint32)


def pairs_to_spans(pairs: Sequence[np.ndarray], *, minor: int) -> Spans:
    """Return the runs that starts and lengths name, as they are; `are_runs` tells whether they make masks."""
    flat = np.concatenate(pairs).astype(INT, copy=False) if len(pairs) else np.zeros(0, INT)
    first = np.array([0, *accumulate(len(each) // 2 for each in pairs)], INT)
    starts = flat[0::2] - 1
    return Spans(starts, starts + flat[1::2], first, minor)


def pairs_fault(flat: np.ndarray, total: int | None = None) -> str | None:
    """Say what keeps starts and lengths from being a mask of `total` pixels; None if nothing does."""
    if len(flat) % 2:
        return f"{len(flat)} numbers: starts and lengths come in pairs"
    starts, lengths = flat[0::2], flat[1::2]
    for index in np.flatnonzero((starts < 1) | (lengths < 1))[:1]:
        what = "start" if starts[index] < 1 else "length"
        return f"run {index + 1} has the {what} {int((starts if starts[index] < 1 else lengths)[index])}"
    limit = total if total is not None else MOST_PLACES  # before they are added up, which could overflow
    beyond = (starts > limit) | (lengths > limit)
    stops = np.where(beyond, limit + 2, starts.astype(INT) + np.where(beyond, 0, lengths))
    for index in np.flatnonzero(stops > limit + 1)[:1]:
        run = f"run {index + 1} ({int(starts[index])} {int(lengths[index])})"
        return f"{run} ends past the {limit} pixels there are"
    for index in np.flatnonzero(starts[1:] < stops[:-1])[:1]:
        order = "overlaps" if starts[index + 1] >= starts[index] else "begins before"
        return (
            f"run {index + 2} ({int(starts[index + 1])} {int(lengths[index + 1])}) {order} the run before it"
        )
    return None
