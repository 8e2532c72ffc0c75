"""The tool writes a report without torch, and tells every mistake in words."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from segloop.utils.cli import run
from tests.analysis.report.made import write_data, write_training
from tests.analysis.runs_made import NAMES, scene, write_run
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


def write_odd(tmp_path: Path, kind: str) -> Path:
    """Write a RUN that is odd in one way; return its folder."""
    blank = np.zeros((48, 48), np.uint8)
    images = {str(place): (scene(place), np.roll(scene(place), 3, axis=0)) for place in range(3)}
    if kind == "one image":
        images = {"0": images["0"]}
    elif kind == "empty foreground everywhere":
        images = dict.fromkeys(images, (blank, blank))
    elif kind == "a class that is missing":
        images = {name: (np.minimum(truth, 1), np.minimum(pred, 1)) for name, (truth, pred) in images.items()}
    elif kind == "an image that the truth lacks":
        images["9"] = (None, scene(9))
    names = [f"class {place}" for place in range(1000)] if kind == "1,000 classes" else NAMES
    folder = write_run(tmp_path, images, names=names).folder
    if kind == "moved data":
        (tmp_path / "data").rename(tmp_path / "elsewhere")
    elif kind == "without predictions":
        shutil.rmtree(folder / "predictions")
    elif kind == "NaN in the log":
        log = folder.parents[1] / "20260101_000000/vis_data/scalars.json"
        log.parent.mkdir(parents=True)
        log.write_text('{"step": 1, "loss": NaN, "val_loss": NaN}\n{"step": 2, "loss": Infinity}\n')
    return folder


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("one image", "One image was tested: there are no intervals"),
        ("empty foreground everywhere", r"| mDice\_fg | – | – |"),
        ("a class that is missing", "| bar | – | – |"),
        ("an image that the truth lacks", r"| mDice\_fg |"),
        ("1,000 classes", "class 999"),
        ("moved data", r"| mDice\_fg |"),
        ("NaN in the log", r"| mDice\_fg |"),
    ],
)
def test_an_odd_run_is_reported_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, told: str
) -> None:
    folder = write_odd(tmp_path, kind)
    assert report(monkeypatch, folder, "--repeats", "100") == 0
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert told in text
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r">\s*(nan|None|inf)\b", page)


def test_a_half_written_run_and_one_without_predictions_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(monkeypatch, write_odd(tmp_path / "whole", "without predictions")) == 2
    assert "the RUN is not whole, it has lost:\n  predictions" in capsys.readouterr().err
    (tmp_path / "records-0.jsonl").touch()
    assert report(monkeypatch, tmp_path) == 2
    assert "was not finished; run it again" in capsys.readouterr().err


def test_runs_that_cannot_be_compared_are_reported_and_told_to_be_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = write_run(tmp_path / "a", {"a": (scene(0), scene(0))}).folder
    other = write_run(tmp_path / "b", {"b": (scene(1), scene(1))}).folder
    assert report(monkeypatch, one, other, "--repeats", "100") == 0
    told = (one / "report.md").read_text(encoding="utf-8")
    assert "There is no image that these RUNs have in common" in told
