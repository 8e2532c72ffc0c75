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
_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_SQUARE = np.ones((3, 3), np.uint8)


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
    ignored = np.zeros(truth.shape, bool) if ignore_index is None else truth == ignore_index
    beside = cv2.dilate(ignored.view(np.uint8), _SQUARE) if ignored.any() else None
    present = np.zeros(num_classes, bool)
    for mask in (truth, pred):
        shown = mask[~ignored] if beside is not None else mask.ravel()
        present |= np.bincount(shown, minlength=num_classes)[:num_classes] > 0
    classes: list[int] = []
    counts: list[list[int]] = []
    for label in np.flatnonzero(present).tolist():
        here = (truth == label) & ~ignored, (pred == label) & ~ignored
        window = _window(here[0] | here[1], tolerance + 1)
        lines = [_outline(mask[window], None if beside is None else beside[window]) for mask in here]
        row = [*_met(lines[0], lines[1], tolerance), *_met(lines[1], lines[0], tolerance)]
        if row[0] or row[2]:
            classes.append(label)
            counts.append(row)
    return np.array(classes, np.int64), np.array(counts, np.int64).reshape(-1, 4)


def _window(mask: npt.NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
    """Return the rows and columns that a mask has pixels in, and a margin around them."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + 1 + margin),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + 1 + margin),
    )


def _outline(mask: npt.NDArray[np.bool_], beside: np.ndarray | None) -> npt.NDArray[np.uint8]:
    """Return the pixels of a mask that touch another class by a side."""
    solid = np.ascontiguousarray(mask).view(np.uint8)
    line = cv2.subtract(solid, cv2.erode(solid, _CROSS))  # beyond the image counts as inside
    if beside is not None:
        line[beside > 0] = 0
    return line.view(np.uint8)


def _met(line: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8], tolerance: int) -> tuple[int, int]:
    """Return the pixels of a line, and how many of them have a pixel of the other within the tolerance."""
    own = int(np.count_nonzero(line))
    if not own or not other.any():
        return own, 0
    away = cv2.distanceTransform(1 - other, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return own, int(np.count_nonzero(away[line > 0] <= tolerance + 1e-3))


def _share(part: IntArray, whole: IntArray) -> FloatArray:
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) > 0)
