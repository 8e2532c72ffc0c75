"""An export is one file that knows its classes, or no file and the reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import segloop
from segloop.analysis.thresholds import ComponentRule, InstanceRule, Thresholds, write_thresholds
from segloop.experiments.config import load_config
from segloop.experiments.export import checking, exporting
from segloop.experiments.export.exporting import export
from segloop.experiments.onnx.model import OnnxModel
from segloop.experiments.predict.find import find_model
from segloop.utils.errors import ConfigError, DataError, UserError


def test_the_file_knows_what_a_runner_needs(tiny_onnx: Path) -> None:
    notes = OnnxModel.load(tiny_onnx).notes
    assert notes.classes[:2] == ("background", "starfish")
    assert notes.background == 0
    assert notes.mean == pytest.approx((123.675, 116.28, 103.53))
    assert (notes.channel_order, notes.activation, notes.windows, notes.resizing) == (
        "rgb",
        "softmax",
        None,
        None,
    )
    assert notes.source["checkpoint"] == "undecided.pth"
    assert len(notes.source["sha256"]) == 64
    assert [path.name for path in tiny_onnx.parent.iterdir()] == [tiny_onnx.name], "nothing is left beside it"


def test_a_file_that_differs_from_torch_is_not_kept(
    tiny_onnx: Path, tiny_trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "MOST_DIFFERENCE", -1.0)
    said: list[str] = []
    out = tmp_path / "made" / "a.onnx"
    exported = export(tiny_trained[0], out=out, sizes_hw=[(32, 32)], say=said.append)
    assert exported.path is None
    assert any("TOO FAR" in line for line in said)
    assert list(out.parent.iterdir()) == []


def test_whole_numbers_agree_with_floats(
    tiny_onnx: Path, tiny_trained: tuple[Path, Path], tmp_path: Path
) -> None:
    said: list[str] = []
    exported = export(tiny_trained[0], out=tmp_path / "a.onnx", sizes_hw=[(32, 32)], int8=2, say=said.append)
    assert exported.path is not None
    assert OnnxModel.load(exported.path).notes.precision == "int8"
    assert "of 2 training images" in said[-1]
    assert b"QuantizeLinear" in exported.path.read_bytes()


def test_images_to_fit_whole_numbers_to_are_asked_for_before_the_export(
    tiny_trained: tuple[Path, Path], tmp_path: Path
) -> None:
    said: list[str] = []
    gone = [f"train_dataloader.dataset.data_root={tmp_path / 'gone'}"]
    with pytest.raises(DataError, match="gone"):
        export(tiny_trained[0], out=tmp_path / "a.onnx", overrides=gone, int8=2, say=said.append)
    assert said == []


@pytest.mark.parametrize(("most", "places"), [(2, [0, 3]), (4, [0, 1, 2, 3]), (32, [0, 1, 2, 3])])
def test_whole_numbers_are_fitted_to_all_images_where_there_are_fewer(
    tiny_config: Path, tiny_root: Path, most: int, places: list[int]
) -> None:
    images = sorted((tiny_root / "img_dir/train").iterdir())
    found = exporting.calibration_images(load_config(tiny_config), most=most)
    assert [images.index(file) for file in found] == places


def test_what_the_last_head_of_a_cascade_tells_goes_into_the_file(tiny_trained: tuple[Path, Path]) -> None:
    found = find_model(tiny_trained[1])
    model, beside = exporting.build(found)
    notes = exporting.gather_notes(found, model, beside, None)
    model.decode_head = torch.nn.ModuleList([torch.nn.Identity(), model.decode_head])
    assert exporting.gather_notes(found, model, beside, None) == notes


def test_tuned_thresholds_go_into_the_file(
    tiny_onnx: Path, tiny_trained: tuple[Path, Path], tiny_undecided: Path, tiny_master: Path, tmp_path: Path
) -> None:
    weights = Path(shutil.copy(tiny_undecided, tmp_path / "iter_2.pth"))
    names = OnnxModel.load(tiny_onnx).notes.classes[1:]
    rules = {name: ComponentRule(0.15, min_area=4) for name in names}
    write_thresholds(tmp_path / "thresholds.json", Thresholds(rules, {"checkpoint": "iter_1.pth"}))
    out, said = tmp_path / "a.onnx", list[str]()
    export(tiny_trained[0], checkpoint=weights, out=out, sizes_hw=[(32, 32)], say=said.append)
    file = tmp_path / "thresholds.json"
    assert (
        said[0]
        == f"Thresholds of {file} go into it; they were tuned on iter_1.pth, not on iter_2.pth: tune again."
    )
    exported = segloop.load(out)
    assert exported.predictor.rules is not None
    image = sorted((tiny_master / "img_dir" / "val").iterdir())[0]
    theirs = segloop.load(tiny_trained[0], weights, precision="float32").predict(image).mask
    assert len(np.unique(theirs)) > 1, "nothing is compared"
    assert np.mean(exported.predict(image).mask == theirs) > 0.99
    assert not np.array_equal(segloop.load(out, thresholds=None).predict(image).mask, theirs)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"whale": ComponentRule()}, "'whale' is no class of this model"),
        ({"x": InstanceRule(0.5)}, "another"),
    ],
)
def test_thresholds_of_another_model_are_refused_and_not_left_out(
    tiny_trained: tuple[Path, Path], tiny_undecided: Path, tmp_path: Path, rules: dict, said: str
) -> None:
    weights = Path(shutil.copy(tiny_undecided, tmp_path / "iter_2.pth"))
    write_thresholds(tmp_path / "thresholds.json", Thresholds(rules))
    with pytest.raises(DataError, match=said):
        export(tiny_trained[0], checkpoint=weights, out=tmp_path / "a.onnx", say=lambda line: None)
    assert not (tmp_path / "a.onnx").exists()


def test_what_cannot_be_exported_is_told(
    tiny_config: Path, tiny_trained: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"ends in \.onnx"):
        export(tiny_trained[0], out=tmp_path / "a.pb")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        export(tiny_trained[0], out=tmp_path / "folder.onnx")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file cannot be written: .*--out"):
        export(tiny_trained[0], out=tmp_path / "file" / "a.onnx")
    with pytest.raises(ConfigError, match="no checkpoint"):
        export(tiny_config)


def test_mask_rcnn_is_refused_with_the_reason(tmp_path: Path) -> None:
    config = tmp_path / "detector.py"
    base = Path(__file__).resolve().parents[3] / "configs/spacecraft/mask-rcnn_r18_fpn_gn_spacecraft_demo.py"
    config.write_text(f"_base_ = {str(base)!r}\nwork_dir = {str(tmp_path)!r}\n", encoding="utf-8")
    (tmp_path / "iter_1.pth").write_bytes(b"never read")
    with pytest.raises(UserError, match="stops at non-maximum suppression"):
        export(config, checkpoint=tmp_path / "iter_1.pth")


def test_a_pipeline_that_no_runner_repeats_is_refused() -> None:
    steps = [dict(type="LoadImageFromFile"), dict(type="Resize", scale=(64, 32), keep_ratio=True)]
    resizing = exporting._resizing(steps)
    assert resizing is not None
    assert resizing.scale_wh == (64, 32)
    assert resizing.keep_ratio
    with pytest.raises(ConfigError, match="CLAHE, LoadImageFromFile with color_type"):
        exporting._resizing([dict(type="CLAHE"), dict(type="LoadImageFromFile", color_type="grayscale")])
    with pytest.raises(ConfigError, match="does not do: Resize"):
        exporting._resizing([*steps, dict(type="Resize", scale=(16, 16))])
