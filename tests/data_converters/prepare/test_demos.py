"""The demo set for a training whose data are missing: whole by default, a few images for a trial."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from data_converters.prepare import tasks
from data_converters.prepare.demos import make_demo, own_or_small, spread
from segloop.data.info import DatasetInfo
from segloop.utils.errors import UserError
from tests.data_converters.prepare.prepare_cases import coco_found, fake_task, write_objects


@pytest.mark.parametrize("count", [3, 7, 60, 61, 1200])
def test_images_are_spread_as_usual(count: int) -> None:
    counts = spread(count, {"train": 800, "val": 200, "test": 200})
    assert sum(counts.values()) == count
    assert min(counts.values()) >= 1
    assert counts["train"] >= counts["val"]


def test_a_few_scenes_of_the_demo_are_made_and_the_whole_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segloop.data.demo import multiclass

    monkeypatch.setattr(multiclass, "SIZE", 64)
    whole = make_demo("multiclass", str(tmp_path / "set"), seed=4, count=5)
    assert whole == {"train": 800, "val": 200, "test": 200}
    info = DatasetInfo.read(tmp_path / "set")
    assert (dict(info.splits), info.seed) == ({"train": 3, "val": 1, "test": 1}, 4)


def test_a_set_that_is_cut_has_all_in_the_same_shares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(root: Path, seed: int, counts: Mapping[str, int], size: int) -> None:
        write_objects(root, range(1, counts["all"] + 1))

    task = fake_task(monkeypatch, coco_found, draw=draw)
    task.generator().COUNTS = {"all": 200}
    monkeypatch.setitem(tasks.TASKS, "fake", task)
    assert make_demo("fake", str(tmp_path / "set"), seed=0, count=20) == {"train": 140, "val": 30, "test": 30}


def test_an_unknown_task_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no task 'unknown'"):
        make_demo("unknown", str(tmp_path / "set"), seed=0)


def test_an_own_set_is_used_and_else_a_small_one_is_drawn_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segloop.data.demo import multiclass

    monkeypatch.setattr(multiclass, "SIZE", 64)
    monkeypatch.setenv("SEGLOOP_DATA", str(tmp_path / "own"))
    small = own_or_small("multiclass", small=tmp_path / "small", count=4)
    assert small == tmp_path / "small/multiclass"
    assert sum(DatasetInfo.read(small).splits.values()) == 4
    before = (small / "dataset.json").stat().st_mtime_ns
    assert own_or_small("multiclass", small=tmp_path / "small", count=9) == small
    assert (small / "dataset.json").stat().st_mtime_ns == before
    (tmp_path / "own").mkdir()
    small.rename(tmp_path / "own/multiclass")
    assert own_or_small("multiclass", small=tmp_path / "small") == tmp_path / "own/multiclass"
