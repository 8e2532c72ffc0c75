"""Tuning as a user calls it: on a tested model, and refused in words where it cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from segloop.analysis.thresholds import ComponentRule, read_thresholds
from segloop.utils.cli import run
from tests.analysis.ship_runs import write_ships_run
from tools import tune as tool


def call(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """Run the tool in this process and return its exit code."""
    monkeypatch.setattr("sys.argv", ["tools/tune.py", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        run(tool.main)
    return caught.value.code


def test_a_place_that_takes_no_file_is_told_before_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    folder = write_ships_run(tmp_path / "work", split="val")
    (tmp_path / "file").touch()
    monkeypatch.setattr("segloop.analysis.tuning.tune", lambda *_, **__: pytest.fail("searched"))
    assert call(monkeypatch, folder, "--out", tmp_path / "file") == 2
    assert "file cannot be written: File exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--workers", "-1"], "--workers -1: it must be at least 0"),
        (["--data-root", "nowhere"], "--data-root nowhere: there is no such folder"),
    ],
)
def test_flags_are_refused_before_the_search(
    words: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    folder = write_ships_run(tmp_path / "work", split="val")
    monkeypatch.setattr("segloop.analysis.tuning.tune", lambda *_, **__: pytest.fail("searched"))
    assert call(monkeypatch, folder, *words) == 2
    assert told in capsys.readouterr().err


def test_writes_thresholds_and_a_curve_into_the_work_dir(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    folder = write_ships_run(tmp_path / "work", split="val")
    assert call(monkeypatch, folder) == 0
    text = capsys.readouterr().out
    assert "work/val-best, split val: 4 images" in text
    assert ["ships/F2", "25.00", "100.00"] in [line.split() for line in text.splitlines()]
    tuned = read_thresholds(tmp_path / "work")
    rule = tuned.of(["ship"], ComponentRule)[0]
    assert 0.4 < rule.threshold < 0.7
    assert 1 < rule.min_area <= 10
    assert (tuned.tuned_on["run"], tuned.tuned_on["score"]) == ("test/val-best", 1.0)
    assert (tmp_path / "work/thresholds.png").stat().st_size > 1000


def test_the_same_run_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_ships_run(tmp_path / "work", split="val")
    for out in ("one", "two"):
        assert call(monkeypatch, folder, "--out", tmp_path / out, "--metric", "ships/Dice") == 0
    for name in ("thresholds.json", "thresholds.png"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_test_run_is_refused_unless_it_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    folder = write_ships_run(tmp_path / "work", split="test")
    assert call(monkeypatch, folder) == 2
    assert "is of the test split" in capsys.readouterr().err
    assert call(monkeypatch, tmp_path / "work") == 2
    assert "has no RUN of split 'val'" in capsys.readouterr().err
    assert call(monkeypatch, folder, "--allow-test") == 0
    assert json.loads((tmp_path / "work/thresholds.json").read_text())["tuned_on"]["split"] == "test"


def test_what_cannot_be_tuned_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    folder = write_ships_run(tmp_path / "work", split="val")
    assert call(monkeypatch, folder, "--metric", "ships/F1") == 2
    assert "Did you mean 'ships/F2'?" in capsys.readouterr().err
    assert call(monkeypatch, folder, "--data-root", tmp_path) == 2
    assert "--data-root" in capsys.readouterr().err
    (folder / "probabilities/a/1.png").write_bytes(b"no picture")
    assert call(monkeypatch, folder) == 2
    assert "a/1.png: this is no 8-bit PNG" in capsys.readouterr().err
    for file in (folder / "probabilities").rglob("*.png"):
        file.unlink()
    for place in ("probabilities/a", "probabilities"):
        (folder / place).rmdir()
    meta = json.loads((folder / "meta.json").read_text())
    meta["files"].remove("probabilities")
    (folder / "meta.json").write_text(json.dumps(meta))
    assert call(monkeypatch, folder) == 2
    assert "keep_probabilities=True" in capsys.readouterr().err
    assert np.all([not (tmp_path / "work" / name).exists() for name in ("thresholds.json", "thresholds.png")])
