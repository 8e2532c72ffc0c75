"""The folder of a set's report: page, numbers, weights, and what is said at the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from segloop.data.annotations import ImageRecord
from segloop.data.statistics import gather
from segloop.utils.errors import UserError
from segloop.viz.dataset_report import write_report
from tests.data.statistics.sets import SEMANTIC, labelled, semantic_set


def test_everything_lies_in_the_folder_and_weights_are_plain_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    images = semantic_set(tmp_path, 4)
    told = write_report(Path("out/eda"), images, gather(images, workers=0), name="set", source="here")
    names = ("inverse", "median_frequency", "effective_number")
    files = {f"class_weights.{name}.json" for name in names} | {"eda.json", "index.html"}
    assert {file.name for file in Path("out/eda").iterdir()} == files
    numbers = json.loads(Path("out/eda/eda.json").read_text())
    for name in names:
        weights = json.loads(Path(f"out/eda/class_weights.{name}.json").read_text())
        assert isinstance(weights, list)
        assert weights == numbers["class_weights"][name]
        assert len(weights) == 3
    assert "out/eda/class_weights.median_frequency.json" in numbers["config"], "as a config names it"
    assert numbers["hardest"][0]["image"] in {"0", "1", "2", "3"}
    assert "4 images, 6 objects: out/eda/index.html" in told
    assert "data_preprocessor" in told


def test_the_same_set_writes_the_same_bytes(tmp_path: Path) -> None:
    images = semantic_set(tmp_path, 3)
    for name in ("a", "b"):
        write_report(tmp_path / name, images, gather(images, workers=0), name="set", source="here")
    for file in ("eda.json", "index.html"):
        first, second = ((tmp_path / name / file).read_text() for name in ("a", "b"))
        assert first.replace(f"{tmp_path}/a/", "") == second.replace(f"{tmp_path}/b/", "")


def test_what_was_left_out_is_told(tmp_path: Path) -> None:
    images = labelled([semantic_set(tmp_path, 1).load(0), ImageRecord(image_id="bad", name="b")], SEMANTIC)
    told = write_report(tmp_path / "o", images, gather(images, workers=0), name="set", source="here")
    assert "1 images cannot be used and were left out:\n  bad: bad: broken" in told


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    images = semantic_set(tmp_path, 1)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write_report(tmp_path / "file/eda", images, gather(images, workers=0), name="set", source="here")
