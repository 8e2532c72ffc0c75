"""The guide of Mask R-CNN: what it is shown, what it costs, and that it is gone when the model predicts."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet.models.detectors import MaskRCNN
from mmdet.structures.mask import BitmapMasks
from mmengine.registry import MODELS
from torch.nn import functional as F

from segloop.data.patch_masks import PatchMasks
from segloop.experiments import components  # noqa: F401 (registers the losses)
from segloop.experiments.models.guided import IGNORED, GuidedMaskRCNN, PixelGuide, painted


def objects(*, kind: str = "patches") -> SimpleNamespace:
    bitmaps = np.zeros((3, 8, 8), np.uint8)
    bitmaps[0, 2:4, 2:4] = 1  # small, inside the next
    bitmaps[1, :6, :6] = 1
    bitmaps[2, 7, 7] = 1
    masks = PatchMasks.of_bitmaps(bitmaps) if kind == "patches" else BitmapMasks(bitmaps, 8, 8)
    return SimpleNamespace(masks=masks, labels=torch.tensor([0, 1, 4]))


@pytest.mark.parametrize("kind", ["patches", "bitmaps"])
def test_small_objects_are_painted_over_large_ones(kind: str) -> None:
    found = painted(objects(kind=kind), (8, 12))
    wanted = np.zeros((8, 12), np.uint8)
    wanted[:6, :6], wanted[2:4, 2:4], wanted[7, 7] = 2, 1, 5
    assert (found == wanted).all()


def test_objects_that_reach_past_the_features_are_cut() -> None:
    assert painted(objects(), (4, 4)).shape == (4, 4)


def test_an_image_without_objects_is_background() -> None:
    nothing = SimpleNamespace(masks=PatchMasks([], 8, 8), labels=torch.zeros(0, dtype=torch.long))
    guide = PixelGuide(4, 5)
    losses = guide.loss([torch.randn(1, 4, 2, 2)], [SimpleNamespace(gt_instances=nothing)])
    assert losses["loss_guide_dice"] == 0
    assert torch.isfinite(losses["loss_guide_ce"])


def test_the_loss_is_that_of_the_pixels_in_the_middle_of_each_cell() -> None:
    torch.manual_seed(0)
    guide = PixelGuide(4, 5, stride=4, loss_weight=0.5)
    features = torch.randn(1, 4, 2, 2, requires_grad=True)
    losses = guide.loss([features], [SimpleNamespace(gt_instances=objects())])
    target = torch.tensor([[[1, 0], [0, 0]]])  # the map at (2, 2), (2, 6), (6, 2) and (6, 6)
    expected = F.cross_entropy(guide.classify(guide.conv(features)), target)
    assert torch.isclose(losses["loss_guide_ce"], 0.5 * expected)
    sum(losses.values()).backward()
    assert features.grad is not None
    assert features.grad.abs().sum() > 0


def test_a_crowd_is_neither_object_nor_background() -> None:
    crowds = SimpleNamespace(masks=PatchMasks.of_bitmaps(np.ones((1, 8, 8), np.uint8)))
    alone = painted(objects(), (8, 12))
    wanted = np.where((alone == 0) & (np.arange(12) < 8), IGNORED, alone)
    assert (painted(objects(), (8, 12), crowds=crowds) == wanted).all()
    nothing = SimpleNamespace(masks=PatchMasks([], 8, 8), labels=torch.zeros(0, dtype=torch.long))
    features = torch.randn(1, 4, 2, 2, requires_grad=True)
    sample = SimpleNamespace(gt_instances=nothing, ignored_instances=crowds)
    losses = PixelGuide(4, 5).loss([features], [sample])
    sum(losses.values()).backward()
    assert losses["loss_guide_ce"] == 0
    assert features.grad is not None
    assert not features.grad.any()


@pytest.mark.parametrize("label", [254, 1202])
def test_a_guide_of_many_classes_shows_each_of_them(label: int) -> None:
    whole = PatchMasks.of_bitmaps(np.ones((1, 8, 8), np.uint8))
    instances = SimpleNamespace(masks=whole, labels=torch.tensor([label]))
    guide = PixelGuide(4, 1203)
    losses = guide.loss([torch.randn(1, 4, 2, 2)], [SimpleNamespace(gt_instances=instances)])
    assert losses["loss_guide_ce"] > 0
    assert losses["loss_guide_dice"] > 0


def test_the_guide_adds_its_losses_in_training_and_keeps_no_features(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stub(GuidedMaskRCNN):
        def __init__(self) -> None:
            torch.nn.Module.__init__(self)
            self.guide = PixelGuide(4, 5)
            self._features = ()

    maps = (torch.randn(1, 4, 2, 2),)
    monkeypatch.setattr(MaskRCNN, "extract_feat", lambda self, inputs: maps)
    monkeypatch.setattr(
        MaskRCNN, "loss", lambda self, inputs, samples: {"loss_cls": self.extract_feat(inputs)[0].mean()}
    )
    model = Stub().train()
    losses = model.loss(torch.zeros(1, 3, 8, 8), [SimpleNamespace(gt_instances=objects())])
    assert set(losses) == {"loss_cls", "loss_guide_ce", "loss_guide_dice"}
    assert model._features == ()
    model.eval().extract_feat(torch.zeros(1, 3, 8, 8))
    assert model._features == ()


def test_both_are_found_by_their_names() -> None:
    assert MODELS.get("GuidedMaskRCNN") is GuidedMaskRCNN
    assert MODELS.get("PixelGuide") is PixelGuide
