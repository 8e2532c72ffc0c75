"""Histograms whose size does not depend on what they count: values in steps of a part of an octave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Octaves:
    """Bins in the logarithm: `steps` to each doubling, from `low` to `high`; what lies beyond joins the last.

    A bin's value is its middle, so that what is read from the counts is off by half a step at most.

    >>> sizes = Octaves(steps=8, low=1, high=1024)
    >>> sizes.place(np.array([1, 2, 1e9])).tolist(), sizes.count
    ([0, 8, 80], 81)
    """

    steps: int
    low: float
    high: float

    @property
    def count(self) -> int:
        """How many bins there are."""
        return round(np.log2(self.high / self.low) * self.steps) + 1

    @property
    def values(self) -> np.ndarray:
        """The middle of each bin."""
        return self.low * 2.0 ** (np.arange(self.count) / self.steps)

    def place(self, values: np.ndarray) -> np.ndarray:
        """Return the bin of each value; 0 and less join the first."""
        with np.errstate(divide="ignore", invalid="ignore"):
            places = np.log2(np.asarray(values, np.float64) / self.low) * self.steps
        return np.clip(np.nan_to_num(np.round(places), neginf=0), 0, self.count - 1).astype(np.int64)

    def tally(self, values: np.ndarray) -> np.ndarray:
        """Return how many of the values lie in each bin."""
        return np.bincount(self.place(values), minlength=self.count)


@dataclass(frozen=True)
class Steps:
    """Bins of one width from `low` to `high`, each named by its middle."""

    low: float
    high: float
    count: int

    @property
    def values(self) -> np.ndarray:
        """The middle of each bin."""
        width = (self.high - self.low) / self.count
        return self.low + width * (np.arange(self.count) + 0.5)

    def place(self, values: np.ndarray) -> np.ndarray:
        """Return the bin of each value; what lies beyond joins the last."""
        places = (np.asarray(values, np.float64) - self.low) / (self.high - self.low) * self.count
        return np.clip(np.floor(places), 0, self.count - 1).astype(np.int64)

    def tally(self, values: np.ndarray) -> np.ndarray:
        """Return how many of the values lie in each bin."""
        return np.bincount(self.place(values), minlength=self.count)


def quantile(counts: np.ndarray, values: np.ndarray, share: float) -> float | None:
    """Return the value below which `share` of what was counted lies; None where nothing was.

    >>> quantile(np.array([1, 2, 1]), np.array([1.0, 2.0, 4.0]), 0.5)
    2.0
    """
    total = counts.sum()
    if not total:
        return None
    return float(values[np.searchsorted(np.cumsum(counts), share * total)])


SIZES = Octaves(
    steps=8, low=1, high=2.0**13
)  # pixels: the side of a square of an object's area; a box's side
ASPECTS = Octaves(steps=8, low=1 / 16, high=16)  # height over width
FOLLOWS = Octaves(steps=8, low=1 / 4, high=16)  # edges under outlines over edges beside them
CONTRASTS = Octaves(steps=6, low=1 / 32, high=32)  # between objects and what is around them, in deviations
SHARPNESS = Octaves(steps=4, low=1, high=256)  # deviation of the Laplacian
LEVELS = Steps(0, 256, 64)  # of one colour channel
BRIGHTNESS = Steps(0, 256, 32)  # mean grey of an image
DEVIATIONS = Steps(0, 128, 32)  # deviation of an image's grey
