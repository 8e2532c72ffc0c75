"""Run lengths, the form in which masks are kept: COCO's counts, columns first, zeros first.

`Runs` is a 1-D uint32 array of the lengths of alternating runs of zeros and ones over the image laid out
column by column. The first run is of zeros and may be 0; no other is. They add up to height times width.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Literal, TypeAlias

import numpy as np

from segloop.data.masks.spans import INT, Spans, boxes, flip, join, shared_pixels

FEW = 8  # masks for which a loop is faster than steps for all of them at once
FEW_NUMBERS = 512  # of run lengths in all: Python's own integers are faster with so few
Runs: TypeAlias = np.ndarray
SizeHW: TypeAlias = tuple[int, int]
Order: TypeAlias = Literal["columns", "rows"]  # which pixels come one after the other


def encode(bitmap: np.ndarray) -> Runs:
    """Return the runs of an HxW mask; whatever is not 0 is set.

    >>> encode(np.array([[0, 1], [0, 1]])).tolist()
    [2, 2]
    """
    flat = (np.asarray(bitmap) != 0).T.ravel()
    if len(flat) == 0:
        return np.zeros(1, np.uint32)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    head = [0, 0] if flat[0] else [0]
    return np.diff(np.concatenate([head, edges, [len(flat)]])).astype(np.uint32)


def decode(runs: Runs, size_hw: SizeHW) -> np.ndarray:
    """Return the HxW bool mask that runs stand for."""
    values = np.zeros(len(runs), bool)
    values[1::2] = True
    height, width = size_hw
    return np.repeat(values, runs).reshape(width, height).T


def encode_labels(labels: np.ndarray) -> dict[int, Runs]:
    """Return the runs of each value of an HxW map, by ascending value; one pass however many there are.

    >>> {value: runs.tolist() for value, runs in encode_labels(np.array([[0, 7], [0, 7]])).items()}
    {0: [0, 2, 2], 7: [2, 2]}
    """
    flat = np.asarray(labels).T.ravel()
    if len(flat) == 0:
        return {}
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    stops = np.append(starts[1:], len(flat))
    values = flat[starts]
    order = np.argsort(values, kind="stable")
    values = values[order]
    heads = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    first = np.append(heads, len(values)).astype(INT)
    spans = Spans(starts[order].astype(INT), stops[order].astype(INT), first, labels.shape[0])
    return dict(zip(values[heads].tolist(), from_spans(spans, labels.shape), strict=True))


def to_spans(runs: Sequence[Runs], size_hw: SizeHW) -> Spans:
    """Return where the runs of ones of many masks begin and end, columns first."""
    if len(runs) <= FEW:
        lines = [each.cumsum(dtype=INT) for each in runs] or [np.zeros(0, INT)]
        first = np.array([0, *accumulate(len(each) // 2 for each in runs)], INT)
        if len(runs) == 1:
            return Spans(lines[0][:-1:2], lines[0][1::2], first, size_hw[0])
        starts, stops = [each[:-1:2] for each in lines], [each[1::2] for each in lines]
        return Spans(np.concatenate(starts), np.concatenate(stops), first, size_hw[0])
    lengths = np.array([len(each) for each in runs], INT)
    flat = np.concatenate(runs).astype(INT)
    ends = np.cumsum(flat)
    head = np.cumsum(lengths) - lengths
    before = np.where(head, ends[head - 1], 0)  # what all masks before this one add up to
    ends -= np.repeat(before, lengths)
    odd = (np.arange(len(flat), dtype=INT) - np.repeat(head, lengths)) % 2 == 1
    first = np.concatenate([[0], np.cumsum(lengths // 2)])
    return Spans(ends[odd] - flat[odd], ends[odd], first, size_hw[0])


def from_spans(spans: Spans, size_hw: SizeHW, *, order: Order = "columns") -> list[Runs]:
    """Return the runs of masks whose spans go columns first, or rows first; spans that touch are joined."""
    spans = join(spans if order == "columns" else flip(spans, minor=size_hw[0]))
    return alternate(spans, np.full(len(spans), size_hw[0] * size_hw[1], INT))


def alternate(spans: Spans, totals: np.ndarray) -> list[np.ndarray]:
    """Return alternating lengths of zeros and ones, one array per mask, for lines of `totals` pixels."""
    if len(totals) <= FEW:
        sides = zip(pairwise(spans.first.tolist()), totals.tolist(), strict=True)
        return [
            _alternate(spans.starts[low:high], spans.stops[low:high], total) for (low, high), total in sides
        ]
    flat, edges = alternate_flat(spans, totals)
    parts = [flat[low:high].copy() for low, high in pairwise(edges.tolist())]
    return [part if len(part) else np.zeros(1, np.uint32) for part in parts]


def alternate_flat(spans: Spans, totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the same lengths one mask behind the other, and where each begins and the last one ends."""
    count = np.diff(spans.first)
    owner = spans.owners
    before = np.zeros(len(spans.starts), INT)
    before[1:] = spans.stops[:-1]
    filled = spans.first[:-1][count > 0]
    before[filled] = 0
    last = np.zeros(len(spans), INT)
    last[count > 0] = spans.stops[spans.first[1:][count > 0] - 1]
    rest = totals - last
    tail = rest > 0
    length = 2 * count + tail
    begin = np.cumsum(length) - length
    out = np.zeros(int(length.sum()), np.uint32)
    at = begin[owner] + 2 * (np.arange(len(owner), dtype=INT) - spans.first[owner])
    out[at] = spans.starts - before
    out[at + 1] = spans.stops - spans.starts
    out[(begin + length - 1)[tail]] = rest[tail]
    return out, np.append(begin, len(out))


