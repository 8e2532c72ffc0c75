"""The tool shows and runs what judges two versions, and stops at the first failure."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from segloop.data.info import DatasetInfo
from segloop.utils.errors import UserError
from tools import judge


@pytest.fixture
def version(tiny_root: Path) -> Path:
    root = tiny_root / "versions" / "1"
    root.mkdir(parents=True)
    DatasetInfo.read(tiny_root).write(root)
    return root


@pytest.fixture
def words(tiny_config: Path, tiny_root: Path, version: Path) -> list[str]:
    """What is judged: a config, and two versions of its data."""
    return [str(tiny_config), str(tiny_root), str(version)]


@pytest.mark.parametrize(("fails", "ran"), [(None, 8), ("tools/test.py", 3)])
def test_runs_all_or_up_to_a_failure(
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fails: str | None,
    ran: int,
) -> None:
    commands: list[list[str]] = []

    def stand_in(command: list[str]) -> int:
        commands.append(command)
        return 3 if fails and command[1].endswith(fails) else 0

    monkeypatch.setattr(judge, "run_to_end", stand_in)
    monkeypatch.setattr(sys, "argv", ["judge.py", *words, "--device", "cpu"])
    assert judge.main() == (3 if fails else 0)
    assert len(commands) == ran
    assert commands[0][-2:] == ["--device", "cpu"]
    assert ("on-v1/index.html" in capsys.readouterr().out) == (fails is None)


def test_a_stopped_one_says_how_to_go_on_with_all(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(judge, "run_to_end", lambda _: 130)
    monkeypatch.setattr(sys, "argv", ["judge.py", *words])
    assert judge.main() == 130
    assert f"python tools/judge.py {' '.join(words)}\n" in capsys.readouterr().err


def test_a_training_that_was_begun_otherwise_is_refused_before_anything_runs(
    tiny_config: Path, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / f"{tiny_config.stem}-v1"
    folder.mkdir()
    (folder / "train.json").write_text('{"command": ["tools/train.py", "other.py"], "state": "done"}')
    monkeypatch.setattr(judge, "run_to_end", lambda _: pytest.fail("nothing is to be run"))
    monkeypatch.setattr(sys, "argv", ["judge.py", *words, "--work-dirs", str(tmp_path)])
    with pytest.raises(UserError, match="-v1 holds a training that was begun otherwise"):
        judge.main()


def test_shows_without_running(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(judge, "run_to_end", lambda _: pytest.fail("nothing is to be run"))
    options = ["--cfg-options", "a=1", "--show", "--cfg-options", "b=2"]  # all count, as train.py has it
    monkeypatch.setattr(sys, "argv", ["judge.py", *words, *options])
    assert judge.main() == 0
    shown = capsys.readouterr().out
    assert shown.count("\npython tools/") == 8
    assert shown.count(" a=1 b=2\n") == 6  # trainings and tests
