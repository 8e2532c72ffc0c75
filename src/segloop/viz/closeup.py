"""Shows an image of any set with what is drawn on it, as a whole or a place of it close up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from segloop.data.annotations import ImageRecord, LabelSet
from segloop.data.drawing import bitmaps
from segloop.data.masks import paint

FRAME = (255, 196, 0)  # around the place to look at
SPREAD = (
    *((230, 57, 70), (29, 132, 181), (42, 157, 92), (244, 140, 40), (131, 86, 190), (0, 168, 168)),
    *((214, 62, 140), (150, 120, 20), (90, 110, 240), (120, 190, 50), (190, 80, 40), (70, 90, 110)),
)
Box = Sequence[int]


def read_rgb(file: Path) -> np.ndarray | None:
    """Return an image file as RGB [H, W, 3] uint8; of 16 bits the brightest is white. None for no image."""
    try:
        raw = np.frombuffer(file.read_bytes(), np.uint8)
        image = cv2.imdecode(raw, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH) if len(raw) else None
    except (OSError, cv2.error):
        return None
    if image is None:
        return None
    if image.dtype != np.uint8:
        image = cv2.convertScaleAbs(image.astype(np.float32), alpha=255 / max(float(image.max()), 1.0))
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def palette_of(labels: LabelSet) -> list[tuple[int, int, int]]:
    """Return a colour for each label: its own, or one of ours where it has none or black."""
    spare = (SPREAD[number % len(SPREAD)] for number in range(len(labels) + 1))
    return [each.color if each.color and any(each.color) else next(spare) for each in labels.labels]


def drawn_on(
    record: ImageRecord, labels: LabelSet, size_hw: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return maps HxW of an image: which label a pixel has, -1 for none, and which object, 0 for none.

    An index map is one object for each label.
    """
    classes, objects = np.full(size_hw, -1, np.int32), np.zeros(size_hw, np.int32)
    semantic = record.semantic
    if semantic is not None and semantic.shape == tuple(size_hw):
        shown = semantic < len(labels)
        if labels.background is not None:
            shown &= semantic != labels.background
        classes[shown] = semantic[shown]
        objects[shown] = semantic[shown].astype(np.int32) + 1
    if record.instances and record.size_hw == tuple(size_hw):
        places = {name: place for place, name in enumerate(labels.names)}
        found = bitmaps(record.instances, size_hw)
        kept = [(place, runs) for place, runs in enumerate(found) if runs is not None and len(runs) > 1]
        runs = [each for _, each in kept]
        paint(runs, [places.get(record.instances[place].label, 0) for place, _ in kept], classes)
        paint(runs, [len(labels) + 1 + place for place, _ in kept], objects)
    return classes, objects


def outlined(
    image: np.ndarray, classes: np.ndarray, objects: np.ndarray, palette: Sequence[Sequence[int]]
) -> np.ndarray:
    """Return the RGB image with a thin line inside each object, in the colour of its label."""
    lowest = cv2.erode(objects.astype(np.float32), np.ones((3, 3), np.uint8))
    highest = cv2.dilate(objects.astype(np.float32), np.ones((3, 3), np.uint8))
    rim = (lowest != highest) & (classes >= 0)
    drawn = image.copy()
    drawn[rim] = np.asarray(palette, np.uint8).reshape(-1, 3)[classes[rim]]
    return drawn


def closeup(image: np.ndarray, box_xyxy: Box, *, least: int = 48, side: int = 320) -> np.ndarray:
    """Return what surrounds a box of an RGB image, square, enlarged to `side` pixels, the box framed.

    At least `least` pixels of the image are seen along each side.
    """
    left, top, right, bottom = box_xyxy
    height, width = image.shape[:2]
    reach = min(max(least, int(1.6 * max(right - left, bottom - top))), max(height, width))
    x = int(np.clip((left + right - reach) // 2, 0, max(0, width - reach)))
    y = int(np.clip((top + bottom - reach) // 2, 0, max(0, height - reach)))
    part = image[y : y + reach, x : x + reach]
    scale = side / max(part.shape[:2])
    size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
    how = cv2.INTER_NEAREST if scale > 1 else cv2.INTER_AREA
    drawn = cv2.resize(part, size, interpolation=how)
    low = [round((left - x) * scale) - 3, round((top - y) * scale) - 3]
    high = [round((right - x) * scale) + 2, round((bottom - y) * scale) + 2]
    cv2.rectangle(drawn, low, high, FRAME, 2)
    return drawn


def fitted(image: np.ndarray, *, side: int) -> np.ndarray:
    """Return an RGB image made smaller so that no side is longer than `side`."""
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