def _alternate(starts: np.ndarray, stops: np.ndarray, total: int) -> np.ndarray:
    if len(starts) == 0:
        return np.array([total], np.uint32)
    out = np.empty(2 * len(starts) + 1, np.uint32)
    out[0], out[1::2], out[2:-1:2] = starts[0], stops - starts, starts[1:] - stops[:-1]
    out[-1] = rest = total - int(stops[-1])
    return out if rest else out[:-1]


def canonical(counts: np.ndarray) -> Runs:
    """Return lengths without empty runs inside, as `encode` would have written them."""
    counts = np.asarray(counts)
    if len(counts) > 1 and (counts[1:] == 0).any():
        ends = np.cumsum(counts, dtype=INT)
        ones = np.arange(len(counts)) % 2 == 1
        stops, lengths = ends[ones], counts[ones].astype(INT)
        stops, lengths = stops[lengths > 0], lengths[lengths > 0]
        spans = join(Spans(stops - lengths, stops, np.array([0, len(stops)], INT), 1))
        counts = alternate(spans, ends[-1:])[0]
    return counts.astype(np.uint32, copy=False)


def area(runs: Runs) -> int:
    """Return how many pixels are set."""
    ones = runs[1::2]
    return sum(ones.tolist()) if len(ones) <= FEW_NUMBERS else int(ones.sum(dtype=INT))


def areas(runs: Sequence[Runs]) -> list[int]:
    """Return how many pixels of each mask are set."""
    if len(runs) <= FEW or sum(map(len, runs)) <= FEW_NUMBERS:
        return [area(each) for each in runs]
    lengths = np.array([len(each) for each in runs], INT)
    head = np.cumsum(lengths) - lengths
    flat = np.concatenate(runs).astype(INT)
    flat[(np.arange(len(flat), dtype=INT) - np.repeat(head, lengths)) % 2 == 0] = 0
    return np.add.reduceat(flat, head).tolist()


def boxes_xyxy(runs: Sequence[Runs], size_hw: SizeHW) -> np.ndarray:
    """Return each mask's tight box, Nx4; x2 and y2 are one past the last pixel, an empty mask has zeros."""
    if sum(map(len, runs)) <= FEW_NUMBERS:
        return np.array([_box(each.tolist(), size_hw[0]) for each in runs], INT).reshape(-1, 4)
    return boxes(to_spans(runs, size_hw))


def _box(lengths: list[int], height: int) -> tuple[int, int, int, int]:
    ends = [*accumulate(lengths)]
    if len(ends) < 2:
        return 0, 0, 0, 0
    ones, last = lengths[1::2], ends[-1] if len(ends) % 2 == 0 else ends[-2]
    tops = [start % height for start in ends[0:-1:2]]
    bottom = max(map(int.__add__, tops, ones))
    crosses = bottom > height  # such a run holds the end of a column and the begin of the next
    top, bottom = (0, height) if crosses else (min(tops), bottom)
    return ends[0] // height, top, (last - 1) // height + 1, bottom


