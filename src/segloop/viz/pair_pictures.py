"""Pictures of an image that two models were tested on: truth, both predictions and both error maps."""

from __future__ import annotations

import cv2
import numpy as np

from segloop.viz.error_pictures import GAP, Case, draw_tiles

HOW_TO_READ = (
    "Above: image, prediction and errors of the first model; below: truth, prediction and errors of the "
    "second. Errors: missed is red, invented blue, wrong class orange."
)


def duel(one: Case, other: Case, *, side: int = 220) -> np.ndarray:
    """Return two rows of three tiles, RGB: image, first prediction, its errors; truth, second, its errors."""
    if one.image.shape != other.image.shape:
        raise ValueError(f"two pictures of {one.image.shape} and {other.image.shape} are not of one image")
    image, truth, first, first_errors = draw_tiles(one)
    _, _, second, second_errors = draw_tiles(other)
    rows = [_row([image, first, first_errors], side), _row([truth, second, second_errors], side)]
    gap = np.full((GAP, rows[0].shape[1], 3), 255, np.uint8)
    return np.concatenate([rows[0], gap, rows[1]])


def _row(tiles: list[np.ndarray], side: int) -> np.ndarray:
    fitted = [_fitted(tile, side) for tile in tiles]
    gap = np.full((fitted[0].shape[0], GAP, 3), 255, np.uint8)
    return np.concatenate([fitted[0], gap, fitted[1], gap, fitted[2]], axis=1)


def _fitted(image: np.ndarray, side: int) -> np.ndarray:
    """Return an RGB image whose longer side is `side`."""
    scale = side / max(image.shape[:2])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
