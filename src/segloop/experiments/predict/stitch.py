"""Joins objects that windows have cut: the same object, seen by two of them, is one.

Two windows both see the strip in which they overlap, so there the two masks of one object agree. A piece that
the rim of its window has cut off is also joined if most of it lies inside the other's object: what a network
draws of a sliver is vague. Of several that it lies in, as where neighbours overlap, it is the one that has
most of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segloop.data.masks import Patch
from segloop.experiments.predict.windows import Grid, Window

SAME = 0.5  # IoU, inside the strip, from which on two masks are of one object
INSIDE = 0.7  # of a piece that was cut off


@dataclass(frozen=True, eq=False)
class Piece:
    """An object as a window saw it: its pixels, placed in the whole image, its class and its score."""

    patch: Patch
    label: int
    score: float


@dataclass(frozen=True, eq=False)
class _Part:
    """What a strip shows of the piece at `place` of its window."""

    place: int
    patch: Patch
    area: int


def stitch(grid: Grid, pieces: Sequence[Sequence[Piece]]) -> list[Piece]:
    """Return the objects of an image by what each window of `grid` saw, the surest first.

    Only pieces of one class are joined. Joined ones have all their pixels, and the score of the surest.
    """
    windows = list(grid)
    first = np.cumsum([0, *map(len, pieces)])
    everything = [piece for each in pieces for piece in each]
    owner = list(range(len(everything)))
    for one, other in grid.neighbours():
        if not pieces[one] or not pieces[other]:
            continue
        for left, right in _same(pieces[one], pieces[other], windows[one], windows[other]):
            _join(owner, int(first[one]) + left, int(first[other]) + right)
    groups: dict[int, list[Piece]] = {}
    for place, piece in enumerate(everything):
        groups.setdefault(_root(owner, place), []).append(piece)
    found = [_united(group) for group in groups.values()]
    return sorted(found, key=lambda piece: -piece.score)


def _same(
    pieces: Sequence[Piece], others: Sequence[Piece], here: Window, there: Window
) -> list[tuple[int, int]]:
    """Return the places of pieces that are one object by what the strip of two windows shows."""
    rows = slice(max(here.rows.start, there.rows.start), min(here.rows.stop, there.rows.stop))
    columns = slice(max(here.columns.start, there.columns.start), min(here.columns.stop, there.columns.stop))
    lefts, rights = _seen(pieces, rows, columns), _seen(others, rows, columns)
    found = set()
    inside: dict[tuple[bool, int], tuple[int, tuple[int, int]]] = {}  # where most of each cut piece lies
    for row, column in _near(lefts, rights):
        left, right = lefts[row], rights[column]
        if pieces[left.place].label != others[right.place].label:
            continue
        shared, pair = _shared(left.patch, right.patch), (left.place, right.place)
        if shared and shared / (left.area + right.area - shared) >= SAME:
            found.add(pair)
        for part, own, other in ((left, here, there), (right, there, here)):
            key = own is here, part.place
            if shared / part.area >= INSIDE and _is_cut(part.patch, own, other):
                inside[key] = max(inside.get(key, (0, pair)), (shared, pair))
    return sorted(found | {pair for _, pair in inside.values()})


def _is_cut(patch: Patch, here: Window, there: Window) -> bool:
    """Return whether a piece touches a rim of its window that the other one sees beyond.

    Other rims say nothing of this pair: a neighbour whose ragged edge reaches into the strip would be joined.
    """
    down, across = np.flatnonzero(patch.bitmap.any(axis=1)), np.flatnonzero(patch.bitmap.any(axis=0))
    left, right = patch.left + across[0], patch.left + across[-1] + 1
    top, bottom = patch.top + down[0], patch.top + down[-1] + 1
    return bool(
        left <= here.columns.start > there.columns.start
        or top <= here.rows.start > there.rows.start
        or right >= here.columns.stop < there.columns.stop
        or bottom >= here.rows.stop < there.rows.stop
    )


def _seen(pieces: Sequence[Piece], rows: slice, columns: slice) -> list[_Part]:
    """Return what a strip shows of pieces, those of which it shows a pixel."""
    found = []
    for place, piece in enumerate(pieces):
        patch = _cropped(piece.patch, rows, columns)
        if area := int(np.count_nonzero(patch.bitmap)):
            found.append(_Part(place, patch, area))
    return found


def _near(lefts: Sequence[_Part], rights: Sequence[_Part]) -> list[tuple[int, int]]:
    """Return the pairs whose boxes meet: of many small objects few do, and only these are compared."""
    if not lefts or not rights:
        return []
    one, other = (np.array([_box(part.patch) for part in each]) for each in (lefts, rights))
    meet = np.ones((len(one), len(other)), bool)
    for begin, end in ((0, 2), (1, 3)):
        meet &= (one[:, None, begin] < other[:, end]) & (other[:, begin] < one[:, None, end])
    return [(int(row), int(column)) for row, column in np.argwhere(meet)]


def _shared(one: Patch, other: Patch) -> int:
    """Return how many pixels two masks share."""
    left, top, right, bottom = _box(other)
    part = _cropped(one, slice(top, bottom), slice(left, right))
    left, top, right, bottom = _box(part)
    return int(np.count_nonzero(part.bitmap & _cropped(other, slice(top, bottom), slice(left, right)).bitmap))


def _cropped(patch: Patch, rows: slice, columns: slice) -> Patch:
    """Return the part of a mask that lies in a rectangle, which may be nothing."""
    height, width = patch.bitmap.shape
    top, bottom = max(patch.top, rows.start), min(patch.top + height, rows.stop)
    left, right = max(patch.left, columns.start), min(patch.left + width, columns.stop)
    down = slice(top - patch.top, max(bottom, top) - patch.top)
    across = slice(left - patch.left, max(right, left) - patch.left)
    return Patch(left, top, patch.bitmap[down, across])


def _box(patch: Patch) -> tuple[int, int, int, int]:
    """Return where a mask begins and ends: left, top, right, bottom."""
    height, width = patch.bitmap.shape
    return patch.left, patch.top, patch.left + width, patch.top + height


def _united(group: Sequence[Piece]) -> Piece:
    if len(group) == 1:
        return group[0]
    boxes = np.array([_box(piece.patch) for piece in group])
    left, top = boxes[:, 0].min(), boxes[:, 1].min()
    canvas = np.zeros((boxes[:, 3].max() - top, boxes[:, 2].max() - left), bool)
    for piece, (x, y, x_end, y_end) in zip(group, boxes.tolist(), strict=True):
        canvas[y - top : y_end - top, x - left : x_end - left] |= piece.patch.bitmap
    return Piece(Patch(int(left), int(top), canvas), group[0].label, max(piece.score for piece in group))


def _root(owner: list[int], place: int) -> int:
    while owner[place] != place:
        owner[place] = owner[owner[place]]
        place = owner[place]
    return place


def _join(owner: list[int], one: int, other: int) -> None:
    first, second = sorted((_root(owner, one), _root(owner, other)))
    owner[second] = first
