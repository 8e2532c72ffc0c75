"""Fragments of XML hold what an object has, and count what they cannot."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from data_converters.base import Loss
from data_converters.cvat_fragments import Fragments, Tally
from segloop.data import masks
from segloop.data.annotations import Bitmap, Box, Instance, Opaque, Polygon, Shape, Tag
from tests.data.masks.cases import RING


def fragment(shape: Shape, **known: object) -> ElementTree.Element:
    """Return the one element that an object becomes."""
    fragments = Fragments({"a": {}}, Tally("i"))
    runs = [shape.runs] if isinstance(shape, Bitmap) else []
    (text,) = fragments.objects([Instance(label="a", shape=shape, **known)], masks.to_spans(runs, (6, 8)))  # type: ignore[arg-type]
    return ElementTree.fromstring(text)


def test_masks_stand_in_their_tight_box() -> None:
    element = fragment(Bitmap((6, 8), masks.encode(RING)))
    assert element.attrib == {
        "label": "a",
        "occluded": "0",
        "rle": "5, 5, 2, 1, 2, 1, 2, 1, 2, 1, 2, 4, 2",
        "left": "2",
        "top": "0",
        "width": "6",
        "height": "5",
        "z_order": "0",
    }
    element = fragment(Bitmap((6, 8), masks.encode(np.ones((6, 8)))))
    assert (element.get("rle"), element.get("width"), element.get("height")) == ("0, 48", "8", "6")
    element = fragment(Bitmap((6, 8), masks.encode(np.zeros((6, 8)))))
    assert (element.get("rle"), element.get("width"), element.get("height")) == ("1", "1", "1")


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        (Polygon((np.array([[0, 0], [1.005, 2], [3, 4.999]]),)), {"points": "0.00,0.00;1.00,2.00;3.00,5.00"}),
        (Box((0, 0.5, 2, 3.125)), {"xtl": "0.00", "ytl": "0.50", "xbr": "2.00", "ybr": "3.125"}),
        (
            Opaque("rotated-box", {"xtl": 1, "ytl": 2, "xbr": 3, "ybr": 4, "rotation": 90}),
            {"xtl": "1.00", "rotation": "90.00"},
        ),
        (Opaque("ellipse", {"cx": 1, "cy": 2, "rx": 3, "ry": 4}), {"cx": "1.00", "ry": "4.00"}),
        (Opaque("points", {"points": [[1, 2], [0.1234, 4]]}), {"points": "1.00,2.00;0.1234,4.00"}),
        (Opaque("star", {"values": {"arms": "5", "label": "other"}}), {"arms": "5", "label": "a"}),
    ],
)
def test_what_shapes_say(shape: Shape, said: dict[str, str]) -> None:
    element = fragment(shape, z_order=-2, group=5, occluded=True, source="a & b")
    assert {name: element.get(name) for name in said} == said
    common = {"z_order": "-2", "group_id": "5", "occluded": "1", "source": "a & b"}
    assert {name: element.get(name) for name in common} == common
    assert element.tag == {
        "rotated-box": "box",
        "points": "points",
        "ellipse": "ellipse",
        "star": "star",
    }.get(getattr(shape, "kind", ""), "box" if isinstance(shape, Box) else "polygon")


@pytest.mark.parametrize(
    "shape",
    [
        Opaque("keypoints", {"keypoints": [1, 2]}),
        Opaque("ellipse", {"cx": "left", "cy": 2, "rx": 3, "ry": 4}),
        Opaque("polyline", {"points": [1, 2, 3]}),
        Opaque("skeleton", {"elements": [{"kind": "<x>", "values": {}, "attributes": {}}]}),
        Opaque("two words", {"values": {}}),
        Opaque("star", {"values": {'a="1" b': "x"}}),
        Opaque("star", {"values": "no mapping"}),
        Opaque("star", {}),
    ],
)
def test_what_other_formats_mean_is_counted(shape: Shape) -> None:
    tally = Tally("i")
    fragments = Fragments({"a": {}}, tally)
    nothing = masks.to_spans([], (6, 8))
    assert list(fragments.objects([Instance(label="a", shape=shape)], nothing)) == []
    assert fragments.written == 0
    assert [(loss.kind, loss.count) for loss in tally.losses()] == [("opaque", 1)]


def test_tags_and_what_they_declare() -> None:
    fragments = Fragments({"a": {"known": "text"}}, Tally("i"))
    (text,) = fragments.tags([Tag("a", {"known": "1", "new <": "x & y"})])
    element = ElementTree.fromstring(text)
    assert [(each.get("name"), each.text) for each in element] == [("known", "1"), ("new <", "x & y")]
    assert list(fragments.declared) == [("a", "new <")]


def test_losses_of_one_kind_are_added_up() -> None:
    tally = Tally("i")
    tally.add("x", "first")
    tally.add("y", "", 3)
    tally.add("x", "second", 4)
    assert tally.losses() == (Loss("x", 5, "i: first"), Loss("y", 3, "i"))
