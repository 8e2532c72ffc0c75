"""Paired tests: whether two models differ on the same images by more than chance, and by how much."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from segloop.analysis.bootstrap import places_of

FloatArray = npt.NDArray[np.float64]

FLIPS = 10_000
EXACT = 13  # images up to which all 2^n signs are tried: fewer than FLIPS
PIECE = 2**21  # signs at once
CLOSE = 1e-12  # sums that differ by less are equal: the order of adding is no evidence
RULES: dict[str, str] = {
    "pairs": (
        "A pair is an image that both scored. Where one model has no score because there is nothing to find "
        "and it found nothing, while the other invented something, it counts 1; where neither has one, the "
        "image is left out."
    ),
    "permutation": (
        "Permutation test: if the models were alike, each image's difference could as well have the other "
        "sign. p is the share of {flips:,} such flips (all of them up to {exact} images) whose mean "
        "difference is at least as large, in both directions."
    ),
    "wilcoxon": "Wilcoxon's signed-rank test takes the order of the differences alone, without equal images.",
    "bootstrap": (
        "Paired bootstrap: all models are scored on the same resamples of images; p is twice the share of "
        "resamples in which the difference has the other sign."
    ),
    "groups": (
        "Images of a group are drawn again, and change sign, together; Wilcoxon ranks the groups' means."
    ),
    "holm": "p is corrected for the number of comparisons by Holm's method, for each test on its own.",
    "seeds": (
        "Intervals and tests are over images. How much the scores would change with another seed of the "
        "training they do not say: for that, train each model several times."
    ),
}


def pair_up(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return `other` minus `one` image by image; NaN where neither has a score.

    One that alone has none found nothing where there is nothing, and counts 1.

    >>> pair_up(np.array([0.5, np.nan, np.nan]), np.array([0.75, 0.0, np.nan])).tolist()
    [0.25, -1.0, nan]
    """
    nothing, neither = np.isnan(one) ^ np.isnan(other), np.isnan(one) & np.isnan(other)
    filled = (np.where(nothing & np.isnan(each), 1.0, each) for each in (one, other))
    first, second = filled
    return np.where(neither, np.nan, second - first)


def sign_flips(
    differences: FloatArray, *, flips: int = FLIPS, seed: int = 0, groups: Sequence[str] | None = None
) -> FloatArray:
    """Return the p value of each column of differences [images, pairs], two-sided; NaN are left out.

    The same flips serve all columns. A column without a difference has p = 1. A group's images flip together.

    >>> sign_flips(np.array([[1.0], [2.0], [3.0]])).tolist()  # 2 of 8: all up, all down
    [0.25]
    """
    there = np.nan_to_num(np.asarray(differences, np.float64), nan=0.0)
    if groups is not None:
        there = _sums(there, groups)
    there = there[(there != 0).any(axis=1)]
    count = len(there)
    if count == 0:
        return np.ones(there.shape[1])
    seen = np.abs(there.sum(axis=0)) - CLOSE * np.abs(there).sum(axis=0)
    if count <= EXACT:
        signs = 1.0 - 2.0 * (np.arange(2**count)[:, None] >> np.arange(count) & 1)
        return np.asarray((np.abs(signs @ there) >= seen).mean(axis=0))
    draw, reached, step = np.random.default_rng(seed), np.zeros(there.shape[1]), max(1, PIECE // count)
    for begin in range(0, flips, step):
        bits = draw.integers(0, 2, (min(step, flips - begin), count), dtype=np.int8)
        reached += (np.abs((1.0 - 2.0 * bits) @ there) >= seen).sum(axis=0)
    return np.asarray((reached + 1) / (flips + 1))  # what was seen is one of the flips


def wilcoxon(differences: FloatArray, *, groups: Sequence[str] | None = None) -> float:
    """Return the two-sided p value of Wilcoxon's signed-rank test; 1 without a difference.

    Of images in groups the means of the groups are ranked.
    """
    if groups is not None:
        known = ~np.isnan(differences)
        sums = _sums(np.column_stack([np.where(known, differences, 0.0), known.astype(np.float64)]), groups)
        differences = np.divide(sums[:, 0], sums[:, 1], out=np.full(len(sums), np.nan), where=sums[:, 1] > 0)
    kept = differences[~np.isnan(differences)]
    kept = kept[kept != 0]
    if not len(kept):
        return 1.0
    from scipy import stats  # where it is needed: it takes most of a second to come

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the sample is small: the intervals say so
        return float(stats.wilcoxon(kept).pvalue)


def _sums(values: FloatArray, groups: Sequence[str]) -> FloatArray:
    """Return the sums over each group [groups, columns]."""
    places, number = places_of(groups)
    sums = np.zeros((number, values.shape[1]))
    np.add.at(sums, places, values)
    return sums


def bootstrap_p(drawn: FloatArray) -> FloatArray:
    """Return the two-sided p value of differences in resamples [resamples, ...] along the first axis.

    >>> bootstrap_p(np.array([1.0, 2.0, -1.0])).item()  # 2 x (1 below zero + 1) / (3 + 1)
    1.0
    >>> bootstrap_p(np.ones(99)).item()
    0.02
    """
    number = (~np.isnan(drawn)).sum(axis=0)
    below, above = (drawn <= 0).sum(axis=0), (drawn >= 0).sum(axis=0)
    p = 2 * (np.minimum(below, above) + 1) / (number + 1)
    return np.where(number > 0, np.minimum(p, 1.0), np.nan)


def holm(p_values: Sequence[float] | FloatArray) -> list[float]:
    """Return p values corrected for their number by Holm's method; NaN stay, and count for nothing.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, np.float64)
    corrected = np.full(len(values), np.nan)
    order = [place for place in np.argsort(values, kind="stable").tolist() if not np.isnan(values[place])]
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, float(values[place]) * (len(order) - rank)))
        corrected[place] = highest
    return [float(each) for each in corrected]


def rules(*, grouped: bool = False) -> dict[str, str]:
    """Return the rules of the tests, with their numbers."""
    told = {name: text.format(flips=FLIPS, exact=EXACT) for name, text in RULES.items()}
    return {name: text for name, text in told.items() if grouped or name != "groups"}
