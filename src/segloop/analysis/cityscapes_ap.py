"""Cityscapes' average precision of instances, from matches, as the authors' script computes it.

The script is `evalInstanceLevelSemanticLabeling` of cityscapesscripts, without its distances. A found object
is right if its IoU with a true one of its class is over the threshold; a second one on the same is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from segloop.analysis.counting_scores import mean_of
from segloop.analysis.matching import ImageMatches
from segloop.analysis.overlaps import ious

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

THRESHOLDS = np.arange(0.5, 1.0, 0.05)  # as the script makes them: most a little more than they say
SMALLEST = 100  # pixels of a true object that counts


class CityscapesAP:
    """Collects images; 30 bytes a found object are kept.

    The keys are `cityscapes/AP`, `cityscapes/AP50` and those of each class, `cityscapes/AP.<class>` ….
    """

    def __init__(self, class_names: Sequence[str]) -> None:
        self.class_names = list(class_names)
        self._columns: list[tuple[np.ndarray, ...]] = []
        self._true = np.zeros(len(self.class_names), np.int64)

    def add(self, matches: ImageMatches) -> None:
        """Add an image; whether objects are kept plays no part here."""
        truth, found, pairs = matches.truth, matches.found, matches.pairs
        counted = ~truth.crowd & (truth.areas >= SMALLEST)
        self._true += np.bincount(truth.labels[counted], minlength=len(self.class_names))
        same = (truth.labels[pairs.truth] == found.labels[pairs.found]) & (pairs.shared > 0)
        rows, columns = pairs.truth[same], pairs.found[same]
        over = matches.ious()[same, None] > THRESHOLDS
        right = np.zeros((len(found), len(THRESHOLDS)), np.uint8)
        wrong = np.zeros_like(right)
        _claim(right, wrong, rows, columns, over & counted[rows, None], found.scores)

        ignored = found.ignored.copy()
        small = ~truth.crowd[rows] & ~counted[rows]
        np.add.at(ignored, columns[small], pairs.shared[same][small])
        hit = np.zeros(right.shape, bool)
        np.logical_or.at(hit, columns, over & ~truth.crowd[rows, None])
        _add_groups(hit, ignored, matches, same)
        there = found.areas > 0
        share = np.divide(ignored, found.areas, out=np.zeros(len(found)), where=there)
        wrong += ~hit & (share[:, None] <= THRESHOLDS)
        self._columns.append((found.labels[there], found.scores[there], right[there], wrong[there]))

    def scores(self) -> dict[str, float]:
        """Return the scores; a class without a true object that counts is left out of the means."""
        kinds = ((np.int64, (0,)), (np.float64, (0,)), *[(np.uint8, (0, len(THRESHOLDS)))] * 2)
        labels, scores, right, wrong = (
            np.concatenate([np.zeros(shape, kind), *(columns[place] for columns in self._columns)])
            for place, (kind, shape) in enumerate(kinds)
        )
        ap = np.full((len(self.class_names), len(THRESHOLDS)), np.nan)
        for label in np.flatnonzero(self._true).tolist():
            mine = labels == label
            for place in range(len(THRESHOLDS)):
                ap[label, place] = average_precision(
                    scores[mine], right[mine, place], wrong[mine, place], true=int(self._true[label])
                )
        found = {"cityscapes/AP": mean_of(ap.ravel()), "cityscapes/AP50": mean_of(ap[:, 0])}
        for name, values in zip(self.class_names, ap, strict=True):
            found[f"cityscapes/AP.{name}"] = mean_of(values)
            found[f"cityscapes/AP50.{name}"] = float(values[0])
        return found


def average_precision(scores: FloatArray, right: np.ndarray, wrong: np.ndarray, *, true: int) -> float:
    """Return the area under the curve of one class and threshold.

    `right` and `wrong` are how often each found object, of the given score, counts as such; equal scores are
    one point of the curve. The curve ends in an added point, recall 0 and precision 1; each point stands for
    half of the recall between its two neighbours.

    >>> average_precision(np.array([0.9, 0.8]), np.array([0, 1]), np.array([1, 0]), true=1)
    0.25
    """
    used = (right > 0) | (wrong > 0)
    if not used.any():
        return 0.0
    steps, at = np.unique(scores[used], return_inverse=True)
    tp, fp = (
        np.cumsum(np.bincount(at, weights=each[used], minlength=len(steps))[::-1])[::-1]
        for each in (right, wrong)
    )
    precision = np.append(tp / (tp + fp), 1.0)
    recall = np.append(tp / true, 0.0)
    around = np.concatenate([recall[:1], recall, [0.0]])
    return float(precision @ ((around[:-2] - around[2:]) / 2))


def _claim(
    right: np.ndarray,
    wrong: np.ndarray,
    rows: IntArray,
    columns: IntArray,
    over: BoolArray,
    scores: FloatArray,
) -> None:
    """Call of the found objects over the threshold with a true one the surest right, the rest wrong."""
    order = np.lexsort((-scores[columns], rows))
    rows, columns, over = rows[order], columns[order], over[order]
    for place in range(len(THRESHOLDS)):
        some = over[:, place]
        first = np.zeros(len(rows), bool)
        first[np.flatnonzero(some)[np.unique(rows[some], return_index=True)[1]]] = True
        np.add.at(right[:, place], columns[some & first], 1)
        np.add.at(wrong[:, place], columns[some & ~first], 1)


def _add_groups(hit: BoolArray, ignored: IntArray, matches: ImageMatches, same: BoolArray) -> None:
    """Let what lies in groups of its class be spared; the crowds of a class are one region of an image."""
    truth, found, pairs = matches.truth, matches.found, matches.pairs
    crowds = same & truth.crowd[pairs.truth]
    shared = np.zeros(len(found), np.int64)
    np.add.at(shared, pairs.found[crowds], pairs.shared[crowds])
    by_label = np.zeros(int(max(truth.labels.max(initial=-1), found.labels.max(initial=-1))) + 1, np.int64)
    np.add.at(by_label, truth.labels[truth.crowd], truth.areas[truth.crowd])
    areas = by_label[found.labels]
    hit |= ious(shared, areas, found.areas)[:, None] > THRESHOLDS
    # the script adds a group's pixels once for being a group, and once more if it is small
    ignored += shared * np.where(areas < SMALLEST, 2, 1)
