"""Test-time augmentation whose merged probabilities are kept beside the mask that follows from them."""

from __future__ import annotations

import torch
from mmengine.registry import MODELS
from mmengine.structures import PixelData
from mmseg.models import SegTTAModel


@MODELS.register_module()
class SegLoopTTAModel(SegTTAModel):
    """mmseg's `SegTTAModel`, whose predictions hold logits of the merged probabilities.

    mmseg leaves those of the last augmentation, which belong to another mask; whatever looks at
    probabilities (thresholds, confidence) would read the wrong ones without a word.
    """

    def merge_preds(self, data_samples_list: list) -> list:
        """Return one prediction per image from those of its augmentations."""
        merged = []
        for samples in data_samples_list:
            single = self.module.out_channels == 1
            chances = [each.seg_logits.data for each in samples]  # one channel holds a probability already
            chances = chances if single else [each.softmax(dim=0) for each in chances]
            merged.append(torch.stack(list(chances)).mean(dim=0))
        predictions = super().merge_preds(data_samples_list)
        for sample, chance in zip(predictions, merged, strict=True):
            logits = chance if self.module.out_channels == 1 else chance.clamp_min(1e-12).log()
            sample.set_data({"seg_logits": PixelData(data=logits)})
        return predictions
