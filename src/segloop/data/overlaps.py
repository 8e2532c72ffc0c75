"""Finds images that were cut from one larger picture and overlap by thirds, as Airbus' tiles of a scene do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from segloop.data.image_files import image_size
from segloop.utils.errors import UserError
from segloop.utils.workers import map_ordered

GRID = 3  # blocks along each side of an image: a tile begins where a block of another one does
WORDS = 4  # of 64 bits, of a block's hash: in each of 16 x 16 places, whether the picture gets brighter
MOST_OFF = 20  # bits in which the hashes of one block may differ, after two compressions
REST_OFF = 48  # bits in which the other blocks that two images share may differ
BUSY = (0.25, 0.75)  # shares of ones in a hash: flat blocks, black rims and clouds tell nothing
NEIGHBOURS = 8  # with how many of those that look alike each block is compared
_CELLS = 16
_SMALLEST = 32  # pixels that a block is decoded to, at least
_REDUCED = {
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
}


def groups_of_overlapping(
    ids: Sequence[str],
    files: Sequence[Path | None],
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[str]:
    """Return each image's group, called by the first id in it: those that share a block, directly or by others.

    An image that cannot be read, or that there is no file of, is a group of its own. 300 bytes an image are
    held, and the time grows with the number of images, not of pairs.
    """
    hashes = block_hashes(files, workers=workers, progress=progress)
    return groups_of_hashes(ids, hashes)


def block_hashes(
    files: Sequence[Path | None],
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Return the hash of each block of each image, uint64 [images, 9, 4], row by row; 0 where it tells nothing."""
    found = np.zeros((len(files), GRID * GRID, WORDS), np.uint64)
    for place, hashes in enumerate(map_ordered(_hashes_of, files, workers=workers, chunk=32)):
        found[place] = hashes
        if progress:
            progress(place + 1, len(files))
    return found


def groups_of_hashes(ids: Sequence[str], hashes: np.ndarray) -> list[str]:
    """Return each image's group by the hashes of its blocks; see `groups_of_overlapping`."""
    first, second, shifts = _candidates(hashes)
    alike = _agree(hashes, first, second, shifts)
    above = list(range(len(ids)))

    def top(place: int) -> int:
        while above[place] != place:
            above[place] = above[above[place]]
            place = above[place]
        return place

    for one, other in zip(first[alike].tolist(), second[alike].tolist(), strict=True):
        above[top(one)] = top(other)
    roots = [top(place) for place in range(len(ids))]
    names: dict[int, str] = {}
    for root, image_id in zip(roots, ids, strict=True):
        names[root] = min(names.get(root, image_id), image_id)
    return [names[root] for root in roots]


def _hashes_of(file: Path | None) -> np.ndarray:
    """Return the hashes of one image's blocks."""
    found = np.zeros((GRID * GRID, WORDS), np.uint64)
    image = None if file is None else _small(file)
    if image is None or min(image.shape) < GRID * _CELLS:
        return found
    height, width = (side // GRID for side in image.shape)
    for place in range(GRID * GRID):
        row, column = divmod(place, GRID)
        block = image[row * height : (row + 1) * height, column * width : (column + 1) * width]
        cells = cv2.resize(block, (_CELLS + 1, _CELLS), interpolation=cv2.INTER_AREA)
        bits = cells[:, 1:] > cells[:, :-1]
        if BUSY[0] <= bits.mean() <= BUSY[1]:
            found[place] = np.packbits(bits).view(np.uint64)
    return found


def _small(file: Path) -> np.ndarray | None:
    """Return an image in grey, float32, decoded no larger than it has to be; None if it cannot be read."""
    try:
        least = min(image_size(file)) // (GRID * _SMALLEST)
        data = np.fromfile(file, np.uint8)
    except (OSError, UserError):
        return None
    how = next((flag for factor, flag in _REDUCED.items() if factor <= least), cv2.IMREAD_GRAYSCALE)
    image = cv2.imdecode(data, how) if len(data) else None
    return None if image is None else image.astype(np.float32)


def _candidates(hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pairs of images of which a block of one looks like a block of the other, and their shifts.

    Blocks that agree in one of eight parts of their hashes are neighbours after sorting by that part: what
    differs in few bits agrees in one, and no pair has to be tried that agrees in none.
    """
    images, places = np.nonzero(hashes.any(axis=2))
    busy = hashes[images, places]
    parts = busy.view(np.uint32)
    pairs = []
    for part in range(parts.shape[1]):
        order = np.lexsort((*busy.T, parts[:, part]))
        for step in range(1, min(NEIGHBOURS, len(order) - 1) + 1):
            left, right = order[:-step], order[step:]
            same = (parts[left, part] == parts[right, part]) & (images[left] != images[right])
            left, right = left[same], right[same]
            near = _distance(busy[left], busy[right]) <= MOST_OFF
            pairs.append(np.stack([left[near], right[near]]))
    left, right = np.concatenate(pairs, axis=1) if pairs else np.zeros((2, 0), int)
    table = np.stack([images[left], images[right], places[left] * GRID * GRID + places[right]])
    first, second, both = np.unique(table, axis=1)
    shift_rows = both % (GRID * GRID) // GRID - both // (GRID * GRID) // GRID
    shift_columns = both % GRID - both // (GRID * GRID) % GRID
    return first, second, np.stack([shift_rows, shift_columns], axis=1)


def _agree(hashes: np.ndarray, first: np.ndarray, second: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Return for each pair whether all blocks that it would share, moved by its shift, look alike."""
    fits = np.ones(len(first), bool)
    for place in range(GRID * GRID):
        row, column = place // GRID + shifts[:, 0], place % GRID + shifts[:, 1]
        shared = (row >= 0) & (row < GRID) & (column >= 0) & (column < GRID)
        one = hashes[first, place]
        other = hashes[second, np.where(shared, row * GRID + column, 0)]
        told = shared & one.any(axis=1) & other.any(axis=1)
        fits &= ~told | (_distance(one, other) <= REST_OFF)
    return fits


def _distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return in how many bits hashes differ."""
    return np.unpackbits((first ^ second).view(np.uint8), axis=1).sum(axis=1, dtype=np.int64)
