"""Trace the edges of the pixels of many masks at once, and join each hole to the outline around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from segloop.data.masks.runs import Runs, SizeHW, to_spans
from segloop.data.masks.spans import INT, cut, flip


@dataclass(frozen=True)
class Outlines:
    """Closed rings along pixel edges: those of parts, those of holes, and where holes are joined.

    Ring k is `points[first[k]:first[k + 1]]`, Nx2 float64. `owner` is the mask of each ring, `parent` the
    point at which a hole is joined, -1 for the ring of a part. `fixed` marks the points at which bridges end.
    """

    points: np.ndarray
    first: np.ndarray
    owner: np.ndarray
    parent: np.ndarray
    fixed: np.ndarray
    masks: int

    def ranges(self) -> list[tuple[int, int]]:
        """Return begin and end of each ring in `points`."""
        edges = self.first.tolist()
        return list(pairwise(edges))

    def rings(self, kept: np.ndarray | None = None) -> list[tuple[np.ndarray, ...]]:
        """Return the rings of each mask's parts, holes joined; of the points only those that are kept."""
        ranges = self.ranges()
        holes: dict[int, list[tuple[int, int]]] = {}  # ring that holes are joined to: (point, hole)
        joined = np.flatnonzero(self.parent >= 0)
        around = np.searchsorted(self.first, self.parent[joined], "right") - 1
        for hole, point, ring in zip(
            joined.tolist(), self.parent[joined].tolist(), around.tolist(), strict=True
        ):
            holes.setdefault(ring, []).append((point, hole))
        found: list[list[np.ndarray]] = [[] for _ in range(self.masks)]
        for ring, mask in enumerate(self.owner.tolist()):
            if self.parent[ring] < 0:
                low, high = ranges[ring]
                if ring not in holes:
                    points = self.points[low:high]
                    found[mask].append(points.copy() if kept is None else points[kept[low:high]])
                    continue
                index = _unroll(ring, ranges, holes)
                found[mask].append(_tidy(self.points[index if kept is None else index[kept[index]]]))
        return [tuple(rings) for rings in found]


def _unroll(
    ring: int, ranges: Sequence[tuple[int, int]], holes: dict[int, list[tuple[int, int]]]
) -> np.ndarray:
    """Return the points of a ring in order, with a way out to each hole, round it and back.

    Not recursive: a row of holes is joined one to the next, and may be long.
    """
    pieces = []
    waiting = [(ranges[ring][0], ranges[ring][1], iter(sorted(holes.get(ring, []))))]
    while waiting:
        begin, end, hooks = waiting.pop()
        hook = next(hooks, None)
        if hook is None:
            pieces.append(np.arange(begin, end))
            continue
        point, hole = hook
        pieces.append(np.arange(begin, point + 1))
        waiting.append((point, end, hooks))
        low, high = ranges[hole]
        waiting.append((low, low + 1, iter(())))  # back where the bridge ends
        waiting.append((low, high, iter(sorted(holes.get(hole, [])))))
    return np.concatenate(pieces)


def _tidy(points: np.ndarray) -> np.ndarray:
    """Leave out points that lie on the one before, and those in the middle of a straight line."""
    points = points[(points != np.roll(points, 1, axis=0)).any(axis=1)]
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    turns = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    back = (before * after).sum(axis=1) < 0
    return points[turns | back]


def trace(runs: Sequence[Runs], size_hw: SizeHW) -> Outlines:
    """Return the outlines of many masks of one image.

    All horizontal edges are found at once, as pieces between two corners; the corners above each other on one
    line between columns are paired to vertical edges. Where two pixels touch by a corner alone, the outline
    goes round each of them: parts share edges of pixels, holes may share corners.
    """
    height, width = size_hw
    pieces = cut(to_spans(runs, size_hw))
    mask = pieces.owners
    x, top = np.divmod(pieces.starts, max(height, 1))
    bottom = top + pieces.stops - pieces.starts
    # A unit edge: which mask, which column, how high, and whether pixels lie below (1) or above it (0).
    column = mask * (width + 1) + x
    units = np.stack(
        [(column * (height + 1) + top) * 2 + 1, (column * (height + 1) + bottom) * 2], axis=1
    ).ravel()
    step = 2 * (height + 1)
    edges = _edges(units, step, width=width, height=height)
    owner, y, below, left, right = edges
    count = len(y)

    gridline = np.concatenate([left, right])
    key = ((np.tile(owner, 2) * (width + 1) + gridline) * (height + 1) + np.tile(y, 2)) * 2 + np.tile(
        below, 2
    )
    order = np.argsort(key)  # from above, on each line between two columns
    partner = np.empty(2 * count, INT)
    partner[order[0::2]], partner[order[1::2]] = order[1::2], order[0::2]
    head = np.where(below == 1, np.arange(count) + count, np.arange(count))  # with the pixels to the right
    walk, first = _walk(partner[head] % max(count, 1))

    tail_x, head_x = np.where(below == 1, left, right), np.where(below == 1, right, left)
    points = np.empty((2 * count, 2))
    points[0::2, 0], points[1::2, 0] = tail_x[walk], head_x[walk]
    points[:, 1] = np.repeat(y[walk], 2)
    highest = walk[first[:-1]]  # the highest edge of each ring, and of those the leftmost
    is_hole = below[highest] == 0
    _turn(points, 2 * first, np.flatnonzero(is_hole))
    outlines = Outlines(
        points,
        2 * first,
        owner[highest],
        np.full(len(highest), -1, INT),
        np.zeros(len(points), bool),
        len(runs),
    )
    if not is_hole.any():
        return outlines
    corner = np.stack([owner, left, y], axis=1)[highest[is_hole]]
    start = _left_ends(runs, corner, size_hw)
    wanted = ((corner[:, 0] * (width + 1) + start) * (height + 1) + corner[:, 2]) * 2 + 1
    upper = order[np.searchsorted(key[order], wanted, "right") - 1]
    down = head[upper % count] == upper
    place = np.empty(count, INT)
    place[walk] = np.arange(count)
    after = 2 * place[np.where(down, upper, partner[upper]) % count] + 1
    after -= is_hole[np.searchsorted(2 * first, after, "right") - 1]  # for these were turned
    return _join(outlines, np.flatnonzero(is_hole), after, down, np.stack([start, corner[:, 2]], axis=1))


