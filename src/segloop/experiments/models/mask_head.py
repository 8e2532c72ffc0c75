"""Mask R-CNN's mask head, begun so that its first masks are undecided."""

from __future__ import annotations

from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from mmengine.model import normal_init
from mmengine.registry import MODELS


@MODELS.register_module()
class CalmMaskHead(FCNMaskHead):
    """mmdet's `FCNMaskHead` whose last layer starts near zero, so every pixel starts at one half.

    mmdet draws that layer for the variance of its output channels, and a class-agnostic head has one: the
    first logits are some ±8 at random, the loss starts at 1.8 in place of 0.69, and small steps take long
    to take that back.
    """

    def init_weights(self) -> None:
        """Initialise as mmdet does, but for the last layer."""
        super().init_weights()
        normal_init(self.conv_logits, std=0.01)
