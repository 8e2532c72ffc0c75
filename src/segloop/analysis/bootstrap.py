"""Bootstrap intervals: how far a score may be off because just these images, or groups, were tested."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

REPEATS = 1000
LEVEL = 0.95
PIECE = 2**21  # weights at once
FEW_GROUPS = 20
RULE = (
    "Intervals: 95 % percentile bootstrap over images, {repeats:,} resamples, seed {seed}. A resample "
    "that has no pixel of a class leaves it out, as the score itself would; one image gives no interval."
)
GROUP_RULE = (
    " Images of a group hang together ({by}), so groups are drawn with all their images: {groups:,} of them."
)


def rule(*, repeats: int, seed: int, groups: Sequence[str] | None = None, by: str = "") -> str:
    """Return how intervals are made, in words; `by` says what makes a group."""
    told = RULE.format(repeats=repeats, seed=seed)
    return told if groups is None else told + GROUP_RULE.format(by=by, groups=len(set(groups)))


def notes(num_images: int, groups: Sequence[str] | None = None) -> list[str]:
    """Say where there is too little to draw from."""
    if num_images == 1:
        return ["One image gives no intervals."]
    number = len(set(groups)) if groups is not None else None
    if number == 1:
        return ["All images are of one group, which gives no intervals."]
    if number is not None and number < FEW_GROUPS:
        return [f"{number} groups are few: intervals of fewer than {FEW_GROUPS} tend to be too narrow."]
    return []


def places_of(groups: Sequence[str]) -> tuple[npt.NDArray[np.int64], int]:
    """Return each image's group as a number, and how many groups there are."""
    names, places = np.unique(np.asarray(groups, dtype=object), return_inverse=True)
    return places.astype(np.int64), len(names)


def resamples(
    num_images: int, *, repeats: int = REPEATS, seed: int = 0, groups: Sequence[str] | None = None
) -> Iterator[FloatArray]:
    """Yield how often each image was drawn, [some resamples, images], until there are `repeats` of them.

    Each resample draws as many images as there are, with replacement; with `groups`, the group of each image,
    as many groups as there are, each with all its images. Of fewer than two nothing is drawn.

    >>> [weights.sum(axis=1).tolist() for weights in resamples(3, repeats=2)]
    [[3.0, 3.0]]
    >>> [len(set(row)) for weights in resamples(3, repeats=2, groups=["a", "a", "a"]) for row in weights]
    []
    """
    places, units = (None, num_images) if groups is None else places_of(groups)
    if units < 2:
        return
    draw = np.random.default_rng(seed)
    step = max(1, PIECE // num_images)
    for begin in range(0, repeats, step):
        rows = min(step, repeats - begin)
        chosen = draw.integers(0, units, (rows, units))
        chosen += np.arange(rows)[:, None] * units
        counts = np.bincount(chosen.ravel(), minlength=rows * units)
        weights = counts.reshape(rows, units).astype(np.float64)
        yield weights if places is None else weights[:, places]


def weighted_means(weights: FloatArray, values: FloatArray) -> FloatArray:
    """Return the means of columns [images, k] in each resample, [resamples, k]; NaN images are left out."""
    there = ~np.isnan(values)
    number = weights @ there
    total = weights @ np.where(there, values, 0.0)
    return np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)


def interval(values: FloatArray, *, level: float = LEVEL) -> tuple[FloatArray, FloatArray]:
    """Return the bounds that `level` of the resamples lie within, along the first axis; NaN are left out.

    >>> low, high = interval(np.arange(101.0)[:, None], level=0.9)
    >>> round(float(low[0])), round(float(high[0]))
    (5, 95)
    """
    # nanquantile warns of columns without a number, and is slow where it has to look
    ordered = np.sort(values, axis=0)  # NaN to the end
    number = (~np.isnan(ordered)).sum(axis=0)
    return tuple(_quantile(ordered, number, share) for share in ((1 - level) / 2, (1 + level) / 2))  # type: ignore[return-value]


def _quantile(ordered: FloatArray, number: npt.NDArray[np.int64], share: float) -> FloatArray:
    place = share * np.maximum(number - 1, 0)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(number - 1, 0))
    low = np.take_along_axis(ordered, below[None], axis=0)[0]
    high = np.take_along_axis(ordered, above[None], axis=0)[0]
    return np.where(number > 0, low + (high - low) * (place - below), np.nan)
