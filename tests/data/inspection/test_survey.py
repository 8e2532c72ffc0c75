"""A whole set is looked over: what shows in one image, and what shows in all of them alone."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from segloop.data.annotations import ImageRecord, Label, LabelSet, Remark
from segloop.data.inspection import inspect_set
from segloop.data.inspection.survey import broken_set, same_but_for_case
from segloop.utils.errors import DataError
from tests.data.inspection.sets import (
    LABELS,
    SIZE,
    THINGS,
    in_memory,
    mapped,
    scene,
    verdict_on,
    with_objects,
    write,
)


def good(folder: Path, count: int, *, split: str | None = "train", first: int = 0) -> list[ImageRecord]:
    """Return records that nothing is wrong with."""
    records = []
    for seed in range(first, first + count):
        picture, mask = scene(seed)
        records.append(
            mapped(f"{seed}", write(folder / (split or ""), str(seed), picture), mask, split=split)
        )
    return records


def kinds(verdict) -> dict[str, list[str | None]]:
    """Return the images of each kind of finding."""
    return {kind: [each.image_id for each in found] for kind, found in verdict.by_kind.items()}


def test_a_good_set_has_no_findings(tmp_path: Path) -> None:
    verdict = verdict_on([*good(tmp_path, 8), *good(tmp_path, 3, split="val", first=20)])
    assert verdict.findings == ()
    assert verdict.exit_code == 0
    assert verdict.splits == {"train": 8, "val": 3}
    assert verdict.objects == 11


def test_processes_say_what_one_says(tmp_path: Path) -> None:
    records = [*good(tmp_path, 17), DataError("x: broken", image_id="x")]
    alone = verdict_on(records)
    told: list[int] = []
    several = inspect_set(
        in_memory(records), source="set", form="test", workers=2, progress=lambda done, _: told.append(done)
    )
    assert several == alone
    assert told == list(range(1, 19))
    assert kinds(alone) == {"labels": ["x"]}


def test_images_that_cannot_be_used_keep_their_split(tmp_path: Path) -> None:
    broken = DataError("x: broken", image_id="x")
    broken.split = "val"  # as the keys of a set in folders of splits know it
    verdict = verdict_on([*good(tmp_path, 3), broken])
    assert verdict.splits == {"train": 3, "val": 1}
    assert "val: x: broken" in str(verdict)
    assert "# split val" in verdict.image_list()


def test_copies_across_splits_are_found_however_they_were_saved(tmp_path: Path) -> None:
    records = [*good(tmp_path, 6), *good(tmp_path, 3, split="val", first=30)]
    picture, mask = scene(2)
    saved = cv2.resize(picture, (150, 120))
    records.append(
        mapped("again", write(tmp_path / "val", "again", saved), cv2.resize(mask, (150, 120)), split="val")
    )
    turned = np.ascontiguousarray(np.rot90(scene(3)[0]))
    records.append(
        mapped("turned", write(tmp_path / "val", "turned", turned), np.rot90(scene(3)[1]).copy(), split="val")
    )
    verdict = verdict_on(records)
    assert kinds(verdict) == {"leak": ["2"], "turned-leak": ["3"]}
    leak, turned_leak = verdict.findings
    assert leak.others == (("again", "val", 9),)
    assert turned_leak.others == (("turned", "val", 10),)


def test_labels_of_another_image_stand_out(tmp_path: Path) -> None:
    records = good(tmp_path, 8)
    wrong = np.zeros((SIZE, SIZE), np.uint8)
    wrong[3:20, 50:90] = 1
    wrong[75:92, 3:40] = 1
    records.append(mapped("wrong", write(tmp_path, "wrong", scene(50)[0]), wrong))
    assert kinds(verdict_on(records)) == {"edges": ["wrong"]}


def test_blank_and_unlabelled_images_are_doubts(tmp_path: Path) -> None:
    nothing = np.zeros((SIZE, SIZE), np.uint8)
    records = good(tmp_path, 8)
    records.append(mapped("blank", write(tmp_path, "blank", nothing + 40), scene(9)[1]))
    records.append(mapped("empty", write(tmp_path, "empty", scene(40)[0]), nothing))
    records.append(mapped("void", write(tmp_path, "void", scene(41)[0]), nothing + 255))
    assert kinds(verdict_on(records)) == {"blank": ["blank"], "unlabelled": ["void", "empty"]}


def test_where_many_images_are_empty_that_is_how_the_set_is(tmp_path: Path) -> None:
    nothing = np.zeros((SIZE, SIZE), np.uint8)
    records = [mapped(str(n), write(tmp_path, str(n), scene(n)[0]), nothing) for n in range(3)]
    verdict = verdict_on(records)
    assert verdict.findings == ()
    assert "3 of 3 images have no labels; so many are taken as meant" in verdict.remarks


def test_files_that_no_label_mentions(tmp_path: Path) -> None:
    records = []
    for seed in range(3):
        picture, mask = scene(seed)
        records.append(with_objects(str(seed), write(tmp_path, str(seed), picture), [mask]))
    write(tmp_path, "forgotten", scene(9)[0])
    (tmp_path / "notes.txt").write_text("not an image")
    verdict = verdict_on(records, THINGS)
    assert [each.text for each in verdict.findings] == [str(tmp_path / "forgotten.png")]
    assert verdict.by_kind.keys() == {"unlisted"}
    assert verdict_on(records, THINGS, whole=False).findings == ()


def test_images_may_lie_where_the_command_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, mask = scene(0)
    write(tmp_path, "0", picture)
    write(tmp_path, "forgotten", scene(9)[0])
    monkeypatch.chdir(tmp_path)
    verdict = verdict_on([with_objects("0", Path("0.png"), [mask])], THINGS)
    assert [(each.kind, each.text) for each in verdict.findings] == [("unlisted", "forgotten.png")]


def test_a_class_of_specks_is_told_once(tmp_path: Path) -> None:
    records = []
    for seed in range(6):
        picture, mask = scene(seed)
        dotted = np.zeros_like(mask)
        dotted[4::12, 4::12] = 1
        records.append(mapped(str(seed), write(tmp_path, str(seed), picture), dotted))
    verdict = verdict_on(records)
    assert "specks" not in verdict.by_kind
    assert any("parts of fish are of a few pixels" in each for each in verdict.remarks)


def test_specks_slivers_and_hollow_objects_are_told_with_their_place(tmp_path: Path) -> None:
    records = good(tmp_path, 5)
    odd = records[0].semantic.copy()
    odd[4:6, 4:24] = 1
    odd[90, 6] = 1
    records[0] = mapped("0", records[0].file, odd, split="train")
    verdict = verdict_on(records)
    assert [(each.kind, each.text, each.place) for each in verdict.findings] == [
        ("slivers", "1 of fish, 20 px long, at x=4, y=4", 0),
        ("specks", "1 of fish, 1 px, at x=6, y=90", 0),
    ]


def test_names_that_differ_only_by_case_or_blanks() -> None:
    told = [each.text for each in same_but_for_case(["Fish", "fish", "crab", "star fish", "starfish", "ray"])]
    assert told == ["'Fish', 'fish'", "'star fish', 'starfish'"]


def test_remarks_are_added_up_and_unused_labels_named() -> None:
    labels = LabelSet((*LABELS.labels, Label("crab")), background=0)
    mask = scene(0)[1]
    record = mapped("a", None, mask)
    noticed = ImageRecord(
        image_id="b",
        name="b.png",
        size_hw=mask.shape,
        semantic=mask,
        remarks=(Remark("overlaps", 3, "b: here"),),
    )
    remarks = verdict_on([record, noticed], labels).remarks
    assert "3 overlaps; b: here" in remarks
    assert "no image shows crab" in remarks
    assert "2 image(s) came without their files: only their labels were looked at" in remarks


def test_a_set_without_an_image_is_a_finding() -> None:
    verdict = verdict_on([])
    assert (kinds(verdict), verdict.exit_code) == ({"set": [None]}, 1)
    assert "it holds no image" in str(verdict)


def test_a_set_that_cannot_be_opened_is_a_finding() -> None:
    verdict = broken_set(DataError("instances.json: line 3: no"), source="s", form="coco")
    assert verdict.exit_code == 1
    assert "line 3: no" in str(verdict)
