"""Joins objects that windows have cut: the same object, seen by two of them, is one.

Two windows both see the strip in which they overlap, so there the two masks of one object agree. A piece that
the rim of its window has cut off is also joined if most of it lies inside the other's object: what a network
draws of a sliver is vague.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segloop.data.masks import Patch
from segloop.experiments.predict.windows import Grid

SAME = 0.5  # IoU, inside the strip, from which on two masks are of one object
INSIDE = 0.7  # of a piece that was cut off


@dataclass(frozen=True, eq=False)
class Piece:
    """An object as a window saw it: its pixels, placed in the whole image, its class and its score."""

    patch: Patch
    label: int
    score: float


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
        here, there = windows[one], windows[other]
        rows = slice(max(here.rows.start, there.rows.start), min(here.rows.stop, there.rows.stop))
        columns = slice(
            max(here.columns.start, there.columns.start), min(here.columns.stop, there.columns.stop)
        )
        for left, right in _same(pieces[one], pieces[other], rows, columns, grid, (one, other)):
            _join(owner, int(first[one]) + left, int(first[other]) + right)
    groups: dict[int, list[Piece]] = {}
    for place, piece in enumerate(everything):
        groups.setdefault(_root(owner, place), []).append(piece)
    found = [_united(group) for group in groups.values()]
    return sorted(found, key=lambda piece: -piece.score)


def _same(
    here: Sequence[Piece],
    there: Sequence[Piece],
    rows: slice,
    columns: slice,
    grid: Grid,
    numbers: tuple[int, int],
) -> list[tuple[int, int]]:
    """Return the places of pieces that are one object by what the strip of two windows shows."""
    near = [
        [place for place, piece in enumerate(each) if _meets(piece.patch, rows, columns)]
        for each in (here, there)
    ]
    if not near[0] or not near[1]:
        return []
    masks = [
        np.stack([_within(each[place].patch, rows, columns).ravel() for place in places]).astype(np.float32)
        for each, places in zip((here, there), near, strict=True)
    ]
    both = masks[0] @ masks[1].T
    areas = [each.sum(axis=1) for each in masks]
    found = []
    for row, left in enumerate(near[0]):
        for column, right in enumerate(near[1]):
            if here[left].label != there[right].label or not both[row, column]:
                continue
            shared = both[row, column]
            union = areas[0][row] + areas[1][column] - shared
            cut = [
                shared / area[place] >= INSIDE and _is_cut(piece.patch, grid, number)
                for area, place, piece, number in (
                    (areas[0], row, here[left], numbers[0]),
                    (areas[1], column, there[right], numbers[1]),
                )
            ]
            if shared / union >= SAME or any(cut):
                found.append((left, right))
    return found


def _is_cut(patch: Patch, grid: Grid, number: int) -> bool:
    """Return whether a piece touches a rim of its window that is not the image's."""
    rows, columns = grid.rows[number // len(grid.columns)][0], grid.columns[number % len(grid.columns)][0]
    down, across = np.flatnonzero(patch.bitmap.any(axis=1)), np.flatnonzero(patch.bitmap.any(axis=0))
    if not len(down):
        return False
    box = (patch.left + across[0], patch.top + down[0], patch.left + across[-1] + 1, patch.top + down[-1] + 1)
    return bool(
        (box[0] <= columns.start and columns.start > 0)
        or (box[1] <= rows.start and rows.start > 0)
        or (box[2] >= columns.stop and columns.stop < grid.size_hw[1])
        or (box[3] >= rows.stop and rows.stop < grid.size_hw[0])
    )


def _meets(patch: Patch, rows: slice, columns: slice) -> bool:
    return bool(_within(patch, rows, columns).any())


def _within(patch: Patch, rows: slice, columns: slice) -> np.ndarray:
    """Return the part of a mask that lies in a strip, in the strip's own coordinates."""
    part = np.zeros((rows.stop - rows.start, columns.stop - columns.start), bool)
    height, width = patch.bitmap.shape
    top, bottom = max(patch.top, rows.start), min(patch.top + height, rows.stop)
    left, right = max(patch.left, columns.start), min(patch.left + width, columns.stop)
    if top < bottom and left < right:
        part[top - rows.start : bottom - rows.start, left - columns.start : right - columns.start] = (
            patch.bitmap[top - patch.top : bottom - patch.top, left - patch.left : right - patch.left]
        )
    return part


def _united(group: Sequence[Piece]) -> Piece:
    if len(group) == 1:
        return group[0]
    boxes = np.array(
        [
            (
                p.patch.left,
                p.patch.top,
                p.patch.left + p.patch.bitmap.shape[1],
                p.patch.top + p.patch.bitmap.shape[0],
            )
            for p in group
        ]
    )
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
