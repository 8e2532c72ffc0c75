"""A Mask R-CNN in parts: which ones can be asked so, and that a batch without objects is an answer, too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
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


def test_masks_are_the_same_however_many_are_computed_at_once(
    instance: tuple[Path, Path], pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from segloop.experiments.predict import parts

    model = segloop.load(*instance, device="cpu", score_thr=0.0)
    whole = model.predict(pictures[:2])
    assert sum(len(found) for found in whole) > 3
    monkeypatch.setattr(parts, "AT_ONCE", 3)
    for one, other in zip(whole, model.predict(pictures[:2]), strict=True):
        assert len(one) == len(other)
        assert np.array_equal(one.numbers(), other.numbers())
