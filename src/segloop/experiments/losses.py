"""Losses that mmseg lacks, for its decode heads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from segloop.experiments.class_weights import read_class_weights


@MODELS.register_module()
class BatchDiceLoss(nn.Module):
    """One minus the soft Dice of each class over the whole batch, averaged over the classes in it.

    Counting over the batch and not per image keeps a class that few images show from being a coin toss:
    `2·Σ p·t / (Σ p + Σ t)`. Classes that no pixel of the batch has are left out, and so are ignored pixels.

    Args:
        loss_weight: factor of this loss in the sum.
        background: the class to leave out of the mean (it is easy, and its Dice is near 1), or None.
        smooth: added above and below the fraction, in pixels.
        class_weight: how much each class counts in the mean, a list or the path of a JSON file that holds
            one (`tools/eda.py` writes such files); None for all alike.
        loss_name: what logs call it; names that begin with `loss` are part of the training loss.
    """

    def __init__(
        self,
        loss_weight: float = 1.0,
        background: int | None = None,
        smooth: float = 1.0,
        class_weight: Sequence[float] | str | None = None,
        loss_name: str = "loss_dice",
    ) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.background = background
        self.smooth = smooth
        self.class_weight = read_class_weights(class_weight)
        self._loss_name = loss_name

    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        ignore_index: int = 255,
        **_: object,
    ) -> Tensor:
        """Return the loss of `logits` [N, C, H, W] against `target` [N, H, W] of class indices."""
        classes = logits.shape[1]
        valid = target != ignore_index
        probability = logits.float().softmax(dim=1) * valid[:, None]
        truth = F.one_hot(torch.where(valid, target, 0), classes).movedim(-1, 1) * valid[:, None]
        axes = (0, 2, 3)
        overlap = (probability * truth).sum(axes)
        truth_size = truth.sum(axes)
        dice = (2 * overlap + self.smooth) / (probability.sum(axes) + truth_size + self.smooth)
        counted = truth_size > 0
        if self.background is not None:
            counted[self.background] = False
        if not counted.any():
            return logits.sum() * 0.0
        missed = 1 - dice[counted]
        if self.class_weight is None:
            return self.loss_weight * missed.mean()
        weights = missed.new_tensor(self.class_weight)[counted]
        return self.loss_weight * (weights * missed).sum() / weights.sum().clamp(min=1e-12)

    @property
    def loss_name(self) -> str:
        return self._loss_name
