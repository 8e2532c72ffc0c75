"""The labels of Cityscapes, how it numbers pixels, and outlines drawn as its own tools draw them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw

RGB: TypeAlias = tuple[int, int, int]
OBJECTS = 1000  # a pixel of an object is the label's id times this, plus the object's number in the image
UNTRAINED = 255  # the train id of a label that is not trained on
GROUP = "group"  # ends the name of a region of many objects that nobody counted: cargroup


@dataclass(frozen=True, slots=True)
class CityLabel:
    """A label: its id in the files, its class number in training, and whether single objects are told apart.

    Pixels of an `ignored` label are never scored. A negative `id` is never drawn.
    """

    name: str
    id: int
    train_id: int
    category: str
    instances: bool
    ignored: bool
    color: RGB | None


def _label(
    name: str, number: int, train_id: int, category: str, color: RGB, *, things: bool = False
) -> CityLabel:
    return CityLabel(name, number, train_id, category, things, train_id in (UNTRAINED, -1), color)


LABELS: tuple[CityLabel, ...] = (
    _label("unlabeled", 0, 255, "void", (0, 0, 0)),
    _label("ego vehicle", 1, 255, "void", (0, 0, 0)),
    _label("rectification border", 2, 255, "void", (0, 0, 0)),
    _label("out of roi", 3, 255, "void", (0, 0, 0)),
    _label("static", 4, 255, "void", (0, 0, 0)),
    _label("dynamic", 5, 255, "void", (111, 74, 0)),
    _label("ground", 6, 255, "void", (81, 0, 81)),
    _label("road", 7, 0, "flat", (128, 64, 128)),
    _label("sidewalk", 8, 1, "flat", (244, 35, 232)),
    _label("parking", 9, 255, "flat", (250, 170, 160)),
    _label("rail track", 10, 255, "flat", (230, 150, 140)),
    _label("building", 11, 2, "construction", (70, 70, 70)),
    _label("wall", 12, 3, "construction", (102, 102, 156)),
    _label("fence", 13, 4, "construction", (190, 153, 153)),
    _label("guard rail", 14, 255, "construction", (180, 165, 180)),
    _label("bridge", 15, 255, "construction", (150, 100, 100)),
    _label("tunnel", 16, 255, "construction", (150, 120, 90)),
    _label("pole", 17, 5, "object", (153, 153, 153)),
    _label("polegroup", 18, 255, "object", (153, 153, 153)),
    _label("traffic light", 19, 6, "object", (250, 170, 30)),
    _label("traffic sign", 20, 7, "object", (220, 220, 0)),
    _label("vegetation", 21, 8, "nature", (107, 142, 35)),
    _label("terrain", 22, 9, "nature", (152, 251, 152)),
    _label("sky", 23, 10, "sky", (70, 130, 180)),
    _label("person", 24, 11, "human", (220, 20, 60), things=True),
    _label("rider", 25, 12, "human", (255, 0, 0), things=True),
    _label("car", 26, 13, "vehicle", (0, 0, 142), things=True),
    _label("truck", 27, 14, "vehicle", (0, 0, 70), things=True),
    _label("bus", 28, 15, "vehicle", (0, 60, 100), things=True),
    _label("caravan", 29, 255, "vehicle", (0, 0, 90), things=True),
    _label("trailer", 30, 255, "vehicle", (0, 0, 110), things=True),
    _label("train", 31, 16, "vehicle", (0, 80, 100), things=True),
    _label("motorcycle", 32, 17, "vehicle", (0, 0, 230), things=True),
    _label("bicycle", 33, 18, "vehicle", (119, 11, 32), things=True),
    _label("license plate", -1, -1, "vehicle", (0, 0, 142)),
)
BY_NAME: Mapping[str, CityLabel] = {label.name: label for label in LABELS}
THINGS = tuple(label for label in LABELS if label.instances and not label.ignored)  # the evaluated ones
CLASSES = tuple(label for label in LABELS if not label.ignored)  # by train id


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """An outline as `polygons.json` has it: points [N, 2], x and y, the pixels under them included."""

    label: str
    points: np.ndarray
    deleted: bool = False


def resolve(name: str, known: Mapping[str, CityLabel]) -> tuple[CityLabel, bool] | None:
    """Return the label that a name in `polygons.json` stands for, and whether it is a group of objects.

    >>> [(found[0].name, found[1]) for found in (resolve("cargroup", BY_NAME), resolve("polegroup", BY_NAME))]
    [('car', True), ('polegroup', False)]
    """
    if name in known:
        return known[name], False
    single = name.removesuffix(GROUP)
    return (known[single], True) if single != name and single in known else None


def draw_instances(
    outlines: Iterable[Outline], size_hw: tuple[int, int], known: Mapping[str, CityLabel] = BY_NAME
) -> np.ndarray:
    """Return the map of ids [H, W], uint16, that `json2instanceImg` would make: later outlines over earlier.

    Deleted ones and those of one point are left out, and a name that is not known is a KeyError. Objects are
    numbered as they come, those that are hidden later too.
    """
    image = Image.new("I", size_hw[::-1], 0)
    drawer = ImageDraw.Draw(image)
    numbers = dict.fromkeys(known, 0)
    for each in outlines:
        if each.deleted:
            continue
        found = resolve(each.label, known)
        if found is None:
            raise KeyError(each.label)
        label, group = found
        value = label.id
        if label.instances and not group:
            value = value * OBJECTS + numbers[label.name]
            numbers[label.name] += 1
        if value >= 0 and len(each.points) > 1:
            drawer.polygon([*map(tuple, each.points.tolist())], fill=value)
    return np.asarray(image).astype(np.uint16)


def label_ids(instance_ids: np.ndarray) -> np.ndarray:
    """Return the label's id of each pixel of a map of ids.

    >>> label_ids(np.array([[7, 26, 26003]], np.uint16)).tolist()
    [[7, 26, 26]]
    """
    return np.where(instance_ids < OBJECTS, instance_ids, instance_ids // OBJECTS).astype(np.uint8)
