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
    begin, end = spans.first[:-1], spans.first[1:]
    some = begin < end
    if not some.all():
        filled = some.nonzero()[0]
        if len(filled):
            kept = np.append(begin[filled], len(spans.starts))  # the empty ones have no spans to skip
            found[filled] = boxes(Spans(spans.starts, spans.stops, kept, spans.minor))
        return found
    if len(found) == 0:
        return found
    minor = spans.minor
    low = spans.starts % minor
    high = low + spans.stops
    high -= spans.starts
    np.minimum.reduceat(low, begin, out=found[:, 1])
    np.maximum.reduceat(high, begin, out=found[:, 3])
    np.floor_divide(spans.starts[begin], minor, out=found[:, 0])
    np.floor_divide(spans.stops[end - 1] - 1, minor, out=found[:, 2])
    found[:, 2] += 1
    crosses = found[:, 3] > minor  # such a run holds the end of a line and the begin of the next
    if crosses.any():
        found[crosses, 1], found[crosses, 3] = 0, minor
    return found


def are_runs(spans: Spans, total: int) -> bool:
    """Tell whether spans that came from outside are runs of masks of `total` pixels.

    None is empty, and those of a mask ascend, do not overlap, and end within the image.
    """
    starts, stops = spans.starts, spans.stops
    if len(starts) == 0:
        return True
    if starts.min() < 0 or stops.max() > total or not (stops > starts).all():
        return False
    back = np.flatnonzero(starts[1:] < stops[:-1]) + 1
    return len(back) == 0 or set(back.tolist()) <= set(spans.first.tolist())  # where a mask begins, it may


def shared_pixels(spans: Spans) -> tuple[int, int]:
    """Return how many pixels more than one mask covers, and the place of the first; costs as the runs do.

    >>> shared_pixels(Spans(np.array([0, 2]), np.array([3, 4]), np.array([0, 1, 2]), 4))
    (1, 2)
    """
    if not (np.sort(spans.starts)[1:] < np.sort(spans.stops)[:-1]).any():
        return 0, 0
    places = np.concatenate([spans.starts, spans.stops])
    order = np.argsort(places, kind="stable")
    places = places[order]
    deep = (np.cumsum(np.where(order < len(spans.starts), 1, -1))[:-1] > 1) & (places[1:] > places[:-1])
    return int((places[1:] - places[:-1])[deep].sum()), int(places[np.argmax(deep)])


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
    touches = spans.starts[1:] == spans.stops[:-1]
    if not touches.any():
        return spans
    goes_on = np.concatenate([[False], touches])
    heads = spans.first[:-1]
    goes_on[heads[heads < len(goes_on)]] = False  # the first run of a mask goes on with no other
    begins = np.flatnonzero(~goes_on)
    ends = np.append(begins[1:], len(goes_on)) - 1
    kept = np.concatenate([[0], np.cumsum(~goes_on)])
    return Spans(spans.starts[begins], spans.stops[ends], kept[spans.first], spans.minor)


def flip(spans: Spans, *, minor: int) -> Spans:
    """Return the same pixels with the image's other axis first, whose length is `minor`.

    No run goes on into the next line.
    """
    window = boxes(spans)
    line = np.full(len(spans), minor, INT)
    base = np.arange(len(spans), dtype=INT) * (spans.minor * minor + 1)
    starts, stops, first = turn(spans, window, line=line, base=base + window[:, 1] * minor + window[:, 0])
    back = np.repeat(base, np.diff(first))
    return Spans(starts - back, stops - back, first, minor)


def turn(
    spans: Spans, window: np.ndarray, *, line: np.ndarray, base: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where the runs of the other axis begin and end, and the first one of each mask.

    Mask k's are laid out from `base[k]` on, in lines of `line[k]` pixels, of which its tight `window` is the
    first corner; the base of the next mask lies behind them.
    """
    sides = window[:, 2:] - window[:, :2]
    ends = np.cumsum((sides[:, 0] + 1) * sides[:, 1])
    if len(spans) == 0 or ends[-1] <= BATCH_PIXELS:
        return _turn_batch(spans, window, line, base)
    parts, begin = [], 0
    while begin < len(spans):
        filled = ends[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, filled + BATCH_PIXELS, "right")))
        some = slice(begin, end)
        parts.append(_turn_batch(spans.part(begin, end), window[some], line[some], base[some]))
        begin = end
    offsets = np.cumsum([0, *(len(part[0]) for part in parts)])
    first = [part[2][:-1] + offset for part, offset in zip(parts, offsets, strict=False)]
    starts, stops = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
    return starts, stops, np.concatenate([*first, offsets[-1:]])


def _turn_batch(
    spans: Spans, window: np.ndarray, line: np.ndarray, base: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unpack each mask's window, mark where it changes along the other axis, and sort the marks.

    A run of the other axis begins on a pixel that is set and whose neighbour one line before is not. So each
    piece is laid down once as it is, and once more, with the sign turned, a line later: what is left of the
    sum is 1 where runs begin and -1 where they have ended.
    """
    pieces = cut(spans)
    owner = pieces.owners
    wide = window[:, 3] - window[:, 1]
    size = (window[:, 2] - window[:, 0] + 1) * wide  # a line more, for the runs that end with the last one
    at = np.cumsum(size) - size
    step = wide[owner]
    shift = (at - window[:, 0] * wide - window[:, 1])[owner]
    shift += pieces.starts // spans.minor * (step - spans.minor)
    begin, end = pieces.starts + shift, pieces.stops + shift
    steps = np.zeros(int(size.sum()) + 1, np.int8)
    for places, change in ((begin, 1), (end, -1), (begin + step, -1), (end + step, 1)):
        steps[places] += np.int8(change)  # of one kind no two are at one place
    marks = np.cumsum(steps, dtype=np.int8)

    def laid_out(found: np.ndarray) -> np.ndarray:
        mask = np.searchsorted(at, found, "right") - 1
        x, y = np.divmod(found - at[mask], wide[mask])
        places = base[mask] + y * line[mask] + x
        places.sort()
        return places

    starts, stops = laid_out(np.flatnonzero(marks == 1)), laid_out(np.flatnonzero(marks == -1))
    return starts, stops, np.append(np.searchsorted(starts, base), len(starts))
