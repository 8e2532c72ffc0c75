"""Facts of a data set, its EDA, the ids of its images."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
from pathlib import Path

import pytest

from segloop.app.datasets import changed, class_rows, eda_command, facts_of, find_eda, ids_of, label_kinds
from segloop.data.annotations import ImageRecord, LabelledImages, LabelSet
from segloop.data.info import ClassInfo, DatasetInfo, Files
from segloop.utils.errors import DataError
from tools import eda


def test_facts_leave_out_what_nobody_said(tiny_master: Path) -> None:
    told = dict(facts_of(DatasetInfo.read(tiny_master)))
    assert told["licence"] == "none given"
    assert "background" in told["classes"]
    assert label_kinds(DatasetInfo.read(tiny_master)) == ["mmseg"]


def test_a_set_without_labels_is_told(tiny_master: Path) -> None:
    info = dataclasses.replace(DatasetInfo.read(tiny_master), masks=None, coco={})
    with pytest.raises(DataError, match="neither masks nor COCO files"):
        label_kinds(info)


def test_labels_that_are_written_anew_are_other_labels(tmp_path: Path) -> None:
    info = DatasetInfo(
        name="ships",
        task="ships",
        classes=(ClassInfo("ship", (1, 2, 3)),),
        splits={"val": 1, "test": 1},
        images=Files("img_dir/{split}", ".png"),
        masks=Files("ann_dir/{split}", ".png"),
        coco={"val": "val.json"},
    )
    info.write(tmp_path)
    (tmp_path / "ann_dir/val").mkdir(parents=True)
    (tmp_path / "val.json").write_text("{}")
    seen = [changed(tmp_path, info, "val")]
    for place in ("val.json", "ann_dir/val"):
        os.utime(tmp_path / place, (1, 1))  # of a backup, say
        seen.append(changed(tmp_path, info, "val"))
    assert len(set(seen)) == 3
    assert changed(tmp_path, info, "test") == seen[0][:1]  # where nothing lies


def test_an_eda_is_found_once_it_is_whole(tmp_path: Path) -> None:
    root, folder = tmp_path / "my set", tmp_path / "eda/my_set"
    folder.mkdir(parents=True)
    (folder / "eda.json").write_text(json.dumps({"classes": [{"name": "a", "objects": 3, "more": []}]}))
    assert find_eda(tmp_path, root) is None
    (folder / "index.html").write_text("page")
    found = find_eda(tmp_path, root)
    assert found is not None
    assert class_rows(found.numbers) == [{"name": "a", "objects": 3}]


def test_the_command_writes_the_eda_to_where_it_is_looked_for(
    tmp_path: Path, tiny_master: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "my set"
    root.symlink_to(tiny_master)
    words = shlex.split(eda_command(tmp_path / "runs", root))
    assert words[:2] == ["python", "tools/eda.py"]
    monkeypatch.setattr("sys.argv", [*words[1:], "--workers", "1"])
    assert eda.main() == 0
    assert find_eda(tmp_path / "runs", root) is not None


def test_versions_of_two_sets_have_an_eda_each(tmp_path: Path) -> None:
    folder = tmp_path / "eda/ships-1"
    folder.mkdir(parents=True)
    (folder / "eda.json").write_text("{}")
    (folder / "index.html").write_text("page")
    assert find_eda(tmp_path, tmp_path / "data/ships/versions/1") is not None
    assert find_eda(tmp_path, tmp_path / "data/cells/versions/1") is None


def load(key: int) -> ImageRecord:
    if key == 1:
        raise DataError("broken")
    return ImageRecord(image_id=f"id{9 - key}", name="x")


def test_images_are_listed_by_id_and_broken_ones_left_out() -> None:
    images = LabelledImages(labels=LabelSet(), keys=[0, 1, 2], load=load)
    assert ids_of(images) == {"id7": 2, "id9": 0}
