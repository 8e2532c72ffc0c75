"""The rerun tool from the command line: a training again, its verdict, and mistakes that cost one message."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from segloop.utils.cli import run
from tests.tools.test_train import tool as call
from tools import rerun as tool


def test_trains_again_and_says_that_it_is_the_same(tiny_trained: tuple[Path, Path], tmp_path: Path) -> None:
    work_dir = shutil.copytree(tiny_trained[1], tmp_path / "work")
    done = call("rerun", str(work_dir), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "tools/train.py" in done.stderr
    assert f"Beside {work_dir}:\nIdentical: the log" in done.stdout
    assert "Identical: the weights" in done.stdout
    assert (tmp_path / "work-rerun/iter_2.pth").is_file()
    again = call("rerun", str(work_dir), "--compare", "work-rerun", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    (tmp_path / "work-rerun/iter_2.pth").unlink()
    shutil.copy(tmp_path / "work-rerun/iter_1.pth", tmp_path / "work-rerun/iter_2.pth")
    again = call("rerun", str(work_dir), "--compare", "work-rerun", cwd=tmp_path)
    assert again.returncode == 1
    assert "Different: the weights of iter_2.pth" in again.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "There is no work_dir, RUN or config 'nowhere'"),
        (["."], "has no train.json"),
        ([".", "--allow", "everything"], "invalid choice: 'everything'"),
    ],
)
def test_mistakes_cost_one_message_and_exit_code_2(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["tools/rerun.py", *words])
    with pytest.raises(SystemExit) as caught:
        run(tool.main)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
