"""Anchors that fit a set's boxes: which sizes and shapes, and how many boxes they meet."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from segloop.data.statistics.bins import ASPECTS, SIZES, quantile

STRIDES = (4, 8, 16, 32, 64)  # of a feature pyramid
USUAL_SCALES, USUAL_RATIOS = (8.0,), (0.5, 1.0, 2.0)  # Mask R-CNN's, for COCO
MET = 0.5  # an anchor meets a box from this IoU on
ENOUGH = 0.01  # share of the boxes that one more ratio or scale must win


@dataclass(frozen=True)
class Anchors:
    """Scales (times the stride) and ratios (height over width), and the share of the boxes that they meet."""

    scales: tuple[float, ...]
    ratios: tuple[float, ...]
    met: float

    @property
    def per_place(self) -> int:
        """How many anchors stand at each place of a feature map."""
        return len(self.scales) * len(self.ratios)


def usual_anchors(boxes: np.ndarray) -> Anchors:
    """Return Mask R-CNN's usual anchors and how many of the boxes they meet.

    `boxes` counts boxes by width and height, in the bins `SIZES`.
    """
    return Anchors(USUAL_SCALES, USUAL_RATIOS, share_met(boxes, USUAL_SCALES, USUAL_RATIOS))


def fit_anchors(boxes: np.ndarray, *, factor: float = 1.0) -> Anchors | None:
    """Return as few anchors as meet nearly all boxes that any could; None where there are no boxes.

    One scale serves all strides, so the levels are an octave apart; two, half an octave. Ratios are those of
    the middle of the boxes and of their flanks. The network sees the images enlarged by `factor`.
    """
    if not boxes.sum():
        return None
    wanted, best = _ratio_sets(boxes), None
    for scales, ratios in product(_scale_sets(), wanted):
        found = Anchors(scales, ratios, share_met(boxes, scales, ratios, factor=factor))
        worth = found.met - ENOUGH * found.per_place
        if best is None or worth > best[0] + 1e-12:
            best = worth, found
    assert best is not None
    return best[1]


def share_met(
    boxes: np.ndarray, scales: tuple[float, ...], ratios: tuple[float, ...], *, factor: float = 1.0
) -> float:
    """Return the share of the boxes that some anchor of some stride has an IoU of at least 0.5 with.

    Anchors stand on a grid, so the nearest one is a quarter of a stride off in each direction, as it is on
    average: small anchors on a wide grid would look better middle on middle than they are.
    """
    wide, high = np.nonzero(boxes)
    counts = boxes[wide, high]
    width, height = SIZES.values[wide][:, None], SIZES.values[high][:, None]
    strides = np.array(STRIDES) / factor  # in pixels of the boxes
    stride, scale, ratio = (each.ravel() for each in np.meshgrid(strides, scales, ratios, indexing="ij"))
    anchor_width, anchor_height = stride * scale / np.sqrt(ratio), stride * scale * np.sqrt(ratio)
    across = _overlap(width, anchor_width, stride / 4)
    inner = across * _overlap(height, anchor_height, stride / 4)
    met = (inner / (width * height + anchor_width * anchor_height - inner)).max(axis=1) >= MET
    return float(counts[met].sum() / counts.sum())


def _overlap(side: np.ndarray, other: np.ndarray, off: np.ndarray) -> np.ndarray:
    """Return how far two lines overlap whose middles are `off` apart."""
    return np.maximum(np.minimum(np.minimum(side, other), (side + other) / 2 - off), 0)


def _scale_sets() -> list[tuple[float, ...]]:
    """Return the scales to try: from 1 to 16 by quarters of an octave, alone, and in pairs half one apart."""
    steps = [2.0 ** (step / 4) for step in range(17)]
    alone = [(round(step, 2),) for step in steps]
    return alone + [(round(step, 2), round(step * 2**0.5, 2)) for step in steps]


def _ratio_sets(boxes: np.ndarray) -> list[tuple[float, ...]]:
    """Return the ratios to try: the middle one, with flanks where boxes lie flat or stand."""
    wide, high = np.nonzero(boxes)
    ratios = SIZES.values[high] / SIZES.values[wide]
    counts = np.bincount(ASPECTS.place(ratios), boxes[wide, high], ASPECTS.count)
    low, middle, top = (quantile(counts, ASPECTS.values, share) or 1.0 for share in (0.1, 0.5, 0.9))
    sets = [(middle,), (low, top), (low, middle, top), (0.5, 1.0, 2.0), (1.0,)]
    lower, upper = (quantile(counts, ASPECTS.values, share) or 1.0 for share in (0.03, 0.97))
    sets.append((lower, low, middle, top, upper))
    return list(dict.fromkeys(tuple(sorted({round(ratio, 2) for ratio in each})) for each in sets))
