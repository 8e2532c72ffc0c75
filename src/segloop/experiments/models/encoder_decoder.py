"""mmseg's encoder-decoder, which also tells its loss while it is validated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from mmengine.registry import MODELS
from mmengine.structures import BaseDataElement
from mmseg.models import EncoderDecoder
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.utils import add_prefix
from torch import Tensor
from torch.nn import functional as F


@MODELS.register_module()
class SegLoopEncoderDecoder(EncoderDecoder):
    """An `EncoderDecoder` whose validation also yields the training losses, out of the same forward pass.

    A batch may hold images of several sizes: those of one size are predicted together, as mmseg asks.

    mmengine averages a last element that holds nothing but `loss` and logs it as `val/loss…`; so the
    curves of training and validation loss can be drawn side by side at no second pass through the network.
    Only whole-image prediction knows its loss; sliding windows have none, nor has a head that predicts and
    learns from more than one map of logits.
    """

    _validating = False

    def val_step(self, data: dict | tuple | list) -> list:
        """Predict a batch of the validation loop, with its losses behind the predictions."""
        self._validating = True
        try:
            return _size_by_size(super().val_step, data)
        finally:
            self._validating = False

    def test_step(self, data: dict | tuple | list) -> list:
        """Predict a batch of a test."""
        return _size_by_size(super().test_step, data)

    def predict(self, inputs: Tensor, data_samples: list | None = None) -> list:
        """Return the predictions, and after them the losses where a validation asks for them."""
        if not self._validating or data_samples is None or not self._knows_truth(data_samples):
            return super().predict(inputs, data_samples)
        features = self.extract_feat(inputs)
        logits = self.decode_head.forward(features)
        truths = _padded_truth(data_samples, inputs.shape[2:], ignored=self.decode_head.ignore_index)
        losses = self._losses(features, logits, truths)
        metas = [sample.metainfo for sample in data_samples]
        for meta in metas:  # where the preprocessor padded, logits cover the padded image
            meta["img_shape"] = inputs.shape[2:]
        predictions = self.postprocess_result(self.decode_head.predict_by_feat(logits, metas), data_samples)
        return [*predictions, BaseDataElement(loss=losses)]

    def _knows_truth(self, data_samples: list) -> bool:
        whole = self.test_cfg is None or self.test_cfg.get("mode", "whole") == "whole"
        return (
            whole
            and _has_one_map(self.decode_head)
            and all(
                "gt_sem_seg" in sample and tuple(sample.gt_sem_seg.shape) == tuple(sample.img_shape[:2])
                for sample in data_samples
            )
        )

    def _losses(self, features: Any, logits: Tensor, samples: list) -> dict[str, Tensor]:
        losses = add_prefix(self.decode_head.loss_by_feat(logits, samples), "decode")
        if self.with_auxiliary_head:
            losses.update(self._auxiliary_head_forward_train(features, samples))
        return {name: value for name, value in losses.items() if "loss" in name}


def _size_by_size(step: Callable[[Any], list], data: Any) -> list:
    """Predict the images of each size in a batch together, and return all in its order."""
    images = data["inputs"] if isinstance(data, dict) else []
    groups: dict[tuple[int, ...], list[int]] = {}
    for place, image in enumerate(images):
        groups.setdefault(tuple(image.shape), []).append(place)
    if len(groups) < 2:
        return step(data)
    found: dict[int, Any] = {}
    losses: dict[str, Any] = {}
    for places in groups.values():
        outputs = step({name: [values[place] for place in places] for name, values in data.items()})
        found.update(zip(places, outputs, strict=False))
        for told in outputs[len(places) :]:
            for name, loss in told.loss.items():
                losses[name] = losses.get(name, 0.0) + loss * (len(places) / len(images))
    predictions = [found[place] for place in range(len(images))]
    return [*predictions, BaseDataElement(loss=losses)] if losses else predictions


def _has_one_map(head: Any) -> bool:
    """Return whether a head's prediction and its loss begin with the same map of logits."""
    plain = all(getattr(type(head), name) is getattr(BaseDecodeHead, name) for name in ("predict", "loss"))
    loss = type(head).loss_by_feat
    # mmseg's heads that override it take a tuple, which some of them give in training only
    return plain and (loss is BaseDecodeHead.loss_by_feat or not loss.__module__.startswith("mmseg."))


class _Truth:
    """As much of a data sample as a decode head's loss reads."""

    def __init__(self, mask: Tensor, metainfo: dict) -> None:
        self.gt_sem_seg = BaseDataElement(data=mask)
        self.metainfo = metainfo


def _padded_truth(data_samples: list, size_hw: torch.Size, *, ignored: int) -> list[_Truth]:
    """Bring each mask to the batch's padded size; what the padding adds is ignored."""
    truths = []
    for sample in data_samples:
        mask = sample.gt_sem_seg.data
        below, right = size_hw[0] - mask.shape[-2], size_hw[1] - mask.shape[-1]
        if below or right:
            mask = F.pad(mask, (0, right, 0, below), value=ignored)
        truths.append(_Truth(mask, sample.metainfo))
    return truths
