"""Predicts objects: batches, mirrored views, windows whose objects are joined; masks as run lengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from mmcv.ops import batched_nms
from mmdet.models.detectors import TwoStageDetector
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from mmdet.structures.bbox import bbox2roi
from torch import Tensor, nn

from segloop.analysis.instances import Instances
from segloop.analysis.thresholds import InstanceRule, keep_instances
from segloop.data.annotations import LabelSet, SizeHW
from segloop.data.masks import Patch, encode_patches
from segloop.experiments.predict.paste import paste_mask
from segloop.experiments.predict.results import InstancePrediction
from segloop.experiments.predict.semantic import SampleBatch
from segloop.experiments.predict.stitch import Piece, stitch
from segloop.experiments.predict.views import views_of
from segloop.experiments.predict.windows import Grid
from segloop.utils.errors import UserError


class InstancePredictor:
    """Predicts with an mmdet model in eval mode that gives masks; `rules` say what counts, one a class.

    A Mask R-CNN of mmdet's own parts is run part by part, so that no mask is ever as large as the image, and
    none is computed that its score leaves out. Other models predict as they do.
    """

    def __init__(
        self,
        model: nn.Module,
        classes: LabelSet,
        *,
        tta: str = "",
        rules: Sequence[InstanceRule] | None = None,
        autocast: Callable[[], Any],
    ) -> None:
        self.model: Any = model
        self.classes, self.rules, self.autocast = classes, rules, autocast
        self.views = [axes for _, axes in views_of(tta)]
        self.device = next(model.parameters()).device
        self.plain = is_plain_mask_rcnn(model)
        if "r" in tta:
            raise UserError(
                f"--tta {tta}: only index maps are averaged over turned views; take hv for objects."
            )
        if tta and not self.plain:
            raise UserError(
                f"--tta: a {type(model).__name__} of these parts does not tell boxes and masks apart, so its "
                "views cannot be averaged. It works with a Mask R-CNN of mmdet's own parts."
            )

    @torch.inference_mode()
    def predict(self, samples: SampleBatch) -> list[InstancePrediction]:
        """Return the objects of samples that share a padded size, at the images' own sizes."""
        found = self._pieces(samples)
        sizes = [sample["data_samples"].metainfo["ori_shape"][:2] for sample in samples]
        return [self._settled(each, size_hw) for each, size_hw in zip(found, sizes, strict=True)]

    @torch.inference_mode()
    def predict_windows(
        self, grid: Grid, cut: Callable[[slice, slice], dict[str, Any]], *, batch_size: int
    ) -> InstancePrediction:
        """Return the objects of an image that `cut` gives in parts."""
        windows = list(grid)
        pieces: list[list[Piece]] = []
        for begin in range(0, len(windows), batch_size):
            part = windows[begin : begin + batch_size]
            for window, each in zip(part, self._pieces([cut(w.rows, w.columns) for w in part]), strict=True):
                pieces.append([_moved(piece, window.rows.start, window.columns.start) for piece in each])
        return self._settled(stitch(grid, pieces), grid.size_hw)

    def _settled(self, pieces: Sequence[Piece], size_hw: Sequence[int]) -> InstancePrediction:
        """Return what counts of the objects of an image, the surest first."""
        areas = np.array([np.count_nonzero(piece.patch.bitmap) for piece in pieces], np.int64)
        labels = np.array([piece.label for piece in pieces], np.int64)
        scores = np.array([piece.score for piece in pieces], np.float64)
        counts = areas > 0
        if self.rules is not None and len(pieces):
            counts &= keep_instances(labels, scores, areas, rules=self.rules)
        order = [int(place) for place in np.argsort(-scores, kind="stable") if counts[place]]
        size: SizeHW = (int(size_hw[0]), int(size_hw[1]))
        instances = Instances(
            runs=encode_patches([pieces[place].patch for place in order], size),
            labels=labels[order],
            scores=scores[order],
            size_hw=size,
        )
        return InstancePrediction(instances=instances, classes=self.classes)

    def _pieces(self, samples: SampleBatch) -> list[list[Piece]]:
        with self.autocast():
            return self._by_parts(samples) if self.plain else self._by_model(samples)

    def _by_model(self, samples: SampleBatch) -> list[list[Piece]]:
        inputs, data_samples = self._ready(samples)
        found = []
        for sample in self.model.predict(inputs, data_samples, rescale=True):
            objects = sample.pred_instances.cpu()
            if "masks" not in objects:
                raise UserError(f"{type(self.model).__name__} predicts boxes without masks.")
            rows = zip(objects.masks.numpy(), objects.labels.tolist(), objects.scores.tolist(), strict=True)
            found.append([Piece(_tight(mask), label, score) for mask, label, score in rows])
        return found

    def _ready(self, samples: SampleBatch, *, flip: tuple[int, ...] = ()) -> tuple[Tensor, list[Any]]:
        """Return a batch as the network wants it, each image mirrored before it is padded."""
        inputs = [sample["inputs"].to(self.device, non_blocking=True) for sample in samples]
        data = {
            "inputs": [each.flip(flip) if flip else each for each in inputs],
            "data_samples": [sample["data_samples"].clone() for sample in samples],
        }
        ready = self.model.data_preprocessor(data, False)
        return ready["inputs"].contiguous(memory_format=torch.channels_last), ready["data_samples"]

    def _by_parts(self, samples: SampleBatch) -> list[list[Piece]]:
        head, rules = self.model.roi_head, self.model.roi_head.test_cfg
        views = []
        for flip in self.views:
            inputs, data_samples = self._ready(samples, flip=flip)
            metas = [sample.metainfo for sample in data_samples]
            features = self.model.extract_feat(inputs)
            proposals = self.model.rpn_head.predict(features, data_samples, rescale=False)
            boxes = head.predict_bbox(features, metas, proposals, rules, rescale=False)
            views.append((flip, features, boxes, metas))
        metas = views[0][3]
        found = [
            self._merged([(flip, boxes[n]) for flip, _, boxes, _ in views], metas[n], rules)
            for n in range(len(metas))
        ]
        if not sum(len(boxes) for boxes, _, _ in found):
            return [[] for _ in found]
        total: Tensor | None = None
        labels = torch.cat([each for _, _, each in found])
        for flip, features, _, _ in views:
            rois = [_mirrored(each[0], flip, meta) for each, meta in zip(found, metas, strict=True)]
            masks = head._mask_forward(features, bbox2roi(rois))["mask_preds"]
            chosen = masks[:, 0] if head.mask_head.class_agnostic else masks[torch.arange(len(masks)), labels]
            chances = chosen.float().sigmoid()
            chances = chances.flip(flip) if flip else chances
            total = chances if total is None else total.add_(chances)
        assert total is not None
        masks = total.div_(len(views)).cpu().numpy()
        return self._pasted(found, masks, metas, float(rules.mask_thr_binary))

    def _pasted(
        self, found: Sequence[tuple[Tensor, ...]], masks: np.ndarray, metas: Sequence[dict], threshold: float
    ) -> list[list[Piece]]:
        pieces, place = [], 0
        for (boxes, scores, labels), meta in zip(found, metas, strict=True):
            factor = boxes.new_tensor(meta["scale_factor"]).repeat((1, 2))
            corners = (boxes / factor).cpu().numpy()
            size_hw = (int(meta["ori_shape"][0]), int(meta["ori_shape"][1]))
            rows = zip(corners, scores.tolist(), labels.tolist(), masks[place:], strict=False)
            pieces.append(
                [
                    Piece(paste_mask(mask, box, size_hw, threshold=threshold), label, score)
                    for box, score, label, mask in rows
                ]
            )
            place += len(boxes)
        return pieces

    def _merged(
        self, views: Sequence[tuple[tuple[int, ...], Any]], meta: dict, rules: Any
    ) -> tuple[Tensor, ...]:
        """Return boxes, scores and labels of an image: of several views the surer one of boxes that agree."""
        boxes = torch.cat([_mirrored(each.bboxes, flip, meta) for flip, each in views]).float()
        scores, labels = (torch.cat([each[name] for _, each in views]) for name in ("scores", "labels"))
        if self.rules is not None and len(
            boxes
        ):  # what is left out needs no mask; its area is looked at later
            limits = scores.new_tensor([rule.score for rule in self.rules], dtype=torch.float64)
            counts = scores.double() >= limits[labels]
            boxes, scores, labels = boxes[counts], scores[counts], labels[counts]
        if len(views) > 1 and len(boxes):
            _, kept = batched_nms(boxes, scores.float(), labels, dict(rules.nms))
            kept = kept[: rules.max_per_img] if rules.max_per_img > 0 else kept
            boxes, scores, labels = boxes[kept], scores[kept], labels[kept]
        return boxes, scores, labels


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


def _mirrored(boxes: Tensor, flip: tuple[int, ...], meta: dict) -> Tensor:
    """Return boxes mirrored inside the image as the network saw it, without its padding."""
    height, width = meta["img_shape"][:2]
    left, top, right, bottom = boxes.unbind(dim=-1)
    if -1 in flip:
        left, right = width - right, width - left
    if -2 in flip:
        top, bottom = height - bottom, height - top
    return torch.stack([left, top, right, bottom], dim=-1)


def _moved(piece: Piece, down: int, across: int) -> Piece:
    patch = piece.patch
    return replace(piece, patch=Patch(patch.left + across, patch.top + down, patch.bitmap))


def _tight(mask: np.ndarray) -> Patch:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return Patch(0, 0, np.zeros((0, 0), bool))
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    return Patch(left, top, mask[top:bottom, left:right].astype(bool))
