"""A run that was killed and resumed ends bit by bit where the undisturbed one does."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.hooks import EMAHook, Hook
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from segloop.experiments.loops import EpochTrainLoop, IterTrainLoop, exact_loop
from segloop.experiments.runner import ExperimentRunner
from segloop.utils.errors import ConfigError
from tests.experiments.toy import WORKERS, Call, Killed, Numbers, assert_same, disturbed, kill, outcome, toy

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
Outcome = tuple[dict[str, torch.Tensor], dict]
ACCUMULATE = dict(optimizer=dict(type="SGD", lr=0.01, momentum=0.9), accumulative_counts=3)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The iteration-based run that nothing happened to."""
    return outcome(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize("workers", WORKERS)
def test_resumes_exactly_with_any_number_of_workers(
    workers: int, undisturbed: Outcome, tmp_path: Path
) -> None:
    killed = disturbed(tmp_path, Call("before_train_iter", 5, kill), workers=workers)
    assert_same(killed, undisturbed)
    assert {step for kind, step in killed[1] if kind == "val"} == {4, 8, 9}


@pytest.mark.parametrize("point", ["before_val", "after_val_iter", "after_val_epoch"])
def test_makes_up_for_a_validation_that_was_killed(point: str, undisturbed: Outcome, tmp_path: Path) -> None:
    assert_same(disturbed(tmp_path, Call(point, 4, kill)), undisturbed)


@pytest.mark.parametrize("epochs", [False, True])
def test_a_validation_made_up_for_leaves_the_hub_as_it_would_be(epochs: bool, tmp_path: Path) -> None:
    last = 12 if epochs else 9
    settings: dict[str, Any] = dict(epochs=epochs, checkpoint=dict(by_epoch=False, interval=1))
    outcome(tmp_path / "whole", **settings)
    disturbed(tmp_path / "killed", Call("after_val_iter", last, kill), **settings)
    hubs = [
        torch.load(tmp_path / name / f"iter_{last}.pth")["message_hub"]["runtime_info"]
        for name in ("whole", "killed")
    ]
    assert [hub["iter"] for hub in hubs] == [last - 1] * 2
    assert hubs[0]["epoch"] == hubs[1]["epoch"]


def test_a_validation_that_was_done_is_not_repeated(undisturbed: Outcome, tmp_path: Path) -> None:
    weights, lines = disturbed(tmp_path, Call("before_train_iter", 4, kill))
    assert_same((weights, lines), undisturbed)
    again = outcome(tmp_path, resume=True, workers=1)
    assert again[1] == {}, "a finished run has nothing left to do"
    assert_same((again[0], lines), undisturbed)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("iteration", [4, 6, 7])
def test_resumes_in_the_middle_of_an_epoch(workers: int, iteration: int, tmp_path: Path) -> None:
    whole = outcome(tmp_path / "whole", epochs=True)
    killed = disturbed(
        tmp_path / "killed", Call("after_train_iter", iteration, kill), epochs=True, workers=workers
    )
    assert_same(killed, whole)


def test_resumes_from_the_end_of_an_epoch(tmp_path: Path) -> None:
    saving: dict[str, Any] = dict(epochs=True, checkpoint=dict(by_epoch=True, interval=1))
    whole = outcome(tmp_path / "whole", **saving)
    for name, point in (("in an iteration", "before_train_iter"), ("in a validation", "after_val_iter")):
        iteration = 6 if point == "before_train_iter" else 4
        assert_same(disturbed(tmp_path / name, Call(point, iteration, kill), **saving), whole)


@pytest.mark.parametrize("epochs", [False, True])
def test_loops_samplers_and_hooks_of_mmengine_resume_exactly_too(epochs: bool, tmp_path: Path) -> None:
    whole = outcome(tmp_path / "whole", epochs=epochs, foreign=True)
    killed = disturbed(
        tmp_path / "killed", Call("after_train_iter", 6, kill), epochs=epochs, foreign=True, workers=1
    )
    assert_same(killed, whole)


@pytest.mark.filterwarnings("ignore:Detected call of `scheduler.step:UserWarning")  # while gradients gather
@pytest.mark.parametrize(
    ("hooks", "settings"),
    [
        (lambda: [EMAHook(momentum=0.1, update_buffers=True)], {}),
        (tuple, {"optim_wrapper": ACCUMULATE}),
    ],
    ids=["averaged weights", "accumulated gradients"],
)
def test_resumes_what_else_has_a_state(hooks: Any, settings: dict, tmp_path: Path) -> None:
    whole = outcome(tmp_path / "whole", *hooks(), **settings)
    killed = disturbed(tmp_path / "killed", Call("before_train_iter", 5, kill), hooks=hooks, **settings)
    assert_same(killed, whole)


@pytest.mark.filterwarnings("ignore:Detected call of `scheduler.step:UserWarning")
def test_gradients_are_told_as_lost_only_where_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings: dict[str, Any] = {"optim_wrapper": ACCUMULATE}
    disturbed(tmp_path, Call("before_train_iter", 5, kill), **settings)
    told = capsys.readouterr().out
    assert "is lost" not in told
    assert "the next step differs" not in told
    file = tmp_path / "iter_4.pth"
    content = torch.load(file, weights_only=True)
    del content["gradients"]
    torch.save(content, file)
    toy(tmp_path, resume=str(file), **settings).train()
    assert "holds no gradients: the next step differs" in capsys.readouterr().out


def test_survives_a_real_sigkill(undisturbed: Outcome, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.experiments.toy", str(tmp_path)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as process:
        while not (tmp_path / "iter_4.pth").exists():
            assert process.poll() is None
            time.sleep(0.02)
        time.sleep(0.3)  # in the validation, or an iteration or two later
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    weights, lines = outcome(tmp_path, resume=True)
    assert_same((weights, {key: undisturbed[1][key] for key in lines}), (undisturbed[0], lines))


def test_begins_late_without_loading_what_came_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    load = Numbers.__getitem__

    def watched(self: Numbers, index: int) -> dict:
        loaded.append(index)
        return load(self, index)

    monkeypatch.setattr(Numbers, "__getitem__", watched)
    disturbed(tmp_path, Call("after_train_iter", 8, kill))
    before, after = 9 * 3 + 2 * 11, 1 * 3 + 11  # iterations of three and validations of eleven
    assert len(loaded) == before + after


@pytest.mark.parametrize("apart", [False, True])
def test_a_seed_that_the_run_chose_itself_comes_back(apart: bool, tmp_path: Path) -> None:
    def begun(folder: Path, *hooks: Hook, resume: bool = False) -> ExperimentRunner:
        runner = toy(folder, *hooks, resume=resume)
        runner._randomness_cfg["diff_rank_seed"] = apart
        if not resume:  # else it begins with another seed
            runner.set_randomness(seed=77, diff_rank_seed=apart)
        return runner

    whole = begun(tmp_path / "whole")
    whole.train()
    with pytest.raises(Killed):
        begun(tmp_path / "killed", Call("before_train_iter", 5, kill)).train()
    second = begun(tmp_path / "killed", resume=True)
    second.train()
    assert_same((second.model.state_dict(), {}), (whole.model.state_dict(), {}))


def test_one_seed_counts_for_all_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmengine.runner.utils.get_rank", lambda: 3)
    runner = toy(tmp_path)
    runner.set_randomness(seed=77, diff_rank_seed=True)
    assert runner.seed == 77


def test_only_mmengines_own_loops_are_replaced() -> None:
    assert exact_loop(dict(type="IterBasedTrainLoop", max_iters=1)) == dict(type=IterTrainLoop, max_iters=1)
    assert exact_loop(dict(type="mmengine.EpochBasedTrainLoop"))["type"] is EpochTrainLoop
    assert exact_loop(dict(type=EpochBasedTrainLoop))["type"] is EpochTrainLoop
    assert exact_loop(dict(by_epoch=False, max_iters=1)) == dict(type=IterTrainLoop, max_iters=1)
    assert exact_loop(dict(type="TeacherLoop")) == dict(type="TeacherLoop")
    assert issubclass(IterTrainLoop, IterBasedTrainLoop)


def test_notes_of_our_own_are_not_logged_as_scores(tmp_path: Path) -> None:
    runner = toy(tmp_path)
    runner.train()
    logged, _ = runner.log_processor.get_log_after_epoch(runner, 3, "val")
    assert set(logged) <= {"mIoU", "time", "data_time"}


@pytest.mark.parametrize("epochs", [False, True])
@pytest.mark.parametrize("images", [0, 2])
def test_can_report_data_that_give_no_batch(
    epochs: bool, images: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = toy(tmp_path, epochs=epochs)
    monkeypatch.setattr(Numbers, "__len__", lambda _: images)
    order = dict(type="DefaultSampler" if images else "SegLoopSampler", shuffle=True)
    runner._train_dataloader |= dict(drop_last=True, sampler=order)
    with pytest.raises(ConfigError, match="train_dataloader gives no batch"):
        runner.train()


def test_an_epoch_ends_though_the_sampler_is_endless(tmp_path: Path) -> None:
    wanted, _ = outcome(tmp_path / "one pass", epochs=True)
    runner = toy(tmp_path / "endless", Call("before_train_iter", 12, kill), epochs=True)
    runner._train_dataloader["sampler"] = dict(type="SegLoopSampler")
    runner.train()
    assert runner.iter == 12
    assert_same((runner.model.state_dict(), {}), (wanted, {}))


def test_can_report_a_sampler_that_never_ends_an_epoch(tmp_path: Path) -> None:
    runner = toy(tmp_path, Call("before_train_iter", 12, kill), epochs=True)
    runner._train_dataloader["sampler"] = dict(type="InfiniteSampler")
    with pytest.raises(ConfigError, match="the first would never end"):
        runner.train()
