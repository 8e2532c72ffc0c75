"""Views of a Mask R-CNN in a test: those that prediction averages, masks included."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import segloop
from segloop.data.masks import to_strings
from segloop.experiments.launch import Options, evaluate, train
from segloop.experiments.models.mask_tta import SegLoopMaskTTAModel
from segloop.utils.errors import ConfigError
from tests.experiments.objects import write_experiment, write_objects


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Mask R-CNN of two iterations that calls everything an object."""
    folder = tmp_path_factory.mktemp("trained")
    everything = "model['test_cfg']['rcnn']['score_thr'] = 0.0"
    config = write_experiment(folder, write_objects(folder / "objects"), everything)
    train(Options(config=str(config)))
    return config


@pytest.mark.parametrize("views", ["h", "hv"])
def test_a_test_finds_what_prediction_finds(trained: Path, tmp_path: Path, views: str) -> None:
    out = tmp_path / "results.json"
    overrides = [] if views == "h" else [f"tta_model.views={views}"]
    evaluate(Options(config=str(trained), overrides=overrides), split="val", tta=True, out=str(out))
    objects = [each for each in json.loads(out.read_text()) if each["image_id"] == 8]
    model = segloop.load(trained, tta=views, score_thr=0.0)
    found = model.predict(trained.parent / "objects" / "images" / "val" / "val_1.png")
    assert len(found) > 1
    assert [each["score"] for each in objects] == pytest.approx(found.scores.tolist(), abs=1e-4)
    masks = [each["segmentation"]["counts"] for each in objects]
    assert masks == to_strings(found.runs)


def test_what_cannot_be_averaged_is_refused() -> None:
    model = torch.nn.Identity()
    model.test_step = model.forward  # type: ignore[assignment]
    with pytest.raises(ConfigError, match="Identity of these parts"):
        SegLoopMaskTTAModel(model)
    with pytest.raises(ConfigError, match="'hvr'; it can be 'h', 'v' or 'hv'"):
        SegLoopMaskTTAModel(model, views="hvr")