def paint(runs: Sequence[Runs], values: Sequence[int], canvas: np.ndarray) -> None:
    """Write each mask's value into an HxW canvas, later masks over earlier ones."""
    height = canvas.shape[0]
    window = boxes_xyxy(runs, canvas.shape).tolist()
    for each, value, (left, _, right, _) in zip(runs, values, window, strict=True):
        if right > left:
            columns = canvas[:, left:right]
            columns[columns_of(each, height, left, right)] = value


def columns_of(runs: Runs, height: int, left: int, right: int) -> np.ndarray:
    """Return the columns from `left` to before `right` of a mask as an HxN bool array."""
    part = np.cumsum(runs, dtype=INT)
    clipped = np.diff(np.clip(part, left * height, right * height), prepend=left * height)
    values = np.zeros(len(runs), bool)
    values[1::2] = True
    return np.repeat(values, clipped).reshape(right - left, height).T


def overlapping(runs: Sequence[Runs], size_hw: SizeHW) -> np.ndarray:
    """Return an HxW array of how many masks cover each pixel."""
    height, width = size_hw
    spans = to_spans(runs, size_hw)
    steps = np.bincount(spans.starts, minlength=height * width + 1).astype(INT)
    steps -= np.bincount(spans.stops, minlength=height * width + 1)
    return np.cumsum(steps[:-1]).reshape(width, height).T


def unite(runs: Sequence[Runs], sizes: Sequence[int], size_hw: SizeHW) -> list[Runs]:
    """Return the unions of the first `sizes[0]` masks, of the next `sizes[1]`, and so on.

    >>> [each.tolist() for each in unite([np.array([0, 1, 3]), np.array([1, 2, 1])], [2, 0], (2, 2))]
    [[0, 3, 1], [4]]
    """
    spans = to_spans(runs, size_hw)
    stride = size_hw[0] * size_hw[1] + 1  # the unions one behind the other, and none touches the next
    line = np.repeat(np.arange(len(sizes), dtype=INT), sizes)[spans.owners] * stride
    places = np.concatenate([line + spans.starts, line + spans.stops])
    steps = np.repeat(np.array([1, -1], INT), len(line))
    order = np.lexsort((-steps, places))  # what begins where another ends goes on
    places, depth = places[order], np.cumsum(steps[order])
    starts, stops = places[depth - steps[order] == 0], places[depth == 0]
    owner = starts // stride
    first = np.searchsorted(owner, np.arange(len(sizes) + 1))
    return from_spans(Spans(starts - owner * stride, stops - owner * stride, first, size_hw[0]), size_hw)


def apart(runs: Sequence[Runs], size_hw: SizeHW) -> list[Runs]:
    """Return masks that share no pixel: each belongs to the last mask that has it.

    >>> [each.tolist() for each in apart([np.array([0, 3, 1]), np.array([2, 2])], (1, 4))]
    [[0, 2, 2], [2, 2]]
    """
    if shared_pixels(to_spans(runs, size_hw))[0] == 0:
        return list(runs)
    canvas = np.zeros(size_hw, np.int32)
    paint(runs, range(1, len(runs) + 1), canvas)
    found = encode_labels(canvas)
    nothing = np.array([canvas.size], np.uint32)
    return [found.get(value, nothing) for value in range(1, len(runs) + 1)]


def fault(counts: np.ndarray, total: int) -> str | None:
    """Say what keeps alternating lengths from covering `total` pixels; None if nothing does."""
    counts = np.asarray(counts)
    if counts.ndim != 1 or len(counts) == 0:
        return "there are no run lengths"
    if not np.issubdtype(counts.dtype, np.integer):
        return "run lengths must be whole numbers"
    if (counts < 0).any():
        return f"run {int(np.argmax(counts < 0)) + 1} has a negative length"
    if (counts > total).any():  # before they are added up, which could overflow
        return f"run {int(np.argmax(counts > total)) + 1} is longer than the {total} pixels there are"
    covered = int(counts.astype(INT).sum())
    return None if covered == total else f"the runs add up to {covered} pixels, not {total}"
