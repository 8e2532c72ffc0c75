"""Counts how many pixels of the outlines of truth and prediction lie near each other, class by class."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

TOLERANCE = 0.008  # of the image's diagonal, rounded up: the measure of the DAVIS benchmark
RULE = (
    "Boundary F: pixels of an outline count as found if the other outline of the class passes within the "
    "tolerance, 0.8 % of the image's diagonal, rounded up; what lies beside ignored pixels is no outline."
)
_SQUARE = np.ones((3, 3), np.uint8)
_NOTHING = np.zeros((2, 0), np.intp)


def tolerance_px(size_hw: tuple[int, int]) -> int:
    """Return how far outlines may be apart in an image of this size, in pixels.

    >>> tolerance_px((512, 512))
    6
    """
    return math.ceil(TOLERANCE * math.hypot(*size_hw))


@dataclass(frozen=True)
class BoundaryCounts:
    """Pixels of true and predicted outlines, and how many of them were met; the last axis is the class."""

    truth: IntArray
    truth_met: IntArray
    pred: IntArray
    pred_met: IntArray

    def scores(self) -> FloatArray:
        """Return the boundary F of each class; 0 where one side alone has an outline, NaN where none has."""
        precision = _share(self.pred_met, self.pred)
        recall = _share(self.truth_met, self.truth)
        both = precision + recall
        f = np.divide(2 * precision * recall, both, out=np.zeros(np.shape(both)), where=both > 0)
        return np.where((self.truth > 0) | (self.pred > 0), f, np.nan)


def boundary_counts(
    truth: np.ndarray, pred: np.ndarray, *, num_classes: int, ignore_index: int | None, tolerance: int
) -> tuple[IntArray, IntArray]:
    """Return the classes that have an outline in index maps [H, W], and counts [classes, 4].

    The columns are the fields of `BoundaryCounts`. The edge of the image is no outline.
    """
    beside = None
    if ignore_index is not None and (ignored := truth == ignore_index).any():
        beside = cv2.dilate(ignored.view(np.uint8), _SQUARE).view(bool)
    lines = [_outlines(mask, beside, num_classes) for mask in (truth, pred)]
    classes = sorted({*lines[0], *lines[1]})
    counts = np.zeros((len(classes), 4), np.int64)
    for row, label in enumerate(classes):
        own, other = (line.get(label, _NOTHING) for line in lines)
        counts[row] = (
            own.shape[1],
            _met(own, other, tolerance),
            other.shape[1],
            _met(other, own, tolerance),
        )
    return np.array(classes, np.int64), counts


def _outlines(
    mask: np.ndarray, beside: npt.NDArray[np.bool_] | None, num_classes: int
) -> dict[int, npt.NDArray[np.intp]]:
    """Return the pixels that touch another class by a side, rows and columns [2, n], by their own class."""
    line = np.zeros(mask.shape, bool)
    across, down = mask[:, 1:] != mask[:, :-1], mask[1:] != mask[:-1]
    for part, differs in ((line[:, 1:], across), (line[:, :-1], across), (line[1:], down), (line[:-1], down)):
        part |= differs
    if beside is not None:
        line &= ~beside
    places = np.flatnonzero(line)
    labels = mask.ravel()[places]
    order = np.argsort(labels, kind="stable")
    shown, starts = np.unique(labels[order], return_index=True)
    pixels = np.stack(np.divmod(places[order], mask.shape[1]))
    parts = np.split(pixels, starts[1:], axis=1)
    return {
        label: part for label, part in zip(shown.tolist(), parts, strict=False) if 0 <= label < num_classes
    }


def _met(own: npt.NDArray[np.intp], other: npt.NDArray[np.intp], tolerance: int) -> int:
    """Return how many pixels [2, n] have one of the other line within the tolerance.

    Around each pixel the rows of a disk are looked up in running sums of the other line: outlines have few
    pixels, and a distance transform would visit all of the image.
    """
    if own.shape[1] == 0 or other.shape[1] == 0:
        return 0
    margin = 2 * tolerance  # of what can be met, and of the disk around it
    first, last = other.min(axis=1) - margin, other.max(axis=1) + margin
    before = np.zeros((last[0] - first[0] + 1, last[1] - first[1] + 2), np.int32)  # left of each column
    before[other[0] - first[0], other[1] - first[1] + 1] = 1
    np.cumsum(before, axis=1, out=before)
    rows, columns = own - first[:, None]
    near = (rows >= tolerance) & (rows < before.shape[0] - tolerance)
    near &= (columns >= tolerance) & (columns < before.shape[1] - 1 - tolerance)
    rows, columns = rows[near], columns[near]
    candidates = len(rows)
    for step in sorted(range(-tolerance, tolerance + 1), key=abs):  # most are met in the first rows
        reach = math.isqrt(tolerance**2 - step**2)
        row = rows + step
        lost = before[row, columns + reach + 1] == before[row, columns - reach]
        rows, columns = rows[lost], columns[lost]
    return candidates - len(rows)


def _share(part: IntArray, whole: IntArray) -> FloatArray:
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) > 0)
