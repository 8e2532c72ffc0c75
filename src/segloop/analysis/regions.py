"""Connected regions of wrong pixels in an image, each with its kind of mistake, and the true objects."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from segloop.data.masks.components import column_runs, roots, touching

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

KINDS = ("class", "edge", "missed", "invented")
CLASS, EDGE, MISSED, INVENTED = range(4)
KIND_RULES: dict[str, str] = {
    "class": "a place that has an object of one class and was given another class",
    "edge": "a strip along an outline that was found otherwise; at most as deep as the tolerance of outlines",
    "missed": "an object, or most of one, that was taken for background",
    "invented": "background, or most of a predicted object, that was taken for an object",
}
MOST = 0.5  # of an object or of what was predicted: from here on a region is about the whole of it


@dataclass(frozen=True)
class Regions:
    """Connected wrong pixels of one pair of true and predicted class; columns of one length.

    `depth` is how far the innermost pixel lies from the next right one (pixels; 1 for a line). `of_truth` and
    `of_pred` are the shares that the region has of the connected true and predicted part it lies in.
    `confidence` is the mean over its pixels, from 0 to 1, NaN where nobody knows.
    """

    truth: IntArray
    pred: IntArray
    kind: IntArray
    area: IntArray
    depth: FloatArray
    of_truth: FloatArray
    of_pred: FloatArray
    confidence: FloatArray
    box_xyxy: IntArray

    def __len__(self) -> int:
        return len(self.area)


@dataclass(frozen=True)
class Objects:
    """Connected parts of the truth that are no background: class, pixels, and how many of them were found."""

    label: IntArray
    area: IntArray
    found: IntArray


@dataclass(frozen=True)
class _Parts:
    """The connected parts of a map: which one each pixel is in, by column; class and pixels of each."""

    place: npt.NDArray[np.int32]
    label: IntArray
    area: IntArray


def find_regions(
    truth: np.ndarray,
    pred: np.ndarray,
    *,
    ignore_index: int | None,
    background: int | None,
    edge_px: float,
    confidence: np.ndarray | None = None,
) -> tuple[Regions, Objects]:
    """Return the wrong regions of an image and the objects of its truth, from index maps [H, W].

    A region is an `edge` if it is no deeper than `edge_px` and no half of an object. `confidence` [H, W]
    holds percent. Ignored pixels belong to nothing. Regions come by their first pixel, column by column.

    >>> truth, pred = np.array([[0, 1, 1, 0]]), np.array([[0, 0, 0, 0]])
    >>> regions, objects = find_regions(truth, pred, ignore_index=255, background=0, edge_px=2)
    >>> KINDS[regions.kind[0]], regions.area.tolist(), objects.found.tolist()
    ('missed', [2], [0])
    """
    height, width = truth.shape
    ignored = np.zeros(truth.shape, bool) if ignore_index is None else truth == ignore_index
    true_parts = _parts(_without(truth, ignored))
    pred_parts = _parts(_without(pred, ignored))
    wrong = (truth != pred) & ~ignored
    wrong_flat = _flat(wrong)
    right = np.bincount(true_parts.place, weights=wrong_flat == 0, minlength=len(true_parts.area))
    listed = true_parts.label >= 0
    if background is not None:
        listed &= true_parts.label != background
    objects = Objects(true_parts.label[listed], true_parts.area[listed], right[listed].astype(np.int64))
    if not wrong.any():
        return _no_regions(), objects

    base = int(pred[wrong].max()) + 1
    top = (int(truth[wrong].max()) + 1) * base
    pairs = np.zeros(truth.shape, np.uint16 if top < 2**16 else np.int64)  # small numbers are turned faster
    pairs[wrong] = truth[wrong].astype(pairs.dtype) * base + pred[wrong] + 1
    starts, stops, values = column_runs(pairs, without=(0,))
    values = values.astype(np.int64)
    first, number = _numbered(starts, stops, values, height)
    lengths = (stops - starts).astype(np.int64)
    pixels = np.flatnonzero(wrong_flat)  # in the order of the runs
    owner = np.repeat(number, lengths)
    area = np.bincount(number, weights=lengths).astype(np.int64)
    depth = np.zeros(len(first))
    inside = cv2.distanceTransform(wrong.view(np.uint8), cv2.DIST_L2, 3)
    depths = _flat(inside)[pixels].clip(max=max(height, width))
    np.maximum.at(depth, number, np.maximum.reduceat(depths, np.cumsum(lengths) - lengths))
    sure: FloatArray = np.full(len(first), np.nan)
    if confidence is not None:
        sure = np.bincount(owner, weights=_flat(confidence)[pixels]) / (100 * area)
    head = starts[first]
    label, given = (values[first] - 1) // base, (values[first] - 1) % base
    of_truth = area / true_parts.area[true_parts.place[head]]
    of_pred = area / pred_parts.area[pred_parts.place[head]]
    kind = _kinds(label, given, of_truth, of_pred, depth > edge_px, background)
    box = _boxes(starts, stops, number, len(first), height)
    return Regions(label, given, kind, area, depth, of_truth, of_pred, sure, box), objects


def _kinds(
    truth: IntArray,
    pred: IntArray,
    of_truth: FloatArray,
    of_pred: FloatArray,
    deep: npt.NDArray[np.bool_],
    background: int | None,
) -> IntArray:
    """Return which of KINDS each region is."""
    most_true, most_pred = of_truth >= MOST, of_pred >= MOST
    if background is None:
        return np.where(deep | most_true | most_pred, CLASS, EDGE)
    missed, invented = pred == background, truth == background
    whole = np.where(missed, most_true, np.where(invented, most_pred, most_true | most_pred))
    named = np.where(missed, MISSED, np.where(invented, INVENTED, CLASS))
    return np.where(deep | whole, named, EDGE)


def _flat(values: np.ndarray) -> np.ndarray:
    """Return the pixels of a map column by column; OpenCV turns by blocks."""
    return cv2.transpose(values.view(np.uint8) if values.dtype == bool else values).ravel()


def _without(values: np.ndarray, ignored: npt.NDArray[np.bool_]) -> np.ndarray:
    """Return a map that is one higher, and 0 where it is ignored."""
    higher = values.astype(np.uint16) + np.uint16(1)
    higher[ignored] = 0
    return higher


def _parts(values: np.ndarray) -> _Parts:
    starts, stops, labels = column_runs(values)
    first, number = _numbered(starts, stops, labels, values.shape[0])
    lengths = stops - starts
    area = np.bincount(number, weights=lengths).astype(np.int64)
    return _Parts(np.repeat(number.astype(np.int32), lengths), labels[first].astype(np.int64) - 1, area)


def _numbered(
    starts: np.ndarray, stops: np.ndarray, values: np.ndarray, height: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the first run of each connected part, and which part each run belongs to."""
    root = roots(len(starts), *touching(starts, stops, values, height, corners=True))
    return np.unique(root, return_inverse=True)


def _boxes(starts: np.ndarray, stops: np.ndarray, number: np.ndarray, count: int, height: int) -> IntArray:
    column, top = np.divmod(starts, height)
    bottom = top + stops - starts
    box = np.empty((count, 4), np.int64)
    box[:, :2], box[:, 2:] = np.iinfo(np.int64).max, 0
    np.minimum.at(box[:, 0], number, column)
    np.minimum.at(box[:, 1], number, top)
    np.maximum.at(box[:, 2], number, column + 1)
    np.maximum.at(box[:, 3], number, bottom)
    return box


def _no_regions() -> Regions:
    whole, share = np.zeros(0, np.int64), np.zeros(0)
    return Regions(whole, whole, whole, whole, share, share, share, share, np.zeros((0, 4), np.int64))
