"""Scores of a RUN with their intervals: per class, over the set, per image, and for the foreground."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from segloop.analysis.bootstrap import REPEATS, interval, resamples, weighted_means
from segloop.analysis.boundaries import BoundaryCounts
from segloop.analysis.counts import ClassCounts
from segloop.analysis.gathering import Gathered
from segloop.analysis.scores import class_scores, foreground_classes, image_scores

FloatArray = npt.NDArray[np.float64]

OF_CLASS = ("dice", "iou", "precision", "recall", "boundary_f")
MORE = ("mPrecision_fg", "mRecall_fg", "mBF_fg")
RULES: dict[str, str] = {
    "precision": (
        "Precision is the share of the pixels called a class that are of it, recall the share of its true "
        "pixels that were found. A class that nothing was called has no precision, one without truth no "
        "recall; such classes are left out of the means of these two."
    ),
    "class means": "Per image, a class is averaged over the images that have it in truth or prediction.",
}


def scores_by_class(counts: ClassCounts, outlines: BoundaryCounts) -> dict[str, FloatArray]:
    """Return the scores OF_CLASS as fractions, [..., classes]; NaN where there is nothing to judge by."""
    found = class_scores(counts)
    called = counts.tp + counts.fp
    precision = np.divide(counts.tp, called, out=np.full(called.shape, np.nan), where=called > 0)
    return {
        "dice": found.dice,
        "iou": found.iou,
        "precision": precision,
        "recall": found.acc,
        "boundary_f": outlines.scores(),
    }


def headline(
    counts: ClassCounts, outlines: BoundaryCounts, *, background: int | None
) -> dict[str, FloatArray]:
    """Return the means over classes, shape [...]: those of training, and MORE."""
    by_class = scores_by_class(counts, outlines)
    wanted = foreground_classes(counts.tp.shape[-1], background)
    more = (_mean(by_class[name][..., wanted]) for name in ("precision", "recall", "boundary_f"))
    return image_scores(counts, background=background) | dict(zip(MORE, more, strict=True))


def score(
    gathered: Gathered,
    class_names: Sequence[str],
    *,
    repeats: int = REPEATS,
    seed: int = 0,
    groups: Sequence[str] | None = None,
) -> tuple[dict[str, Any], dict[str, FloatArray]]:
    """Return all scores with their intervals, for JSON, and the headline scores of each image.

    Every number is `[value, low, high]`, fractions, NaN where there is none. `groups` are the images'.
    """
    background = gathered.background
    totals = gathered.totals()
    per_image, image_classes = _per_image(gathered)
    columns = np.column_stack([*per_image.values(), *image_classes.values()])
    drawn_set: dict[str, list[FloatArray]] = {}
    drawn_class: dict[str, list[FloatArray]] = {}
    drawn_images: list[FloatArray] = []
    for weights in resamples(len(gathered), repeats=repeats, seed=seed, groups=groups):
        resampled = gathered.weighted(weights)
        for name, values in headline(*resampled, background=background).items():
            drawn_set.setdefault(name, []).append(values)
        for name, values in scores_by_class(*resampled).items():
            drawn_class.setdefault(name, []).append(values)
        drawn_images.append(weighted_means(weights, columns))
    means = weighted_means(np.ones((1, len(gathered))), columns)[0]
    spread = _spread(drawn_images, columns.shape[1])
    image_keys = [*per_image, *(f"{name}:{index}" for name in OF_CLASS for index in range(len(class_names)))]
    of_images = dict(zip(image_keys, _triples(means, spread), strict=True))
    set_scores = headline(*totals, background=background)
    set_triples = {
        name: _triples(np.atleast_1d(value), _spread([each[:, None] for each in drawn_set.get(name, [])], 1))[
            0
        ]
        for name, value in set_scores.items()
    }
    by_class = {
        name: _triples(values, _spread(drawn_class.get(name, []), len(class_names)))
        for name, values in scores_by_class(*totals).items()
    }
    pixels = int(totals[0].pixels)
    images_with = np.bincount(
        gathered.rows[gathered.rows[:, 2] + gathered.rows[:, 4] > 0, 1], minlength=len(class_names)
    )
    classes = [
        {
            "name": name,
            "index": index,
            "background": index == background,
            "images": int(images_with[index]),
            "share": float((totals[0].tp + totals[0].fn)[index] / max(pixels, 1)),
            "set": {key: by_class[key][index] for key in OF_CLASS},
            "image": {key: of_images[f"{key}:{index}"] for key in OF_CLASS},
        }
        for index, name in enumerate(class_names)
    ]
    told = {"set": set_triples, "image": {name: of_images[name] for name in per_image}, "classes": classes}
    return told, per_image


def _per_image(gathered: Gathered) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Return headline scores per image [images], and scores by class [images, classes]."""
    means: dict[str, list[FloatArray]] = {}
    by_class: dict[str, list[FloatArray]] = {}
    for _, counts, outlines in gathered.pieces():
        for name, values in headline(counts, outlines, background=gathered.background).items():
            means.setdefault(name, []).append(values)
        for name, values in scores_by_class(counts, outlines).items():
            by_class.setdefault(name, []).append(values)
    return (
        {name: np.concatenate(values) for name, values in means.items()},
        {name: np.concatenate(values) for name, values in by_class.items()},
    )


def _spread(drawn: list[FloatArray], width: int) -> tuple[FloatArray, FloatArray]:
    if not drawn:
        return np.full(width, np.nan), np.full(width, np.nan)
    return interval(np.concatenate(drawn))


def _triples(values: FloatArray, spread: tuple[FloatArray, FloatArray]) -> list[list[float]]:
    return np.column_stack([values, *spread]).tolist()


def _mean(values: FloatArray) -> FloatArray:
    there = ~np.isnan(values)
    number = there.sum(axis=-1)
    total = np.where(there, values, 0.0).sum(axis=-1)
    return np.divide(total, number, out=np.full(number.shape, np.nan), where=number > 0)
