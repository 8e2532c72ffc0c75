"""Predicts objects: batches, mirrored views, windows whose objects are joined; masks as run lengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from segloop.analysis.instances import Instances
from segloop.analysis.thresholds import InstanceRule, keep_instances
from segloop.data.annotations import LabelSet, SizeHW
from segloop.data.masks import Patch, encode_patches
from segloop.experiments.predict.parts import ask_in_parts, is_plain_mask_rcnn, ready
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
        inputs, data_samples = ready(self.model, samples)
        found = []
        for sample in self.model.predict(inputs, data_samples, rescale=True):
            objects = sample.pred_instances.cpu()
            if "masks" not in objects:
                raise UserError(f"{type(self.model).__name__} predicts boxes without masks.")
            rows = zip(objects.masks.numpy(), objects.labels.tolist(), objects.scores.tolist(), strict=True)
            found.append([Piece(_tight(mask), label, score) for mask, label, score in rows])
        return found

    def _by_parts(self, samples: SampleBatch) -> list[list[Piece]]:
        least = None if self.rules is None else [rule.score for rule in self.rules]  # areas come later
        found = []
        for seen in ask_in_parts(self.model, samples, views=self.views, least=least):
            rows = zip(seen.pasted(), seen.labels.tolist(), seen.scores.tolist(), strict=True)
            found.append([Piece(patch, label, score) for patch, label, score in rows])
        return found


def _moved(piece: Piece, down: int, across: int) -> Piece:
    patch = piece.patch
    return replace(piece, patch=Patch(patch.left + across, patch.top + down, patch.bitmap))


def _tight(mask: np.ndarray) -> Patch:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return Patch(0, 0, np.zeros((0, 0), bool))
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    return Patch(left, top, mask[top:bottom, left:right].astype(bool))
