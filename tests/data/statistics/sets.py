"""Small sets whose counts can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from segloop.data.annotations import Bitmap, ImageRecord, Instance, Label, LabelledImages, LabelSet
from segloop.data.masks import encode
from segloop.utils.errors import DataError

SEMANTIC = LabelSet(
    (Label("ground", (0, 0, 0)), Label("disc", (200, 40, 40)), Label("bar", (40, 40, 200))), background=0
)
OBJECTS = LabelSet((Label("cell"), Label("dust")))


@dataclass(frozen=True)
class Load:
    """Gives the record of a number; in any process, since it holds the records themselves."""

    records: tuple[ImageRecord, ...]

    def __call__(self, key: int) -> ImageRecord:
        record = self.records[key]
        if record.image_id.startswith("bad"):
            raise DataError(f"{record.image_id}: broken", image_id=record.image_id)
        return record


def labelled(records: Sequence[ImageRecord], labels: LabelSet) -> LabelledImages:
    """Return a set of these records."""
    return LabelledImages(labels=labels, keys=range(len(records)), load=Load(tuple(records)))


def semantic_map(number: int) -> np.ndarray:
    """Return a 40x60 map: a disc of radius 6 where the number says, and a bar of 2x20 in every second one."""
    classes = np.zeros((40, 60), np.uint8)
    cv2.circle(classes, (12 + number % 5 * 6, 20), 6, 1, -1)
    if number % 2:
        classes[2:4, 30:50] = 2
    return classes


def picture_of(classes: np.ndarray, number: int) -> np.ndarray:
    """Return a BGR picture in which each class has its own colour, with some noise."""
    colors = np.array([[60, 60, 60], [40, 90, 200], [180, 120, 50]], np.float64)
    noise = np.random.default_rng(number).normal(0, 6, (*classes.shape, 3))
    return (colors[np.minimum(classes, 2)] + noise).clip(0, 255).round().astype(np.uint8)


def semantic_set(
    folder: Path, count: int, *, split: Callable[[int], str | None] = lambda _: None
) -> LabelledImages:
    """Write pictures and return a semantic set of them."""
    records = []
    for number in range(count):
        classes = semantic_map(number)
        file = folder / f"{number}.png"
        cv2.imwrite(str(file), picture_of(classes, number))
        records.append(
            ImageRecord(
                image_id=f"{number}",
                name=f"{number}.png",
                file=file,
                size_hw=(40, 60),
                split=split(number),
                semantic=classes,
            )
        )
    return labelled(records, SEMANTIC)


def cell(mask: np.ndarray, *, label: str = "cell", crowd: bool = False) -> Instance:
    """Return an object of these pixels."""
    return Instance(label=label, shape=Bitmap(mask.shape, encode(mask)), crowd=crowd)


def square(left: int, top: int, side: int, *, size_hw: tuple[int, int] = (32, 32)) -> np.ndarray:
    """Return the mask of a square."""
    mask = np.zeros(size_hw, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def object_set() -> LabelledImages:
    """Return three images without files: two cells that overlap by 4 pixels and a ring; a speck; nothing."""
    ring = square(20, 20, 8) & ~square(23, 23, 2)
    first = (cell(square(0, 4, 6)), cell(square(4, 8, 6)), cell(ring), cell(square(1, 28, 3), crowd=True))
    two_parts = square(2, 2, 4) | square(12, 12, 4)
    second = (cell(square(9, 9, 2), label="dust"), cell(two_parts))
    return labelled(
        [
            ImageRecord(image_id="a", name="a.png", size_hw=(32, 32), instances=first),
            ImageRecord(image_id="b", name="b.png", size_hw=(32, 32), instances=second),
            ImageRecord(image_id="c", name="c.png", size_hw=(32, 32)),
        ],
        OBJECTS,
    )
