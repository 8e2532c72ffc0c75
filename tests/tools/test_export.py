"""The tool exports, says how far the file is from torch, and where it is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from segloop.utils.cli import run
from tools.export import main


def exported(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Run the tool in this process and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["export.py", *words])
    with pytest.raises(SystemExit) as end:
        run(main)
    return int(end.value.code or 0)


def test_a_model_is_exported_and_held_against_torch(
    tiny_onnx: Path,
    tiny_trained: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "shore.onnx"
    assert exported(monkeypatch, str(tiny_trained[0]), "best", "--out", str(out), "--check", "40x24") == 0
    said = capsys.readouterr().out
    assert "1 x 40x24: logits differ by at most" in said
    assert said.splitlines()[-1] == str(out)
    from segloop.experiments.export import checking

    monkeypatch.setattr(checking, "LEAST_EQUAL", 2.0)
    other = tmp_path / "other.onnx"
    assert exported(monkeypatch, str(tiny_trained[0]), "--out", str(other), "--check", "40x24") == 1
    assert not other.exists()


def test_a_wrong_command_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exported(monkeypatch, "configs/config_experiment_1.py", "--check", "40") == 2
    assert "'40' is no size such as 640x480" in capsys.readouterr().err
    assert exported(monkeypatch, "configs/config_experiment_1.py", "--int8", "0") == 2
    assert "--int8 0: it must be at least 1" in capsys.readouterr().err
