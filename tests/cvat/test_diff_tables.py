"""The tables of a comparison hold every image, object, task and person, and add up."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from segloop.cvat.diff_tables import class_shifts, shares_by, summary, write_tables
from segloop.cvat.origins import Origin
from tests.cvat.labels_made import CHANGES, compared

WHO = {
    "test/x/1": Origin(task="truth-001", task_id=4, assignee="anna", looked=True),
    "test/2": Origin(task="truth-001", task_id=4, looked=True),
}


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def test_tables_add_up(tmp_path: Path) -> None:
    found = compared(tmp_path, WHO)
    write_tables(found, tmp_path / "out")
    images = rows(tmp_path / "out/images.csv")
    assert [each["state"] for each in images] == ["changed", "no change", "not there"]
    assert images[0]["assignee"] == "anna"
    assert images[2]["iou"] == images[2]["pixels_changed"] == ""
    objects = rows(tmp_path / "out/objects.csv")
    assert sorted(each["change"] for each in objects) == sorted(set(CHANGES) - {"same"})
    moved = next(each for each in objects if each["change"] == "moved")
    assert (moved["dx"], moved["dy"], moved["uid"]) == ("4", "3", "b")
    numbers = json.loads((tmp_path / "out/diff.json").read_text(encoding="utf-8"))
    assert numbers["pixels"]["changed"] == sum(int(each["pixels_changed"] or 0) for each in images)
    flips = (tmp_path / "out/flips.csv").read_text(encoding="utf-8").splitlines()
    assert flips[0] == "before \\ after,(nothing),cat,dog,(ignored)"
    assert sum(int(cell) for line in flips[1:] for cell in line.split(",")[1:]) == 2 * 48 * 64


def test_people_and_tasks_have_their_share(tmp_path: Path) -> None:
    found = compared(tmp_path, WHO)
    anna, unknown = shares_by(found, "assignee")[::-1]
    assert (anna.name, anna.images, anna.states["changed"], anna.objects["moved"]) == ("anna", 1, 1, 1)
    assert (unknown.name, unknown.states["no change"], unknown.pixels) == ("(unknown)", 1, 0)
    (task,) = shares_by(found, "task")
    assert (task.name, task.images) == ("#4 truth-001", 2)


def test_classes_shift(tmp_path: Path) -> None:
    cat, dog = class_shifts(compared(tmp_path))
    assert (cat.name, cat.before, cat.after) == ("cat", 80 + 100 + 200 + 80, 100 + 200 + 36 + 80)
    assert dog.name == "dog"


def test_the_summary_says_it_in_words(tmp_path: Path) -> None:
    told = summary(compared(tmp_path))
    assert "3 images: 1 changed, 1 no change, 1 not there" in told
    assert "1 renamed, 1 moved, 1 redrawn, 1 added, 1 removed" in told
    assert "nothing tells who looked" in told
