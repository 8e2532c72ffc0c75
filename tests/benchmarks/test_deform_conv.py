"""Ours and the compiled convolution are timed alike."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from segloop import ops

ops.install()
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import deform_conv  # noqa: E402


def test_both_run_once_before_they_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = []
    ours, compiled = object(), object()

    def timed(operators: object, *case: Any) -> float:
        turns.append("ours" if operators is ours else "compiled")
        return 1.0

    for name, value in {"OURS": ours, "COMPILED": compiled, "timed": timed}.items():
        monkeypatch.setattr(deform_conv, name, value)
    monkeypatch.setattr(deform_conv, "CASES", deform_conv.CASES[:1])
    monkeypatch.setattr(deform_conv.torch, "set_num_threads", lambda _: None)
    monkeypatch.setattr("sys.argv", ["deform_conv.py", "--pairs", "1"])
    deform_conv.main()
    assert turns == ["ours", "compiled"] * 4, "two versions, each warmed up and measured"
