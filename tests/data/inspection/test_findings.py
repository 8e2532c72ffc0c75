"""A verdict is told as text, as JSON and as a LIST."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from segloop.data.inspection.findings import Finding, Verdict
from segloop.data.layout import read_list

VERDICT = Verdict(
    source="data/sea",
    format="mmseg",
    images=1200,
    splits={"train": 1000, "val": 200},
    labels=("ground", "fish"),
    objects=3000,
    findings=(
        Finding(kind="labels", text="value 9", image_id="a/1", split="train"),
        Finding(kind="case", text="'Fish', 'fish'"),
        Finding(kind="leak", text="the same", image_id="b", split="train", others=(("c", "val", 7),)),
        *(Finding(kind="specks", text="1 of fish", image_id=str(n), split="val") for n in range(7)),
    ),
    remarks=("no image shows crab",),
)


def test_the_text_tells_each_kind_with_its_remedy_and_cuts_long_ones() -> None:
    text = str(VERDICT)
    assert text.startswith(
        "data/sea (mmseg): 1,200 images (1,000 train, 200 val), 3,000 objects, 2 classes\n"
    )
    assert ", 3,000 objects, 1 class\n" in str(replace(VERDICT, labels=("fish",)))
    assert "1 x images whose labels cannot be used\n  train: a/1: value 9\n  → Mend the labels" in text
    assert "\n  'Fish', 'fish'\n" in text
    assert "doubt: 7 x parts of a few pixels" in text
    assert "  … and 2 more" in text
    assert "Remarks:\n  no image shows crab" in text
    assert text.endswith("3 finding(s) to mend, 7 to look at.")
    assert VERDICT.exit_code == 1


def test_kinds_that_are_skipped_are_gone_and_named() -> None:
    left = VERDICT.without(["specks", "leak", "case", "labels"])
    assert left.exit_code == 0
    assert str(left).endswith("Nothing was found. Not looked at: specks, leak, case, labels.")


def test_json_holds_everything() -> None:
    told = json.loads(json.dumps(VERDICT.as_json()))
    assert told["counts"] == {"labels": 1, "case": 1, "leak": 1, "specks": 7}
    assert told["findings"][2]["others"] == [["c", "val", 7]]
    assert told["findings"][2]["grave"] is True
    assert told["findings"][3]["grave"] is False
    assert len(told["findings"]) == 10


def test_the_list_is_one_that_other_tools_take(tmp_path: Path) -> None:
    file = tmp_path / "look_at.txt"
    file.write_text(VERDICT.image_list())
    assert read_list(file) == ["a/1", "b", "0", "1", "2", "3", "4", "5", "6", "c"]
    assert "# split val\n# specks\n0\n" in file.read_text()


def test_odd_names_are_listed_or_stay_comments(tmp_path: Path) -> None:
    file = tmp_path / "look_at.txt"
    odd = [Finding(kind="specks", text="", image_id=name, split="val") for name in ("#1", "caf\udce9")]
    file.write_text(replace(VERDICT, findings=tuple(odd)).image_list())
    assert read_list(file) == ["#1"]
    assert "# 'caf\\udce9'\n" in file.read_text()


def test_an_id_of_two_splits_is_listed_once() -> None:
    twice = Verdict(
        source="s",
        format="mmseg",
        splits={"train": 1, "val": 1},
        findings=(Finding(kind="leak", text="", image_id="1", split="train", others=(("1", "val", 1),)),),
    )
    lines = twice.image_list().splitlines()
    assert [line for line in lines if not line.startswith("#") and line] == ["1"]
