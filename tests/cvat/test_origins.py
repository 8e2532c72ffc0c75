"""What a pull says of its images is read back, and damage is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from segloop.cvat.origins import Origin, find_origins, read_origins
from segloop.utils.errors import FormatError


def write(folder: Path, **value: object) -> Path:
    file = folder / "pull.json"
    file.write_text(json.dumps({"format": 1, **value}), encoding="utf-8")
    return file


def test_who_had_an_image_is_read(tmp_path: Path) -> None:
    image = {"image_id": "a/1", "split": "test", "task": "truth-001", "task_id": 4, "job_id": 7}
    more = {"assignee": "anna", "state": "completed", "looked_at": True, "added": 3}
    found = read_origins(write(tmp_path, images=[{**image, **more}], deleted=["test/b"], waiting=["test/c"]))
    anna = Origin(task="truth-001", task_id=4, job_id=7, assignee="anna", state="completed", looked=True)
    assert found.of("test/a/1") == replace(anna, changed=True)
    assert found.of("test/b") == Origin(deleted=True)
    assert found.of("test/c") == Origin(looked=False)
    assert found.of("test/d") is None


def test_the_record_is_found_in_a_pull_and_beside_its_sets(tmp_path: Path) -> None:
    (tmp_path / "coco").mkdir()
    assert find_origins(tmp_path / "coco") is None
    file = write(tmp_path, images=[])
    assert find_origins(tmp_path) == find_origins(tmp_path / "coco") == file


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ('{"format": 2, "images": []}', "another format"),
        ('{"format": 1}', "a list `images`"),
        ('{"format": 1, "images": [{}], "deleted": [3]}', r"images\[0\][^$]*deleted"),
    ],
)
def test_a_damaged_record_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "pull.json").write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=message):
        read_origins(tmp_path / "pull.json")
