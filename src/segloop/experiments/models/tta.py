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
        """Return one prediction per image, the mean of its augmentations; truth and path are the first's."""
        predictions = []
        for samples in data_samples_list:
            first = samples[0]
            views = torch.stack([each.seg_logits.data for each in samples])  # [views, classes, H, W]
            if self.module.out_channels == 1:  # a probability already
                logits = views.mean(dim=0)
                mask = (logits > self.module.decode_head.threshold).to(logits)
            else:
                chances = views.float().softmax(dim=1).mean(dim=0)
                logits, mask = chances.clamp_min(1e-12).log(), chances.argmax(dim=0, keepdim=True)
            first.set_data({"seg_logits": PixelData(data=logits), "pred_sem_seg": PixelData(data=mask)})
            predictions.append(first)
        return predictions
