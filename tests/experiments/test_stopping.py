"""The first Ctrl-C ends a run with a checkpoint from which it goes on exactly, the second one at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from mmengine.hooks import EMAHook
from torch.utils.data import DataLoader

from segloop.experiments import stopping
from segloop.experiments.writing import full_disks
from segloop.utils.errors import UserError
from tests.experiments.toy import Call, assert_same, disturbed, outcome, toy

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def press(runner: Any) -> None:
    """Press Ctrl-C: a terminal signals the loader processes too."""
    for process in multiprocessing.active_children():
        os.kill(process.pid, signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("epochs", [False, True])
@pytest.mark.parametrize("workers", [0, 2])
def test_saves_and_goes_on_exactly(epochs: bool, workers: int, tmp_path: Path) -> None:
    saving: dict[str, Any] = dict(epochs=epochs, checkpoint=dict(by_epoch=epochs, interval=100))
    whole = outcome(tmp_path / "whole", **saving)
    folder = tmp_path / "stopped"
    stopped = disturbed(
        folder, Call("before_train_iter", 4, press), ended_by=KeyboardInterrupt, workers=workers, **saving
    )
    assert_same(stopped, whole)
    assert (folder / "iter_5.pth").is_file()
    assert {step for kind, step in stopped[1] if kind == "train"} == set(range(1, 13 if epochs else 10))


def test_saves_in_a_validation_the_weights_of_training(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    settings: dict[str, Any] = dict(
        hooks=lambda: [EMAHook(momentum=0.1)], checkpoint=dict(by_epoch=False, interval=100)
    )
    whole = outcome(tmp_path / "whole", EMAHook(momentum=0.1), checkpoint=settings["checkpoint"])
    pressing = Call("before_val_epoch", 4, press)
    stopped = disturbed(tmp_path / "stopped", pressing, ended_by=KeyboardInterrupt, **settings)
    assert_same(stopped, whole)
    assert (tmp_path / "stopped/iter_4.pth").is_file()
    assert "once more to stop at once" in capfd.readouterr().err


def test_the_second_stops_at_once_and_handlers_are_put_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)

    def twice(runner: Any) -> None:
        press(runner)
        press(runner)

    with pytest.raises(KeyboardInterrupt):
        toy(tmp_path, Call("before_train_iter", 3, twice)).train()
    assert not (tmp_path / "iter_4.pth").exists()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_sigterm_to_all_processes_saves_too(tmp_path: Path) -> None:
    """As service managers and `timeout` send it: a loader process that died would end the training."""
    command = [sys.executable, "-m", "tests.experiments.toy", str(tmp_path), "await-stop"]
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[2], start_new_session=True, stderr=subprocess.PIPE, text=True
    ) as process:
        while not (tmp_path / "waits").exists():
            assert process.poll() is None
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGTERM)
        _, said = process.communicate(timeout=120)  # its loader process must end with it
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert "killed by signal" not in said
    last = Path((tmp_path / "last_checkpoint").read_text())
    assert last.name == "iter_5.pth"  # of the iteration that it came in, not the one saved in any case
    assert last.is_file()


@pytest.mark.slow
def test_processes_end_after_the_same_iteration_though_one_alone_was_told(tmp_path: Path) -> None:
    """One that went on would wait for the others for ever; if it is the main one, nothing is saved."""
    starter = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "--module"]
    command = [sys.executable, *starter, "tests.experiments.toy", str(tmp_path), "one-of-two"]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode, done.stderr
    assert Path((tmp_path / "last_checkpoint").read_text()).name == "iter_5.pth"


def test_no_process_ends_before_the_main_one_has_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[tuple[bool, bool]] = []

    def asked(own: bool) -> bool:
        met.append((own, (tmp_path / "iter_5.pth").is_file()))
        return own

    monkeypatch.setattr("segloop.experiments.hooks.checkpoint.any_of_all", lambda: asked)
    with pytest.raises(KeyboardInterrupt):
        toy(tmp_path, Call("before_train_iter", 4, press), checkpoint=dict(interval=100)).train()
    assert met[-2:] == [(True, False), (True, True)]


def test_a_sigterm_that_is_handed_on_is_no_second(tmp_path: Path) -> None:
    def end(runner: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)  # as a whole group gets it
        os.kill(os.getpid(), signal.SIGTERM)  # from the launcher, which got it, too

    with pytest.raises(KeyboardInterrupt):
        toy(tmp_path, Call("before_train_iter", 4, end)).train()
    assert (tmp_path / "iter_5.pth").is_file()


def test_a_later_sigterm_is_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "ONE", 0.0)

    def twice(runner: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        toy(tmp_path, Call("before_train_iter", 4, twice)).train()
    assert not (tmp_path / "iter_5.pth").exists()


def test_a_loader_process_ends_by_its_parent_alone() -> None:
    context = multiprocessing.get_context("fork")
    ready, go, alive = context.Event(), context.Event(), context.Event()

    def work() -> None:
        stopping.outliving(lambda worker: ready.set())(0)
        go.wait()
        while signal.SIGTERM in signal.sigpending():  # two that wait at once are one
            pass
        alive.set()
        signal.pause()

    process = context.Process(target=work, daemon=True)
    process.start()
    assert process.pid
    assert ready.wait(60)
    os.kill(process.pid, signal.SIGINT)
    subprocess.run(["kill", "-TERM", str(process.pid)], check=True)
    go.set()
    assert alive.wait(60)
    process.terminate()
    process.join(60)
    assert process.exitcode == 0


class NoRoom:
    """A sample that does not fit into what processes share."""

    def __reduce__(self) -> str:
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space left (28)")


@pytest.mark.skipif(not hasattr(signal, "SIGBUS"), reason="Windows has no such signal")
def test_a_batch_that_finds_no_room_in_shared_memory_ends_the_wait_for_it() -> None:
    loader = DataLoader(
        [NoRoom()], num_workers=1, timeout=20, collate_fn=list, worker_init_fn=stopping.outliving(None)
    )
    with (
        pytest.raises(UserError, match=r"/dev/shm.* is full.*num_workers=0.*, then go on"),
        full_disks("go on"),
    ):
        next(iter(loader))
