"""Pixel confusion of one image, counted once and exactly; every score is derived from these counts."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from segloop.utils.errors import DataError

IntArray = npt.NDArray[np.int64]

# cv2 returns its histogram in float32, which is exact up to 2**24; no piece may hold more pixels than that.
MAX_PIECE = 2**24
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
        narrow_pred, narrow_truth = _as_uint8(pred, name="pred"), _as_uint8(truth, name="truth")
        if narrow_pred is not None and narrow_truth is not None:
            counted = _count_uint8(narrow_pred, narrow_truth, num_classes, ignore_index)
            if counted is not None:
                return counted
    return _count_any(pred, truth, num_classes, ignore_index, image_id)


def _as_uint8(array: np.ndarray, *, name: str) -> npt.NDArray[np.uint8] | None:
    """Return `array` as contiguous uint8 [rows, columns], or None where a value does not fit."""
    if not array.size:
        return None
    array = np.ascontiguousarray(array)
    if array.dtype == np.bool_:
        array = array.view(np.uint8)
    elif array.dtype.kind in "iu" and array.dtype != np.uint8 and array.dtype.isnative:
        narrow = _scratch(name, array.shape)
        if not _narrow(array.reshape(-1), narrow.reshape(-1)):
            return None
        array = narrow
    elif array.dtype != np.uint8:
        return None
    return array.reshape(array.shape[0] if array.ndim > 1 else 1, -1)


def _narrow(source: np.ndarray, target: npt.NDArray[np.uint8]) -> bool:
    """Copy integers to uint8, in pieces that stay in the cache between check and copy; False on a misfit."""
    # Read as unsigned, a negative number is a large one, so that one pass finds both kinds of misfit.
    unsigned = source.view(f"u{source.dtype.itemsize}")
    top = 127 if source.dtype == np.int8 else 255
    for start in range(0, source.size, 32768):
        piece = slice(start, start + 32768)
        if unsigned[piece].max() > top:
            return False
        np.copyto(target[piece], unsigned[piece], casting="unsafe")
    return True


def _count_uint8(
    pred: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8], num_classes: int, ignore_index: int | None
) -> IntArray | None:
    """Count by cv2's 2-D histogram; None where a value lies outside the classes."""
    if int(pred.max()) >= num_classes:
        return None
    if pred.size > MAX_PIECE:
        flat_pred, flat_truth = pred.reshape(1, -1), truth.reshape(1, -1)
        total = np.zeros((num_classes, num_classes), np.int64)
        for start in range(0, pred.size, MAX_PIECE):
            piece = slice(start, start + MAX_PIECE)
            counted = _count_uint8(flat_pred[:, piece], flat_truth[:, piece], num_classes, ignore_index)
            if counted is None:
                return None
            total += counted
        return total
    # Neighbouring pixels mostly add to one and the same bin, and each addition waits for the one before it.
    # Columns are therefore dealt out to several sets of bins, which are summed at the end.
    lanes = 4 if num_classes <= 64 else 2 if num_classes <= 128 else 1
    if lanes > 1:
        lane = np.arange(pred.shape[1]) % lanes * num_classes
        pred = np.add(pred, lane.astype(np.uint8), out=_scratch("lanes", pred.shape))
    bins = [num_classes, lanes * num_classes]
    histogram = cv2.calcHist([truth, pred], [0, 1], None, bins, [0, bins[0], 0, bins[1]])
    counted = (
        histogram.reshape(num_classes, lanes, num_classes).sum(axis=1, dtype=np.float64).astype(np.int64)
    )
    expected = truth.size
    if ignore_index is not None and 0 <= ignore_index <= 255:
        expected -= int(np.count_nonzero(truth == ignore_index))
        if ignore_index < num_classes:
            counted[ignore_index] = 0
    # The histogram passes over a truth outside the classes in silence; the sum gives it away.
    return counted if int(counted.sum()) == expected else None


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


def _scratch(name: str, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Return this thread's uint8 buffer of a shape; touching fresh memory costs as much as the counting."""
    buffer = getattr(_buffers, name, None)
    if buffer is None or buffer.shape != shape:
        buffer = np.empty(shape, np.uint8)
        if buffer.size <= MAX_PIECE:
            setattr(_buffers, name, buffer)
    return buffer


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
