"""A command of the loop that is killed at any of its steps and repeated ends as if nothing had been."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from segloop.cvat.version import check_version
from segloop.utils.cli import run
from tests.cvat.killing import killed_at
from tests.cvat.standin.server import StandIn
from tests.cvat.whole import Annotator, files_in, prepared
from tools.cvat import main

Command = Callable[..., int]
# what is killed closes no file
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def command(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Return what runs the tool in this process and gives back its exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cvat_sdk.core.client.sleep", lambda _: None)
    for name, value in {"HOST": stand_in.url, "ACCESS_TOKEN": "token-of-anna"}.items():
        monkeypatch.setenv(f"CVAT_{name}", value)

    def run_tool(*words: str | Path) -> int:
        monkeypatch.setattr(sys, "argv", ["cvat.py", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            run(main)
        return int(end.value.code or 0)

    return run_tool


@pytest.fixture
def worked_on(stand_in: StandIn, command: Command, tmp_path: Path) -> Path:
    """Return a set that was pushed into `loop`, where somebody changed each image."""
    rng = np.random.default_rng(4)
    root = prepared(tmp_path / "boats", rng, "mmseg+coco")
    assert command("push", root, "--loop", "loop", "--chunk", "3") == 0
    anna = Annotator(stand_in.state, rng)
    for task in stand_in.state.tasks.values():
        task.jobs[0].state = "completed"
        for frame in range(len(task.frames)):
            anna.edit(task, frame, [each for each in anna.labels if each.name != "ignore"])
    return root


def whole(folder: Path) -> Mapping[str, bytes]:
    """Return all that there is in a folder, hidden leftovers of killed processes among it."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def visible(folder: Path) -> Mapping[str, bytes]:
    """Return what there is in a folder that is no hidden leftover."""
    return {
        name: data
        for name, data in whole(folder).items()
        if not any(part.startswith(".") for part in Path(name).parts)
    }


def points(steps: int, some: int | None) -> range:
    """Return at which steps to kill: at all of them, or at `some` that lie even."""
    return range(steps) if some is None else range(0, steps, max(1, steps // some))


def kill_pull(command: Command, loop: Path, some: int | None) -> int:
    """Kill pulls, one at each step; return how many steps there are."""
    with killed_at(None) as death:
        assert command("pull", loop) == 0
    expected = visible(loop / "pulled")
    shutil.rmtree(loop / "pulled")
    for former in (False, True):  # the first pull, and one in whose place another lies
        for at in points(death.steps, some):
            if not former:
                shutil.rmtree(loop / "pulled", ignore_errors=True)
            with killed_at(at):
                command("pull", loop)
            found = visible(loop / "pulled") if (loop / "pulled").exists() else {}
            assert found in ({}, expected), at
            assert command("pull", loop) == 0, at
            assert whole(loop / "pulled") == expected, at
    return death.steps


def kill_apply(command: Command, root: Path, some: int | None) -> int:
    """Kill applies, one at each step; return how many steps there are."""
    old = files_in(root)
    assert command("pull", "loop") == 0
    with killed_at(None) as death:
        assert command("apply", root, "loop", "--out", "diff", "--pictures", "1") == 0
    versions = root / "versions"
    expected, digest = whole(versions), check_version(versions / "1")
    for at in points(death.steps, some):
        for folder in (versions, Path("diff")):
            shutil.rmtree(folder, ignore_errors=True)
        with killed_at(at):
            command("apply", root, "loop", "--out", "diff", "--pictures", "1")
        found = visible(versions) if versions.exists() else {}
        assert found in ({}, expected), at
        assert command("apply", root, "loop", "--out", "diff", "--pictures", "1") == 0, at
        assert whole(versions) == expected, at
        assert check_version(versions / "1") == digest
        assert (Path("diff") / "index.html").is_file()
        assert files_in(root) == old, at
    return death.steps


def test_a_pull_killed_at_some_steps_ends_the_same(command: Command, worked_on: Path) -> None:
    assert kill_pull(command, Path("loop"), 3) > 20


def test_an_apply_killed_at_some_steps_makes_one_version(command: Command, worked_on: Path) -> None:
    assert kill_apply(command, worked_on, 5) > 20


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_pull_killed_at_any_step_ends_the_same(command: Command, worked_on: Path) -> None:
    kill_pull(command, Path("loop"), None)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_an_apply_killed_at_any_step_makes_one_version(command: Command, worked_on: Path) -> None:
    kill_apply(command, worked_on, None)
