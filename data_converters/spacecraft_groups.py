"""Which parts are of one spacecraft: those that lie in one box."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data_converters.spacecraft_boxes import Box
from segloop.data.annotations import Remark, SizeHW
from segloop.data.masks import Runs, areas, boxes_xyxy, paint, split_runs, unite

SLACK = 5  # pixels that a box may be off the bounds of its parts before that is told


def group_parts(
    parts: Sequence[Runs], boxes: Sequence[Box], size_hw: SizeHW, remarks: list[Remark]
) -> list[int | None]:
    """Return for each part the number of the craft, from 1, whose box has most of it; None for none.

    A box must have half of the part's pixels. Where boxes have equally many, the smallest one gets the part.
    What does not fit is added to the remarks.
    """
    groups, shared = _assign(parts, boxes, size_hw)
    height, width = size_hw
    beyond = sum(
        left < -1 or top < -1 or right > width or bottom > height for left, top, right, bottom in boxes
    )
    for kind, count in (
        ("part(s) that lie in no box of a craft", groups.count(None)),
        ("part(s) that lie in several boxes of craft, given to the smallest", shared),
        ("box(es) of craft without a part", len(boxes) - len({*groups} - {None})),
        ("box(es) of craft that reach beyond the image", beyond),
        (
            f"box(es) of craft that are more than {SLACK} pixels off the bounds of their parts",
            _loose(parts, groups, boxes, size_hw),
        ),
    ):
        if count:
            remarks.append(Remark(kind, count, ""))
    return groups


def _assign(parts: Sequence[Runs], boxes: Sequence[Box], size_hw: SizeHW) -> tuple[list[int | None], int]:
    """Return the number of each part's box, and how many parts lie in several boxes alike."""
    own = areas(parts)
    canvas = np.zeros(size_hw, np.int32)
    paint(parts, range(1, len(parts) + 1), canvas)
    smallest = sorted(range(len(boxes)), key=lambda place: _spread(boxes[place]))
    inside = [_inside(canvas, boxes[place], most=len(parts)) for place in smallest]
    groups: list[int | None] = []
    shared = 0
    for part in range(len(parts)):
        counts = [each[part] for each in inside]
        most = max(counts, default=0)
        if most == 0 or 2 * most < own[part]:
            groups.append(None)
            continue
        groups.append(smallest[counts.index(most)] + 1)  # the first of equals
        shared += counts.count(most) > 1
    return groups, shared


def _spread(box: Box) -> float:
    left, top, right, bottom = box
    return (right - left) * (bottom - top)


def _inside(canvas: np.ndarray, box: Box, *, most: int) -> list[int]:
    """Return how many pixels of each part, numbered from 1 in the canvas, lie in a box."""
    height, width = canvas.shape
    left, top = min(max(int(np.ceil(box[0])), 0), width), min(max(int(np.ceil(box[1])), 0), height)
    right = min(max(int(np.floor(box[2])) + 1, left), width)
    bottom = min(max(int(np.floor(box[3])) + 1, top), height)
    return np.bincount(canvas[top:bottom, left:right].ravel(), minlength=most + 1)[1:].tolist()


def _loose(parts: Sequence[Runs], groups: Sequence[int | None], boxes: Sequence[Box], size_hw: SizeHW) -> int:
    """Return how many boxes are not the bounds of their parts."""
    bounds = boxes_xyxy(parts, size_hw)
    found = 0
    for number, box in enumerate(boxes, start=1):
        mine = bounds[[group == number for group in groups]]
        if len(mine):
            tight = [*mine[:, :2].min(axis=0), *(mine[:, 2:].max(axis=0) - 1)]
            clipped = np.clip(box, 0, [size_hw[1] - 1, size_hw[0] - 1] * 2)
            found += bool((np.abs(clipped - tight) > SLACK).any())
    return found


def join_parts(
    parts: Sequence[Runs], groups: Sequence[int | None], size_hw: SizeHW, remarks: list[Remark]
) -> list[Runs]:
    """Return each craft as one mask; parts that belong to none are craft where they touch each other."""
    numbers = sorted({group for group in groups if group is not None})
    several = [[each for each, own in zip(parts, groups, strict=True) if own == group] for group in numbers]
    craft = unite([each for some in several for each in some], [len(some) for some in several], size_hw)
    alone = [each for each, group in zip(parts, groups, strict=True) if group is None]
    if alone:
        found = split_runs(unite(alone, [len(alone)], size_hw)[0], size_hw, connectivity=8)
        remarks.append(Remark("craft made of parts that touch, for want of a box", len(found), ""))
        craft += found
    return craft
