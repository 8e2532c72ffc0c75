"""The tool compares RUNs, and tells every mistake in words."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from segloop.utils.cli import run
from tests.analysis.runs_compared import write_pair, write_shifted
from tools.compare import main

ROOT = Path(__file__).resolve().parents[2]


def compare(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    """Run the tool in this process and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["compare.py", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        run(main)
    return int(end.value.code or 0)


def test_work_dirs_are_compared_without_torch(tmp_path: Path) -> None:
    folders = [run.folder.parents[1] for run in write_pair(tmp_path, number=3)]
    words = [*map(str, folders), "--repeats", "100", "--topk", "1", "--out", str(tmp_path / "out")]
    code = (
        f"import sys; sys.argv = ['compare.py', *{words!r}]\n"
        "import runpy\n"
        f"try: runpy.run_path({str(ROOT / 'tools/compare.py')!r}, run_name='__main__')\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'torch', 'mmengine', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"Look at {tmp_path / 'out/index.html'}" in done.stdout
    assert "B − A" in done.stdout
    assert json.loads((tmp_path / "out/compare.json").read_text())["images"] == 3


def test_mistakes_are_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = (run.folder for run in write_pair(tmp_path, number=2))
    few = write_shifted(tmp_path / "c", 1, number=1).folder
    out = tmp_path / "out"
    for words, message in (
        ((one,), "It takes two RUNs or more"),
        ((one, one), "given more than once"),
        ((one, "nowhere"), "nowhere is no RUN, work_dir or config"),
        ((one, other, "--topk", "-1"), "--topk -1: it must be at least 0"),
        ((one, other, "--repeats", "9"), "--repeats 9: it must be at least 100"),
        ((one, other, "--score", "mDice_gf"), "Did you mean 'mDice_fg'?"),
        ((one, other, "--data-root", tmp_path / "gone"), "there is no such folder"),
        ((one, few), "c/test-last lacks 1 image:\n  1\n\n--common compares them on the 1 images"),
    ):
        assert compare(monkeypatch, *words, "--out", out) == 2
        assert message in capsys.readouterr().err
        assert not out.exists()
    assert compare(monkeypatch, one, other, "--out", tmp_path / "a") == 2
    assert "is no comparison" in capsys.readouterr().err


def test_common_images_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few, many = write_shifted(tmp_path / "a", 1, number=2), write_shifted(tmp_path / "b", 2, number=3)
    words = (few.folder, many.folder, "--common", "--repeats", "100", "--out", tmp_path / "out")
    assert compare(monkeypatch, *words) == 0
    assert "2 of the 3 images of b/test-last are compared." in capsys.readouterr().out
