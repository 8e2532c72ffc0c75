"""Bootstrap intervals over images: how far a score may be off because just these images were tested."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

REPEATS = 1000
LEVEL = 0.95
PIECE = 2**21  # weights at once
RULE = (
    "Intervals: 95 % percentile bootstrap over images, {repeats} resamples, seed {seed}. A resample that has "
    "no pixel of a class leaves it out, as the score itself would; one image gives no interval."
)


def resamples(num_images: int, *, repeats: int = REPEATS, seed: int = 0) -> Iterator[FloatArray]:
    """Yield how often each image was drawn, [some resamples, images], until there are `repeats` of them.

    Each resample draws as many images as there are, with replacement.

    >>> [weights.sum(axis=1).tolist() for weights in resamples(3, repeats=2)]
    [[3.0, 3.0]]
    """
    draw = np.random.default_rng(seed)
    step = max(1, PIECE // max(num_images, 1))
    for begin in range(0, repeats, step):
        rows = min(step, repeats - begin)
        chosen = draw.integers(0, num_images, (rows, num_images))
        chosen += np.arange(rows)[:, None] * num_images
        counts = np.bincount(chosen.ravel(), minlength=rows * num_images)
        yield counts.reshape(rows, num_images).astype(np.float64)


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
