"""An exported model decides as torch's would: windows, sizes, thresholds, single maps."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segloop.analysis.thresholds import ComponentRule
from segloop.experiments.onnx.model import OnnxModel, as_seen, cut_windows, runtime
from segloop.experiments.onnx.notes import ModelNotes, Resizing, Windows
from segloop.utils.errors import DataError, FormatError, MissingDependency, UserError

NOTES = ModelNotes(classes=("sea", "ship"), palette=((0, 0, 0), (255, 0, 0)), background=0)


class Brightness:
    """Stands in for ONNX Runtime: the logit of a class is how bright, or how dark, a pixel is."""

    def __init__(self, *, single: bool = False) -> None:
        self.single = single
        self.shapes: list[tuple[int, ...]] = []

    def run(self, outputs: list[str], feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        image = feed["image"]
        self.shapes.append(image.shape)
        bright = (image.astype(np.float32).mean(axis=3) - 128) / 16
        return [bright[:, None] if self.single else np.stack([-bright, bright], axis=1)]


def model(**notes: Any) -> tuple[OnnxModel, Brightness]:
    """Return a model that sees how bright pixels are, and its session."""
    session = Brightness(single=notes.get("activation") == "sigmoid")
    return OnnxModel(session, replace(NOTES, **notes)), session


def half_bright(size_hw: tuple[int, int]) -> np.ndarray:
    """Return an image that is bright in its right half."""
    image = np.zeros((*size_hw, 3), np.uint8)
    image[:, size_hw[1] // 2 :] = 255
    return image


def test_images_of_one_size_are_computed_together_and_answered_in_order() -> None:
    runner, session = model()
    images = [half_bright((4, 6)), half_bright((8, 8)), np.zeros((4, 6, 3), np.uint8)]
    found = runner.predict_batch(images)
    assert sorted(session.shapes) == [(1, 8, 8, 3), (2, 4, 6, 3)]
    assert [each.size_hw for each in found] == [(4, 6), (8, 8), (4, 6)]
    assert found[0].mask.tolist() == [[0, 0, 0, 1, 1, 1]] * 4
    assert not found[2].mask.any()


def test_a_single_map_is_cut_at_its_threshold() -> None:
    image = np.full((2, 2, 3), 130, np.uint8)  # sigmoid(1/8) = 0.53
    assert model(activation="sigmoid", threshold=0.5)[0].predict(image).mask.all()
    assert not model(activation="sigmoid", threshold=0.6)[0].predict(image).mask.any()


def test_tuned_thresholds_drop_small_parts() -> None:
    tuned = {"kind": "components", "classes": {"ship": {"threshold": 0.5, "min_area": 3}}}
    image = np.zeros((4, 6, 3), np.uint8)
    image[0, 0] = 255  # one pixel, too small
    image[2:, 3:] = 255
    mask = model(thresholds=tuned)[0].predict(image).mask
    assert mask[0, 0] == 0
    assert mask[2:, 3:].all()
    with pytest.raises(DataError, match="lack ship"):
        model(thresholds={"kind": "components", "classes": {"sea": {"threshold": 0.5}}})
    with pytest.raises(DataError, match="need a background"):
        model(background=None)[0].use_rules([ComponentRule()])


def test_windows_cover_an_image_as_mmseg_lays_them() -> None:
    runner, session = model(windows=Windows((4, 4), (3, 3)))
    image = half_bright((5, 9))
    assert np.array_equal(runner.predict(image).mask, model()[0].predict(image).mask)
    assert set(session.shapes) == {(1, 4, 4, 3)}
    assert [(r.start, c.start) for r, c in cut_windows((5, 9), Windows((4, 4), (3, 3)))][:3] == [
        (0, 0),
        (0, 3),
        (0, 5),
    ]
    assert cut_windows((3, 3), Windows((4, 4), (3, 3))) == [(slice(0, 3), slice(0, 3))]


def test_a_resized_image_is_answered_at_its_own_size() -> None:
    runner, session = model(resizing=Resizing((12, 8)))
    assert runner.predict(half_bright((4, 6))).mask.tolist() == [[0, 0, 0, 1, 1, 1]] * 4
    assert session.shapes == [(1, 8, 12, 3)]
    from mmcv import imrescale

    image = half_bright((30, 47))
    kept = as_seen(image, Resizing((40, 20), keep_ratio=True))
    assert np.array_equal(kept, imrescale(image, (40, 20)))
    with pytest.raises(DataError, match="of 300x1 pixels nothing is left"):
        as_seen(half_bright((1, 300)), Resizing((64, 32), keep_ratio=True))


def test_scores_between_aligned_corners_are_those_of_torch() -> None:
    import torch
    from torch.nn.functional import interpolate

    runner, _ = model(align_corners=True)
    scores = np.random.default_rng(0).normal(size=(2, 5, 7)).astype(np.float32)
    for size_hw in ((5, 7), (12, 3), (1, 20)):
        wanted = interpolate(torch.from_numpy(scores)[None], size_hw, mode="bilinear", align_corners=True)[0]
        assert np.allclose(runner.at_size(scores, size_hw), wanted, atol=1e-5)


def test_what_is_no_image_is_refused() -> None:
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(UserError, match="An image is RGB"):
            model()[0].predict_batch([wrong])


def test_files_that_cannot_be_loaded_are_told_in_words(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs: pip install -r requirements/dev.txt")
    with pytest.raises(UserError, match=r"tools/export\.py writes one"):
        OnnxModel.load(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(FormatError, match="not a model that ONNX Runtime can load"):
        OnnxModel.load(tmp_path / "text.onnx")


def test_a_missing_runtime_is_told_with_its_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependency, match=r"pip install -e '\.\[export\]'"):
        OnnxModel.load(tmp_path / "any.onnx")


def test_the_runtime_is_loaded_with_its_reports_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    runtime()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


def test_an_exported_model_needs_no_torch(tiny_onnx: Path, tiny_master: Path) -> None:
    image = next((tiny_master / "img_dir" / "val").iterdir())
    code = (
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'mmengine', 'mmcv', 'mmseg', 'mmdet'):\n"
        "            raise ImportError('blocked: ' + name)\n"
        "sys.meta_path.insert(0, Blocked())\n"
        "import segloop\n"
        f"print(segloop.load({str(tiny_onnx)!r}).predict({str(image)!r}).mask.shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(64, 64)", done.stderr
