"""Asks a Mask R-CNN part by part: views, boxes merged before masks are computed, small masks averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmcv.ops import batched_nms
from mmdet.models.detectors import TwoStageDetector
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from mmdet.structures.bbox import bbox2roi
from torch import Tensor, nn

from segloop.data.masks import Patch
from segloop.experiments.predict.paste import paste_mask

Axes = tuple[int, ...]  # of [..., H, W], along which a view is mirrored
AT_ONCE = 64  # regions whose masks are computed together on a CPU


@dataclass
class Seen:
    """The objects of an image: boxes [N, 4] in the pixels that the network saw, chances [N, h, w]."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    masks: np.ndarray
    sample: Any
    threshold: float

    @property
    def corners(self) -> Tensor:
        """The boxes in the image's own pixels."""
        factor = self.boxes.new_tensor(self.sample.metainfo["scale_factor"]).repeat((1, 2))
        return self.boxes / factor

    def pasted(self) -> list[Patch]:
        """Return the masks in the image's own pixels, none larger than its box."""
        tall, wide = self.sample.metainfo["ori_shape"][:2]
        rows = zip(self.masks, self.corners.cpu().numpy(), strict=True)
        size_hw = int(tall), int(wide)
        return [paste_mask(mask, box, size_hw, threshold=self.threshold) for mask, box in rows]


def ask_in_parts(
    model: Any,
    samples: Sequence[dict[str, Any]],
    *,
    views: Sequence[Axes] = ((),),
    least: Sequence[float] | None = None,
) -> list[Seen]:
    """Return the objects of a batch of a `is_plain_mask_rcnn`, masks averaged over the views.

    Objects of a class below its `least` score are left out before their masks are computed.
    """
    head, rules = model.roi_head, model.roi_head.test_cfg
    asked = []
    for axes in views:
        inputs, data_samples = ready(model, samples, axes=axes)
        metas = [sample.metainfo for sample in data_samples]
        features = model.extract_feat(inputs)
        proposals = model.rpn_head.predict(features, data_samples, rescale=False)
        boxes = head.predict_bbox(features, metas, proposals, rules, rescale=False)
        asked.append((axes, features, boxes, data_samples))
    data_samples = asked[0][3]
    metas = [sample.metainfo for sample in data_samples]
    found = [
        _merged([(axes, boxes[n]) for axes, _, boxes, _ in asked], meta, rules, least)
        for n, meta in enumerate(metas)
    ]
    counts = [len(boxes) for boxes, _, _ in found]
    masks = np.zeros((0, 1, 1), np.float32)
    if sum(counts):
        labels = torch.cat([each for _, _, each in found])
        total: Tensor | None = None
        for axes, features, _, _ in asked:
            rois = [_mirrored(each[0], axes, meta) for each, meta in zip(found, metas, strict=True)]
            given = _small_masks(head, features, bbox2roi(rois))
            chosen = given[:, 0] if head.mask_head.class_agnostic else given[torch.arange(len(given)), labels]
            chances = chosen.float().sigmoid()
            chances = chances.flip(axes) if axes else chances
            total = chances if total is None else total.add_(chances)
        assert total is not None
        masks = total.div_(len(asked)).cpu().numpy()
    limit = float(rules.mask_thr_binary)
    parts = np.split(masks, np.cumsum(counts)[:-1])
    return [
        Seen(*each, part, sample, limit)
        for each, part, sample in zip(found, parts, data_samples, strict=True)
    ]


def _small_masks(head: Any, features: Sequence[Tensor], rois: Tensor) -> Tensor:
    """Return the logits of the regions' masks, [N, C, h, w]; on a CPU as many at once as its caches hold."""
    most = AT_ONCE if rois.device.type == "cpu" else len(rois)
    return torch.cat([head._mask_forward(features, part)["mask_preds"] for part in rois.split(most)])


def ready(model: Any, samples: Sequence[dict[str, Any]], *, axes: Axes = ()) -> tuple[Tensor, list[Any]]:
    """Return a batch as the network wants it, each image mirrored before it is padded."""
    device = next(model.parameters()).device
    inputs = [sample["inputs"].to(device, non_blocking=True) for sample in samples]
    data = {
        "inputs": [each.flip(axes) if axes else each for each in inputs],
        "data_samples": [sample["data_samples"].clone() for sample in samples],
    }
    found = model.data_preprocessor(data, False)
    return found["inputs"].contiguous(memory_format=torch.channels_last), found["data_samples"]


def is_plain_mask_rcnn(model: nn.Module) -> bool:
    """Return whether a model is a Mask R-CNN whose parts predict as mmdet's own do."""
    head: Any = getattr(model, "roi_head", None)
    mask_head = getattr(head, "mask_head", None)
    if not isinstance(model, TwoStageDetector) or not isinstance(head, StandardRoIHead):
        return False
    own = (
        (model, TwoStageDetector, ("predict",)),  # its features are asked for as it gives them
        (head, StandardRoIHead, ("predict", "predict_bbox", "predict_mask", "_mask_forward")),
        (mask_head, FCNMaskHead, ("predict_by_feat", "_predict_by_feat_single")),
    )
    return (
        isinstance(mask_head, FCNMaskHead)
        and all(
            getattr(type(part), name) is getattr(base, name) for part, base, names in own for name in names
        )
        and head.test_cfg.mask_thr_binary >= 0
    )


def _merged(
    views: Sequence[tuple[Axes, Any]], meta: dict, rules: Any, least: Sequence[float] | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return boxes, scores and labels of an image: of several views the surer one of boxes that agree."""
    boxes = torch.cat([_mirrored(each.bboxes, axes, meta) for axes, each in views]).float()
    scores, labels = (torch.cat([each[name] for _, each in views]) for name in ("scores", "labels"))
    if least is not None and len(boxes):
        counts = scores.double() >= scores.new_tensor(least, dtype=torch.float64)[labels]
        boxes, scores, labels = boxes[counts], scores[counts], labels[counts]
    if len(views) > 1 and len(boxes):
        _, kept = batched_nms(boxes, scores.float(), labels, dict(rules.nms))
        kept = kept[: rules.max_per_img] if rules.max_per_img > 0 else kept
        boxes, scores, labels = boxes[kept], scores[kept], labels[kept]
    return boxes, scores, labels


def _mirrored(boxes: Tensor, axes: Axes, meta: dict) -> Tensor:
    """Return boxes mirrored inside the image as the network saw it, without its padding."""
    height, width = meta["img_shape"][:2]
    left, top, right, bottom = boxes.unbind(dim=-1)
    if -1 in axes:
        left, right = width - right, width - left
    if -2 in axes:
        top, bottom = height - bottom, height - top
    return torch.stack([left, top, right, bottom], dim=-1)
