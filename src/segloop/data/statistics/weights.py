"""Class weights for losses, by the three schemes in use, from what was counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SCHEMES = ("inverse", "median_frequency", "effective_number")
BETA = 0.9999  # of the effective number


def class_weights(
    pixels: Sequence[int], pixels_beside: Sequence[int], *, patch: float = 1.0
) -> dict[str, list[float]]:
    """Return a weight for each class by each scheme; classes without a pixel have 1.

    `pixels` are those of each class, `pixels_beside` all scored pixels of the images that hold it.

    `inverse` is one over the share of the pixels; its mean over the classes is 1.
    `median_frequency` (Eigen and Fergus, 2015) is the median of the frequencies over a class's own, where a
    frequency is the share of the pixels of those images that hold the class.
    `effective_number` (Cui et al., 2019) is (1 - beta) / (1 - beta^n), of mean 1, with beta 0.9999. Pixels
    side by side say the same, so n counts patches of `patch` pixels, the area of the median object.

    >>> class_weights([900, 100], [1000, 500])["median_frequency"]
    [0.6111, 2.75]
    """
    own, beside = np.asarray(pixels, np.float64), np.asarray(pixels_beside, np.float64)
    seen = own > 0
    found = {scheme: np.ones(len(own)) for scheme in SCHEMES}
    if seen.any():
        found["inverse"][seen] = _mean_one(own.sum() / own[seen])
        frequency = own[seen] / beside[seen]
        found["median_frequency"][seen] = np.median(frequency) / frequency
        patches = np.maximum(own[seen] / max(patch, 1.0), 1e-3)
        # expm1 keeps the digits that 1 - beta^n loses where n is small
        found["effective_number"][seen] = _mean_one((1 - BETA) / -np.expm1(patches * np.log(BETA)))
    return {scheme: [_round(weight) for weight in values] for scheme, values in found.items()}


def object_weights(objects: Sequence[int]) -> dict[str, list[float]]:
    """Return a weight for each class of a detector, by how many objects it has and with the same schemes.

    A detector's classifier learns from objects, not from pixels. The median frequency is over objects.
    """
    counts = np.asarray(objects, np.float64)
    return class_weights(counts.tolist(), [counts.sum()] * len(counts))


def _mean_one(values: np.ndarray) -> np.ndarray:
    return values / values.mean()


def _round(weight: float) -> float:
    """Return four digits: more would say that the data are known better than they are."""
    return float(f"{weight:.4g}")
