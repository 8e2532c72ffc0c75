"""What a RUN records of each image, by kind of model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from mmengine.dist import get_rank

from segloop.analysis.confusion_file import sparse
from segloop.analysis.counts import confusion
from segloop.data.png import encode_grey
from segloop.experiments.metrics import class_mask, encode_mask, find_background
from segloop.experiments.run_writer import ConfidenceTable, ImageRow, SpooledImages, write_semantic_tables


class Recorder(Protocol):
    """What one kind of model adds to a RUN: a record per image while it is tested, tables at the end."""

    kind: str

    @property
    def image_columns(self) -> Sequence[str]:
        """What of a record goes into `images.csv` as columns of its own."""

    def record(self, sample: Any, row: ImageRow) -> dict[str, Any]:
        """Write what the image needs as files of its own; return the rest, as JSON."""

    def save_part(self) -> None:
        """Keep what this process summed up, for the main process to find."""

    def write_tables(self, images: SpooledImages) -> dict[str, Any]:
        """On the main process: write the tables; return what goes into `metrics.json`."""

    def describe(self) -> dict[str, Any]:
        """Return what goes into `meta.json`."""


class SemanticRecorder:
    """Counts of each image, its mask, and how sure the model was."""

    kind = "semantic"
    image_columns = ()

    def __init__(
        self,
        folder: Path,
        *,
        dataset_meta: dict[str, Any],
        ignore_index: int,
        background: Any,
        confident: float = 0.9,
        merged: bool = False,
    ) -> None:
        self.folder = folder
        self.class_names = [str(name) for name in dataset_meta.get("classes") or ()]
        self.palette = [list(map(int, color)) for color in dataset_meta.get("palette") or ()]
        self.ignore_index = ignore_index
        self.background = find_background(background, dataset_meta)
        self.reduce_zero_label = False
        self.table = ConfidenceTable(num_classes=len(self.class_names), threshold=confident)
        self.no_confidence: str | None = None
        if merged:  # the logits that are left are those of the last augmentation, not of the merged mask
            self.no_confidence = "test-time augmentation keeps no merged logits"

    def record(self, sample: Any, row: ImageRow) -> dict[str, Any]:
        """Write the predicted mask; return the counts and the sums of confidence."""
        pred = class_mask(sample.pred_sem_seg.data)
        self.reduce_zero_label = bool(sample.metainfo.get("reduce_zero_label", False))
        _write(self.folder / "predictions" / f"{row.image_id}.png", encode_mask(pred, palette=self.palette))
        if "seg_logits" not in sample:
            self.no_confidence = self.no_confidence or "the model gives no logits"
        sure = None
        if self.no_confidence is None:
            sure = winning_confidence(sample.seg_logits.data, pred)
            percent = encode_grey(np.rint(100 * sure).astype(np.uint8))
            _write(self.folder / "confidence" / f"{row.image_id}.png", percent)
        if "gt_sem_seg" not in sample:
            return {"pairs": None}
        truth = class_mask(sample.gt_sem_seg.data)
        counted = confusion(
            pred,
            truth,
            num_classes=len(self.class_names),
            ignore_index=self.ignore_index,
            image_id=row.image_id,
        )
        data: dict[str, Any] = {"pairs": [part.tolist() for part in sparse(counted)]}
        if sure is not None:
            valid = truth != self.ignore_index
            loss = truth_loss(sample.seg_logits.data, truth, valid)
            right = (pred == truth)[valid]
            data["confidence"] = self.table.add(pred[valid], right, sure[valid], loss_sum=loss)
        return data

    def save_part(self) -> None:
        """Keep this process's histogram."""
        if self.no_confidence is None:
            self.table.save_part(self.folder / f"part-{get_rank()}.npz")

    def write_tables(self, images: SpooledImages) -> dict[str, Any]:
        """Write the counts and the confidence; return the scores."""
        scores = write_semantic_tables(
            self.folder, images, class_names=self.class_names, background=self.background
        )
        if self.no_confidence is None:
            self.table.write(self.folder / "confidence.npz", images, self.folder.glob("part-*.npz"))
        return scores

    def describe(self) -> dict[str, Any]:
        """Return the classes and how they were counted."""
        return {
            "classes": self.class_names,
            "palette": self.palette,
            "background": self.background,
            "ignore_index": self.ignore_index,
            "reduce_zero_label": self.reduce_zero_label,
            "no_confidence": self.no_confidence,
        }


def winning_confidence(logits: torch.Tensor, pred: np.ndarray, *, piece: int = 2**24) -> np.ndarray:
    """Return the softmax probability of the predicted class, float32 [H, W], from logits [classes, H, W].

    A single channel holds the probability of class 1 already, as mmseg's models give it. Works through the
    rows in pieces, so that many classes on a large image do not fill the memory.
    """
    rows = max(1, piece // max(1, logits.shape[0] * logits.shape[2]))
    parts = []
    chosen = torch.from_numpy(np.ascontiguousarray(pred.astype(np.int64)))
    for part, classes in zip(logits.detach().split(rows, dim=1), chosen.split(rows), strict=True):
        if len(part) == 1:
            parts.append(part[0].float().cpu())
            continue
        # not the largest: a mask that was cut by a threshold may have another class than the likeliest
        parts.append(part.float().softmax(dim=0).cpu().take_along_dim(classes[None], dim=0)[0])
    sure = torch.cat(parts).numpy()
    if len(logits) == 1:
        sure = np.where(pred == 1, sure, 1 - sure)
    return np.nan_to_num(sure, nan=0.0).clip(0.0, 1.0)


def truth_loss(logits: torch.Tensor, truth: np.ndarray, valid: np.ndarray, *, piece: int = 2**24) -> float:
    """Return the sum of -log of the probability of the true class over the valid pixels of an image.

    Logits as in `winning_confidence`. A pixel costs 100 at most, for a model may be sure beyond floats.
    """
    rows = max(1, piece // max(1, logits.shape[0] * logits.shape[2]))
    total = 0.0
    for top in range(0, len(truth), rows):
        part = logits[:, top : top + rows].detach().float()
        where = torch.from_numpy(valid[top : top + rows]).to(part.device)
        index = torch.from_numpy(np.where(valid, truth, 0)[top : top + rows].astype(np.int64)).to(part.device)
        if len(part) > 1:
            chance = part.log_softmax(dim=0).gather(0, index[None])[0]
        else:
            chance = torch.where(index == 1, part[0], 1 - part[0]).log()
        total += float((-chance[where]).nan_to_num(nan=100.0).clamp(0.0, 100.0).double().sum())
    return total


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
