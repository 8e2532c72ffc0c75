"""Decode heads that mmseg lacks."""

from __future__ import annotations

from typing import Any

from mmengine.registry import MODELS
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn


@MODELS.register_module()
class ClassifierHead(BaseDecodeHead):
    """A 1x1 classifier on maps of the image's own size, for networks whose decoder ends there.

    mmseg's heads resize the logits even to the size that they have, and rank the classes of each pixel to
    find the best: on thin networks that is a tenth of a training step.
    """

    def forward(self, inputs: list[Tensor]) -> Tensor:
        """Return logits from the network's maps."""
        return self.cls_seg(self._transform_inputs(inputs))

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: list[Any]) -> dict[str, Tensor]:
        """Return each loss under its name, and the accuracy over counted pixels, in percent."""
        truth = self._stack_batch_gt(batch_data_samples)[:, 0]
        if seg_logits.shape[2:] != truth.shape[1:] or self.sampler is not None:
            return super().loss_by_feat(seg_logits, batch_data_samples)
        terms: Any = self.loss_decode if isinstance(self.loss_decode, nn.ModuleList) else [self.loss_decode]
        losses: dict[str, Tensor] = {}
        for term in terms:
            value = term(seg_logits, truth, ignore_index=self.ignore_index)
            losses[term.loss_name] = losses[term.loss_name] + value if term.loss_name in losses else value
        counted = truth != self.ignore_index
        hits = (seg_logits.detach().argmax(dim=1) == truth) & counted
        losses["acc_seg"] = 100 * hits.sum() / counted.sum().clamp_min(1)
        return losses
