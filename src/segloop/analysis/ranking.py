"""Ranks images: worst and best, by class and size of object, most costly, most surprising."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segloop.analysis.counts import ClassCounts
from segloop.analysis.gathering import Gathered
from segloop.analysis.scores import class_scores, foreground_classes, image_scores

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

BANDS = ("small", "medium", "large")
GAIN_RULE = (
    "Cost of an image: what mDice_fg over the set would gain if every pixel of this image were right. "
    "Surprise: the confidence of its wrong pixels, summed, over all its pixels."
)


@dataclass(frozen=True)
class Band:
    """Objects of `low` to below `high` pixels (None: no bound), which hold a third of all objects or so."""

    name: str
    low: int
    high: int | None
    first_bin: int
    end_bin: int


def order(values: FloatArray, ids: Sequence[str], *, descending: bool = False) -> IntArray:
    """Return the places of images in order of their values; equal ones by id, those without a value left out.

    >>> order(np.array([0.5, np.nan, 0.1, 0.5]), ["d", "c", "b", "a"]).tolist()
    [2, 3, 0]
    """
    by_id = np.argsort(np.array(ids, dtype=np.str_), kind="stable")
    sorted_values = -values[by_id] if descending else values[by_id]
    places = by_id[np.argsort(sorted_values, kind="stable")]
    return places[~np.isnan(values[places])]


def gains(gathered: Gathered) -> FloatArray:
    """Return what mDice_fg over the set would gain if each image were perfect, [images]; NaN without a score."""
    totals, _ = gathered.totals()
    background = gathered.background
    now = class_scores(totals).dice
    wanted = foreground_classes(gathered.num_classes, background) & ~np.isnan(now)
    if not wanted.any():
        return np.full(len(gathered), np.nan)
    parts = []
    for _, counts, _ in gathered.pieces():
        better = ClassCounts(totals.tp + counts.fn, totals.fp - counts.fp, totals.fn - counts.fn)
        dice = class_scores(better).dice[:, wanted]
        # a class that was only invented, and only here, would be absent: nothing is lost by it any more
        parts.append(np.where(np.isnan(dice), 1.0, dice).mean(axis=1) - now[wanted].mean())
    return np.concatenate(parts) if parts else np.zeros(0)


def class_dice(gathered: Gathered, index: int) -> FloatArray:
    """Return the Dice of one class in each image, [images]; NaN where the image has no pixel of it."""
    rows = gathered.rows[gathered.rows[:, 1] == index]
    values = np.full(len(gathered), np.nan)
    values[rows[:, 0]] = class_scores(ClassCounts(rows[:, 2], rows[:, 3], rows[:, 4])).dice
    return values


def image_dice(gathered: Gathered) -> FloatArray:
    """Return mDice_fg of each image, [images]."""
    parts = [
        image_scores(counts, background=gathered.background)["mDice_fg"]
        for _, counts, _ in gathered.pieces()
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def size_bands(gathered: Gathered) -> list[Band]:
    """Return three bands of object area, by powers of two, with about as many objects each; fewer if need be."""
    objects = gathered.sizes[:, :, 0].sum(axis=0)
    total = int(objects.sum())
    if total == 0:
        return []
    reached = np.cumsum(objects)
    cuts = [int(np.searchsorted(reached, total * share)) + 1 for share in (1 / 3, 2 / 3)]
    bounds = [0, *cuts, len(objects)]
    bands = []
    for name, first, end in zip(BANDS, bounds[:-1], bounds[1:], strict=True):
        if objects[first:end].any():
            bands.append(Band(name, 2**first if first else 1, 2**end if end < len(objects) else None, first, end))
    return bands


def band_recall(gathered: Gathered, band: Band) -> FloatArray:
    """Return the share of the pixels of a band's objects that was found, [images]; NaN without such objects."""
    pixels, found = gathered.found_by_size[:, band.first_bin : band.end_bin].sum(axis=1).T
    return np.divide(found, pixels, out=np.full(len(pixels), np.nan), where=pixels > 0)


def surprise(ids: Sequence[str], confidence: dict[str, np.ndarray] | None) -> FloatArray:
    """Return how confidently wrong each image is, from `confidence.npz`; NaN where nothing is known."""
    return _from_file(ids, confidence, "wrong_confidence_sum")


def mean_loss(ids: Sequence[str], confidence: dict[str, np.ndarray] | None) -> FloatArray:
    """Return the mean of -log of the probability of the true class of each image; NaN where nothing is known."""
    return _from_file(ids, confidence, "loss_sum")


def _from_file(ids: Sequence[str], confidence: dict[str, np.ndarray] | None, column: str) -> FloatArray:
    if confidence is None or column not in confidence:
        return np.full(len(ids), np.nan)
    pixels = np.maximum(confidence["pixels"], 1)
    known = dict(zip(confidence["image_ids"].tolist(), (confidence[column] / pixels).tolist(), strict=True))
    return np.array([known.get(image_id, np.nan) for image_id in ids], np.float64)
