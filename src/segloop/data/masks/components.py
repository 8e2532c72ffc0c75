"""Connected parts of masks and of index maps, as masks of their own; found by runs, not by pixels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from segloop.data.masks.runs import Runs, from_spans, to_spans
from segloop.data.masks.spans import INT, Spans, cut


def components(mask: np.ndarray, *, connectivity: int = 8) -> list[Runs]:
    """Return the connected parts of an HxW mask, each as runs, by their first pixel column by column.

    >>> [part.tolist() for part in components(np.eye(2), connectivity=4)]
    [[0, 1, 3], [3, 1]]
    """
    found = label_components(np.asarray(mask) != 0, without=(0,), connectivity=connectivity)
    return found.get(1, [])


def split_runs(runs: Runs, size_hw: tuple[int, int], *, connectivity: int = 8) -> list[Runs]:
    """Return the connected parts of a mask that is kept as runs."""
    pieces = cut(to_spans([runs], size_hw))
    values = np.zeros(len(pieces.starts), np.uint8)
    found = _split(pieces.starts, pieces.stops, values, size_hw, connectivity=connectivity)
    return found.get(0, [])


def count_parts(runs: Runs, size_hw: tuple[int, int], *, connectivity: int = 8) -> int:
    """Return how many connected parts a mask has."""
    return len(split_runs(runs, size_hw, connectivity=connectivity))


def label_components(
    labels: np.ndarray, *, without: Iterable[int] = (), connectivity: int = 8
) -> dict[int, list[Runs]]:
    """Return the connected parts of each value of an HxW index map, but for the values to leave out.

    Values ascend, and parts come by their first pixel, column by column.
    """
    starts, stops, values = column_runs(labels, without=without)
    return _split(starts, stops, values, (labels.shape[0], labels.shape[1]), connectivity=connectivity)


def column_runs(
    labels: np.ndarray, *, without: Iterable[int] = ()
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where runs of one value begin and end in an HxW map, column by column, and their values.

    A run ends with its column.
    """
    labels = np.asarray(labels)
    if labels.size == 0:
        return np.zeros(0, INT), np.zeros(0, INT), np.zeros(0, labels.dtype)
    if labels.dtype in (np.uint8, np.uint16):
        import cv2  # where it is needed: runs are read without it

        flat = cv2.transpose(labels).ravel()  # OpenCV turns by blocks
    else:
        flat = labels.T.ravel()
    begins = np.empty(len(flat), bool)
    np.not_equal(flat[1:], flat[:-1], out=begins[1:])
    begins[:: labels.shape[0]] = True
    starts = np.flatnonzero(begins)
    stops = np.append(starts[1:], len(flat))
    values = flat[starts]
    wanted = np.ones(len(values), bool)
    for value in without:
        wanted &= values != value
    return starts[wanted].astype(INT), stops[wanted].astype(INT), values[wanted]


def _split(
    starts: np.ndarray, stops: np.ndarray, values: np.ndarray, size_hw: tuple[int, int], *, connectivity: int
) -> dict[int, list[Runs]]:
    """Return the connected parts of ascending runs that lie in one column each, by their value."""
    if connectivity not in (4, 8):
        raise ValueError(f"connectivity {connectivity}; choose 4 or 8")
    if len(starts) == 0:
        return {}
    root = roots(len(starts), *touching(starts, stops, values, size_hw[0], corners=connectivity == 8))
    order = np.lexsort((root, values))  # stable, and so the runs of a part still ascend
    heads = np.flatnonzero(np.diff(root[order], prepend=-1))
    spans = Spans(starts[order], stops[order], np.append(heads, len(order)), size_hw[0])
    found: dict[int, list[Runs]] = {}
    for value, part in zip(values[order][heads].tolist(), from_spans(spans, size_hw), strict=True):
        found.setdefault(int(value), []).append(part)
    return found


def touching(
    starts: np.ndarray, stops: np.ndarray, values: np.ndarray, height: int, *, corners: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of runs of one value that touch, the second in the column after the first's."""
    after = (starts // height + 1) * height
    low = np.maximum(starts + height - corners, after)
    high = np.minimum(stops + height + corners, after + height)
    begin = np.searchsorted(stops, low, "right")
    count = np.maximum(np.searchsorted(starts, high, "left") - begin, 0)
    left = np.repeat(np.arange(len(starts)), count)
    right = np.arange(len(left)) - np.repeat(np.cumsum(count) - count - begin, count)
    same = values[left] == values[right]
    return left[same], right[same]


def roots(count: int, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return for each of `count` runs the first one of its part, from the pairs that touch.

    In each round every part joins the smallest that it touches: at least every second one is gone then.
    """
    root = np.arange(count)
    while len(left):
        low, high = np.minimum(root[left], root[right]), np.maximum(root[left], root[right])
        apart = low != high
        left, right = left[apart], right[apart]
        np.minimum.at(root, high[apart], low[apart])
        while not np.array_equal(higher := root[root], root):
            root = higher
    return root
