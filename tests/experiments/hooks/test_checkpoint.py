"""Whatever happens while a checkpoint is written, a whole one is there to go on from."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.fileio import LocalBackend

from segloop.experiments.checkpoints import read_checkpoint
from segloop.experiments.loops import VALIDATED
from segloop.experiments.resume import damage
from segloop.utils.errors import UserError
from tests.experiments.toy import Call, Killed, Score, assert_same, disturbed, kill, outcome, toy


def saved(folder: Path) -> set[str]:
    """The names of the checkpoints in a work_dir."""
    return {path.name for path in folder.glob("*.pth")}


def full_disk(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a hook's action after which nothing can be written any more."""

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return lambda runner: monkeypatch.setattr("segloop.utils.atomic.os.fsync", fail)


def test_keeps_the_newest_two_also_after_a_resume(tmp_path: Path) -> None:
    settings: dict[str, Any] = dict(checkpoint=dict(max_keep_ckpts=1))
    with pytest.raises(Killed):
        toy(tmp_path, Call("before_train_iter", 7, kill), **settings).train()
    assert saved(tmp_path) == {"iter_4.pth", "iter_6.pth"}
    outcome(tmp_path, resume=True, **settings)
    assert saved(tmp_path) == {"iter_8.pth", "iter_9.pth"}
    assert (tmp_path / "last_checkpoint").read_text() == str(tmp_path / "iter_9.pth")


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filling = Call("after_train_iter", 5, full_disk(monkeypatch))
    with pytest.raises(UserError, match=r"iter_6.pth could not be saved: No space left.*iter_4.pth is whole"):
        toy(tmp_path, filling, checkpoint=dict(max_keep_ckpts=2)).train()
    monkeypatch.undo()
    assert saved(tmp_path) == {"iter_2.pth", "iter_4.pth"}
    assert not list(tmp_path.glob(".*.tmp"))
    assert_same((outcome(tmp_path, resume=True)[0], {}), (outcome(tmp_path / "whole")[0], {}))


def test_the_former_best_goes_only_when_there_is_a_better_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    best: dict[str, Any] = dict(checkpoint=dict(save_best="mIoU", rule="greater", interval=100))
    scores = iter([1.0, 2.0, 1.5])
    monkeypatch.setattr("tests.experiments.toy.Score.compute_metrics", lambda *_: {"mIoU": next(scores)})
    filling = Call("before_val", 8, full_disk(monkeypatch))
    with pytest.raises(OSError, match="No space left"):
        toy(tmp_path / "full", filling, **best).train()
    assert saved(tmp_path / "full") == {"best_mIoU_iter_4.pth"}
    monkeypatch.setattr("segloop.utils.atomic.os.fsync", lambda descriptor: None)
    scores = iter([1.0, 2.0, 1.5])
    toy(tmp_path / "whole", **best).train()
    assert saved(tmp_path / "whole") == {"best_mIoU_iter_8.pth", "iter_9.pth"}


def test_the_best_of_several_scores_outlives_a_kill(tmp_path: Path) -> None:
    best: dict[str, Any] = dict(checkpoint=dict(save_best="auto", rule="greater"))
    whole = outcome(tmp_path / "whole", **best)
    killed = disturbed(tmp_path / "killed", Call("after_val", 8, kill), **best)
    assert_same(killed, whole)
    assert saved(tmp_path / "killed") == saved(tmp_path / "whole")


def test_the_best_of_another_run_stays_and_a_moved_runs_own_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    best: dict[str, Any] = dict(checkpoint=dict(save_best="mIoU", rule="greater"))
    scores = iter(range(9))
    monkeypatch.setattr("tests.experiments.toy.Score.compute_metrics", lambda *_: {"mIoU": next(scores)})
    with pytest.raises(Killed):
        toy(tmp_path / "one", Call("before_train_iter", 5, kill), **best).train()
    toy(tmp_path / "other", resume=str(tmp_path / "one/iter_4.pth"), **best).train()
    assert "best_mIoU_iter_4.pth" in saved(tmp_path / "one")
    (tmp_path / "one").rename(tmp_path / "moved")
    toy(tmp_path / "moved", resume=str(tmp_path / "moved/iter_4.pth"), **best).train()
    assert {name for name in saved(tmp_path / "moved") if "best" in name} == {"best_mIoU_iter_9.pth"}


