"""The tool analyses a RUN, and tells every mistake in words."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from segloop.utils.cli import run
from tests.analysis.runs_made import scene, write_run
from tools.analyze import main

ROOT = Path(__file__).resolve().parents[2]


def analyze(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    """Run the tool in this process and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["analyze.py", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        run(main)
    return int(end.value.code or 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = {str(place): (scene(place), np.roll(scene(place), place, axis=0)) for place in range(3)}
    return write_run(tmp_path, images).folder


def test_a_work_dir_is_analysed_without_torch(folder: Path) -> None:
    code = (
        f"import sys; words = [{str(folder.parents[1])!r}, '--topk', '2', '--repeats', '100']\n"
        "sys.argv = ['analyze.py', *words]\n"
        f"import runpy\n"
        f"try: runpy.run_path({str(ROOT / 'tools/analyze.py')!r}, run_name='__main__')\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'torch', 'mmengine', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"Look at {folder / 'analysis/index.html'}" in done.stdout
    assert "mDice_fg" in done.stdout
    numbers = json.loads((folder / "analysis/analysis.json").read_text())
    assert len(numbers["rankings"]["worst"]) == 2


def test_mistakes_are_told_in_words(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, message in (
        (("nowhere",), "nowhere is no RUN, work_dir or config"),
        ((folder, "--topk", "0"), "--topk 0: it must be at least 1"),
        ((folder, "--repeats", "1"), "--repeats 1: it must be at least 100"),
        ((folder, "--data-root", tmp_path / "nowhere"), "there is no such folder"),
        ((folder.parents[1], "--split", "val"), "no RUN of split 'val'"),
    ):
        assert analyze(monkeypatch, *words) == 2
        assert message in capsys.readouterr().err


def test_a_run_of_another_data_set(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "other", {str(place): (scene(9), scene(9)) for place in range(1, 4)})
    assert analyze(monkeypatch, folder, "--data-root", tmp_path / "other/data") == 2
    told = capsys.readouterr().err
    assert "2 files of net/test-last are missing" in told
    assert not (folder / "analysis").exists()


def test_a_half_written_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "records-0.jsonl").touch()
    assert analyze(monkeypatch, tmp_path) == 2
    assert "was not finished; run it again" in capsys.readouterr().err
