"""A Mask R-CNN in parts: which ones can be asked so, and that a batch without objects is an answer, too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.registry import MODELS, DefaultScope

import segloop
import segloop.experiments.components
from segloop.experiments.config import load_config
from segloop.experiments.predict.find import bare_model
from segloop.experiments.predict.parts import is_plain_mask_rcnn

CONFIGS = Path(__file__).parents[3] / "configs"


@pytest.mark.parametrize("name", sorted(path.stem for path in CONFIGS.glob("*/mask-rcnn_*.py")))
def test_our_own_networks_can_be_asked_in_parts(name: str) -> None:
    (path,) = CONFIGS.glob(f"*/{name}.py")
    config = load_config(path)
    with torch.device("meta"), DefaultScope.overwrite_default_scope("mmdet"):
        assert is_plain_mask_rcnn(MODELS.build(bare_model(config)))


def test_a_batch_in_which_nothing_counts_is_empty(instance: tuple[Path, Path], pictures: list[Path]) -> None:
    model = segloop.load(*instance, device="cpu", score_thr=1.0, tta="hv")
    assert [len(found) for found in model.predict(pictures[:2])] == [0, 0]
