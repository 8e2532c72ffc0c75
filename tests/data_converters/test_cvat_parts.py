"""Parts become one object where they were one, or where the user says that groups are objects."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from data_converters.cvat_parts import join_groups, merge_parts
from segloop.data import masks
from segloop.data.annotations import Bitmap, Box, Instance, Polygon, Shape
from tests.data_converters.cvat_cases import one_image, read_text

SIZE = (6, 8)
SQUARE = np.array([[0, 0], [2, 0], [2, 2], [0, 2]], np.float64)


def test_parts_are_merged_by_label_group_and_number() -> None:
    def part(label: str = "a", group: int | None = 1, uid: str | None = None) -> Instance:
        return Instance(label=label, group=group, uid=uid, shape=Polygon((np.zeros((3, 2)),)))

    def rings(given_: list[Instance], marks: list[str]) -> list[int]:
        return [len(each.shape.rings) for each in merge_parts(given_, marks)]  # type: ignore[union-attr]

    assert rings([part(), part(), part()], ["0.1", "0.0", "0.2"]) == [3]
    assert rings([part(), part(), part()], ["0.0", "", "0.1"]) == [2, 1]
    assert rings([part(), part("b")], ["0.0", "0.1"]) == [1, 1]
    assert rings([part(), part(group=2)], ["0.0", "0.1"]) == [1, 1]
    assert rings([part(), part(uid="x")], ["0.0", "0.1"]) == [1, 1]
    assert rings([part(), part()], ["0.0", "1.0"]) == [1, 1]
    assert rings([part(), part(), part()], ["0.0", "0.1", "0.1"]) == [1, 1, 1], "copied in CVAT"
    assert rings([part(), part()], ["0.0", "wing"]) == [1, 1]
    (merged,) = merge_parts([part(), part()], ["0.0+", "0.1+"])
    assert merged.group == 1, "its own, not one that was made for its parts"
    (merged,) = merge_parts([part(), part()], ["0.0", "0.1"])
    assert merged.group is None


def shape_of(left: int) -> Bitmap:
    mask = np.zeros(SIZE, bool)
    mask[:2, left : left + 2] = True
    return Bitmap(SIZE, masks.encode(mask))


def test_groups_are_joined_by_label_where_the_user_says_so() -> None:
    def member(shape: Shape, group: int | None = 1, label: str = "a", uid: str | None = None) -> Instance:
        more = {} if uid else {"old": True}
        return Instance(
            label=label, shape=shape, group=group, uid=uid, attributes={"n": uid or "none", **more}
        )

    square = Polygon((SQUARE,))
    instances = [
        member(square, uid="first"),
        member(square, group=None),
        member(Polygon((SQUARE + 2, SQUARE + 4))),
        member(square, label="b"),
        member(Box((0, 0, 1, 1))),
        member(square, group=2),
        member(shape_of(1), group=2),
        member(square, group=3),
    ]
    found, remarks = join_groups(instances, SIZE, image_id="i")
    one, lone, other, box, mixed, single = found
    assert isinstance(one.shape, Polygon)
    assert [ring.tolist() for ring in one.shape.rings] == [(SQUARE + step).tolist() for step in (0, 2, 4)]
    assert (one.uid, one.attributes) == ("first", {"n": "first", "old": True})
    assert [(each.count, each.example) for each in remarks] == [(2, "i"), (1, "i")]
    assert (lone.group, other.label, box.shape) == (None, "b", Box((0, 0, 1, 1)))
    assert [each.group for each in (one, other, box, mixed)] == [1, 1, 1, None], "all of group 2 are one"
    assert isinstance(mixed.shape, Bitmap)
    assert masks.decode(mixed.shape.runs, SIZE).sum() == 6
    assert (single.group, single.shape) == (3, square), "alone in its group, it stays as it is"


def test_marks_that_joined_shapes_lose_are_counted() -> None:
    first = Instance(label="a", shape=Polygon((SQUARE,)), group=1, uid="one")
    second = replace(first, z_order=3, occluded=True, source="auto", uid="two")
    (found,), remarks = join_groups([first, second], SIZE, image_id="i")
    assert (found.z_order, found.occluded, found.source, found.uid) == (0, False, None, "one")
    assert [each.count for each in remarks] == [1, 4]


def test_a_reader_joins_groups_and_says_so(tmp_path: Path) -> None:
    inside = "".join(
        f'<polygon label="a" points="{x},0;{x + 1},0;{x + 1},1" group_id="{group}"/>'
        for x, group in ((0, 1), (2, 1), (4, 0), (6, 0))
    )
    text = one_image(f'{inside}<tag label="a" group_id="4" source="manual"/><tag label="a" source="auto"/>')
    assert [len(each.instances) for each in read_text(tmp_path, text)] == [4]
    (record,) = read_text(tmp_path, text, join_groups=True)
    assert [len(each.shape.rings) for each in record.instances] == [2, 1, 1]  # type: ignore[union-attr]
    assert [(each.kind, each.count, each.example) for each in record.remarks] == [
        ("tag(s) of an image whose group is not carried", 1, "i: line 4: <tag>"),
        ("tag(s) of an image whose source is not carried", 1, "i: line 4: <tag>"),
        ("shape(s) joined to another of their label and group", 1, "i"),
    ]
