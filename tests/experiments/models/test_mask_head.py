"""The mask head starts undecided."""

from __future__ import annotations

import math

import torch
from mmdet.registry import MODELS

from segloop.experiments.models.mask_head import CalmMaskHead


def test_the_first_loss_is_that_of_a_coin() -> None:
    torch.manual_seed(0)
    head = CalmMaskHead(
        num_convs=1,
        in_channels=16,
        conv_out_channels=16,
        num_classes=3,
        class_agnostic=True,
        norm_cfg=dict(type="GN", num_groups=4),
    )
    head.init_weights()
    logits = head(torch.randn(8, 16, 14, 14))
    assert logits.shape == (8, 1, 28, 28)
    target = (torch.rand(8, 28, 28) < 0.5).float()
    loss = head.loss_mask(logits, target, torch.zeros(8, dtype=torch.long))
    assert abs(loss.item() - math.log(2)) < 0.01


def test_no_head_of_mmdet_has_its_name() -> None:
    assert MODELS.get("CalmMaskHead") is CalmMaskHead
