"""What the label loop has left on disk."""

from __future__ import annotations

import json
from pathlib import Path

from segloop.app.loop import (
    columns,
    find_differences,
    find_loops,
    pulled_images,
    read_rows,
)


def test_loops_are_found_with_addresses_and_damaged_ones_left_out(tmp_path: Path) -> None:
    loop, bad = tmp_path / "cvat/ships", tmp_path / "cvat/bad"
    for folder in (loop, bad):
        folder.mkdir(parents=True)
    task = {"key": "truth-001", "kind": "truth", "state": "verified", "frames": [{}, {}], "id": 7}
    record = {"host": "https://cvat.example/", "name": "ships", "project_id": 3, "tasks": [task, "?"]}
    (loop / "manifest.json").write_text(json.dumps(record))
    (bad / "manifest.json").write_text("{")
    (found,) = find_loops(tmp_path)
    assert found.project == "https://cvat.example/projects/3"
    assert [(each.key, each.images, each.address) for each in found.tasks] == [
        ("truth-001", 2, "https://cvat.example/tasks/7")
    ]


def test_an_address_that_is_no_web_page_is_not_linked_to(tmp_path: Path) -> None:
    record = {"host": "javascript:alert(1)//", "tasks": [{"id": 1}], "project_id": 1}
    (tmp_path / "manifest.json").write_text(json.dumps(record))
    (found,) = find_loops(tmp_path)
    assert found.project is None
    assert found.tasks[0].address is None


def test_pulled_images_are_read_from_where_a_pull_puts_them(tmp_path: Path) -> None:
    (tmp_path / "pulled/truth").mkdir(parents=True)
    (tmp_path / "pulled/truth/pull.json").write_text(json.dumps({"images": [{"image_id": "a"}, 3]}))
    assert pulled_images(tmp_path) == [{"image_id": "a"}]
    assert pulled_images(tmp_path / "none") == []


def test_differences_have_tables_and_a_page(tmp_path: Path) -> None:
    folder = tmp_path / "diff"
    folder.mkdir()
    (folder / "images.csv").write_text("image_id,iou\na,0.5\nb,1\n")
    assert find_differences(tmp_path) == []
    (folder / "diff.json").write_text("{}")
    (found,) = find_differences(tmp_path)
    assert found.page is None
    assert read_rows(found.tables["images"], most=1) == (["image_id", "iou"], [["a", "0.5"]])
    assert read_rows(folder / "gone.csv") == ([], [])


def test_what_changed_is_summed_and_what_is_not_said_left_out(tmp_path: Path) -> None:
    numbers = {
        "images": {"changed": 3, "no change": 1, "not there": 9},
        "pixels": {"changed": 5, "compared": 1000},
        "objects": {"added": 2, "same": 7},
    }
    (tmp_path / "diff.json").write_text(json.dumps(numbers))
    (found,) = find_differences(tmp_path)
    assert found.sums() == {"images changed": "3 of 4", "pixels changed": "0.5%", "objects added": "2"}
    (tmp_path / "diff.json").write_text(json.dumps({"images": 3, "pixels": {"compared": 0}}))
    assert find_differences(tmp_path)[0].sums() == {}


def test_the_tables_come_in_the_order_in_which_they_are_asked_for(tmp_path: Path) -> None:
    for name in ("tasks", "images", "zebra", "flips", "diff"):
        (tmp_path / f"{name}.csv").write_text("a\n")
    (tmp_path / "diff.json").write_text("{}")
    (found,) = find_differences(tmp_path)
    assert list(found.tables) == ["images", "flips", "tasks", "diff", "zebra"]


def test_numbers_sort_as_numbers_and_names_of_digits_stay_names() -> None:
    head, rows = ["image_id", "dx", "iou", "note"], [["007", "-3", "0.5", "x"], ["10", "12", "", "1"]]
    assert columns(head, rows) == {
        "image_id": ["007", "10"],
        "dx": [-3, 12],
        "iou": [0.5, None],
        "note": ["x", "1"],
    }


def test_changed_images_are_shown_wherever_they_stand_among_the_others(tmp_path: Path) -> None:
    file = tmp_path / "images.csv"
    lines = [f"{number},{'changed' if number > 7 else 'no change'}" for number in range(10)]
    file.write_text("\n".join(["image_id,state", *lines, "cut off"]))
    assert read_rows(file, most=5, changed=True)[1] == [["8", "changed"], ["9", "changed"]]
    assert len(read_rows(file, most=5)[1]) == 5
    file.write_text("task,images\na,3\n")
    assert read_rows(file, changed=True)[1] == [["a", "3"]]


def test_a_loop_says_how_it_goes_on_with_its_own_labels(tmp_path: Path) -> None:
    record = {"host": "https://cvat.example", "tasks": [], "source": {"path": "data/my ships"}}
    (tmp_path / "manifest.json").write_text(json.dumps(record))
    (found,) = find_loops(tmp_path)
    assert found.commands()["Make a version of the labels"] == (
        f"python tools/cvat.py apply 'data/my ships' {tmp_path}"
    )
