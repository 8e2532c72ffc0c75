"""What a model is decides what loads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from segloop.experiments.predict import start as starting
from segloop.experiments.predict.start import start
from segloop.utils.errors import MissingDependency, UserError


def test_each_kind_of_model_is_loaded(tiny_onnx: Path, tiny_trained: tuple[Path, Path]) -> None:
    assert start(tiny_onnx).about["checkpoint"] == "tiny.onnx"
    assert start(tiny_trained[0]).about["checkpoint"].endswith(".pth")


def test_an_exported_model_wants_nothing_else() -> None:
    with pytest.raises(UserError, match=r"a\.onnx holds its weights and needs no config: last is too much"):
        start("a.onnx", "last")
    with pytest.raises(UserError, match="x=1 is too much"):
        start("a.onnx", overrides=["x=1"])
    with pytest.raises(UserError, match="--device cuda: exported models run on a CPU"):
        start("a.onnx", device="cuda")


def test_a_model_of_torch_says_that_torch_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"only exported models \(\.onnx\) run without it"):
        start("work_dirs/tiny")
