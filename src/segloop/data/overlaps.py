"""Finds images that were cut from one larger picture and overlap by thirds, as tiles of a scene do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segloop.data.similar import BYTES, Pairs, Progress, hashes, joined, similar_pairs

GRID = 3  # blocks along each side of an image; another one begins where a block does
ALIKE = 28  # of 256 bits in which two compressions of one block may differ; other blocks differ in 128 ± 10
ALONE = 16  # if it is the only block that two images have in common
PART = 1 << 16  # pairs that are looked at together


def groups_of_overlapping(
    ids: Sequence[str],
    files: Sequence[Path | None],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Return a group for each image, called after its first id: those that share blocks, or do by others.

    An image that cannot be read, or that has no file, is a group of its own. The cost is nearly linear, the
    memory 300 bytes an image.
    """
    having = [place for place, file in enumerate(files) if file is not None]
    found = np.zeros((len(files), GRID * GRID, BYTES), np.uint8)
    read = [file for file in files if file is not None]
    found[having] = hashes(read, tiles=GRID, workers=workers, progress=progress)
    return [ids[place] for place in joined(overlapping_pairs(found), len(ids))]


def overlapping_pairs(blocks: np.ndarray) -> Pairs:
    """Return the pairs of images that overlap, by the hashes of their blocks [N, 9, 32], row by row.

    One block that looks like one of another image proves little among thousands of pictures of water: moved
    onto each other by that block, all blocks that the two share have to look alike.
    """
    pairs = similar_pairs(blocks, ALIKE, turned=False)
    fits = np.zeros(len(pairs), bool)
    for begin in range(0, len(pairs), PART):
        part = slice(begin, begin + PART)
        fits[part] = _fit(blocks, pairs.places[part])
    return Pairs(pairs.places[fits], pairs.bits[fits], pairs.turned[fits])


def _fit(blocks: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return for each pair of places [P, 2] whether a shift by whole blocks lays one image onto the other."""
    first, second = blocks[places[:, 0]], blocks[places[:, 1]]
    fits = np.zeros(len(places), bool)
    for down in range(1 - GRID, GRID):
        for across in range(1 - GRID, GRID):
            here, there = _shared(down, across)
            one, other = first[:, here], second[:, there]
            shows = one.any(axis=2) & other.any(axis=2)
            bits = np.unpackbits(one ^ other, axis=2).sum(axis=2, dtype=np.int64)
            limit = np.where(shows.sum(axis=1) == 1, ALONE, ALIKE)
            fits |= shows.any(axis=1) & ((bits <= limit[:, None]) | ~shows).all(axis=1)
    return fits


def _shared(down: int, across: int) -> tuple[list[int], list[int]]:
    """Return which blocks of one image are which of another one that lies so many blocks down and across."""
    both = [
        (row * GRID + column, (row - down) * GRID + column - across)
        for row in range(GRID)
        for column in range(GRID)
        if 0 <= row - down < GRID and 0 <= column - across < GRID
    ]
    return [here for here, _ in both], [there for _, there in both]
