"""Pixel confusion of one image, counted once and exactly; every score is derived from these counts."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from segloop.utils.errors import DataError

IntArray = npt.NDArray[np.int64]

# Pixels counted at once: few enough to stay in the cache, and cv2's float32 bins are exact only up to 2**24.
MAX_PIECE = 2**19
# From here on one histogram of 16-bit numbers is faster than one of two images: its table costs 0.02 ms.
FUSED_PIXELS = 2**17
FUSED_CLASSES = 64
MAX_CLASSES = 65535


@dataclass(frozen=True)
class ClassCounts:
    """Pixels per class: hit, invented and missed; arrays of one shape, the last axis is the class."""

    tp: IntArray
    fp: IntArray
    fn: IntArray

    @property
    def pixels(self) -> IntArray:
        """Counted pixels, over all classes: each lies in the truth of exactly one class."""
        return np.asarray((self.tp + self.fn).sum(axis=-1), dtype=np.int64)

    def summed(self) -> ClassCounts:
        """Return the counts of the whole set from counts per image, shape [images, classes].

        >>> ClassCounts(*np.array([[[1, 2], [3, 4]], [[0, 1], [0, 1]], [[1, 0], [1, 0]]])).summed().tp
        array([4, 6])
        """
        return ClassCounts(self.tp.sum(axis=0), self.fp.sum(axis=0), self.fn.sum(axis=0))


def class_counts(confusion: IntArray) -> ClassCounts:
    """Return tp, fp and fn per class of a confusion [..., truth, pred].

    >>> class_counts(np.array([[5, 1], [2, 8]]))
    ClassCounts(tp=array([5, 8]), fp=array([2, 1]), fn=array([1, 2]))
    """
    tp = np.diagonal(confusion, axis1=-2, axis2=-1).copy()
    return ClassCounts(tp, confusion.sum(axis=-2) - tp, confusion.sum(axis=-1) - tp)


def confusion(
    pred: npt.ArrayLike,
    truth: npt.ArrayLike,
    *,
    num_classes: int,
    ignore_index: int | None = 255,
    image_id: str | None = None,
) -> IntArray:
    """Count the pixels of one image by class: int64 [truth, pred], shape [num_classes, num_classes].

    `pred` and `truth` hold class indices and have one shape; any integer type, bool, or floats that are
    whole numbers. Pixels whose truth is `ignore_index` are not counted, whatever was predicted there. A value
    outside 0 … num_classes - 1 anywhere else is a DataError that names it.

    >>> confusion([[0, 0, 1, 1]], [[0, 1, 1, 255]], num_classes=2)
    array([[1, 0],
           [1, 1]])
    """
    if not 1 <= num_classes <= MAX_CLASSES:
        raise ValueError(f"num_classes must lie in 1 … {MAX_CLASSES}, not {num_classes}")
    pred, truth = np.asarray(pred), np.asarray(truth)
    if pred.shape != truth.shape:
        raise DataError(
            f"{_name(image_id)}the prediction is {_size(pred)} and the truth {_size(truth)}; "
            "both must have the size of the image.",
            image_id=image_id,
        )
    if num_classes <= 256:
        counted = _count_bytes(pred, truth, num_classes, ignore_index)
        if counted is not None:
            return counted
    return _count_any(pred, truth, num_classes, ignore_index, image_id)


def _count_bytes(
    pred: np.ndarray, truth: np.ndarray, num_classes: int, ignore_index: int | None
) -> IntArray | None:
    """Count integers that fit into bytes; None for other types, and where a value does not belong."""
    all_pred, all_truth = _flat(pred), _flat(truth)
    if all_pred is None or all_truth is None:
        return None
    total = np.zeros((num_classes, num_classes), np.int64)
    for start in range(0, all_pred.size, MAX_PIECE):
        piece = slice(start, start + MAX_PIECE)
        some_pred = _as_uint8(all_pred[piece], top=num_classes - 1, name="pred")
        some_truth = _as_uint8(all_truth[piece], top=255, name="truth")
        if some_pred is None or some_truth is None:
            return None
        counted = _count_piece(some_pred, some_truth, num_classes, ignore_index)
        if counted is None:
            return None
        total += counted
    return total


def _flat(array: np.ndarray) -> np.ndarray | None:
    """Return integers as one row of unsigned ones, a negative being a large one; None for other types."""
    if array.dtype.kind not in "biu" or not array.dtype.isnative:
        return None
    if array.dtype == np.int8:
        array = array.astype(np.int16)  # as unsigned, -1 would pass for 255
    return np.ascontiguousarray(array).reshape(-1).view(f"u{array.dtype.itemsize}")


def _as_uint8(values: np.ndarray, *, top: int, name: str) -> npt.NDArray[np.uint8] | None:
    """Return unsigned numbers as uint8, or None where one is larger than `top`."""
    if (values.itemsize > 1 or top < 255) and np.maximum.reduce(values) > top:
        return None
    if values.itemsize > 1:
        narrow = _scratch(name, values.size)
        np.copyto(narrow, values, casting="unsafe")
        return narrow
    return values


def _count_piece(
    pred: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8], num_classes: int, ignore_index: int | None
) -> IntArray | None:
    """Count by cv2's histogram, `pred` within the classes; None where a value of `truth` is not."""
    size = pred.size
    # Neighbouring pixels mostly add to one and the same bin, and each addition waits for the one before it.
    # They are therefore dealt out to several sets of bins, which are summed at the end; eight pixels a time.
    lanes = min(8, 256 // num_classes)
    word = np.uint64(int.from_bytes([i % lanes * num_classes for i in range(8)], sys.byteorder))
    whole = size - size % 8
    low = _scratch("low", size)
    np.add(pred[:whole].view(np.uint64), word, out=low[:whole].view(np.uint64))
    low[whole:] = pred[whole:]
    low, truth = low.reshape(1, -1), truth.reshape(1, -1)
    if size >= FUSED_PIXELS and num_classes <= FUSED_CLASSES:
        # The two bytes of a pixel make one 16-bit number, whose histogram takes two thirds of the time of
        # a histogram of two images. It has 256 bins for each class of the truth, and none for other truths.
        halves = [low, truth] if sys.byteorder == "little" else [truth, low]
        fused = cv2.merge(halves, _scratch("fused", 2 * size).reshape(1, -1, 2)).view(np.uint16)
        histogram = cv2.calcHist([fused], [0], None, [256 * num_classes], [0, 256 * num_classes])
    else:
        bins = [num_classes, lanes * num_classes]
        histogram = cv2.calcHist([truth, low], [0, 1], None, bins, [0, bins[0], 0, bins[1]])
    by_lane = histogram.reshape(num_classes, -1)[:, : lanes * num_classes]
    counted = by_lane.reshape(num_classes, lanes, num_classes).sum(axis=1).astype(np.int64)
    # The histogram passes over a truth outside the classes in silence; the sum gives it away.
    outside = size - int(counted.sum())
    if outside and outside != _ignored_outside(truth, num_classes, ignore_index):
        return None
    if ignore_index is not None and 0 <= ignore_index < num_classes:
        counted[ignore_index] = 0
    return counted


def _ignored_outside(truth: npt.NDArray[np.uint8], num_classes: int, ignore_index: int | None) -> int:
    """Return how many pixels are ignored by a value that is no class."""
    if ignore_index is None or not num_classes <= ignore_index <= 255:
        return 0
    return int(np.count_nonzero(truth == ignore_index))


def _count_any(
    pred: np.ndarray, truth: np.ndarray, num_classes: int, ignore_index: int | None, image_id: str | None
) -> IntArray:
    """Count any types and any number of classes, and tell what does not belong."""
    if ignore_index is not None:
        valid = truth != ignore_index
        pred, truth = pred[valid], truth[valid]
    rows = _indices(truth.ravel(), "truth", num_classes, ignore_index, image_id)
    columns = _indices(pred.ravel(), "prediction", num_classes, ignore_index, image_id)
    # Only the classes that are there make bins: a thousand classes would otherwise cost a million of them.
    row_classes, row_of = _present(rows, num_classes)
    column_classes, column_of = _present(columns, num_classes)
    fused = row_of[rows] * len(column_classes) + column_of[columns]
    counted = np.bincount(fused, minlength=len(row_classes) * len(column_classes))
    total = np.zeros((num_classes, num_classes), np.int64)
    total[np.ix_(row_classes, column_classes)] = counted.reshape(len(row_classes), len(column_classes))
    return total


def _present(indices: IntArray, num_classes: int) -> tuple[IntArray, IntArray]:
    """Return the classes that occur, and for each class its place among them."""
    there = np.bincount(indices, minlength=num_classes) > 0
    return np.flatnonzero(there), np.cumsum(there) - 1


_buffers = threading.local()


def _scratch(name: str, size: int) -> npt.NDArray[np.uint8]:
    """Return bytes of this thread's buffer; touching fresh memory costs as much as the counting."""
    buffer: npt.NDArray[np.uint8] | None = getattr(_buffers, name, None)
    if buffer is None or buffer.size < size:
        buffer = np.empty(size, np.uint8)
        setattr(_buffers, name, buffer)
    return buffer[:size]


def _indices(
    values: np.ndarray, what: str, num_classes: int, ignore_index: int | None, image_id: str | None
) -> IntArray:
    whole = values.astype(np.int64)
    wrong = (whole < 0) | (whole >= num_classes) | (whole != values)
    if wrong.any():
        found, pixels = np.unique(values[wrong], return_counts=True)
        told = ", ".join(
            f"{v:g} ({n} pixels)" for v, n in zip(found[:10].tolist(), pixels.tolist(), strict=False)
        )
        more = f", and {len(found) - 10} more" if len(found) > 10 else ""
        ignored = "" if ignore_index is None else f" (ignored: {ignore_index})"
        raise DataError(
            f"{_name(image_id)}the {what} holds values outside the classes 0 … {num_classes - 1}{ignored}: "
            f"{told}{more}.",
            image_id=image_id,
        )
    return whole


def _name(image_id: str | None) -> str:
    return f"{image_id}: " if image_id else ""


def _size(array: np.ndarray) -> str:
    return "x".join(str(length) for length in array.shape) or "a single number"
