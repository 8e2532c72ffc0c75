"""Scores from counts, with their rules: the one place where a Dice or an IoU is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segloop.analysis.counts import ClassCounts

FloatArray = npt.NDArray[np.float64]

HEADLINE = ("aAcc", "mIoU", "mAcc", "mDice", "mIoU_fg", "mDice_fg")

RULES: dict[str, str] = {
    "set": (
        "Over the set: pixels are counted over all images, then each class is scored; a class is left out "
        "of a mean only if the whole set has it neither in truth nor in prediction."
    ),
    "image": (
        "Per image: each image is scored alone; a class that it has neither in truth nor in prediction is "
        "left out of its mean; an image with no class left is left out of the mean over images."
    ),
    "accuracy": (
        "Acc is the share of a class's true pixels that were found; mAcc leaves out classes without truth."
    ),
    "foreground": "_fg means without the background class; where there is none, over all classes.",
    "ignore": "Pixels whose truth is the ignore index are not counted.",
}


def rule_line(names: Sequence[str] = ("set", "foreground")) -> str:
    """Return the rules to print beside a number, in one line."""
    return " ".join(RULES[name] for name in names)


@dataclass(frozen=True)
class ClassScores:
    """Fractions per class, shape [..., classes]; NaN where the class has no pixel to judge by."""

    iou: FloatArray
    dice: FloatArray
    acc: FloatArray


def class_scores(counts: ClassCounts) -> ClassScores:
    """Score each class on its own, for one image, many images or a set.

    >>> class_scores(ClassCounts(np.array([6, 0]), np.array([2, 0]), np.array([0, 0]))).iou
    array([0.75,  nan])
    """
    tp, fp, fn = counts.tp, counts.fp, counts.fn
    return ClassScores(
        iou=_ratio(tp, tp + fp + fn),
        dice=_ratio(2 * tp, 2 * tp + fp + fn),
        acc=_ratio(tp, tp + fn),
    )


def set_scores(
    counts: ClassCounts, *, class_names: Sequence[str], background: int | None = None
) -> dict[str, float]:
    """Score a whole set, from counts of shape [classes]; what has nothing to judge by is NaN.

    The keys are `aAcc mIoU mAcc mDice mIoU_fg mDice_fg`, `IoU.<class>` and `Dice.<class>`; all fractions.
    """
    if counts.tp.shape != (len(class_names),):
        raise ValueError(f"{len(class_names)} class names for counts of shape {counts.tp.shape}")
    scores = class_scores(counts)
    means = _means(counts, scores, background)
    values = [*(float(means[name]) for name in HEADLINE), *scores.iou.tolist(), *scores.dice.tolist()]
    return dict(zip(_keys(class_names), values, strict=True))


def image_scores(counts: ClassCounts, *, background: int | None = None) -> dict[str, FloatArray]:
    """Return `aAcc mIoU mAcc mDice mIoU_fg mDice_fg` of each image, from counts [images, classes]."""
    return _means(counts, class_scores(counts), background)


class ImageMeans:
    """Collects the means over images under the keys of `set_scores`, some images at a time."""

    def __init__(self, *, class_names: Sequence[str], background: int | None = None) -> None:
        self.class_names = list(class_names)
        self.background = background
        self._sum = np.zeros(len(HEADLINE) + 2 * len(self.class_names))
        self._number = np.zeros(len(self._sum), np.int64)

    def add(self, counts: ClassCounts) -> None:
        """Add images, from counts of shape [images, classes]."""
        scores = class_scores(counts)
        means = _means(counts, scores, self.background)
        columns = np.column_stack([*(means[name] for name in HEADLINE), scores.iou, scores.dice])
        there = ~np.isnan(columns)
        self._sum += np.where(there, columns, 0.0).sum(axis=0)
        self._number += there.sum(axis=0)

    def scores(self) -> dict[str, float]:
        """Return the means, as fractions; NaN where no image has anything to judge by."""
        values = np.divide(
            self._sum, self._number, out=np.full(len(self._sum), np.nan), where=self._number > 0
        )
        return dict(zip(_keys(self.class_names), values.tolist(), strict=True))


def foreground_classes(num_classes: int, background: int | None) -> npt.NDArray[np.bool_]:
    """Return which classes `_fg` means are taken over: all but the background, or all without one."""
    wanted = np.ones(num_classes, bool)
    if background is not None:
        if not 0 <= background < num_classes:
            raise ValueError(f"background {background} is no class of 0 … {num_classes - 1}")
        wanted[background] = False
    return wanted


def _keys(class_names: Sequence[str]) -> list[str]:
    return [*HEADLINE, *(f"IoU.{name}" for name in class_names), *(f"Dice.{name}" for name in class_names)]


def _means(counts: ClassCounts, scores: ClassScores, background: int | None) -> dict[str, FloatArray]:
    wanted = foreground_classes(counts.tp.shape[-1], background)
    return {
        "aAcc": _ratio(counts.tp.sum(axis=-1), counts.pixels),
        "mIoU": _mean(scores.iou),
        "mAcc": _mean(scores.acc),
        "mDice": _mean(scores.dice),
        "mIoU_fg": _mean(scores.iou[..., wanted]),
        "mDice_fg": _mean(scores.dice[..., wanted]),
    }


def _ratio(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> FloatArray:
    part, whole = np.asarray(part), np.asarray(whole)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def _mean(values: FloatArray) -> FloatArray:
    """Return the mean over the last axis without NaN; NaN (and no warning) where nothing is left."""
    there = ~np.isnan(values)
    number = there.sum(axis=-1)
    return np.divide(
        np.where(there, values, 0.0).sum(axis=-1), number, out=np.full(number.shape, np.nan), where=number > 0
    )
