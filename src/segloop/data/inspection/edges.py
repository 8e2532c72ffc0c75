"""Measures whether outlines lie where the picture changes, and whether they would fit better elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from segloop.data.annotations import SizeHW
from segloop.data.masks import Pieces, Runs, to_spans
from segloop.data.masks.spans import flip

REACH, STEP = 8, 2  # pixels: how far outlines are moved for comparison, and by how much at a time
LEAST = 100  # points of outlines; fewer say little
MOST = 1024  # points that are looked at; they are chosen evenly
FAINT = 160  # grey levels; pictures of fewer are stretched, for small steps drown in rounding
SIDE = 2 * REACH // STEP + 1
_MOVES = [(y, x) for y in range(-REACH, REACH + 1, STEP) for x in range(-REACH, REACH + 1, STEP)]
_THREE = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Fit:
    """How well outlines fit: the gradient under them over that under outlines moved by 8 pixels; 1 is chance.

    `gain` is how many times better they fit when they are moved by `move_xy`, in pixels of the image.
    """

    ratio: float
    gain: float
    move_xy: tuple[int, int]


def measure_fit(grey: np.ndarray, outline: tuple[np.ndarray, np.ndarray], size_hw: SizeHW) -> Fit | None:
    """Return how outlines, rows and columns of their points, fit to grey pixels [H, W]; None for too few.

    `grey` may be smaller than `size_hw`, the size that the labels have.
    """
    rows, columns = outline
    if len(rows) < LEAST:
        return None
    if len(rows) > MOST:
        chosen = np.linspace(0, len(rows) - 1, MOST).astype(np.int64)
        rows, columns = rows[chosen], columns[chosen]
    height, width = grey.shape
    if (height, width) != tuple(size_hw):
        rows, columns = rows * height // size_hw[0], columns * width // size_hw[1]
    framed = cv2.copyMakeBorder(gradient(grey), REACH, REACH, REACH, REACH, cv2.BORDER_REPLICATE)
    line = framed.shape[1]
    places = (np.minimum(rows, height - 1) + REACH) * line + np.minimum(columns, width - 1) + REACH
    moves = np.array([y * line + x for y, x in _MOVES], np.int32)
    under = framed.ravel().take(places.astype(np.int32)[None] + moves[:, None])
    means = under.sum(axis=1, dtype=np.int64) / len(places) + 1  # 1: where all is flat
    table = means.reshape(SIDE, SIDE)
    ring = np.concatenate([table[0], table[-1], table[1:-1, 0], table[1:-1, -1]])
    here = float(table[SIDE // 2, SIDE // 2])
    best = int(np.argmax(means))
    scale = size_hw[0] / height
    down, right = (round(step * scale) for step in _MOVES[best])
    return Fit(here / float(np.sort(ring)[len(ring) // 2]), float(means[best]) / here, (right, down))


def map_outline(labels: np.ndarray, *, void: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of the pixels of an HxW map below or right of one of another value.

    What borders on `void` has no outline there.
    """
    width = labels.shape[1]
    below, right = labels[1:] != labels[:-1], np.zeros(labels.shape, bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=right[:, 1:])
    wide = labels == void
    if wide.any():
        below &= ~(wide[1:] | wide[:-1])
        right[:, 1:] &= ~(wide[:, 1:] | wide[:, :-1])
    places = np.concatenate([np.flatnonzero(below) + width, np.flatnonzero(right)])
    if len(places) > MOST:
        places = places[:: len(places) // MOST]
    return places // width, places % width


def run_outline(runs: Sequence[Runs], pieces: Pieces, size_hw: SizeHW) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of points on the outlines of masks, but at the edge of the image.

    `pieces` are the runs by column, where outlines go from one side to the other; by row they go up or down.
    """
    height, width = size_hw
    begins, ends = pieces.top > 0, pieces.bottom < height
    across = flip(to_spans(runs, size_hw), minor=width)
    row, left = np.divmod(across.starts, width)
    right = left + across.stops - across.starts
    opens, closes = left > 0, right < width
    rows = [pieces.top[begins], pieces.bottom[ends], row[opens], row[closes]]
    columns = [pieces.column[begins], pieces.column[ends], left[opens], right[closes]]
    return np.concatenate(rows), np.concatenate(columns)


def gradient(grey: np.ndarray) -> np.ndarray:
    """Return how much a grey image changes around each pixel, uint8; outlines may be a pixel off."""
    low, high, *_ = cv2.minMaxLoc(grey)
    if 0 < high - low < FAINT:
        stretch = 255 / (high - low)
        grey = cv2.convertScaleAbs(grey, alpha=stretch, beta=-low * stretch)
    smooth = cv2.GaussianBlur(grey, (5, 5), 1.0)  # grain is no edge
    across, down = cv2.spatialGradient(smooth)
    steep = cv2.add(cv2.convertScaleAbs(across, alpha=0.5), cv2.convertScaleAbs(down, alpha=0.5))
    return cv2.dilate(steep, _THREE)
