"""The tool writes a report without torch, and tells every mistake in words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from segloop.utils.cli import run
from tests.analysis.report.made import write_data, write_training
from tools.report import main

ROOT = Path(__file__).resolve().parents[2]
GOALS = "format: 1\ngoals:\n- {goal: it works, score: mDice, bar: 0.1, split: test}\n"


def report(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    """Run the tool in this process and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["report.py", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        run(main)
    return int(end.value.code or 0)


def test_a_work_dir_is_reported_without_torch(tmp_path: Path) -> None:
    folder = write_training(tmp_path)
    data = write_data(tmp_path)
    (data / "goals.yaml").write_text(GOALS)
    code = (
        f"import sys; sys.argv = ['report.py', {str(folder.parents[1])!r}, '--repeats', '100']\n"
        "import runpy\n"
        f"try: runpy.run_path({str(ROOT / 'tools/report.py')!r}, run_name='__main__')\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'torch', 'mmengine', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert " yes  mDice over 0.1 on test" in done.stdout
    assert f"Look at {folder / 'report.html'}" in done.stdout
    assert (folder / "report.md").is_file()


def test_mistakes_are_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_training(tmp_path)
    (tmp_path / "goals.yaml").write_text("format: 1\ngoal: []\n")
    for words, message in (
        (("nowhere",), "nowhere is no RUN, work_dir or config"),
        ((folder, "--repeats", "1"), "--repeats 1: it must be at least 100"),
        ((folder, "--data-root", tmp_path / "nowhere"), "there is no such folder"),
        ((folder, "--eda", tmp_path / "nowhere.json"), "there is no such file"),
        ((folder, "--goals", tmp_path / "nowhere.yaml"), "cannot be read"),
        ((folder, "--goals", tmp_path / "goals.yaml"), "unknown key 'goal'. Did you mean 'goals'?"),
        ((folder, "--out", tmp_path / "report.pdf"), "ends in .html"),
        ((folder.parents[1], "--split", "val"), "no RUN of split 'val'"),
    ):
        assert report(monkeypatch, *words) == 2
        assert message in capsys.readouterr().err
    assert not (folder / "report.html").exists()
