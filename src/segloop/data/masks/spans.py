"""Runs of set pixels of many masks at once, and the change between rows first and columns first.

A `Spans` holds, for each mask of one image, where its runs of ones begin and end in the image laid out as one
line. Which line that is, `minor` says: its length is what one step over the image's other axis skips, so the
height for columns first (COCO, Airbus) and the width for rows first (CVAT, Sartorius).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

INT = np.int64
BATCH_PIXELS = 1 << 22  # so many pixels of windows are unpacked at a time


@dataclass(frozen=True)
class Spans:
    """Runs of ones; those of mask k are `first[k]:first[k + 1]`, ascending."""

    starts: np.ndarray
    stops: np.ndarray
    first: np.ndarray
    minor: int

    def __len__(self) -> int:
        return len(self.first) - 1

    @property
    def owners(self) -> np.ndarray:
        """The mask that each run belongs to."""
        return np.repeat(np.arange(len(self), dtype=INT), np.diff(self.first))

    def part(self, begin: int, end: int) -> Spans:
        """Return the masks from `begin` to before `end`."""
        low, high = self.first[begin], self.first[end]
        return Spans(
            self.starts[low:high], self.stops[low:high], self.first[begin : end + 1] - low, self.minor
        )


def boxes(spans: Spans) -> np.ndarray:
    """Return each mask's tight box, Nx4: first major, first minor, one past the last of each; 0 if empty."""
    found = np.zeros((len(spans), 4), INT)
    filled = np.flatnonzero(np.diff(spans.first))
    if len(filled) == 0:
        return found
    minor = spans.minor
    begin, end = spans.first[:-1][filled], spans.first[1:][filled] - 1
    low, last = spans.starts % minor, (spans.stops - 1) % minor
    crosses = spans.starts // minor != (spans.stops - 1) // minor  # then it holds an end and a begin
    found[filled, 0] = spans.starts[begin] // minor
    found[filled, 2] = (spans.stops[end] - 1) // minor + 1
    found[filled, 1] = np.minimum.reduceat(np.where(crosses, 0, low), begin)
    found[filled, 3] = np.maximum.reduceat(np.where(crosses, minor - 1, last), begin) + 1
    return found


def cut(spans: Spans, *, widths: np.ndarray | None = None) -> Spans:
    """Return the same pixels with no run that goes on into the next row (or column).

    `widths` gives masks that lie in windows of their own the length of their rows.
    """
    minor: np.ndarray | int = spans.minor if widths is None else widths[spans.owners]
    pieces = (spans.stops - 1) // minor - spans.starts // minor + 1
    if (pieces == 1).all():
        return spans
    origin = np.repeat(np.arange(len(pieces), dtype=INT), pieces)
    begin = np.cumsum(pieces) - pieces
    if widths is not None:
        minor = widths[spans.owners][origin]
    line = spans.starts[origin] // minor + np.arange(len(origin), dtype=INT) - begin[origin]
    starts = np.maximum(spans.starts[origin], line * minor)
    stops = np.minimum(spans.stops[origin], (line + 1) * minor)
    first = np.concatenate([[0], np.cumsum(pieces)])[spans.first]
    return Spans(starts, stops, first, spans.minor)


def join(spans: Spans) -> Spans:
    """Return the same pixels with runs that touch made one; the inverse of `cut`."""
    if len(spans.starts) == 0:
        return spans
    goes_on = np.zeros(len(spans.starts), bool)
    goes_on[1:] = spans.starts[1:] == spans.stops[:-1]
    heads = spans.first[:-1]
    goes_on[heads[heads < len(goes_on)]] = False  # the first run of a mask goes on with no other
    if not goes_on.any():
        return spans
    begins = np.flatnonzero(~goes_on)
    ends = np.append(begins[1:], len(goes_on)) - 1
    kept = np.concatenate([[0], np.cumsum(~goes_on)])
    return Spans(spans.starts[begins], spans.stops[ends], kept[spans.first], spans.minor)


def flip(spans: Spans, *, minor: int) -> Spans:
    """Return the same pixels with the image's other axis first, whose length is `minor`."""
    window = boxes(spans)
    sides = window[:, 2:] - window[:, :2]
    ends = np.cumsum(sides[:, 0] * (sides[:, 1] + 1))
    parts, begin = [], 0
    while begin < len(spans):
        filled = ends[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, filled + BATCH_PIXELS, "right")))
        parts.append(_flip_batch(spans.part(begin, end), window[begin:end], minor=minor))
        begin = end
    if not parts:
        return Spans(spans.starts, spans.stops, spans.first, minor)
    offsets = np.cumsum([0, *(len(part.starts) for part in parts)])
    first = [part.first[:-1] + offset for part, offset in zip(parts, offsets, strict=False)]
    return Spans(
        np.concatenate([part.starts for part in parts]),
        np.concatenate([part.stops for part in parts]),
        np.concatenate([*first, offsets[-1:]]),
        minor,
    )


def _flip_batch(spans: Spans, window: np.ndarray, *, minor: int) -> Spans:
    """Unpack each mask's window, turn it, and read the runs of the turned one."""
    pieces = cut(spans)
    owner = pieces.owners
    sides = window[:, 2:] - window[:, :2]
    area = sides[:, 0] * sides[:, 1]
    at = np.cumsum(area) - area
    place = at + -window[:, 0] * sides[:, 1] - window[:, 1]
    major = pieces.starts // spans.minor
    shift = place[owner] + major * (sides[owner, 1] - spans.minor)
    steps = np.zeros(int(area.sum()) + 1, np.int8)
    steps[pieces.starts + shift] += 1  # starts differ from each other, and so do stops
    steps[pieces.stops + shift] -= 1
    pixels = np.cumsum(steps[:-1], dtype=np.int8)

    # One empty pixel ends each line of a turned window, so that its runs begin and end within it.
    line = sides[:, 0] + 1
    to = np.cumsum(sides[:, 1] * line) - sides[:, 1] * line
    turned = np.zeros(int((sides[:, 1] * line).sum()) + 1, np.int8)
    rows = zip(at.tolist(), to.tolist(), sides.tolist(), strict=True)
    for source, target, (long, wide) in rows:
        part = turned[target : target + wide * (long + 1)].reshape(wide, long + 1)
        part[:, :long] = pixels[source : source + long * wide].reshape(long, wide).T
    change = np.empty(len(turned), np.int8)
    change[0] = turned[0]
    np.subtract(turned[1:], turned[:-1], out=change[1:])
    starts, stops = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    owner = np.searchsorted(to, starts, "right") - 1
    y, x = np.divmod(starts - to[owner], line[owner])
    begins = (y + window[owner, 1]) * minor + x + window[owner, 0]
    first = np.searchsorted(owner, np.arange(len(spans) + 1))
    return Spans(begins, begins + (stops - starts), first, minor)
