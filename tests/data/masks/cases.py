"""Masks that break careless code, for the tests of every format."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

# A ring with a hole and a separate pixel in a corner, in every encoding; checked with pycocotools.
RING = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0, 1],
        [0, 0, 1, 1, 1, 1, 0, 0],
        [0, 0, 1, 0, 0, 1, 0, 0],
        [0, 0, 1, 0, 0, 1, 0, 0],
        [0, 0, 1, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
    ],
    bool,
)
RING_RUNS = [13, 4, 2, 1, 2, 1, 2, 1, 2, 1, 2, 4, 7, 1, 5]
RING_STRING = "=42M000000035MN"
RING_WINDOW = (2, 0, 6, 5, [5, 5, 2, 1, 2, 1, 2, 1, 2, 1, 2, 4, 2])
RING_COLUMNS = [14, 4, 20, 1, 23, 1, 26, 1, 29, 1, 32, 4, 43, 1]
RING_ROWS = [8, 1, 11, 4, 19, 1, 22, 1, 27, 1, 30, 1, 35, 4]


@st.composite
def bitmaps(draw: st.DrawFn, size_hw: tuple[int, int]) -> np.ndarray:
    """Draw a mask of a size: empty, full, checkerboard, one pixel, a box at a border, a ring, or noise."""
    height, width = size_hw
    kind = draw(st.sampled_from(("empty", "full", "checker", "pixel", "box", "ring", "noise")))
    mask = np.zeros(size_hw, bool)
    if kind == "full":
        mask[:] = True
    elif kind == "checker":
        mask[np.add.outer(np.arange(height), np.arange(width)) % 2 == 1] = True
    elif kind == "noise":
        mask = np.random.default_rng(draw(st.integers(0, 999))).random(size_hw) < 0.4
    elif kind != "empty":
        y, x = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        tall, wide = (1, 1) if kind == "pixel" else (draw(st.integers(1, 9)), draw(st.integers(1, 9)))
        mask[y : y + tall, x : x + wide] = True
        if kind == "ring":
            mask[y + 1 : y + tall - 1, x + 1 : x + wide - 1] = False
    return mask


@st.composite
def images(draw: st.DrawFn, *, most: int = 6) -> tuple[tuple[int, int], list[np.ndarray]]:
    """Draw an image's size, width and height unequal more often than not, and some masks of it."""
    size_hw = draw(st.integers(1, 13)), draw(st.integers(1, 13))
    return size_hw, draw(st.lists(bitmaps(size_hw), max_size=most))
