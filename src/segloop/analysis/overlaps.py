"""Overlaps of masks on run lengths: which of two sides share pixels, and how many; no bitmap is made.

Masks lie on one line, column by column, so that two of them share pixels where their runs do. Of two runs
that overlap, exactly one begins inside the other (or both begin together): sorted begins give all such pairs
of runs by binary search, whether or not masks of one side overlap each other. Cost and memory go by the
pairs of runs that overlap, not by pixels and not by pairs of masks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from segloop.data.masks import Runs, Spans, to_spans

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Triples = tuple[IntArray, IntArray, IntArray]

MOST_PAIRS = 1 << 20  # of overlapping runs at a time: what hundreds of masks on one spot make, in 60 MB


def intersections(first: Sequence[Runs], second: Sequence[Runs], size_hw: tuple[int, int]) -> Triples:
    """Return the pairs of masks that share pixels: index of the first, of the second, pixels shared.

    Pairs ascend by the first, then the second; pairs that share nothing are left out.

    >>> one, other = np.array([0, 3, 1]), np.array([2, 2])
    >>> [each.tolist() for each in intersections([one], [other, one], (2, 2))]
    [[0, 0], [0, 1], [1, 3]]
    """
    here, there = to_spans(first, size_hw), to_spans(second, size_hw)
    parts = [*_begins_inside(there, here), *_begins_inside(here, there, swap=True, strict=True)]
    nothing = np.zeros(0, np.int64)
    keys, shared = _summed(
        np.concatenate([nothing, *(part[0] for part in parts)]),
        np.concatenate([nothing, *(part[1] for part in parts)]),
    )
    rows, columns = np.divmod(keys, max(1, len(second)))
    return rows, columns, shared


def ious(shared: IntArray, first_areas: IntArray, second_areas: IntArray) -> FloatArray:
    """Return intersection over union of pairs, from shared pixels and the two areas of each pair."""
    union = first_areas + second_areas - shared
    return np.divide(shared, union, out=np.zeros(len(shared)), where=union > 0)


def pixel_counts(
    truth: Sequence[Runs],
    true_labels: IntArray,
    found: Sequence[Runs],
    found_labels: IntArray,
    *,
    without: Sequence[Runs],
    size_hw: tuple[int, int],
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Unite the masks of each label and side; return labels, and tp, fp and fn in pixels for each.

    Pixels of the masks `without` are not counted. Labels ascend; those of neither side are left out.
    """
    labels, place = np.unique(np.concatenate([true_labels, found_labels]), return_inverse=True)
    stride = size_hw[0] * size_hw[1] + 1  # the labels one behind the other
    sides = []
    for runs, owners in ((truth, place[: len(truth)]), (found, place[len(truth) :])):
        spans = to_spans(runs, size_hw)
        shift = owners[spans.owners] * stride
        sides.append((spans.starts + shift, spans.stops + shift))
    void = to_spans(without, size_hw)
    shift = np.repeat(np.arange(len(labels), dtype=np.int64) * stride, len(void.starts))
    sides.append((np.tile(void.starts, len(labels)) + shift, np.tile(void.stops, len(labels)) + shift))

    places = np.concatenate([each for side in sides for each in side])
    order = np.argsort(places, kind="stable")
    places = places[order]
    lengths = np.diff(places, append=places[-1:])
    covered = []
    begin = 0
    for starts, stops in sides:
        steps = np.zeros(len(places), np.int32)
        steps[begin : begin + len(starts)] = 1
        steps[begin + len(starts) : begin + len(starts) + len(stops)] = -1
        begin += len(starts) + len(stops)
        covered.append(np.cumsum(steps[order]) > 0)
    owner = places // stride
    in_truth, in_found = covered[0] & ~covered[2], covered[1] & ~covered[2]

    def count(where: BoolArray) -> IntArray:
        totals = np.bincount(owner[where], weights=lengths[where], minlength=len(labels))
        return totals[: len(labels)].astype(np.int64)

    return labels, count(in_truth & in_found), count(in_found & ~in_truth), count(in_truth & ~in_found)


def _begins_inside(
    inner: Spans, outer: Spans, *, swap: bool = False, strict: bool = False
) -> list[tuple[IntArray, IntArray]]:
    """Return keys and lengths of the overlaps in which the inner run begins inside the outer one.

    A key is the first mask's index times the number of second masks, plus the second's; `outer` is the first
    unless `swap`. With `strict` runs that begin together are left out.
    """
    order = np.argsort(inner.starts, kind="stable")
    starts, stops, owners = inner.starts[order], inner.stops[order], inner.owners[order]
    low = np.searchsorted(starts, outer.starts, "right" if strict else "left")
    count = np.searchsorted(starts, outer.stops, "left") - low
    outer_owners = outer.owners
    number = len(outer) if swap else len(inner)
    ends = np.cumsum(count)
    found, begin = [], 0
    while begin < len(count):
        filled = int(ends[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, filled + MOST_PAIRS, "right")))
        some = slice(begin, end)
        which = np.repeat(np.arange(begin, end), count[some])
        at = np.arange(len(which)) - np.repeat(ends[some] - count[some] - filled - low[some], count[some])
        shared = np.minimum(outer.stops[which], stops[at]) - starts[at]
        pair = (owners[at], outer_owners[which]) if swap else (outer_owners[which], owners[at])
        found.append(_summed(pair[0] * number + pair[1], shared))
        begin = end
    return found


def _summed(keys: IntArray, values: IntArray) -> tuple[IntArray, IntArray]:
    """Return each key once, ascending, with the sum of its values."""
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], values[order]
    heads = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else keys
    return keys[heads], np.add.reduceat(values, heads) if len(keys) else values
