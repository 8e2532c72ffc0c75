"""Two versions of labels are judged by two trainings, four tests and two comparisons."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from segloop.data.info import ClassInfo, DatasetInfo
from segloop.experiments.judging import Step, name_of, plan_judgement, require_own
from segloop.utils.errors import UserError


@pytest.fixture
def version(tiny_root: Path) -> Path:
    root = tiny_root / "versions" / "3"
    root.mkdir(parents=True)
    DatasetInfo.read(tiny_root).write(root)
    return root


def test_each_model_meets_the_labels_of_both(tiny_root: Path, version: Path) -> None:
    found = plan_judgement("configs/a.py", tiny_root, version, options=["train_cfg.max_iters=4"])
    assert [step.makes.name for step in found.trainings] == ["a-v0", "a-v3"]
    assert [step.makes.name for step in found.tests] == [
        "a-v0-on-v0",
        "a-v3-on-v0",
        "a-v0-on-v3",
        "a-v3-on-v3",
    ]
    assert [step.makes.as_posix() for step in found.comparisons] == [
        "work_dirs/compare/a-v0-v3/on-v0",
        "work_dirs/compare/a-v0-v3/on-v3",
    ]
    train, test = found.trainings[1].shown, found.tests[2].shown
    assert f"--seed 0 --cfg-options data_root={version} train_cfg.max_iters=4" in train
    assert "work_dirs/a-v0 --split test --work-dir work_dirs/a-v0-on-v3" in test
    assert f"data_root={version}" in test
    assert len(found.steps) == 8


def test_two_sets_that_are_no_versions_are_old_and_new(tiny_root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    DatasetInfo.read(tiny_root).write(other)
    found = plan_judgement("a.py", tiny_root, other)
    assert [step.makes.name for step in found.trainings] == ["a-old", "a-new"]
    assert name_of(tmp_path / "versions" / "x") == "v0"


def test_what_cannot_be_judged_is_refused(tiny_root: Path, version: Path) -> None:
    with pytest.raises(UserError, match="no split 'holdout'"):
        plan_judgement("a.py", tiny_root, version, split="holdout")
    with pytest.raises(UserError, match="the same set"):
        plan_judgement("a.py", tiny_root, tiny_root)
    info = DatasetInfo.read(version)
    replace(info, classes=(*info.classes, ClassInfo("fox", (1, 2, 3)))).write(version)
    with pytest.raises(UserError, match="other classes"):
        plan_judgement("a.py", tiny_root, version)


def test_a_training_of_another_seed_is_not_judged_as_this_one(
    tiny_root: Path, version: Path, tmp_path: Path
) -> None:
    def planned(**changes: Any) -> tuple[Step, ...]:
        return plan_judgement("a.py", tiny_root, version, work_dirs=tmp_path, **changes).trainings

    for step in planned():
        require_own(step)  # nothing is there yet
        step.makes.mkdir()
        began = [word for word in step.words if word != "--resume"]  # by hand, in another order
        (step.makes / "train.json").write_text(
            json.dumps({"command": [*began, "--device", "cpu", "--resume"]})
        )
        require_own(step)
    others: list[dict[str, Any]] = [{"seed": 1}, {"options": ["train_cfg.max_iters=4"]}]
    for changes in others:
        with pytest.raises(UserError, match=r"a-v0 holds a training that was begun otherwise:\n.*--seed 0"):
            require_own(planned(**changes)[0])
