"""What the losses share: how wrong each set of pixels is, a class or the mask of a RoI, in full precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from segloop.experiments.class_weights import read_class_weights


@dataclass(frozen=True)
class PixelSets:
    """By how much each pixel misses the truth, for each class; a set is a class in an image, or in the batch.

    Args:
        error: |probability - truth| [N, C, H, W] in [0, 1], 0 and without a gradient where ignored.
        truth: the pixels of each class [N, C, H, W], boolean, False where ignored.
        valid: what is not ignored [N, 1, H, W], boolean.
        per_image: whether each image has sets of its own; else a class is one set over the batch.
    """

    error: Tensor
    truth: Tensor
    valid: Tensor
    per_image: bool

    @classmethod
    def of(cls, probability: Tensor, truth: Tensor, *, valid: Tensor, per_image: bool) -> PixelSets:
        """Compare probabilities [N, C, H, W] with the truth, leaving out what is not valid."""
        truth = truth & valid
        # |p - t| without a branch: p for a pixel that is not of the class, 1 - p for one that is
        true = truth.to(probability.dtype)
        error = torch.addcmul(true, torch.where(truth, -true, valid.to(true.dtype)), probability)
        return cls(error, truth, valid, per_image)

    def total(self, values: Tensor) -> Tensor:
        """Sum `values` [N, C, H, W] over each set: [N, C], or [1, C] over the batch."""
        return values.sum((2, 3)) if self.per_image else values.sum((0, 2, 3))[None]

    def rows(self, values: Tensor) -> Tensor:
        """Lay out `values` [N, C, H, W] as a row for each set: [sets, C, pixels]."""
        return values.flatten(2) if self.per_image else values.movedim(1, 0).flatten(1)[None]


class SetLoss(nn.Module):
    """The mean over classes of how wrong they are; subclasses say in `wrong` what that means.

    In a decode head classes exclude each other, and one that no pixel of the set has is left out of the mean,
    as are ignored pixels. In a mask head (`InstanceMaskLoss`) each RoI counts, one without a pixel too.

    Args:
        loss_weight: factor of this loss in the sum.
        background: the class to leave out of the mean (it is easy, and outweighs the rest), or None.
        per_image: count each class in each image alone, and not over the batch, where a class that few images
            show is not a coin toss. The masks of a mask head are always counted one by one.
        class_weight: how much each class counts in the mean, a list or the path of a JSON file that holds
            one (`tools/eda.py` writes such files); None for all alike.
        loss_name: what logs call it; names that begin with `loss` are part of the training loss.
    """

    def __init__(
        self,
        loss_weight: float = 1.0,
        background: int | None = None,
        per_image: bool = False,
        class_weight: Sequence[float] | str | None = None,
        loss_name: str = "loss_sets",
    ) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.background = background
        self.per_image = per_image
        self.class_weight = read_class_weights(class_weight)
        self._loss_name = loss_name

    @property
    def loss_name(self) -> str:
        return self._loss_name

    def wrong(self, sets: PixelSets, counted: Tensor) -> Tensor:
        """Return how wrong each set is, 0 for not at all; what is not `counted` (both [sets, C]) may be 0."""
        raise NotImplementedError

    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        ignore_index: int = 255,
        **_: object,
    ) -> Tensor:
        """Return the loss of `logits` [N, C, H, W] against `target` [N, H, W] of class indices.

        One channel is the logit of class 1 against class 0. Pixels with the `weight` 0, as mmseg's samplers
        give it, are ignored too.
        """
        if target.is_floating_point():
            # As the loss of a mask head it would take labels for weights, and never say so.
            raise TypeError(
                f"{type(self).__name__} takes class indices, and was given masks. In a mask head write "
                f"loss_mask=dict(type='InstanceMaskLoss', losses=[dict(type='{type(self).__name__}')])."
            )
        with torch.autocast(logits.device.type, enabled=False):
            logits = _full_precision(logits)
            if logits.shape[1] == 1:
                logits = torch.cat([torch.zeros_like(logits), logits], dim=1)  # the same as a sigmoid
            classes = torch.arange(logits.shape[1], device=target.device)
            valid = target != ignore_index
            if weight is not None:
                valid = valid & (weight > 0)
            sets = PixelSets.of(
                logits.softmax(dim=1),
                target[:, None] == classes[:, None, None],
                valid=valid[:, None],
                per_image=self.per_image,
            )
            counted = sets.rows(sets.truth).any(-1)
            if self.background is not None:
                counted = counted & (classes != self.background)
            return self._mean(self.wrong(sets, counted), counted * self._weights(classes, logits))

    def of_masks(self, logits: Tensor, target: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss over RoIs: `logits` and `target` [R, h, w], classes `labels` [R].

        A mask is what is half covered or more, should the head make soft targets.
        """
        with torch.autocast(logits.device.type, enabled=False):
            logits = _full_precision(logits)
            truth = target[:, None] >= 0.5
            valid = torch.ones_like(truth)
            sets = PixelSets.of(logits[:, None].sigmoid(), truth, valid=valid, per_image=True)
            counted = torch.ones_like(labels, dtype=torch.bool)[:, None]
            return self._mean(self.wrong(sets, counted), self._weights(labels, logits)[:, None])

    def _weights(self, classes: Tensor, like: Tensor) -> Tensor:
        if self.class_weight is None:
            return torch.ones_like(classes, dtype=like.dtype)
        return like.new_tensor(self.class_weight)[classes]

    def _mean(self, wrong: Tensor, weights: Tensor) -> Tensor:
        # no `if` on what is counted: a GPU would have to stop for the answer
        return self.loss_weight * (weights * wrong).sum() / weights.sum().clamp(min=1e-12)


def _full_precision(logits: Tensor) -> Tensor:
    """Leave half precision: sums over thousands of pixels need more than 8 or 11 bits."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
