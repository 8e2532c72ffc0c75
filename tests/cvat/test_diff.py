"""Images of two sets are paired by name, and no change is told apart from not looked at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segloop.cvat.diff import ABSENT, CHANGED, DELETED, SAME, UNSEEN, diff
from segloop.cvat.differences import Classes
from segloop.cvat.origins import Origin, Origins
from segloop.data.annotations import Attribute, ImageRecord, Label, LabelSet, Tag
from segloop.data.masks import decode
from segloop.utils.errors import DataError, UserError
from tests.cvat.labels_made import CHANGES, LABELS, after, before, compared, instance, semantic
from tests.cvat.sets import set_of


def test_each_kind_of_change_is_found(tmp_path: Path) -> None:
    found = compared(tmp_path)
    assert [row.state for row in found.rows] == [CHANGED, SAME, ABSENT]
    assert found.objects() == {**dict.fromkeys(CHANGES, 1), "same": 2, "marked": 0}
    assert [row.name for row in found.changed] == ["test/x/1"]
    assert found.flips.sum() == 2 * 48 * 64


def test_no_change_is_not_the_same_as_not_looked_at(tmp_path: Path) -> None:
    who = {
        "test/x/1": Origin(task="t", assignee="anna", looked=True),
        "test/2": Origin(task="t", assignee="ben", looked=False),
        "train/3": Origin(deleted=True),
    }
    found = compared(tmp_path, who)
    assert [row.state for row in found.rows] == [CHANGED, UNSEEN, DELETED]
    looked = {**who, "test/2": Origin(looked=True), "train/3": Origin(looked=False)}
    assert [row.state for row in compared(tmp_path, looked).rows] == [CHANGED, SAME, UNSEEN]


def test_a_set_without_splits_is_paired_by_path_or_by_id(tmp_path: Path) -> None:
    old = before(tmp_path)
    first, second, _ = old
    plain = [
        replace(first, split=None, image_id="test/x/1", instances=()),
        replace(second, split=None),
    ]
    found = diff(old, set_of(plain, LABELS))
    assert [row.state for row in found.rows] == [CHANGED, SAME, ABSENT]


def test_a_name_that_may_be_two_images_is_refused(tmp_path: Path) -> None:
    first, *_ = before(tmp_path)
    old = set_of([first, replace(first, split="train")], LABELS)
    new = set_of([replace(first, split=None)], LABELS)
    with pytest.raises(DataError, match=r"x/1 may be test/x/1 or train/x/1"):
        diff(old, new)


def test_images_of_another_set_are_told_and_none_in_common_is_refused(tmp_path: Path) -> None:
    old = before(tmp_path)
    first, second, _ = old
    strange = replace(second, image_id="99")
    assert diff(old, set_of([first, strange], LABELS)).strange == ["test/99"]
    with pytest.raises(UserError, match="has no image of"):
        diff(old, set_of([strange], LABELS))


def test_all_problems_are_told_together(tmp_path: Path) -> None:
    old = before(tmp_path)
    first, second, _ = old
    wrong = [replace(each, size_hw=(10, 10), instances=()) for each in (first, second)]
    with pytest.raises(DataError, match=r"2 image\(s\) cannot be compared[^$]*x/1[^$]*test/2"):
        diff(old, set_of(wrong, LABELS))


def test_a_model_is_held_against_both(tmp_path: Path) -> None:
    old = before(tmp_path)

    def predict(record: ImageRecord, classes: Classes) -> np.ndarray | None:
        if record.image_id != "x/1":
            return None
        canvas = np.full((48, 64), classes.background)
        for each in after(old).load(0).instances:
            canvas[decode(each.shape.runs, (48, 64)).astype(bool)] = classes.labels.index(each.label)  # type: ignore[union-attr]
        return canvas

    found = diff(old, after(old), predict=predict, model="net")
    worse, better = found.rows[0].found_iou or (0, 0)
    assert worse < better == 1
    assert found.rows[1].found_iou is None


def test_equal_index_maps_are_drawn_once_and_counted_all_the_same(tmp_path: Path) -> None:
    labels = LabelSet((Label("background"), Label("cat")), background=0)
    canvas = np.zeros((8, 8), np.uint8)
    canvas[1:4, 1:4] = 1
    sets = [set_of([semantic("a", canvas.copy())], labels) for _ in range(2)]
    found = diff(sets[0], sets[1], origins=Origins(images={"train/a": Origin(looked=True)}))
    assert found.rows[0].state == SAME
    assert found.objects()["same"] == 1
    assert not found.told


def test_new_and_lost_classes_are_told(tmp_path: Path) -> None:
    old = before(tmp_path)
    labels = LabelSet((Label("cat"), Label("fox")))
    new = set_of([replace(old.load(1), instances=(instance("fox", None, 1, 1, 9, 9),))], labels)
    told = "\n".join(diff(old, new).told)
    assert "1 class(es) are new: fox" in told
    assert "1 class(es) are gone: dog" in told
    assert "nothing tells who looked" in told


def test_what_was_only_marked_in_cvat_is_a_change(tmp_path: Path) -> None:
    labels = LabelSet((Label("cat", attributes=(Attribute("mood", "select", ("calm", "wild"), "calm"),)),))
    cat = instance("cat", "a", 2, 2, 10, 12)
    filled = replace(cat, attributes={"mood": "calm"})
    marked = [
        replace(filled, attributes={"mood": "wild"}),
        replace(filled, occluded=True),
        replace(filled, crowd=True),
        filled,
    ]
    record = ImageRecord(image_id="", name="", size_hw=(48, 64), split="train", instances=(cat,))
    old = [replace(record, image_id=f"{n}", name=f"{n}.png") for n in range(6)]
    new = [replace(each, instances=(now,)) for each, now in zip(old, marked, strict=False)]
    new.append(replace(old[4], tags=(Tag("cat"),)))
    new.append(replace(old[5], instances=(marked[1],)))  # CVAT has nothing of it: another road lost the mark
    touched = {f"train/{n}": Origin(looked=True, changed=n < 5) for n in range(6)}
    found = diff(set_of(old, labels), set_of(new, labels), origins=Origins(images=touched))
    assert [row.state for row in found.rows] == [CHANGED, CHANGED, CHANGED, SAME, CHANGED, SAME]
    assert found.objects()["marked"] == 3
    assert found.flips.sum() == np.trace(found.flips)
    assert {row.state for row in diff(set_of(old, labels), set_of(new, labels)).rows} == {SAME}
