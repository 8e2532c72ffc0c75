"""Brings the small masks of a mask head into their boxes, as mmdet does, but only there."""

from __future__ import annotations

import numpy as np

from segloop.data.masks import Patch


def paste_mask(
    mask: np.ndarray, box_xyxy: np.ndarray, size_hw: tuple[int, int], *, threshold: float = 0.5
) -> Patch:
    """Return the pixels of an image of `size_hw` where a mask [h, w] of probabilities reaches `threshold`.

    The mask is stretched over the box bilinearly, zero around it. mmdet samples a grid for that; a
    bilinear stretch is two small matrix products, and what comes out differs by rounding alone.
    """
    left, top, right, bottom = (np.float32(value) for value in box_xyxy)
    x_begin, x_end = _reach(left, right, size_hw[1])
    y_begin, y_end = _reach(top, bottom, size_hw[0])
    if x_end <= x_begin or y_end <= y_begin:
        return Patch(0, 0, np.zeros((0, 0), bool))
    down = _stretch(mask.shape[0], top, bottom, y_begin, y_end)
    across = _stretch(mask.shape[1], left, right, x_begin, x_end)
    return Patch(x_begin, y_begin, down @ mask.astype(np.float32, copy=False) @ across.T >= threshold)


def _reach(low: np.float32, high: np.float32, length: int) -> tuple[int, int]:
    """Return the pixels that the mask may touch, one more on either side of the box, as mmdet has it."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return 0, 0
    return max(0, int(np.floor(low)) - 1), min(length, int(np.ceil(high)) + 1)


def _stretch(count: int, low: np.float32, high: np.float32, begin: int, end: int) -> np.ndarray:
    """Return the matrix [pixels, count] that samples a line of `count` values at the pixels' centres."""
    offsets = np.arange(begin, end, dtype=np.float32) + (np.float32(0.5) - low)
    if high == low:  # a box without width shows the middle of its mask, as in mmdet, but on its own line
        places = np.where(offsets == 0, np.float32(-2), np.float32((count - 1) / 2))
    else:
        places = offsets / (high - low) * np.float32(count) - np.float32(0.5)
    distances = places[:, None] - np.arange(count, dtype=np.float32)
    return np.maximum(np.float32(1) - np.abs(distances), np.float32(0))
