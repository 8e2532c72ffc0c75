"""Random numbers for the demo scenes: the same on every machine and in every version of NumPy."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import TypeVar

import cv2
import numpy as np

Thing = TypeVar("Thing")


class Dice:
    """Draws for one scene, which follow from `(seed, split, index)` alone.

    Everything is derived from the raw doubles of PCG64: NumPy promises that stream for good, but not
    the streams of `normal`, `choice` or `integers`.
    """

    def __init__(self, seed: int, split: str, index: int) -> None:
        entropy = np.random.SeedSequence([seed, zlib.crc32(split.encode()), index])
        self._generator = np.random.Generator(np.random.PCG64(entropy))

    def uniform(self, low: float, high: float) -> float:
        """Return a number in [low, high)."""
        return low + (high - low) * float(self._generator.random())

    def integer(self, low: int, high: int) -> int:
        """Return a whole number in low..high, both included."""
        return low + int(self._generator.random() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return float(self._generator.random()) < probability

    def pick(self, things: Sequence[Thing], *, weights: Sequence[float] | None = None) -> Thing:
        """Return one of the things, all alike or by weight."""
        if weights is None:
            return things[self.integer(0, len(things) - 1)]
        left = self.uniform(0.0, sum(weights))
        for thing, weight in zip(things, weights, strict=True):
            left -= weight
            if left < 0:
                return thing
        return things[-1]

    def grid(self, *shape: int) -> np.ndarray:
        """Return an array of numbers in [0, 1)."""
        return self._generator.random(shape)

    def bytes(self, *shape: int) -> np.ndarray:
        """Return a uint8 array, every value alike."""
        count = math.prod(shape)
        raw = self._generator.bit_generator.random_raw(-(-count // 8))
        return np.asarray(raw, "<u8").view(np.uint8)[:count].reshape(shape)

    def clouds(self, size: int, *, cell: float) -> np.ndarray:
        """Return smooth noise in [-1, 1] of size x size, as float32; `cell` is its grain in pixels."""
        nodes = max(2, round(size / cell) + 1)
        noise = self.bytes(nodes, nodes)
        # uint8 resizing and blurring are bit exact in OpenCV; their float kinds are not. In two steps,
        # because a wide blur of the full size costs more than all the rest of a scene.
        if cell >= 8:
            middle = round(8 * size / cell)
            noise = cv2.resize(noise, (middle, middle), interpolation=cv2.INTER_LINEAR_EXACT)
            noise = cv2.GaussianBlur(noise, (0, 0), 2)
        wide = cv2.resize(noise, (size, size), interpolation=cv2.INTER_LINEAR_EXACT)
        return wide.astype(np.float32) / np.float32(127.5) - np.float32(1)
