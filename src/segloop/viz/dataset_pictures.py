"""The pictures of a data set's page: examples of each class, hard images, loose outlines, some at random."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import cv2
import numpy as np

from segloop.data.annotations import ImageRecord, LabelledImages, LabelSet
from segloop.data.palette import complete_colors
from segloop.data.statistics.canvas import Layers, lay_out_objects
from segloop.data.statistics.choose import Hard, hardest, loosest
from segloop.data.statistics.measure import read_image
from segloop.data.statistics.tally import Tally
from segloop.utils.errors import UserError
from segloop.viz.overlay import outlined

MOST_TILES = 480  # examples on one page; with many classes each has fewer
AROUND = 1.5  # an example's window is so many times as long as its box
LEAST_WINDOW = 40  # pixels
TILE, WHOLE = 168, 420  # pixels on the page: the side of an example, the longer side of an image
HARD, LOOSE_SHOWN, TYPICAL = 12, 6, 6


@dataclass(frozen=True)
class Shot:
    """A picture, RGB, and what is to be said below it."""

    image: np.ndarray
    image_id: str
    text: str = ""


@dataclass
class Pictures:
    """All pictures of a page, in order."""

    typical: list[Shot] = field(default_factory=list)
    examples: dict[int, list[Shot]] = field(default_factory=lambda: defaultdict(list))  # by label
    hard: list[tuple[Hard, Shot]] = field(default_factory=list)
    loose: list[tuple[float, Shot]] = field(default_factory=list)


@dataclass(frozen=True)
class _Wish:
    """A picture to be made of an image, and where it goes."""

    number: int
    give: Callable[[Shot], None]
    box_xyxy: tuple[int, ...] | None = None
    text: str = ""


def take_pictures(
    images: LabelledImages, tally: Tally, *, progress: Callable[[int, int], None] | None = None
) -> Pictures:
    """Load the images that are worth a look once more, and draw their labels on them.

    Where there is no image file, labels are drawn on grey.
    """
    pictures = Pictures()
    wishes = list(_wishes(tally, pictures, num_labels=len(images.labels)))
    by_number: dict[int, list[int]] = defaultdict(list)
    for place, wish in enumerate(wishes):
        by_number[wish.number].append(place)
    labels = images.labels
    colors = complete_colors([label.color for label in labels.labels], background=labels.background)
    shots: dict[int, Shot] = {}
    for done, number in enumerate(sorted(by_number), start=1):
        try:
            record = images.load(images.keys[number])
            image, layers = _open(record, labels)
        except UserError:  # it could be read a moment ago; a page with a picture less is a page
            continue
        for place in by_number[number]:
            tile = _tile(image, layers, colors, box_xyxy=wishes[place].box_xyxy)
            shots[place] = Shot(tile, record.image_id, wishes[place].text)
        if progress is not None:
            progress(done, len(by_number))
    for place, wish in enumerate(wishes):
        if place in shots:
            wish.give(shots[place])
    return pictures


def _wishes(tally: Tally, pictures: Pictures, *, num_labels: int) -> Iterator[_Wish]:
    """Say which pictures are wanted, in the order in which they will be shown."""
    rows = tally.trait_table
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    places = ((np.arange(TYPICAL) + 0.5) * len(rows) / TYPICAL).astype(int)
    for number in dict.fromkeys(int(rows[place, 0]) for place in places.tolist() if len(rows)):
        yield _Wish(number, pictures.typical.append)
    each = max(2, min(8, MOST_TILES // max(num_labels, 1)))
    for label in range(num_labels):
        for examples, most, text in (
            (tally.random, max(each - 2, 1), ""),
            (tally.smallest, 1, "smallest"),
            (tally.largest, 1, "largest"),
        ):
            for found in examples.get(label, [])[:most]:
                box = tuple(int(side) for side in found["box_xyxy"])
                told = f"{text}, {int(found['area'])} px" if text else f"{int(found['area'])} px"
                yield _Wish(int(found["image"]), pictures.examples[label].append, box, told)
    for hard in hardest(tally, most=HARD):
        yield _Wish(hard.number, partial(_with, pictures.hard, hard))
    for number, follow in loosest(tally, most=LOOSE_SHOWN):
        yield _Wish(number, partial(_with, pictures.loose, follow))


def _with(pairs: list[tuple[Any, Shot]], what: Any, shot: Shot) -> None:
    pairs.append((what, shot))


def _open(record: ImageRecord, labels: LabelSet) -> tuple[np.ndarray, Layers]:
    """Return a record's image, RGB, and what is drawn on it."""
    image = None if record.file is None else cv2.cvtColor(read_image(record.file), cv2.COLOR_BGR2RGB)
    size_hw = record.size_hw or (image.shape[:2] if image is not None else (0, 0))
    height, width = int(size_hw[0]), int(size_hw[1])
    if image is None:
        image = np.full((height, width, 3), 150, np.uint8)
    return image, lay_out_objects(record, labels, (height, width))


def _tile(
    image: np.ndarray,
    layers: Layers,
    colors: Sequence[Sequence[int]],
    *,
    box_xyxy: tuple[int, ...] | None,
) -> np.ndarray:
    """Return the image, or a square around a box, as large as it is shown, with outlines a pixel wide."""
    height, width = image.shape[:2]
    if box_xyxy is None:
        left, top, right, bottom = 0, 0, width, height
        scale = WHOLE / max(height, width)
    else:
        left, top, right, bottom = _square(box_xyxy, width, height)
        scale = TILE / max(right - left, bottom - top)
    size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    window = slice(top, bottom), slice(left, right)
    how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    classes, objects = (
        cv2.resize(each[window], size, interpolation=cv2.INTER_NEAREST)
        for each in (layers.classes, layers.objects)
    )
    shown = cv2.resize(image[window], size, interpolation=how)
    return outlined(shown, classes, objects, colors, ground=layers.ground)


def _square(box_xyxy: tuple[int, ...], width: int, height: int) -> tuple[int, int, int, int]:
    """Return a square window around a box, moved into the image; the image's side limits it."""
    left, top, right, bottom = box_xyxy
    side = max(round(max(right - left, bottom - top) * AROUND), LEAST_WINDOW)
    wide, high = min(side, width), min(side, height)
    x = min(max((left + right - wide) // 2, 0), width - wide)
    y = min(max((top + bottom - high) // 2, 0), height - high)
    return x, y, x + wide, y + high