def test_what_a_kill_kept_from_being_removed_goes_when_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(backend: LocalBackend, path: str) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(LocalBackend, "remove", killed)
        with pytest.raises(Killed):
            toy(tmp_path, checkpoint=dict(max_keep_ckpts=2)).train()
    assert saved(tmp_path) == {"iter_2.pth", "iter_4.pth", "iter_6.pth"}
    outcome(tmp_path, resume=True, checkpoint=dict(max_keep_ckpts=2))
    assert saved(tmp_path) == {"iter_8.pth", "iter_9.pth"}


def test_can_report_a_best_score_that_no_validation_gives(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"save_best is 'mIuo', .*scores: mIoU. Did you mean 'mIoU'\?"):
        toy(tmp_path, checkpoint=dict(save_best="mIuo", rule="greater")).train()
    assert "iter_4.pth" in saved(tmp_path)


def test_a_validation_that_was_made_up_for_is_not_made_a_second_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Killed):
        toy(Path("run"), Call("before_val_epoch", 4, kill)).train()
    assert read_checkpoint(tmp_path / "run/iter_4.pth")["message_hub"]["runtime_info"].get(VALIDATED) != 4
    with pytest.raises(Killed):
        toy(Path("run"), Call("before_train_iter", 5, kill), resume="run/iter_4.pth").train()
    assert read_checkpoint(tmp_path / "run/iter_4.pth")["message_hub"]["runtime_info"][VALIDATED] == 4


def test_a_training_started_anew_takes_the_note_of_the_former_away(tmp_path: Path) -> None:
    toy(tmp_path).train()
    assert (tmp_path / "last_checkpoint").is_file()
    with pytest.raises(Killed):
        toy(tmp_path, Call("before_train_iter", 1, kill)).train()
    assert not (tmp_path / "last_checkpoint").exists()


def test_clears_away_what_a_kill_left_half_written(tmp_path: Path) -> None:
    for name in ("iter_2.pth", "last_checkpoint", "train.json"):
        (tmp_path / f".{name}.abcdef12.tmp").touch()
    (tmp_path / ".mine.tmp").touch()
    toy(tmp_path).train()
    assert [path.name for path in tmp_path.glob(".*.tmp")] == [".mine.tmp"]
    assert all(damage(path) is None for path in tmp_path.glob("*.pth"))


def test_does_not_save_weights_that_are_not_finite(tmp_path: Path) -> None:
    def poison(runner: Any) -> None:
        with torch.no_grad():
            next(iter(runner.model.parameters())).fill_(float("nan"))

    with pytest.raises(
        UserError, match=r"(?s)layers.0.weight.*iteration 6.*last good checkpoint is .*iter_4.pth"
    ):
        toy(tmp_path, Call("after_train_iter", 5, poison)).train()
    assert saved(tmp_path) == {"iter_2.pth", "iter_4.pth"}


def test_a_score_with_nothing_to_judge_by_chooses_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Score, "score_names", ["mIoU"], raising=False)
    monkeypatch.setattr(Score, "compute_metrics", lambda self, results: {"other": 1.0})
    toy(tmp_path, checkpoint=dict(save_best="mIoU", rule="greater")).train()
    assert list(tmp_path.glob("best_*")) == []
    assert list(tmp_path.glob("iter_9.pth"))
    (log,) = tmp_path.glob("*/*.log")
    assert "mIoU: nothing to judge by in this validation" in log.read_text()
