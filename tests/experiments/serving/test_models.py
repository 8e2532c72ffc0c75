"""An exported model and one of torch's are served alike."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from segloop.analysis.thresholds import ComponentRule, Thresholds, write_thresholds
from segloop.experiments.onnx.model import OnnxModel
from segloop.experiments.serving.models import load_model
from segloop.utils.errors import UserError


def test_both_kinds_find_the_same(
    tiny_onnx: Path, tiny_trained: tuple[Path, Path], tiny_undecided: Path, tiny_master: Path
) -> None:
    from segloop.experiments.onnx.pictures import read_rgb

    images = [read_rgb(file) for file in sorted((tiny_master / "img_dir" / "val").iterdir())]
    exported = load_model(tiny_onnx, threads=1).predict_batch(images)
    by_torch = load_model(tiny_trained[0], tiny_undecided).predict_batch(images)
    for ours, theirs in zip(exported, by_torch, strict=True):
        assert np.mean(ours.mask == theirs.mask) > 0.99


def test_an_exported_model_has_no_checkpoint() -> None:
    with pytest.raises(UserError, match="one word too many"):
        load_model("a.onnx", "last")


def test_the_thresholds_that_are_applied_are_told(
    tiny_onnx: Path, tiny_trained: tuple[Path, Path], tiny_undecided: Path, tmp_path: Path
) -> None:
    exported = OnnxModel.load(tiny_onnx)
    assert exported.told == ()
    exported.use_rules([ComponentRule()] * len(exported.classes))
    assert "by the thresholds in the file" in exported.told[0]
    weights = Path(shutil.copy(tiny_undecided, tmp_path / "iter_2.pth"))
    rules = {name: ComponentRule(0.15) for name in exported.classes.names[1:]}
    file = write_thresholds(tmp_path / "thresholds.json", Thresholds(rules))
    assert load_model(tiny_trained[0], weights).told == (f"what counts is said by {file}",)
