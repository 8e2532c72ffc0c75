"""Draws what a model is given: images with their index masks, or with masks and boxes of their objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from segloop.viz.closeup import SPREAD
from segloop.viz.letters import font, shown
from segloop.viz.overlay import overlay

STRIPE = 8  # pixels between the stripes over what is ignored
DARK = (40, 40, 48)
LEAST_SIDE = 256  # smaller images are shown in whole multiples of their size
LEAST_NAMED = 24  # pixels: a smaller box gets no name


def draw_semantic(
    image: np.ndarray,
    mask: np.ndarray,
    palette: Sequence[Sequence[int]],
    *,
    background: int | None,
    ignore_index: int = 255,
) -> np.ndarray:
    """Return the RGB image [H, W, 3] uint8 beside itself with classes tinted; what is ignored is striped."""
    drawn = overlay(image, mask, palette, background=background, ignore_index=ignore_index)
    return np.concatenate([image, _striped(drawn, mask == ignore_index)], axis=1)


def draw_instances(
    image: np.ndarray,
    masks: Iterable[np.ndarray],
    labels: Sequence[int],
    boxes_xyxy: np.ndarray,
    *,
    palette: Sequence[Sequence[int]],
    names: Sequence[str],
    ignored: np.ndarray | None = None,
) -> np.ndarray:
    """Return the RGB image [H, W, 3] uint8 beside itself with objects tinted, outlined, boxed and named.

    `masks` are [N, H, W], N may have none drawn; `ignored` [H, W] is striped. Objects of a set with one class
    have colours of their own.
    """
    drawn = image.copy()
    if len(names) > 1:
        colors = [palette[label] for label in labels]
    else:
        colors = [SPREAD[place % len(SPREAD)] for place in range(len(labels))]
    for mask, color in zip(masks, colors, strict=False):
        inside = mask.astype(bool)
        drawn[inside] = (drawn[inside] * 0.5 + np.array(color) * 0.5).round()
        rim = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
        drawn[rim & inside] = color
    if ignored is not None:
        drawn = _striped(drawn, ignored)
    told: list[tuple[int, int, str]] = []
    for box, label, color in zip(boxes_xyxy, labels, colors, strict=False):
        left, top, right, bottom = (round(float(value)) for value in box)
        shade = tuple(int(part) for part in color)
        cv2.rectangle(drawn, (left, top), (right - 1, bottom - 1), shade, 1)
        if len(names) > 1 and min(right - left, bottom - top) >= LEAST_NAMED:
            told.append((left + 2, min(top + 10, drawn.shape[0] - 2), names[label]))
    drawn = _written(drawn, told)
    return np.concatenate([image, drawn], axis=1)


def enlarged(image: np.ndarray) -> np.ndarray:
    """Return a small image in a whole multiple of its size, pixel by pixel."""
    times = -(-LEAST_SIDE // min(image.shape[:2]))
    return image if times < 2 else image.repeat(times, axis=0).repeat(times, axis=1)


def _written(image: np.ndarray, told: Sequence[tuple[int, int, str]]) -> np.ndarray:
    """Return the image with names, white and rimmed; each begins at x, on a line at y."""
    if not told:
        return image
    page = Image.fromarray(image)
    pen = ImageDraw.Draw(page)
    for x, y, name in told:
        pen.text(
            (x, y), shown(name), fill="white", font=font(9), anchor="ls", stroke_width=1, stroke_fill=DARK
        )
    return np.array(page)


def _striped(image: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Return the image with dark stripes over a region."""
    if not where.any():
        return image
    rows, columns = np.indices(where.shape)
    drawn = image.copy()
    drawn[where] = (drawn[where] * 0.55).round()
    drawn[where & ((rows + columns) % STRIPE < 2)] = DARK
    return drawn
