"""Losses of how much of a class overlaps with its truth: Dice and focal Tversky."""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.registry import MODELS
from torch import Tensor

from segloop.experiments.losses.sets import PixelSets, SetLoss


@MODELS.register_module()
class BatchDiceLoss(SetLoss):
    """One minus the soft Dice of each class over the whole batch, averaged over the classes in it.

    With the pixels found `TP`, invented `FP` and missed `FN`, each a sum of probabilities, Dice is
    `2·TP / (2·TP + FP + FN)`: as in V-Net (Milletari et al., 2016, arXiv:1606.04797), with plain instead of
    squared sizes below.

    Args:
        smooth: added above and below the fraction, in pixels.

    The other arguments are those of `SetLoss`.
    """

    def __init__(
        self,
        loss_weight: float = 1.0,
        background: int | None = None,
        smooth: float = 1.0,
        class_weight: Sequence[float] | str | None = None,
        loss_name: str = "loss_dice",
        per_image: bool = False,
    ) -> None:
        super().__init__(loss_weight, background, per_image, class_weight, loss_name)
        self.smooth = smooth

    def wrong(self, sets: PixelSets, counted: Tensor) -> Tensor:
        found, invented, missed = _overlap(sets)
        return (invented + missed) / (2 * found + invented + missed + self.smooth).clamp(min=1e-12)


@MODELS.register_module()
class FocalTverskyLoss(SetLoss):
    """One minus the Tversky index of each class, to the power of `1 / gamma`.

    The index is `TP / (TP + a·FP + b·FN)`: Dice with a price for each kind of fault (Salehi et al., 2017,
    arXiv:1706.05721). The power is Abraham and Khan's (2018, arXiv:1810.07842); at their 4/3 it pulls harder
    the better a class already is, below 1 harder the worse it is, and at 1 it is the plain Tversky loss.

    Args:
        false_positives: the price `a` of a pixel invented.
        false_negatives: the price `b` of a pixel missed. Papers disagree on which of alpha and beta it is.
        gamma: one over the exponent.
        smooth: added above and below the fraction, in pixels.

    The other arguments are those of `SetLoss`.
    """

    def __init__(
        self,
        false_positives: float = 0.3,
        false_negatives: float = 0.7,
        gamma: float = 4 / 3,
        smooth: float = 1.0,
        loss_weight: float = 1.0,
        background: int | None = None,
        per_image: bool = False,
        class_weight: Sequence[float] | str | None = None,
        loss_name: str = "loss_tversky",
    ) -> None:
        super().__init__(loss_weight, background, per_image, class_weight, loss_name)
        if min(false_positives, false_negatives) < 0 or gamma <= 0:
            raise ValueError(
                f"false_positives={false_positives} and false_negatives={false_negatives} must be 0 or more, "
                f"gamma={gamma} more than 0"
            )
        self.false_positives = false_positives
        self.false_negatives = false_negatives
        self.gamma = gamma
        self.smooth = smooth

    def wrong(self, sets: PixelSets, counted: Tensor) -> Tensor:
        found, invented, missed = _overlap(sets)
        faults = self.false_positives * invented + self.false_negatives * missed
        loss = faults / (found + faults + self.smooth).clamp(min=1e-12)
        # loss ** (1 / gamma), whose slope is infinite at 0 for a gamma above 1, and infinity times 0 is nan
        return loss * (loss + 1e-6) ** (1 / self.gamma - 1)


def _overlap(sets: PixelSets) -> tuple[Tensor, Tensor, Tensor]:
    """Return the pixels found, invented and missed of each set, as sums of probabilities, each [sets, C]."""
    missed = sets.total(sets.error * sets.truth)
    invented = (sets.total(sets.error) - missed).clamp(min=0)
    return sets.total(sets.truth) - missed, invented, missed
