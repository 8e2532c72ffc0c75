"""Test-time augmentation whose merged probabilities are kept beside the mask that follows from them."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.registry import MODELS
from mmengine.structures import PixelData
from mmseg.models import SegTTAModel


@MODELS.register_module()
class SegLoopTTAModel(SegTTAModel):
    """mmseg's `SegTTAModel`, whose predictions hold logits of the merged probabilities.

    mmseg leaves those of the last augmentation, which belong to another mask; whatever looks at
    probabilities (thresholds, confidence) would read the wrong ones without a word.

    Views that `QuarterTurn(turns=…)` turned are turned back before they are merged.
    """

    def merge_preds(self, data_samples_list: list) -> list:
        """Return one prediction per image, the mean of its augmentations.

        Truth and path are those of the first that is not turned.
        """
        predictions = []
        for samples in data_samples_list:
            first = min(samples, key=_turns)
            logits = [torch.rot90(each.seg_logits.data, -_turns(each), (-2, -1)) for each in samples]
            views = torch.stack(logits)  # [views, classes, H, W]
            if self.module.out_channels == 1:  # a probability already
                merged = views.mean(dim=0)
                mask = (merged > self.module.decode_head.threshold).to(merged)
            else:
                chances = views.float().softmax(dim=1).mean(dim=0)
                merged, mask = chances.clamp_min(1e-12).log(), chances.argmax(dim=0, keepdim=True)
            first.set_data({"seg_logits": PixelData(data=merged), "pred_sem_seg": PixelData(data=mask)})
            predictions.append(first)
        return predictions


def _turns(sample: Any) -> int:
    return int(sample.metainfo.get("quarter_turns", 0))
