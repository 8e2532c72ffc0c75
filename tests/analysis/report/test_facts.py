"""Facts come from the files where they lie, and are missing without a word where those are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from segloop.analysis.report.facts import Facts
from segloop.analysis.runs import Run
from segloop.utils.errors import DataError
from tests.analysis.report.made import FLAT, facts_of, write_data, write_json, write_training


def test_everything_is_found(tmp_path: Path) -> None:
    folder = write_training(tmp_path)
    data = write_data(tmp_path)
    write_json(folder.parents[2] / "eda/data/eda.json", {"classes": []})
    facts = facts_of(folder, tmp_path)
    assert facts.work_dir == folder.parents[1]
    assert facts.config == FLAT
    assert facts.config_word == "configs/net.py"
    assert facts.config_source == tmp_path / "configs/net.py"
    assert facts.overrides == ["train_cfg.max_iters=100"]
    assert facts.data_root == data
    assert facts.info is not None
    assert facts.info.name == "shapes"
    assert facts.eda == {"classes": []}
    assert facts.main_score == "mDice_fg"
    assert facts.headline[0] == "mDice_fg"
    assert len(facts.log) == 3


def test_the_eda_of_another_sets_version_is_none_of_this_one(tmp_path: Path) -> None:
    folder = write_training(tmp_path)
    root = write_data(tmp_path).rename(tmp_path / "moved")
    version = tmp_path / "shapes/versions/1"
    version.parent.mkdir(parents=True)
    root.rename(version)
    write_json(folder.parents[2] / "eda/1/eda.json", {"classes": ["of another set"]})
    assert facts_of(folder, tmp_path, given_root=version).eda == {}
    write_json(folder.parents[2] / "eda/shapes-1/eda.json", {"classes": []})
    assert facts_of(folder, tmp_path, given_root=version).eda == {"classes": []}


def test_reasons_are_of_this_training(tmp_path: Path) -> None:
    facts = facts_of(write_training(tmp_path), tmp_path)
    assert facts.reasons["optim_wrapper.optimizer.lr"].text == "four times as large"
    assert facts.reasons["train_cfg.max_iters"].text == "set on the command line"
    source = tmp_path / "configs/net.py"
    source.write_text(source.read_text().replace("4e-3", "9e-3"))  # edited since
    assert "optim_wrapper.optimizer.lr" not in facts_of(facts.run.folder, tmp_path).reasons


def test_a_config_in_yaml_has_values_and_no_reasons(tmp_path: Path) -> None:
    folder = write_training(tmp_path, train={"command": ["tools/train.py", "configs/net.yaml"]})
    for file in (tmp_path / "configs/net.yaml", folder.parents[1] / "net.yaml"):  # a test writes the second
        file.write_text("_base_: ./base.py\ntrain_cfg:\n  max_iters: 100\n")
    facts = facts_of(folder, tmp_path)
    assert facts.config == FLAT
    assert facts.config_source == tmp_path / "configs/net.yaml"
    assert facts.reasons == {}


def test_goals_are_judged_by_what_was_recorded(tmp_path: Path) -> None:
    folder = write_training(tmp_path, train={"earlier": [{"train_s": 100.0}]})
    assert facts_of(folder, tmp_path).evidence.demo is None
    write_data(tmp_path)
    evidence = facts_of(folder, tmp_path).evidence
    assert (evidence.experiment, evidence.split, evidence.demo) == ("net", "test", True)
    assert evidence.train_s == 400.0
    assert evidence.scores == json.loads((folder / "metrics.json").read_text())["scores"]
    write_data(tmp_path, demo=False)
    assert facts_of(folder, tmp_path).evidence.demo is False


def test_a_run_alone_is_enough(tmp_path: Path) -> None:
    folder = write_training(tmp_path)
    work = folder.parents[1]
    for file in (work / "train.json", work / "model.json", work / "net.py", next(work.rglob("scalars.json"))):
        file.unlink()
    facts = facts_of(folder, tmp_path)
    assert (facts.train, facts.model, facts.config, facts.log, facts.eda) == ({}, {}, {}, [], {})
    assert facts.info is None
    assert facts.train_s is None
    assert facts.reasons == {}
    assert facts.main_score == "aAcc"


def test_a_version_of_the_labels_has_an_eda_of_its_own(tmp_path: Path) -> None:
    folder = write_training(tmp_path)
    version, eda = tmp_path / "data/versions/1", folder.parents[2] / "eda"
    version.mkdir(parents=True)
    write_json(eda / "1/eda.json", {"classes": ["of another set"]})
    write_json(eda / "data-1/eda.json", {"classes": []})
    assert facts_of(folder, tmp_path, given_root=version).eda == {"classes": []}


def test_data_that_were_moved(tmp_path: Path) -> None:
    folder = write_training(tmp_path)
    data = write_data(tmp_path)
    moved = data.rename(tmp_path / "elsewhere")
    assert facts_of(folder, tmp_path).data_root is None
    assert facts_of(folder, tmp_path, given_root=moved).data_root == moved


@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("/srv/work_dirs/net/test/val-last", "work_dirs/net/test/val-last"),
        ("results/my net/test/val-last", "'results/my net/test/val-last'"),
        ("/mnt/net/test/val-last", "/mnt/net/test/val-last"),
    ],
)
def test_commands_name_the_run_where_it_lies(folder, told):
    assert Facts(Run(Path(folder), {}), repository=Path()).place == told


def test_a_data_set_of_other_classes_is_refused_where_it_was_named(tmp_path):
    folder = write_training(tmp_path)
    write_data(tmp_path)
    file = tmp_path / "data/dataset.json"
    info = json.loads(file.read_text())
    for place, each in enumerate(info["classes"]):
        each["name"] = f"boat {place}"
    file.write_text(json.dumps(info))
    facts = facts_of(folder, tmp_path)
    assert facts.info is not None
    with pytest.raises(DataError, match=r"--data-root .*boat 1.*was tested on"):
        _ = replace(facts, given_root=tmp_path / "data").info