def _turn(points: np.ndarray, first: np.ndarray, holes: np.ndarray) -> None:
    """Let the rings of holes begin with their second point, the left end of their highest edge."""
    index = np.arange(len(points))
    inside = np.zeros(len(points) + 1, INT)
    inside[first[holes]] += 1
    inside[first[holes + 1]] -= 1
    index += np.cumsum(inside[:-1])
    index[first[holes + 1] - 1] = first[holes]
    points[:] = points[index]


def _edges(units: np.ndarray, step: int, *, width: int, height: int) -> tuple[np.ndarray, ...]:
    """Join ascending unit edges to pieces; return mask, y, below, left and right of each, by mask, y, x."""
    if len(units) == 0:
        nothing = np.zeros(0, INT)
        return nothing, nothing, nothing, nothing, nothing
    at = np.searchsorted(units, units + step)
    goes_on = units[np.minimum(at, len(units) - 1)] == units + step
    # Column `width` of a mask would be column -1 of the next; there is none, as columns end at width - 1.
    begins = np.ones(len(units), bool)
    begins[at[goes_on]] = False

    def parts(keys: np.ndarray) -> tuple[np.ndarray, ...]:
        rest, below = np.divmod(keys, 2)
        rest, y = np.divmod(rest, height + 1)
        mask, x = np.divmod(rest, width + 1)
        order = np.lexsort((x, below, y, mask))
        return mask[order], y[order], below[order], x[order]

    mask, y, below, left = parts(units[begins])
    right = parts(units[~goes_on])[3] + 1
    return mask, y, below, left, right


def _walk(following: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges in the order of their rings, and where each ring begins."""
    steps = following.tolist()  # a list is several times faster to follow than an array
    seen = bytearray(len(steps))
    walk: list[int] = []
    first = []
    for edge in range(len(steps)):
        if seen[edge]:
            continue
        first.append(len(walk))
        while not seen[edge]:
            seen[edge] = 1
            walk.append(edge)
            edge = steps[edge]
    return np.array(walk, INT), np.array([*first, len(walk)], INT)


def _left_ends(runs: Sequence[Runs], corner: np.ndarray, size_hw: SizeHW) -> np.ndarray:
    """Return where the run of pixels begins that ends at each corner (mask, x, y) of a hole."""
    height, width = size_hw
    masks, local = np.unique(corner[:, 0], return_inverse=True)
    rows = cut(flip(to_spans([runs[mask] for mask in masks], size_hw), minor=width))
    line = rows.owners * (height * width)
    wanted = local * (height * width) + corner[:, 2] * width + corner[:, 1]
    return rows.starts[np.searchsorted(line + rows.stops, wanted)] % width


def _join(
    outlines: Outlines, holes: np.ndarray, after: np.ndarray, down: np.ndarray, bridge: np.ndarray
) -> Outlines:
    """Join holes to the rings around them: `bridge` (x, y) comes after point `after`, going down or up."""
    order = np.lexsort((np.where(down, bridge[:, 1], -bridge[:, 1]), after))
    holes, after, bridge = holes[order], after[order], bridge[order]
    fixed = outlines.fixed.copy()
    fixed[outlines.first[holes]] = True
    parent = np.full(len(outlines.parent), -1, INT)
    parent[holes] = after + 1 + np.arange(len(after))
    return Outlines(
        np.insert(outlines.points, after + 1, bridge, axis=0),
        outlines.first + np.searchsorted(after, outlines.first, "left"),
        outlines.owner,
        parent,
        np.insert(fixed, after + 1, True),
        outlines.masks,
    )
