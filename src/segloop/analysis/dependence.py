"""What the score depends on: size of objects, position, brightness, contrast, sharpness, crowding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from segloop.analysis.bootstrap import interval, resamples, weighted_means
from segloop.analysis.gathering import Gathered
from segloop.analysis.measures import TRAITS

FloatArray = npt.NDArray[np.float64]

GROUPS = 4
LEAST = 20  # images; fewer say nothing of what a score depends on
TRAIT_NAMES: dict[str, str] = {
    "brightness": "brightness (mean grey, 0 to 255)",
    "contrast": "contrast (deviation of grey)",
    "sharpness": "sharpness (deviation of the Laplacian; low is blurred)",
    "objects": "crowding (objects in the image)",
    "object_share": "share of the image that is objects",
}


def by_size(gathered: Gathered, class_names: Sequence[str]) -> list[dict[str, Any]]:
    """Return for each bin of object area how many objects there are and what was found of them, for JSON."""
    sums = gathered.sizes.sum(axis=0)
    return [
        {
            "from": 2**place if place else 1,
            "to": 2 ** (place + 1),
            "objects": int(objects),
            "found": found / pixels,
            "mostly_found": hit / objects,
            "classes": {
                class_names[index]: float(of_class[2] / of_class[1])
                for index, of_class in enumerate(gathered.sizes[:, place])
                if of_class[0]
            },
        }
        for place, (objects, pixels, found, hit) in enumerate(sums.tolist())
        if objects
    ]


def by_position(gathered: Gathered) -> dict[str, Any]:
    """Return the share of wrong pixels by position [rows][columns], and at the rim against the middle."""
    rate = gathered.wrong / np.maximum(gathered.counted, 1e-9)
    side = rate.shape[0] // 6
    middle = np.zeros(rate.shape, bool)
    middle[side:-side, side:-side] = True
    shares = [
        float(gathered.wrong[part].sum() / max(gathered.counted[part].sum(), 1e-9))
        for part in (~middle, middle)
    ]
    return {"wrong": rate.round(5).tolist(), "rim": shares[0], "middle": shares[1]}


def by_traits(
    traits: FloatArray,
    dice: FloatArray,
    *,
    seed: int = 0,
    repeats: int = 500,
    groups: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Return how a score of images goes along with their traits [images, TRAITS], for JSON; strongest first.

    `rho` is Spearman's rank correlation with its bootstrap interval; `groups` are quarters of the images by
    the trait with their mean score and its interval. Empty for fewer than 20 images with a score. Intervals
    are over images, or over whole `groups` of them.
    """
    scored = ~np.isnan(dice)
    told = []
    for column, name in enumerate(TRAITS):
        values = traits[:, column]
        kept = scored & ~np.isnan(values)
        if kept.sum() < LEAST or np.ptp(values[kept]) == 0 or np.ptp(dice[kept]) == 0:
            continue
        x, y = values[kept], dice[kept]
        own = None if groups is None else list(np.asarray(groups, dtype=object)[kept])
        ranks, parts = (_ranks(x), _ranks(y)), _quarters(x)
        columns = np.column_stack([np.where(part, y, np.nan) for part in parts])
        drawn: list[FloatArray] = [np.full((1, 1 + len(parts)), np.nan)]
        for weights in resamples(len(x), repeats=repeats, seed=seed, groups=own):
            drawn.append(np.column_stack([_correlation(weights, *ranks), weighted_means(weights, columns)]))
        low, high = interval(np.concatenate(drawn))
        rho = float(_correlation(np.ones((1, len(x))), *ranks)[0])
        told.append(
            {
                "trait": name,
                "name": TRAIT_NAMES[name],
                "rho": [rho, float(low[0]), float(high[0])],
                "groups": [
                    {
                        "from": float(x[part].min()),
                        "to": float(x[part].max()),
                        "images": int(part.sum()),
                        "score": [float(y[part].mean()), float(low[place]), float(high[place])],
                    }
                    for place, part in enumerate(parts, start=1)
                ],
            }
        )
    return sorted(told, key=lambda each: -abs(each["rho"][0]))


def _quarters(x: FloatArray) -> list[npt.NDArray[np.bool_]]:
    """Return which images are in each quarter of x; values that are equal stay together."""
    bounds = np.unique(np.quantile(x, np.arange(1, GROUPS) / GROUPS))
    place = np.searchsorted(bounds, x, side="left")
    return [place == group for group in np.unique(place).tolist()]


def _ranks(values: FloatArray) -> FloatArray:
    """Return ranks from 0; equal values share the mean of theirs.

    >>> _ranks(np.array([5.0, 1.0, 5.0])).tolist()
    [1.5, 0.0, 1.5]
    """
    _, number, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return ((ends - counts + ends - 1) / 2)[number]


def _correlation(weights: FloatArray, x: FloatArray, y: FloatArray) -> FloatArray:
    """Return the correlation of two columns under each row of weights; NaN where one does not vary."""
    total = weights.sum(axis=1)
    mean_x, mean_y = weights @ x / total, weights @ y / total
    both = weights @ (x * y) / total - mean_x * mean_y
    spread = (weights @ x**2 / total - mean_x**2) * (weights @ y**2 / total - mean_y**2)
    root = np.sqrt(np.maximum(spread, 0))
    return np.divide(both, root, out=np.full(len(root), np.nan), where=root > 1e-9)
