"""The spacecraft demo as a download: images, masks in colours, fine and coarse ones, and boxes of craft."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from segloop.data.demo.build import Progress, check_wishes, new_folder
from segloop.data.demo.dice import Dice
from segloop.data.demo.spacecraft.scene import PARTS, Scene, draw_scene
from segloop.data.png import encode_rgb
from segloop.utils.workers import map_ordered

EDITION = 1  # raise it with every change that moves a pixel: old numbers belong to old pictures
COUNTS = {"train": 700, "val": 200}
SIZE = 192  # of the longer side
COLORS = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)  # none, panel, body, antenna
# As in the real set: numbers up to 1002 have fine masks, of which 403 are for training and 600 are not.
FIRST_COARSE = 1003
MOST_FINE = {"train": 403}
MOST_FINE_ELSEWHERE = 600
FINE_SHARE = 1 / 6  # of the training images
SPECK = 10  # pixels that nobody would draw around


class Place(NamedTuple):
    """A scene of the download: where it goes, its number, and whether its mask is a fine one."""

    split: str
    scene: int
    number: int
    fine: bool

    @property
    def stem(self) -> str:
        """The name of its image, without suffix."""
        return f"img_resize_{self.number}"


def draw_native(
    root: Path,
    *,
    seed: int = 0,
    counts: Mapping[str, int] = COUNTS,
    size: int = SIZE,
    workers: int | None = None,
    progress: Progress | None = None,
    replace: bool = False,
) -> None:
    """Draw all splits into `root` as the authors' download has them; whole or not at all.

    Images are `size` wide and three quarters of that high. `progress` hears (done, total).
    """
    check_wishes(seed=seed, counts=counts, size=size)
    places = number_scenes(counts)
    with new_folder(root, replace=replace) as folder:
        for split in counts:
            (folder / "images" / split).mkdir(parents=True)
            (folder / "mask" / split).mkdir(parents=True)
        write = partial(_write_scene, folder=folder, seed=seed, size=size)
        boxes: dict[int, list[list[int]]] = {}
        for done, found in enumerate(map_ordered(write, places, workers=workers), start=1):
            boxes[places[done - 1].number] = found
            if progress:
                progress(done, len(places))
        text = json.dumps({str(number): boxes[number] for number in sorted(boxes)})
        (folder / "all_bbox.txt").write_text(text + "\n", encoding="utf-8")


def number_scenes(counts: Mapping[str, int]) -> list[Place]:
    """Return the scenes of all splits with their numbers: those of fine masks first, as the authors have it.

    A sixth of the training images have fine masks, all of other splits, as far as there are numbers for them.

    >>> [(each.split, each.number, each.fine) for each in number_scenes({"train": 2, "val": 1})]
    [('train', 1003, False), ('train', 1004, False), ('val', 0, True)]
    """
    left = MOST_FINE_ELSEWHERE
    fine, coarse = 0, FIRST_COARSE
    places = []
    for split, count in counts.items():
        if split in MOST_FINE:
            exact = min(round(count * FINE_SHARE), MOST_FINE[split])
        else:
            exact = min(count, left)
            left -= exact
        for index in range(count):
            if index < exact:
                places.append(Place(split, index, fine, fine=True))
                fine += 1
            else:
                places.append(Place(split, index, coarse, fine=False))
                coarse += 1
    return places


def draw_labels(scene: Scene, dice: Dice, *, fine: bool) -> tuple[np.ndarray, list[list[int]]]:
    """Return a scene's mask as it would be drawn, HxW, and a box [max_x, max_y, min_x, min_y] a craft."""
    parts, craft = _traced(scene, dice, fine=fine)
    boxes = []
    for number in range(1, int(craft.max(initial=0)) + 1):
        rows, columns = np.nonzero(craft == number)
        if len(rows):
            boxes.append([int(each) for each in (columns.max(), rows.max(), columns.min(), rows.min())])
    return parts, boxes


def _traced(scene: Scene, dice: Dice, *, fine: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return parts and craft as somebody draws them: without specks; coarse masks with a rough hand."""
    parts, craft = np.zeros_like(scene.parts), np.zeros_like(scene.craft)
    unit = max(scene.parts.shape) / SIZE
    for number in range(int(scene.craft.max(initial=0)), 0, -1):
        for part in range(1, PARTS):
            mask = ((scene.craft == number) & (scene.parts == part)).astype(np.uint8)
            drawn = _without_specks(mask) if fine else _rough(mask, dice, unit)
            parts[drawn > 0], craft[drawn > 0] = part, number
    keep = _large(parts) & (craft > 0)  # what was cut off by another part may have left a speck
    return np.where(keep, parts, 0).astype(np.uint8), np.where(keep, craft, 0).astype(np.uint8)


def _large(parts: np.ndarray) -> np.ndarray:
    return np.any([_without_specks((parts == part).astype(np.uint8)) > 0 for part in range(1, PARTS)], axis=0)


def _without_specks(mask: np.ndarray) -> np.ndarray:
    """Return a mask without connected parts of fewer than SPECK pixels."""
    _, labels, facts, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    keep = facts[:, cv2.CC_STAT_AREA] >= SPECK
    keep[0] = False
    return keep[labels].astype(np.uint8)


def _rough(mask: np.ndarray, dice: Dice, unit: float) -> np.ndarray:
    """Return a mask as few lines around each thing: corners off by some pixels, thin bars left out."""
    kernel = np.ones((3, 3), np.uint8)
    thick = cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel) if dice.chance(0.7) else mask
    outlines, _ = cv2.findContours(thick, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    drawn = np.zeros_like(mask)
    slack = dice.uniform(1.0, 2.4) * unit
    for outline in outlines:
        corners = cv2.approxPolyDP(outline, slack, True)
        if len(corners) < 3:
            continue
        off = (dice.grid(*corners.shape) * 3).astype(np.int32) - 1
        cv2.fillPoly(drawn, [corners + off * max(1, round(unit))], 1)
    return _without_specks(drawn)


def _write_scene(place: Place, *, folder: Path, seed: int, size: int) -> list[list[int]]:
    """Write an image and its mask, and return the boxes of its craft."""
    scene = draw_scene(seed=seed, split=place.split, index=place.scene, size=size)
    hand = Dice(seed, f"{place.split} hand", place.scene)
    parts, boxes = draw_labels(scene, hand, fine=place.fine)
    image = folder / "images" / place.split / f"{place.stem}.png"
    mask = folder / "mask" / place.split / f"{place.stem}_mask.png"
    image.write_bytes(encode_rgb(scene.image))
    mask.write_bytes(encode_rgb(COLORS[parts], level=9))
    return boxes
