"""The graph does what the model does, whatever its preprocessor and its heads are like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import MODELS, init_default_scope

import segloop.experiments.components  # noqa: F401
from segloop.experiments.export.checking import compare
from segloop.experiments.export.exporting import write_notes
from segloop.experiments.export.graph import SemanticGraph, write_graph
from segloop.experiments.onnx.model import OnnxModel
from segloop.experiments.onnx.notes import ModelNotes, Resizing, Windows
from segloop.utils.errors import ConfigError, MissingDependency

HEAD = dict(
    type="FCNHead",
    in_channels=4,
    in_index=1,
    channels=4,
    num_convs=1,
    num_classes=3,
    norm_cfg=dict(type="BN"),
    align_corners=False,
    loss_decode=dict(type="CrossEntropyLoss", avg_non_ignore=True),
)
NOTES = dict(classes=("a", "b", "c"), palette=((0, 0, 0), (1, 1, 1), (2, 2, 2)))


def network(*, preprocessor: dict | None = None, head: dict | None = None, test: dict | None = None) -> Any:
    """Return a tiny model in eval mode, with weights that are drawn."""
    init_default_scope("mmseg")
    torch.manual_seed(0)
    model = MODELS.build(
        ConfigDict(
            type="EncoderDecoder",
            data_preprocessor=dict(
                type="SegDataPreProcessor",
                mean=[120.0, 110.0, 100.0],
                std=[60.0, 50.0, 40.0],
                bgr_to_rgb=True,
            )
            | (preprocessor or {}),
            backbone=dict(type="DropoutUNet", channels=(4, 8), dropout=(0.0, 0.1)),
            decode_head=HEAD | (head or {}),
            train_cfg=dict(),
            test_cfg=test or dict(mode="whole"),
        )
    )
    return model.eval()


def exported(model: Any, folder: Path, **notes: Any) -> OnnxModel:
    """Export a model and load it."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason="needs: pip install -r requirements/dev.txt")
    told = ModelNotes(**{**NOTES, **notes})
    file = folder / "model.onnx"
    assert write_graph(SemanticGraph(model, divisor=told.size_divisor).eval(), file) == "torchscript"
    write_notes(file, told)
    return OnnxModel.load(file)


CASES = {
    "bgr": (dict(preprocessor=dict(bgr_to_rgb=False)), {}),
    "not normalised": (dict(preprocessor=dict(mean=None, std=None)), {}),
    "padded": (
        dict(preprocessor=dict(size_divisor=16, test_cfg=dict(size_divisor=16))),
        {"size_divisor": 16},
    ),
    "windows": (
        dict(test=dict(mode="slide", crop_size=(40, 48), stride=(30, 30))),
        {"windows": Windows((40, 48), (30, 30))},
    ),
    "one map": (
        dict(head=dict(num_classes=2, out_channels=1, threshold=0.4)),
        {
            "classes": ("a", "b"),
            "palette": ((0, 0, 0), (1, 1, 1)),
            "activation": "sigmoid",
            "threshold": 0.4,
        },
    ),
    "resized": ({}, {"resizing": Resizing((72, 56))}),
    "resized between aligned corners": (
        dict(head=dict(align_corners=True)),
        {"resizing": Resizing((72, 56)), "align_corners": True},
    ),
    "aligned corners": (dict(head=dict(align_corners=True, in_index=0, in_channels=8)), {}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_graph_does_what_torch_does(name: str, tmp_path: Path) -> None:
    built, notes = CASES[name]
    model = network(**built)
    runner = exported(model, tmp_path, **notes)
    for difference in compare(runner, model, sizes_hw=[(33, 47), (64, 64)], batches=(2,)):
        assert difference.fits, difference.line()


def test_a_wrong_normalisation_is_seen(tmp_path: Path) -> None:
    model = network()
    runner = exported(model, tmp_path)
    model.data_preprocessor.mean += 20
    assert not all(each.fits for each in compare(runner, model, sizes_hw=[(32, 32)], batches=(1,)))


def test_what_no_exporter_can_is_told_with_its_reason(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="needs: pip install -r requirements/dev.txt")
    pytest.importorskip("onnxscript", reason="needs: pip install -r requirements/dev.txt")

    class Stubborn(torch.nn.Module):
        """Reads values, which no trace can."""

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("no way")

    with pytest.raises(ConfigError, match="torchscript: RuntimeError: no way"):
        write_graph(Stubborn(), tmp_path / "a.onnx", exporter="torchscript")


def test_a_missing_exporter_is_told_with_its_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependency, match=r"\[export\]"):
        write_graph(torch.nn.Identity(), tmp_path / "a.onnx")


def test_images_come_as_bytes_in_rgb() -> None:
    graph = SemanticGraph(network()).eval()
    image = torch.zeros((1, 8, 8, 3), dtype=torch.uint8)
    image[..., 0] = 255
    model = graph.model
    with torch.no_grad():
        red = (torch.tensor([255.0, 0, 0]).view(1, 3, 1, 1).expand(1, 3, 8, 8) - graph.mean) / graph.std
        wanted = model.encode_decode(red, [{"img_shape": red.shape[2:]}])
        assert np.allclose(graph(image), wanted, atol=1e-5)
