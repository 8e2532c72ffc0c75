"""Ranks images: worst and best, by class and size of object, most costly, most surprising."""

from __future__ import annotations

import itertools
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


def order(
    values: FloatArray, ids: Sequence[str], *, descending: bool = False, wrong: IntArray | None = None
) -> IntArray:
    """Return the places of images in order of their values; those without a value are left out.

    Equal ones come by `wrong`, their wrong pixels (more first, or fewer where the highest value is first),
    then by id.

    >>> order(np.array([0.5, np.nan, 0.1, 0.5]), ["d", "c", "b", "a"]).tolist()
    [2, 3, 0]
    >>> order(np.array([0.5, 0.5]), ["a", "b"], wrong=np.array([3, 9])).tolist()
    [1, 0]
    """
    sign = -1 if descending else 1
    ties = np.zeros(len(values), np.int64) if wrong is None else -sign * wrong
    places = np.lexsort((np.array(ids, dtype=np.str_), ties, sign * values))
    return places[~np.isnan(values[places])]


def gains(gathered: Gathered) -> FloatArray:
    """Return what mDice_fg over the set would gain if each image were perfect; NaN without a score."""
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
        # a class that was only invented, and only here, would be absent, and left out of the mean
        number = (~np.isnan(dice)).sum(axis=1)
        means = np.divide(np.nansum(dice, axis=1), number, out=np.ones(len(dice)), where=number > 0)
        parts.append(means - now[wanted].mean())
    return np.concatenate(parts) if parts else np.zeros(0)


def class_dice(gathered: Gathered, index: int) -> tuple[FloatArray, IntArray]:
    """Return the Dice of one class in each image, NaN for one without it, and its wrong pixels, [images]."""
    rows = gathered.rows[gathered.rows[:, 1] == index]
    values, wrong = np.full(len(gathered), np.nan), np.zeros(len(gathered), np.int64)
    values[rows[:, 0]] = class_scores(ClassCounts(rows[:, 2], rows[:, 3], rows[:, 4])).dice
    wrong[rows[:, 0]] = rows[:, 3] + rows[:, 4]
    return values, wrong


def wrong_pixels(gathered: Gathered) -> IntArray:
    """Return how many pixels of each image are wrong, [images]."""
    return np.bincount(gathered.rows[:, 0], weights=gathered.rows[:, 4], minlength=len(gathered)).astype(
        np.int64
    )


def image_dice(gathered: Gathered) -> FloatArray:
    """Return mDice_fg of each image, [images]."""
    parts = [
        image_scores(counts, background=gathered.background)["mDice_fg"] for _, counts, _ in gathered.pieces()
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def size_bands(gathered: Gathered) -> list[Band]:
    """Return the bands of the areas of a RUN's objects."""
    return bands_of(gathered.sizes[:, :, 0].sum(axis=0))


def bands_of(objects: IntArray) -> list[Band]:
    """Return three bands of area with about as many objects each, or fewer, from objects by powers of two."""
    total = int(objects.sum())
    if total == 0:
        return []
    reached = np.cumsum(objects)
    cuts = [int(np.searchsorted(reached, total * share)) + 1 for share in (1 / 3, 2 / 3)]
    bounds = [0, *cuts, len(objects)]
    parts = [(first, end) for first, end in itertools.pairwise(bounds) if objects[first:end].any()]
    names = {1: ("all",), 2: ("small", "large"), 3: BANDS}[len(parts)]
    last = len(parts) - 1
    return [
        Band(name, 2**first if place else 1, 2**end if place < last else None, first, end)
        for place, (name, (first, end)) in enumerate(zip(names, parts, strict=True))
    ]


def band_recall(gathered: Gathered, band: Band) -> FloatArray:
    """Return the share of a band's pixels that was found, [images]; NaN without such objects."""
    pixels, found = gathered.found_by_size[:, band.first_bin : band.end_bin].sum(axis=1).T
    return np.divide(found, pixels, out=np.full(len(pixels), np.nan), where=pixels > 0)


def surprise(ids: Sequence[str], confidence: dict[str, np.ndarray] | None) -> FloatArray:
    """Return how confidently wrong each image is, from `confidence.npz`; NaN where nothing is known."""
    return _from_file(ids, confidence, "wrong_confidence_sum")


def mean_loss(ids: Sequence[str], confidence: dict[str, np.ndarray] | None) -> FloatArray:
    """Return the mean -log of the probability of the true class of each image; NaN where nothing is known."""
    return _from_file(ids, confidence, "loss_sum")


def _from_file(ids: Sequence[str], confidence: dict[str, np.ndarray] | None, column: str) -> FloatArray:
    if confidence is None or column not in confidence:
        return np.full(len(ids), np.nan)
    pixels = np.maximum(confidence["pixels"], 1)
    known = dict(zip(confidence["image_ids"].tolist(), (confidence[column] / pixels).tolist(), strict=True))
    return np.array([known.get(image_id, np.nan) for image_id in ids], np.float64)
