"""Each feature that an image or a set holds is counted, with its first place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from data_converters.base import FEATURES
from data_converters.cvat_meta import SUBLABELS
from data_converters.features import count_declared, count_held
from segloop.data import masks
from segloop.data.annotations import (
    Attribute,
    Bitmap,
    Box,
    ImageRecord,
    Instance,
    Label,
    LabelSet,
    Opaque,
    Polygon,
    Tag,
)
from tests.data_converters.tiny import SIZE, columns

LABELS = LabelSet((Label("ground"), Label("car"), Label("tree")), background=0)
ALL = frozenset(FEATURES)
SQUARE = np.array([[1.0, 1], [3, 1], [3, 3], [1, 3]])
NOTHING = Bitmap(SIZE, masks.encode(np.zeros(SIZE)))


def car(shape: Any = None, **more: Any) -> Instance:
    return Instance(label="car", shape=shape or columns(0, 2), **more)


def image(*instances: Instance, **more: Any) -> ImageRecord:
    return ImageRecord(image_id="a", name="a.png", size_hw=SIZE, instances=instances, **more)


CASES = {
    "instances": (image(car(), car(columns(3, 4)), replace(car(), label="tree")), 2, "a: 2 of car"),
    "overlaps": (image(car(), replace(car(columns(1, 3)), label="tree")), 4, "a: pixel x=1, y=0"),
    "polygons": (image(car(Polygon((SQUARE,))), car()), 1, "a: car"),
    "subpixel": (image(car(Polygon((SQUARE + 0.25,))), car(Polygon((SQUARE + 0.125,)))), 1, "a: car"),
    "boxes": (image(car(Box((0, 0, 1, 1)))), 1, "a: car"),
    "opaque": (image(car(Opaque("points", {}))), 1, "a: points of car"),
    "empty-masks": (image(car(NOTHING), car(Polygon((SQUARE - 9,))), car()), 2, "a: car"),
    "attributes": (image(car(attributes={"hue": 1, "old": None})), 2, "a: car: hue"),
    "groups": (image(car(group=0)), 1, "a: car"),
    "z-order": (image(car(), car(columns(3, 4), z_order=-1)), 1, "a: car"),
    "scores": (image(car(score=0.0)), 1, "a: car"),
    "crowds": (image(car(crowd=True)), 1, "a: car"),
    "occluded": (image(car(occluded=True)), 1, "a: car"),
    "sources": (image(car(source="auto")), 1, "a: car"),
    "uids": (image(car(uid="7")), 1, "a: car"),
    "tags": (image(tags=(Tag("car"), Tag("tree"))), 2, "a: car"),
    "tag-attributes": (image(tags=(Tag("car", {"hue": 1}),)), 1, "a: car: hue"),
    "ignore": (image(semantic=np.full(SIZE, 255, np.uint8), ignore=columns(0, 1)), 28, "a"),
    "splits": (image(split="val"), 1, "a: val"),
    "empty-images": (image(tags=(Tag("car"),)), 1, "a"),
    "sizes": (image(), 1, "a"),
}
OF_SETS = {
    "declarations": (
        LabelSet((Label("car", attributes=(Attribute("hue"), Attribute("age"))),)),
        2,
        "car: hue",
    ),
    "colors": (LabelSet((Label("car", color=(0, 0, 0)), Label("tree"))), 1, "car"),
    "unused-labels": (LABELS, 1, "tree"),
    "supercategories": (LabelSet((Label("car", group="vehicle"),)), 1, "car: vehicle"),
    "background": (LABELS, 1, "ground"),
}


def test_every_feature_has_a_case() -> None:
    assert {*CASES, *OF_SETS} == set(FEATURES)


@pytest.mark.parametrize("kind", CASES)
def test_what_an_image_holds_is_counted(kind: str) -> None:
    record, count, example = CASES[kind]
    found = {
        each.kind: (each.count, each.example) for each in count_held(record, LABELS, wanted=ALL).features
    }
    assert found[kind] == (count, example)
    assert count_held(record, LABELS, wanted=ALL - {kind}).features == tuple(
        each for each in count_held(record, LABELS, wanted=ALL).features if each.kind != kind
    )


@pytest.mark.parametrize("kind", OF_SETS)
def test_what_a_set_holds_is_counted(kind: str) -> None:
    labels, count, example = OF_SETS[kind]
    (found,) = count_declared(labels, wanted=frozenset({kind}), used=frozenset({"car"}))
    assert (found.kind, found.count, found.example) == (kind, count, example)


def test_the_parts_of_skeletons_are_declared() -> None:
    name = {"name": "name", "text": "elbow", "inner": []}
    facts = {SUBLABELS: [{"name": "label", "text": "", "inner": [name]}]}
    (found,) = count_declared(LABELS, wanted=frozenset({"declarations"}), used=frozenset(), facts=facts)
    assert (found.count, found.example) == (1, "elbow, a part of a skeleton")


def test_a_plain_image_holds_its_size_and_nothing_else() -> None:
    held = count_held(image(car()), LABELS, wanted=ALL)
    assert [each.kind for each in held.features] == ["sizes"]
    assert (held.instances, held.pixels, held.maps, held.labels) == (1, 8, 0, {"car"})


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_pixels_of_index_maps_count_but_for_background_and_ignored(kind: type) -> None:
    semantic = np.zeros(SIZE, kind)
    semantic[0, :3] = 1, 2, 255
    held = count_held(image(semantic=semantic), LABELS, wanted=ALL)
    assert (held.instances, held.pixels, held.maps, held.labels) == (0, 2, 1, {"car", "tree"})
    assert {each.kind: each.count for each in held.features} == {"ignore": 1, "sizes": 1}


def test_without_a_size_masks_still_have_pixels() -> None:
    record = replace(image(car(), car(Polygon((SQUARE,)))), size_hw=None)
    assert count_held(record, LABELS, wanted=ALL).pixels == 8
