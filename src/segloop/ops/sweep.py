"""Suppression in one sweep along x on a CPU: which boxes strike each other, and who survives that.

With some thousand boxes and less, PyTorch's calls take longer than what they do. NumPy's take a third.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

STRIP = 64  # neighbours that are compared together
TILE = 1 << 14  # pairs in one matrix, which stays in the cache

# Columns of two tables [F, K, 1] and [F, 1, M] -> whether each of K strikes each of M.
Touch = Callable[[np.ndarray, np.ndarray], NDArray[np.bool_]]


def _ends(table: np.ndarray) -> np.ndarray:
    """Return the first column past each one's reach; row 0 is a box's place, row 2 how far it strikes."""
    return np.maximum(table[0].searchsorted(table[2], side="right"), np.arange(1, table.shape[1] + 1))


def within_reach(table: np.ndarray) -> int:
    """Return how many pairs there are to compare."""
    count = table.shape[1]
    return int(_ends(table).sum()) - count * (count + 1) // 2


def pairs(table: np.ndarray, touch: Touch) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns (first, second) of all pairs that touch, first < second; they come sorted by x."""
    starts = range(0, table.shape[1], STRIP)
    stops = np.maximum.reduceat(_ends(table), starts).tolist() if starts else ()
    firsts: list[np.ndarray] = [np.empty(0, int)]
    seconds: list[np.ndarray] = [np.empty(0, int)]
    with np.errstate(all="ignore"):
        for start, stop in zip(starts, stops, strict=True):
            strip = table[:, start : start + STRIP, None]
            for left in range(start, stop, TILE // STRIP):
                tile = table[:, None, left : min(stop, left + TILE // STRIP)]
                hits = touch(strip, tile).ravel().nonzero()[0]
                first, second = np.divmod(hits, tile.shape[2])
                firsts.append(first + start)
                seconds.append(second + left)
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    once = first < second
    return first[once], second[once]


def survivors(better: np.ndarray, worse: np.ndarray, count: int) -> NDArray[np.bool_]:
    """Return which of `count` boxes survive: whom no better survivor strikes."""
    gone = np.zeros(count, bool)
    while len(better):
        struck = np.zeros(count, bool)
        struck[worse] = True
        gone[worse[~struck[better]]] = True  # whom nothing strikes survives: those that it strikes do not
        open_ = ~(gone[better] | gone[worse])
        better, worse = better[open_], worse[open_]
    return ~gone
