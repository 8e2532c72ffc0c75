"""`--resume same` goes on with the same unfinished run, and with no other."""

import json
from pathlib import Path

import pytest
from mmengine.config import Config

from segloop.experiments.records import CLAIM
from segloop.experiments.same_run import settle_same


def config(folder: Path, **told: object) -> Config:
    data = dict(dataset=dict(data_root=str(folder / "data")))
    return Config(dict(work_dir=str(folder / "run"), train_dataloader=data, lr=1e-3, **told))


def stopped(folder: Path, state: str = "stopped") -> None:
    """Leave what a run leaves that has this state."""
    (folder / "run" / "train.json").write_text(json.dumps({"state": state}), encoding="utf-8")
    (folder / "run" / "iter_4.pth").touch()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dataset.json").write_text("1", encoding="utf-8")
    assert settle_same(config(tmp_path)) is None
    stopped(tmp_path)
    return tmp_path


def test_the_same_unfinished_run_goes_on(folder: Path) -> None:
    assert settle_same(config(folder)) == "auto"
    assert settle_same(config(folder, resume=True, log_level="DEBUG")) == "auto"
    assert (folder / "run" / "iter_4.pth").exists()


def test_another_setting_begins_anew_in_an_empty_folder(folder: Path) -> None:
    assert settle_same(config(folder, seed=1)) is None
    assert not (folder / "run" / "iter_4.pth").exists()
    assert (folder / "run.before" / "iter_4.pth").exists()


def test_the_claim_of_a_training_stays_where_it_trains(folder: Path) -> None:
    (folder / "run" / CLAIM).touch()
    settle_same(config(folder, seed=1))
    assert (folder / "run" / CLAIM).exists()
    assert not (folder / "run.before" / CLAIM).exists()


def test_a_work_dir_that_is_a_link_stays_one(folder: Path) -> None:
    (folder / "run").rename(folder / "disk")
    (folder / "run").symlink_to("disk")
    settle_same(config(folder, seed=1))
    assert (folder / "run").is_symlink()
    assert (folder / "disk.before" / "iter_4.pth").exists()


def test_other_data_begin_anew(folder: Path) -> None:
    (folder / "data" / "dataset.json").write_text("2", encoding="utf-8")
    assert settle_same(config(folder)) is None


def test_a_finished_run_is_run_again(folder: Path) -> None:
    stopped(folder, "done")
    assert settle_same(config(folder)) is None
    assert (folder / "run.before").is_dir()
