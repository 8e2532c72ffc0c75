"""Mask R-CNN whose features also learn from every pixel: a guide that is of no use after training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmcv.cnn import ConvModule
from mmdet.models.detectors import MaskRCNN
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from segloop.data.patch_masks import PatchMasks

IGNORED = -1


@MODELS.register_module()
class GuidedMaskRCNN(MaskRCNN):
    """mmdet's `MaskRCNN` with a second, dense task while it trains.

    From scratch, the few boxes of an image teach a backbone slowly. The guide names the class of each pixel
    at the finest level of the pyramid, from the same masks, as the semantic branch of Hybrid Task Cascade
    does (Chen et al., 2019, arXiv:1901.07518); unlike that one it is not asked when the model predicts.
    Pixels of crowds, which are neither objects nor background, are left out.

    Args:
        guide: config of the guide, `dict(type='PixelGuide', …)`; None for mmdet's own model.
    """

    def __init__(self, *args: Any, guide: dict | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.guide = MODELS.build(guide) if guide else None
        self._features: Sequence[Tensor] = ()

    def extract_feat(self, batch_inputs: Tensor) -> Sequence[Tensor]:
        """Return the levels of the pyramid; while training, keep them for the guide."""
        features = super().extract_feat(batch_inputs)
        if self.training:
            self._features = features
        return features

    def loss(self, batch_inputs: Tensor, batch_data_samples: list) -> dict[str, Any]:
        """Return mmdet's losses and the guide's."""
        losses = super().loss(batch_inputs, batch_data_samples)
        features, self._features = self._features, ()
        if self.guide is not None:
            losses.update(self.guide.loss(features, batch_data_samples))
        return losses


@MODELS.register_module()
class PixelGuide(BaseModule):
    """Names the class of each pixel at one level of the pyramid.

    Args:
        in_channels: of the level.
        num_classes: of the objects; the background is added, as class 0.
        level: which of the pyramid, 0 the finest.
        stride: of the level, in pixels.
        background_share: of the pixels, roughly; the classifier starts there (`ClassPrior`).
        loss_weight: of cross-entropy and Dice, each.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        level: int = 0,
        stride: int = 4,
        norm_cfg: dict | None = None,
        background_share: float = 0.9,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(dict(type="ClassPrior", background_share=background_share, layer="classify"))
        self.level, self.stride, self.loss_weight = level, stride, loss_weight
        self.conv = ConvModule(in_channels, in_channels, 3, padding=1, norm_cfg=norm_cfg)
        self.classify = nn.Conv2d(in_channels, num_classes + 1, 1)
        self.dice = MODELS.build(dict(type="BatchDiceLoss", background=0))

    def loss(self, features: Sequence[Tensor], samples: list) -> dict[str, Tensor]:
        """Return cross-entropy and Dice against the masks of the samples' objects."""
        logits = self.classify(self.conv(features[self.level])).float()
        size_hw = logits.shape[-2] * self.stride, logits.shape[-1] * self.stride
        middle = slice(self.stride // 2, None, self.stride)
        maps = [
            painted(sample.gt_instances, size_hw, crowds=getattr(sample, "ignored_instances", None))
            for sample in samples
        ]
        target = torch.from_numpy(np.stack([each[middle, middle] for each in maps]))
        target = target.to(logits.device, torch.long)
        counted = (target != IGNORED).sum().clamp(min=1)
        entropy = F.cross_entropy(logits, target, ignore_index=IGNORED, reduction="sum") / counted
        return {
            "loss_guide_ce": self.loss_weight * entropy,
            "loss_guide_dice": self.loss_weight * self.dice(logits, target, ignore_index=IGNORED),
        }


def painted(instances: Any, size_hw: tuple[int, int], *, crowds: Any = None) -> np.ndarray:
    """Return a map int16 [H, W] of the objects' classes, counted from 1; small ones on top.

    What lies in `crowds` and in no object is `IGNORED`.
    """
    canvas = np.zeros(size_hw, np.int16)
    if crowds is not None:
        _paint(canvas, crowds.masks, [IGNORED] * len(crowds.masks))
    _paint(canvas, instances.masks, [label + 1 for label in instances.labels.tolist()])
    return canvas


def _paint(canvas: np.ndarray, masks: Any, values: Sequence[int]) -> None:
    if not isinstance(masks, PatchMasks):
        masks = PatchMasks.of_bitmaps(masks.to_ndarray())
    for number in np.argsort(-masks.areas, kind="stable").tolist():
        patch = masks.patches[number]
        tall, wide = patch.bitmap.shape
        view = canvas[patch.top : patch.top + tall, patch.left : patch.left + wide]
        view[patch.bitmap[: view.shape[0], : view.shape[1]] > 0] = values[number]
