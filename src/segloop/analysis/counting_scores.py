"""Scores that count hits and misses of kept objects: competitions' mAP and F2, matched IoU, PQ, pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from segloop.analysis.assignment import THRESHOLDS, excused, one_to_one
from segloop.analysis.matching import FOREGROUND, ImageMatches

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
NAN = float("nan")


def hits(matches: ImageMatches) -> tuple[IntArray, IntArray, IntArray]:
    """Return TP, FP and FN of an image at each of the `THRESHOLDS`, whatever the classes, [10] each."""
    pairs = one_to_one(matches, same_class=False)
    hit = np.zeros((len(THRESHOLDS), len(matches.found)), bool)
    hit[:, pairs.found] = pairs.ious > THRESHOLDS[:, None]
    counted = matches.found.kept & ~excused(matches, same_class=False)
    tp = hit.sum(axis=1)
    return tp, (counted & ~hit).sum(axis=1), np.count_nonzero(~matches.truth.crowd) - tp


def competition_precision(tp: IntArray, fp: IntArray, fn: IntArray) -> float:
    """Return the mean of TP / (TP + FP + FN) over thresholds; 1 where there is and was found nothing.

    >>> competition_precision(np.array([1, 0]), np.array([0, 1]), np.array([1, 2]))
    0.25
    """
    return _mean_ratio(tp, tp + fp + fn)


def competition_f2(tp: IntArray, fp: IntArray, fn: IntArray) -> float:
    """Return the mean of 5 TP / (5 TP + 4 FN + FP) over thresholds; 1 where there is and was found nothing.

    >>> competition_f2(np.array([1, 0]), np.array([0, 1]), np.array([1, 2]))
    0.2777777777777778
    """
    return _mean_ratio(5 * tp, 5 * tp + 4 * fn + fp)


def _mean_ratio(part: IntArray, whole: IntArray) -> float:
    return float(np.divide(part, whole, out=np.ones(len(part)), where=whole > 0).mean())


class CompetitionScores:
    """`cells/mAP` and `ships/F2`: per image and threshold, then the mean over images."""

    def __init__(self, *, cells: bool = True, ships: bool = True) -> None:
        self.cells, self.ships = cells, ships
        self._images = 0
        self._precision = self._f2 = 0.0

    def add(self, matches: ImageMatches) -> None:
        """Add an image."""
        counts = hits(matches)
        self._images += 1
        self._precision += competition_precision(*counts)
        self._f2 += competition_f2(*counts)

    def scores(self) -> dict[str, float]:
        """Return the means."""
        sums = {"cells/mAP": self._precision} if self.cells else {}
        sums |= {"ships/F2": self._f2} if self.ships else {}
        return {key: value / self._images if self._images else NAN for key, value in sums.items()}


class MatchScores:
    """`match/IoU match/recall match/precision`: of objects over the set, by class, at an IoU over 0.5."""

    def __init__(self) -> None:
        self._pairs = self._true = self._found = 0
        self._iou = 0.0

    def add(self, matches: ImageMatches) -> None:
        """Add an image."""
        pairs = one_to_one(matches, same_class=True)
        spared = excused(matches, same_class=True)
        spared[pairs.found] = False
        self._pairs += len(pairs.ious)
        self._iou += float(pairs.ious.sum())
        self._true += int(np.count_nonzero(~matches.truth.crowd))
        self._found += int(np.count_nonzero(matches.found.kept & ~spared))

    def scores(self) -> dict[str, float]:
        """Return the ratios over all images."""
        return {
            "match/IoU": _ratio(self._iou, self._pairs),
            "match/recall": _ratio(self._pairs, self._true),
            "match/precision": _ratio(self._pairs, self._found),
        }


class PanopticScores:
    """`pq/PQ pq/SQ pq/RQ`, of each class over the set and their means."""

    def __init__(self, class_names: Sequence[str]) -> None:
        self.class_names = list(class_names)
        self._counts = np.zeros((3, len(self.class_names)), np.int64)  # TP, found, true
        self._iou = np.zeros(len(self.class_names))

    def add(self, matches: ImageMatches) -> None:
        """Add an image."""
        truth, found = matches.truth, matches.found
        pairs = one_to_one(matches, same_class=True, less_ignored=True)
        spared = excused(matches, same_class=True)
        spared[pairs.found] = False
        labels = truth.labels[pairs.truth]
        sides = (labels, found.labels[found.kept & ~spared], truth.labels[~truth.crowd])
        for row, side in zip(self._counts, sides, strict=True):
            row += np.bincount(side, minlength=len(row))
        self._iou += np.bincount(labels, weights=pairs.ious, minlength=len(self._iou))

    def scores(self) -> dict[str, float]:
        """Return the scores; a class that has neither true nor found objects is left out of the means."""
        tp, found, true = self._counts
        whole = (found + true) / 2  # TP + FP / 2 + FN / 2
        empty = np.full(len(tp), np.nan)
        quality = {
            "PQ": np.divide(self._iou, whole, out=empty.copy(), where=whole > 0),
            "SQ": np.divide(self._iou, tp, out=np.where(whole > 0, 0.0, np.nan), where=tp > 0),
            "RQ": np.divide(tp, whole, out=empty.copy(), where=whole > 0),
        }
        scores = {f"pq/{key}": mean_of(values) for key, values in quality.items()}
        for key, values in quality.items():
            for name, value in zip(self.class_names, values.tolist(), strict=True):
                scores[f"pq/{key}.{name}"] = value
        return scores


class PixelScores:
    """`spacecraft/mIoU` of classes over the set, and `spacecraft/image_fgIoU`, from united masks."""

    def __init__(self, class_names: Sequence[str]) -> None:
        self.class_names = list(class_names)
        self._counts = np.zeros((2, len(self.class_names)), np.int64)  # TP, all
        self._image_iou = 0.0
        self._images = 0

    def add(self, matches: ImageMatches) -> None:
        """Add an image."""
        pixels = matches.pixels
        if pixels is None:
            raise ValueError("the united pixels are not known: other objects were kept than matched")
        classes = pixels.labels != FOREGROUND
        whole = pixels.tp + pixels.fp + pixels.fn
        np.add.at(self._counts[0], pixels.labels[classes], pixels.tp[classes])
        np.add.at(self._counts[1], pixels.labels[classes], whole[classes])
        iou = image_foreground_iou(matches)
        if not np.isnan(iou):
            self._image_iou += iou
            self._images += 1

    def scores(self) -> dict[str, float]:
        """Return the scores; a class without pixels in truth and prediction is left out of the mean."""
        iou = np.divide(
            self._counts[0],
            self._counts[1],
            out=np.full(len(self.class_names), np.nan),
            where=self._counts[1] > 0,
        )
        return {
            "spacecraft/mIoU": mean_of(iou),
            "spacecraft/image_fgIoU": _ratio(self._image_iou, self._images),
            **{
                f"spacecraft/IoU.{name}": value
                for name, value in zip(self.class_names, iou.tolist(), strict=True)
            },
        }


def image_foreground_iou(matches: ImageMatches) -> float:
    """Return the IoU of all classes united in one image; NaN where there is and was found nothing."""
    pixels = matches.pixels
    if pixels is None:
        return NAN
    place = pixels.labels == FOREGROUND
    tp = int(pixels.tp[place].sum())
    return _ratio(tp, tp + int(pixels.fp[place].sum()) + int(pixels.fn[place].sum()))


def mean_of(values: FloatArray) -> float:
    """Return the mean of what is not NaN; NaN where nothing is left."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else NAN


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else NAN
