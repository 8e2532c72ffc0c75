"""A download of spacecraft is found as it is unpacked, and its splits are the authors'."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from data_converters.base import ReadOptions
from data_converters.prepare import cli
from data_converters.prepare.joined import join
from data_converters.prepare.spacecraft import find
from segloop.data.annotations import ImageRecord
from segloop.data.info import DatasetInfo
from segloop.utils.errors import DataError
from tests.data_converters.spacecraft_cases import TWO, write_set

BIG = ["R" * 40] * 5 + ["G" * 40] * 5 + ["." * 40] * 10
BOXES = "{'7': [[39, 9, 0, 0]], '403': [[39, 9, 0, 0]], '1003': [[39, 9, 0, 0]], '1004': [[39, 9, 0, 0]]}"
REAL = {f"train/img_resize_{number}": BIG for number in (7, 1003, 1004)} | {"val/img_resize_403": BIG}


def records(root: Path, **options: object) -> list[ImageRecord]:
    return list(join(find(root, options=ReadOptions(**options))))  # type: ignore[arg-type]


def test_folders_are_the_authors_splits_and_numbers_tell_fine_masks(tmp_path: Path) -> None:
    write_set(tmp_path / "SatelliteDataset", REAL, boxes=BOXES)
    found = find(tmp_path, options=ReadOptions())
    assert found.root == tmp_path / "SatelliteDataset"
    assert found.notes == (
        "Masks by their numbers, of which those up to 1002 are fine: train has 1 fine and 2 coarse; "
        "val has 1 fine and 0 coarse.",
    )
    splits = {record.image_id: record.split for record in join(found)}
    assert splits == {name.split("/")[1]: name.split("/")[0] for name in REAL}


def test_other_names_of_splits_are_understood_and_other_folders_are_cut(tmp_path: Path) -> None:
    write_set(tmp_path, {"train/a_1": BIG, "valid/a_2": BIG, "more/a_3": BIG}, boxes="{}")
    assert {record.image_id: record.split for record in records(tmp_path)} == {
        "a_1": "train",
        "a_2": "val",
        "a_3": None,
    }


def test_a_download_without_folders_is_cut_and_the_authors_cut_is_told(tmp_path: Path) -> None:
    write_set(tmp_path, {"img_1": BIG, "img_2": BIG})
    notes = " ".join(find(tmp_path, options=ReadOptions()).notes)
    assert "all_bbox.txt" not in notes, "the reader tells that"
    assert "up to 402 and from 1003" in notes
    assert [record.split for record in records(tmp_path)] == [None, None]


def test_specks_are_left_out_and_smooth_colours_taken_unless_the_user_says_otherwise(tmp_path: Path) -> None:
    write_set(tmp_path, {"train/img_7": [*BIG, "." * 20 + "h" + "B" + "." * 18]}, boxes=BOXES)
    (record,) = records(tmp_path)
    assert [each.label for each in record.instances] == ["solar panel", "body"]
    assert {remark.count for remark in record.remarks} == {1}
    (record,) = records(tmp_path, min_area=0, color_tolerance=127)
    assert len(record.instances) == 3
    with pytest.raises(DataError, match="not within 9"):
        records(tmp_path, color_tolerance=9)


def test_what_is_missing_is_told_with_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError) as caught:
        find(tmp_path, options=ReadOptions())
    for part in ("images/, mask/", "It holds: images/", "--demo", "SatelliteDataset"):
        assert part in str(caught.value)


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["prepare.py", "spacecraft", *words])
    return cli.main("What it does.")


def test_a_download_becomes_masks_and_coco_or_whole_craft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = str(write_set(tmp_path / "src", REAL, boxes=BOXES))
    assert run(monkeypatch, source, "--out", str(tmp_path / "parts")) == 0
    info = DatasetInfo.read(tmp_path / "parts")
    assert info.splits == {"train": 3, "val": 1}
    assert info.class_names == ("background", "solar panel", "body", "antenna")
    assert "1 fine and 2 coarse" in capsys.readouterr().out
    assert run(monkeypatch, source, "--join-groups", "--out", str(tmp_path / "craft")) == 0
    info = DatasetInfo.read(tmp_path / "craft")
    assert info.class_names == ("background", "spacecraft")
    assert info.coco is not None
    truth = json.loads((tmp_path / "craft" / info.coco["val"]).read_text())
    assert [each["area"] for each in truth["annotations"]] == [400]
    assert [each["name"] for each in truth["categories"]] == ["spacecraft"]


def test_a_demo_takes_the_same_road(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = str(tmp_path / "demo")
    assert run(monkeypatch, "--demo", "--count", "train=2", "val=1", "--size", "64", "--out", out) == 0
    info = DatasetInfo.read(tmp_path / "demo")
    assert (info.splits, info.task) == ({"train": 2, "val": 1}, "spacecraft")
    assert info.generator == "segloop.data.demo.spacecraft, edition 1, size 64"


def test_the_small_case_is_not_mistaken_for_a_download_with_fine_and_coarse(tmp_path: Path) -> None:
    write_set(tmp_path, {"train/img_7": TWO, "val/img_8": TWO}, boxes="{}")
    assert find(tmp_path, options=ReadOptions()).notes == ()
