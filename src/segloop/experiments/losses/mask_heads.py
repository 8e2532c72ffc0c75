"""Several losses in one for mask heads, whatever mmdet hands them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.logging import MessageHub
from mmengine.registry import MODELS
from torch import Tensor, nn

from segloop.experiments.losses.sets import SetLoss


@MODELS.register_module()
class InstanceMaskLoss(nn.Module):
    """The sum of `losses` on the masks of `FCNMaskHead` and its kin.

    Such a head calls its loss with the logits of all classes, the masks and the labels of the RoIs. Losses
    of binary masks, mmdet's `DiceLoss` among them, would take the labels for weights; here they get the
    logits of each RoI's own class, [R, h, w], and its mask. mmdet's cross-entropy with `use_mask=True` gets
    what the head gave. A class-agnostic head has one channel and labels that are all 0.

    The head has room for one number, `loss_mask`; each part is logged beside it, as `loss_mask.<name>`.

    Args:
        losses: configs of ours (each RoI is a set of its own) or of mmdet's binary losses.
        loss_weight: factor of the sum.
    """

    def __init__(self, losses: Sequence[dict[str, Any]], loss_weight: float = 1.0) -> None:
        super().__init__()
        if not losses:
            raise ValueError("losses is empty: a mask head without a loss learns nothing")
        self.losses = nn.ModuleList(MODELS.build(loss) for loss in losses)
        for loss in self.losses:
            if getattr(loss, "use_sigmoid", None) is False and not getattr(loss, "use_mask", False):
                # a softmax would take the rows of a mask for classes, and never say so
                raise ValueError(
                    f"losses holds a {type(loss).__name__} with a softmax; masks need use_mask=True or "
                    "use_sigmoid=True"
                )
        self.names = _names(self.losses)
        self.loss_weight = loss_weight

    def forward(self, mask_pred: Tensor, target: Tensor, labels: Tensor, **_: object) -> Tensor:
        """Return the loss of logits [R, C, h, w] against the masks `target` [R, h, w] of `labels` [R]."""
        if not len(mask_pred):
            return mask_pred.sum() * 0.0
        own = mask_pred[torch.arange(len(labels), device=labels.device), labels]
        parts = []
        for loss in self.losses:
            if isinstance(loss, SetLoss):
                parts.append(loss.of_masks(own, target, labels))
            elif getattr(loss, "use_mask", False):
                parts.append(loss(mask_pred, target, labels))
            else:
                parts.append(loss(own, target))
        # mmdet's mask cross-entropy has one number in a row of one
        total = torch.stack([part.mean() for part in parts]) * self.loss_weight
        if self.training:
            self._log(total.detach())
        return total.sum()

    def _log(self, parts: Tensor) -> None:
        """Put the parts where mmengine's log looks; it averages them as it does the losses."""
        hub = MessageHub.get_current_instance()
        for name, value in zip(self.names, parts.tolist(), strict=True):
            hub.update_scalar(f"train/loss_mask.{name}", value)


def _names(losses: nn.ModuleList) -> list[str]:
    """Return a name for each loss: `dice` for `loss_dice`, or its class; a second of the same gets a 2."""
    names: list[str] = []
    for loss in losses:
        name = str(getattr(loss, "loss_name", type(loss).__name__)).removeprefix("loss_")
        again = sum(other.rstrip("0123456789") == name for other in names)
        names.append(f"{name}{again + 1}" if again else name)
    return names
