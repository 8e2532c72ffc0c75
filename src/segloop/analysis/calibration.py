"""Whether confidence means what it says: reliability, calibration error, and what a threshold would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

BINS = 20
RULE = (
    "Calibration error (ECE): pixels are put into {bins} bins of equal width by the confidence of their "
    "predicted class; the distance between mean confidence and share of right pixels of each bin is "
    "averaged, each pixel counting once. The confidence is the one that was recorded at the test."
)


def reliability(
    counts: IntArray, sums: FloatArray, *, bins: int = BINS
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Return pixels, mean confidence and accuracy of bins, from [wrong or right, fine bin]; NaN where empty.

    >>> counts = np.array([[0, 1], [0, 3]])
    >>> [part.tolist() for part in reliability(counts, counts * 0.9, bins=2)]
    [[0, 4], [nan, 0.9], [nan, 0.75]]
    """
    width = counts.shape[1] // bins
    grouped = counts.reshape(2, bins, width).sum(axis=2)
    sure = sums.reshape(2, bins, width).sum(axis=(0, 2))
    pixels = grouped.sum(axis=0)
    empty = np.full(bins, np.nan)
    return (
        pixels,
        np.divide(sure, pixels, out=empty.copy(), where=pixels > 0),
        np.divide(grouped[1], pixels, out=empty.copy(), where=pixels > 0),
    )


def calibration_error(counts: IntArray, sums: FloatArray, *, bins: int = BINS) -> float:
    """Return the expected calibration error, a fraction; NaN without a pixel."""
    pixels, sure, right = reliability(counts, sums, bins=bins)
    total = pixels.sum()
    if not total:
        return float("nan")
    return float((np.abs(np.nan_to_num(sure) - np.nan_to_num(right)) * pixels).sum() / total)


def thresholds(counts: IntArray, true_pixels: IntArray, *, background: int | None) -> dict[str, Any]:
    """Return what is left if pixels below a confidence are given to nobody, for each fine bin's lower bound.

    `counts` is [class, wrong or right, bin]. `kept` is the share of pixels that stay, `accuracy` that of
    right ones among them; `precision` and `recall` are of all classes but the background, taken together.
    """
    above = counts[:, :, ::-1].cumsum(axis=2)[:, :, ::-1]
    total = max(int(counts.sum()), 1)
    stay = above.sum(axis=(0, 1))
    objects = np.ones(len(counts), bool)
    if background is not None:
        objects[background] = False
    right, wrong = above[objects, 1].sum(axis=0), above[objects, 0].sum(axis=0)
    called = right + wrong
    none = np.full(counts.shape[2], np.nan)
    return {
        "from": (np.arange(counts.shape[2]) / counts.shape[2]).tolist(),
        "kept": (stay / total).tolist(),
        "accuracy": np.divide(above[:, 1].sum(axis=0), stay, out=none.copy(), where=stay > 0).tolist(),
        "precision": np.divide(right, called, out=none.copy(), where=called > 0).tolist(),
        "recall": (right / max(int(true_pixels[objects].sum()), 1)).tolist(),
    }


def calibrate(
    confidence: Mapping[str, np.ndarray] | None,
    class_names: Sequence[str],
    *,
    background: int | None,
    true_pixels: IntArray,
) -> dict[str, Any] | None:
    """Return the calibration of a RUN from `confidence.npz`, for JSON; None where there is none."""
    if confidence is None or not confidence["counts"].any():
        return None
    counts, sums = confidence["counts"], confidence["confidence_sum"]
    pixels, sure, right = reliability(counts.sum(axis=0), sums.sum(axis=0))
    errors = [calibration_error(*each) for each in zip(counts, sums, strict=True)]
    all_pixels = int(counts.sum())
    told: dict[str, Any] = {
        "ece": calibration_error(counts.sum(axis=0), sums.sum(axis=0)),
        "confidence": float(sums.sum() / all_pixels),
        "accuracy": float(counts[:, 1].sum() / all_pixels),
        "bins": {"pixels": pixels.tolist(), "confidence": sure.tolist(), "accuracy": right.tolist()},
        "classes": [
            {"name": name, "ece": error, "pixels": int(own.sum()), "over": _over(own, part)}
            for name, error, own, part in zip(class_names, errors, counts, sums, strict=True)
        ],
        "thresholds": thresholds(counts, true_pixels, background=background),
    }
    if "loss_sum" in confidence:
        told["log_loss"] = float(confidence["loss_sum"].sum() / max(int(confidence["pixels"].sum()), 1))
    return told


def _over(counts: IntArray, sums: FloatArray) -> float:
    """Return by how much the mean confidence is above the accuracy."""
    total = counts.sum()
    return float(sums.sum() / total - counts[1].sum() / total) if total else float("nan")
