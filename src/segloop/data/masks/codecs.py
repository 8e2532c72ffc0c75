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
MOST_CHARACTERS = 7  # of five bits each: no run of a real image needs more


@dataclass(frozen=True)
class Window:
    """A mask inside a box, as CVAT keeps it: alternating lengths row by row, zeros first."""

    left: int
    top: int
    width: int
    height: int
    counts: np.ndarray


def to_strings(runs: Sequence[Runs]) -> list[str]:
    """Return COCO's compressed counts of many masks, as pycocotools writes them.

    >>> to_strings([np.array([13, 4, 2, 1, 2, 1, 2, 1, 2, 1, 2, 4, 7, 1, 5])])
    ['=42M000000035MN']
    """
    if not len(runs):
        return []
    lengths = np.array([len(each) for each in runs], INT)
    values = np.concatenate(runs).astype(INT)
    head = np.cumsum(lengths) - lengths
    index = np.arange(len(values), dtype=INT) - np.repeat(head, lengths)
    rest = values.copy()
    later = np.flatnonzero(index > 2)  # from the fourth on, the difference to the last but one
    rest[later] -= values[later - 2]
    letters = np.zeros((len(values), MOST_CHARACTERS), np.uint8)
    sizes = np.zeros(len(values), INT)
    open_ = np.arange(len(values))
    for place in range(MOST_CHARACTERS):
        bits = rest & 31
        rest >>= 5
        more = np.where(bits & 16, rest != -1, rest != 0)
        letters[open_, place] = (bits | np.where(more, 32, 0)) + 48
        sizes[open_] += 1
        open_, rest = open_[more], rest[more]
        if len(open_) == 0:
            break
    text = letters[np.arange(MOST_CHARACTERS) < sizes[:, None]].tobytes().decode("ascii")
    ends = np.cumsum(np.add.reduceat(sizes, head)).tolist()
    return [text[low:high] for low, high in pairwise([0, *ends])]


def from_strings(texts: Sequence[str | bytes]) -> list[np.ndarray]:
    """Return the counts of many compressed masks as int64; a text that is none comes back as an empty array.

    Whether they fit an image is for `fault` to say.
    """
    raw = [text.encode() if isinstance(text, str) else text for text in texts]
    if raw and all(raw) and _are_whole(raw):
        return _from_bytes(raw)
    whole = [bool(each) and _are_whole([each]) for each in raw]
    decoded = iter(_from_bytes([each for each, fine in zip(raw, whole, strict=True) if fine]))
    return [next(decoded) if fine else np.zeros(0, INT) for fine in whole]


def _are_whole(texts: Sequence[bytes]) -> bool:
    """Tell whether all texts hold only COCO's characters, each ending with the end of a number."""
    data = np.frombuffer(b"".join(texts), np.uint8)
    if (data < 48).any() or (data > 111).any():
        return False
    last = ((data - 48) & 32) == 0
    ends = np.flatnonzero(last)
    limits = np.cumsum([len(text) for text in texts]) - 1
    return bool(last[limits].all()) and int(np.diff(ends, prepend=-1).max()) <= MOST_CHARACTERS


def _from_bytes(texts: Sequence[bytes]) -> list[np.ndarray]:
    if not texts:
        return []
    data = np.frombuffer(b"".join(texts), np.uint8).astype(INT) - 48
    last = (data & 32) == 0
    ends = np.flatnonzero(last)
    begins = np.concatenate([[0], ends[:-1] + 1])
    size = ends - begins + 1
    place = np.arange(len(data), dtype=INT) - np.repeat(begins, size)
    values = np.add.reduceat((data & 31) << (5 * place), begins)
    values -= np.where(data[ends] & 16, np.left_shift(INT(1), 5 * size), 0)
    limits = np.cumsum([len(text) for text in texts])
    upto = np.searchsorted(ends, limits)  # how many values end before each text does
    _undo_differences(values, np.diff(upto, prepend=0))
    return [values[low:high] for low, high in pairwise([0, *upto.tolist()])]


def _undo_differences(values: np.ndarray, lengths: np.ndarray) -> None:
    """Add up, in each of several texts, what differs from the last but one: two interleaved sums in each."""
    head = np.repeat(np.cumsum(lengths) - lengths, lengths)
    index = np.arange(len(values), dtype=INT) - head
    odd = index & 1
    odds = np.repeat(lengths // 2, lengths)
    place = head + np.where(
        odd, index >> 1, odds + (index >> 1)
    )  # all odd ones of a text, then the even ones
    turned = np.empty_like(values)
    turned[place] = values
    sums = np.cumsum(turned)
    before = sums - turned
    start = np.where(odd, head, head + odds + 1)  # the first number stands for itself
    inside = np.flatnonzero(index)
    values[inside] = sums[place[inside]] - before[start[inside]]


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
    if len(flat) % 2 or len(flat) == 0 or flat.min() < 1 or flat.max() > total:
        return None
    starts, lengths = flat[0::2], flat[1::2]
    stops = starts + lengths
    runs = np.empty(len(flat) + 1, INT)
    runs[0], runs[1::2], runs[2:-1:2] = starts[0] - 1, lengths, starts[1:] - stops[:-1]
    runs[-1] = rest = total + 1 - int(stops[-1])
    if rest < 0 or runs[1:-1].min() < 1:
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
