"""The Lovász loss: the surface of IoU that a gradient can follow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.registry import MODELS
from torch import Tensor

from segloop.experiments.losses.sets import PixelSets, SetLoss


@MODELS.register_module()
class LovaszSoftmaxLoss(SetLoss):
    """The Lovász extension of one minus the IoU of each class (Berman et al., 2018, arXiv:1705.08790).

    Pixels are taken from the worst error to the least; each weighs by how much IoU falls when it joins those
    before it. In a mask head the errors are the sigmoid's: between 0 and 1 as a decode head's are, while the
    paper's hinge grows with the logits and drowns the losses beside it. The arguments are those of `SetLoss`.
    """

    def __init__(
        self,
        loss_weight: float = 1.0,
        background: int | None = None,
        per_image: bool = False,
        class_weight: Sequence[float] | str | None = None,
        loss_name: str = "loss_lovasz",
    ) -> None:
        super().__init__(loss_weight, background, per_image, class_weight, loss_name)

    def wrong(self, sets: PixelSets, counted: Tensor) -> Tensor:
        errors = sets.rows(sets.error)
        weights = torch.zeros_like(errors)
        with torch.no_grad():  # no gradient has to find its way through the order
            # sorting is dear, so only what counts is sorted
            error, truth = errors[counted], sets.rows(sets.truth)[counted]
            order = descending_order(error)
            falls = iou_falls(truth.gather(1, order), error.dtype)
            weights[counted] = torch.empty_like(error).scatter_(1, order, falls)  # back at their pixels
        return (weights * errors).sum(-1)


def iou_falls(truth: Tensor, dtype: torch.dtype) -> Tensor:
    """Return by how much IoU falls when each pixel of `truth` [sets, pixels] turns wrong, one after another.

    In closed form. The difference of neighbouring IoUs, as the paper's code and mmseg's take it, loses in
    float32 what digits it has: with 10^6 pixels a fall is as small as the IoUs' rounding.

    >>> iou_falls(torch.tensor([[True, False, True]]), torch.float64).tolist()  # IoU 1, 1/2, 1/3, 0
    [[0.5, 0.16666666666666666, 0.3333333333333333]]
    """
    size = truth.sum(1, keepdim=True)
    left = size - truth.cumsum(1, dtype=torch.int32)  # whole: a float32 sum stands still at 2^24 pixels
    union = size + (~truth).cumsum(1, dtype=torch.int32)
    left, union = left.to(dtype), union.to(dtype)
    falls = torch.where(truth, 1 / union.clamp(min=1), left / union / (union - 1).clamp(min=1))
    falls[:, :1] = torch.where(
        size == 0, 1.0, falls[:, :1]
    )  # where nothing is true the first invented is all
    return falls


def descending_order(error: Tensor) -> Tensor:
    """Return the indices that sort each row of `error` [sets, pixels], not negative, from the greatest on."""
    if error.device.type != "cpu" or error.dtype != torch.float32:
        return error.argsort(dim=1, descending=True, stable=True)
    # torch's sort takes six times as long on a CPU. The bits of floats that are not negative sort as the
    # floats do; with the index behind them one sort of whole numbers is a stable one.
    bits = error.numpy().view(np.int32)
    keys = (np.int64(0x7FFFFFFF) - bits) << 32
    keys |= np.arange(bits.shape[1], dtype=np.int64)
    keys.sort(axis=1)
    keys &= 0xFFFFFFFF
    return torch.from_numpy(keys)
