"""Parts go to the craft whose box has most of them, and what is unclear is counted."""

from __future__ import annotations

import numpy as np

from data_converters.spacecraft_groups import group_parts, join_parts
from segloop.data.annotations import Remark
from segloop.data.masks import Runs, decode, encode

SIZE = (40, 60)


def rectangle(left: int, top: int, right: int, bottom: int) -> Runs:
    """Return a filled rectangle; right and bottom are inside."""
    found = np.zeros(SIZE, bool)
    found[top : bottom + 1, left : right + 1] = True
    return encode(found)


def told(remarks: list[Remark]) -> list[tuple[str, int]]:
    return [(each.kind, each.count) for each in remarks]


def test_the_box_with_most_pixels_of_a_part_gets_it() -> None:
    parts = [rectangle(0, 0, 9, 9), rectangle(14, 0, 24, 9), rectangle(50, 30, 55, 35)]
    boxes = [(0.0, 0.0, 17.0, 9.0), (13.0, 0.0, 24.0, 9.0)]
    remarks: list[Remark] = []
    assert group_parts(parts, boxes, SIZE, remarks) == [1, 2, None]
    assert told(remarks) == [
        ("part(s) that lie in no box of a craft", 1),
        ("box(es) of craft that are more than 5 pixels off the bounds of their parts", 1),
    ]


def test_half_of_a_part_must_be_inside() -> None:
    for right, group in ((4.0, 1), (3.9, None)):  # the last column is inside, half a column is not
        assert group_parts([rectangle(0, 0, 9, 9)], [(-0.5, 0.0, right, 9.0)], SIZE, []) == [group]


def test_of_boxes_with_equally_many_the_smallest_gets_the_part() -> None:
    remarks: list[Remark] = []
    boxes = [(0.0, 0.0, 50.0, 30.0), (8.0, 8.0, 22.0, 22.0)]
    assert group_parts([rectangle(10, 10, 20, 20), rectangle(0, 0, 5, 5)], boxes, SIZE, remarks) == [2, 1]
    assert ("part(s) that lie in several boxes of craft, given to the smallest", 1) in told(remarks)


def test_boxes_that_hold_nothing_or_leave_the_image_are_counted() -> None:
    remarks: list[Remark] = []
    boxes = [(0.0, 0.0, 9.0, 9.0), (500.0, 500.0, 900.0, 900.0), (30.0, 0.0, 61.0, 39.0)]
    parts = [rectangle(0, 0, 9, 9), rectangle(31, 0, 59, 39)]
    assert group_parts(parts, boxes, SIZE, remarks) == [1, 3]
    assert told(remarks) == [
        ("box(es) of craft without a part", 1),
        ("box(es) of craft that reach beyond the image", 2),
    ]
    assert group_parts([], [], SIZE, remarks) == []


def test_an_image_without_boxes_leaves_all_parts_alone() -> None:
    remarks: list[Remark] = []
    assert group_parts([rectangle(0, 0, 9, 9)], [], SIZE, remarks) == [None]
    assert told(remarks) == [("part(s) that lie in no box of a craft", 1)]


def test_parts_of_a_group_become_one_craft_and_others_where_they_touch() -> None:
    parts = [
        rectangle(0, 0, 1, 1),
        rectangle(5, 5, 6, 6),
        rectangle(20, 20, 21, 21),
        rectangle(22, 22, 23, 23),
    ]
    remarks: list[Remark] = []
    craft = join_parts(parts, [2, 2, None, None], SIZE, remarks)
    assert [int(decode(each, SIZE).sum()) for each in craft] == [8, 8]
    assert told(remarks) == [("craft made of parts that touch, for want of a box", 1)]
    assert join_parts([], [], SIZE, remarks) == []
