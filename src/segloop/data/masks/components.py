"""Connected parts of masks and of index maps, as masks of their own."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from segloop.data.masks.runs import Runs, decode, encode_labels


def components(mask: np.ndarray, *, connectivity: int = 8) -> list[Runs]:
    """Return the connected parts of an HxW mask, each as runs, by their first pixel column by column."""
    import cv2

    _, parts = cv2.connectedComponents((np.asarray(mask) != 0).astype(np.uint8), connectivity=connectivity)
    found = encode_labels(parts)
    found.pop(0, None)
    return sorted(found.values(), key=lambda runs: (int(runs[0]), runs.tolist()))


def split_runs(runs: Runs, size_hw: tuple[int, int], *, connectivity: int = 8) -> list[Runs]:
    """Return the connected parts of a mask that is kept as runs."""
    return components(decode(runs, size_hw), connectivity=connectivity)


def label_components(
    labels: np.ndarray, *, without: Iterable[int] = (), connectivity: int = 8
) -> dict[int, list[Runs]]:
    """Return the connected parts of each value of an HxW index map, but for the values to leave out."""
    left_out = set(without)
    present = [value for value in np.unique(labels).tolist() if value not in left_out]
    return {value: components(labels == value, connectivity=connectivity) for value in present}
