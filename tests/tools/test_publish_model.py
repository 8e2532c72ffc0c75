"""The publishing tool: where the model went, and what it refuses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from segloop.utils.cli import run
from tools import publish_model as tool


class Hostile:
    """Leaves a file behind when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch ran",)


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Run the tool in this process and return its exit code."""
    monkeypatch.setattr("sys.argv", ["tools/publish_model.py", *words])
    with pytest.raises(SystemExit) as caught:
        run(tool.main)
    return caught.value.code


def test_publishes_weights_and_refuses_what_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {"a": torch.ones(1)}}, "good.pth")
    assert call(monkeypatch, "good.pth", "out") == 0
    assert "out/README.md: the licence is yours to choose" in capsys.readouterr().out
    assert len(list(Path("out").glob("*_good-*.safetensors"))) == 1
    torch.save({"state_dict": {"a": torch.ones(1)}, "extra": Hostile()}, "bad.pth")
    assert call(monkeypatch, "bad.pth", "--out", "bad") == 2
    assert "bad.pth cannot be loaded safely" in capsys.readouterr().err
    assert not Path("ran").exists()
    assert not Path("bad").exists()
    assert call(monkeypatch, "bad.pth", "--out", "bad", "--unsafe-load") == 0
    assert Path("ran").exists()
