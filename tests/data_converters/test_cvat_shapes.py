"""Shapes of CVAT's XML are read exactly, and each odd one is told with its line."""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_converters.cvat_shapes import Element, ShapeReader, parse_element
from data_converters.cvat_xml import Untrusted
from segloop.data import masks
from segloop.data.annotations import Bitmap, Box, Instance, Opaque

KINDS = {"a": {"n": "number", "uid": "text"}, "b": {}}
SIZE = (6, 8)


def element(tag: str, *, attributes: dict[str, str] | None = None, **values: str) -> Element:
    return Element(tag, {"label": "a", **values}, 3, attributes or {})


def read_one(given: Element, size_hw: tuple[int, int] | None = SIZE) -> tuple[Instance | None, list[str]]:
    reader = ShapeReader(KINDS, size_hw)
    found = reader.instances([given])
    return (found[0] if found else None), reader.problems


def mask(rle: str, left: int = 0, top: int = 0, width: int = 2, height: int = 2, **values: str) -> Element:
    box = {"left": str(left), "top": str(top), "width": str(width), "height": str(height)}
    return element("mask", rle=rle, **{**box, **values})


@pytest.mark.parametrize(
    ("given_", "rows"),
    [
        (mask("0, 4"), [[1, 1], [1, 1]]),
        (mask("1,2,1"), [[0, 1], [1, 0]]),
        (mask(" 0 ,1, 2 , 1 "), [[1, 0], [0, 1]]),
        (mask("0, 1, 0, 3"), [[1, 1], [1, 1]]),  # an empty run inside
        (mask("1, 0, 1, 2"), [[0, 0], [1, 1]]),
        (mask("2, 2, 0"), [[0, 0], [1, 1]]),
        (mask("4"), [[0, 0], [0, 0]]),
        (mask("", width=1, height=1), [[0, 0], [0, 0]]),  # a mask without a pixel, as CVAT's page saved it
        (mask("0", width=1, height=1), [[0, 0], [0, 0]]),  # and as it does since 2026
    ],
)
def test_masks_row_by_row_in_a_box_that_need_not_be_tight(given_: Element, rows: list[list[int]]) -> None:
    found, problems = read_one(given_)
    assert problems == []
    assert found is not None
    assert isinstance(found.shape, Bitmap)
    decoded = masks.decode(found.shape.runs, SIZE)
    assert decoded[:2, :2].tolist() == np.array(rows, bool).tolist()
    assert decoded.sum() == np.sum(rows)
    assert found.shape.runs.tolist() == masks.encode(decoded).tolist(), "in the one form that runs have"


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        (mask("3"), "the runs add up to 3 pixels, not 4 (its box is 2x2)"),
        (mask("0, 5"), "run 2 is longer than the 4 pixels there are (its box is 2x2)"),
        (mask("99999999999999999999, 1"), "run 1 is longer than the 4 pixels there are"),
        (mask("999999999999999999, 1"), "run 1 is longer than the 4 pixels"),
        (mask("9223372036854775807, 9223372036854775807, 6"), "run 1 is longer than the 4 pixels"),
        (mask("5, -1"), "its rle has ' -1' where a run length should be"),
        (mask("-0, 4"), ""),
        (mask("1,,3"), "its rle has 'nothing' where a run length should be"),
        (mask("1 3"), "its rle has '1 3' where"),
        (mask("1, 3,"), "its rle has 'nothing' where"),
        (mask("4.0"), "its rle has '4.0' where"),
        (mask("٤"), "its rle has '٤' where"),
        (mask("x" * 99), f"its rle has '{'x' * 40}' where"),
        (mask(""), "its rle has 'nothing' where"),
        (mask("0, 4", left=7), "its box (2x2 at 7,0) leaves the image of 8x6"),
        (mask("0, 4", top=-1), "its box (2x2 at 0,-1) leaves the image"),
        (mask("0, 4", width=0), "its box is 0x2"),
        (mask("0", width=10**9, height=10**9), "leaves the image"),
        (mask("0, 4", left="left"), "has the left 'left', which is no whole number"),  # type: ignore[arg-type]
        (element("mask", rle="0, 4", left="0", top="0", width="2"), "has no height"),
        (element("mask", left="0", top="0", width="2", height="2"), "it has no rle"),
    ],
)
def test_masks_that_are_refused(given_: Element, told: str) -> None:
    fine = mask("0, 4")
    reader = ShapeReader(KINDS, SIZE)
    found = reader.instances([fine, given_, fine])
    if told:
        (problem,) = reader.problems
        assert problem.startswith("line 3: <mask>")
        assert told in problem
    assert len(found) == (2 if told else 3), "the others are read"
    assert found[0].shape.runs.tolist() == found[-1].shape.runs.tolist() == [0, 2, 4, 2, 40]


def test_masks_without_a_size_have_no_place() -> None:
    found, problems = read_one(mask("0, 4"), None)
    assert found is None
    assert problems == [
        "line 3: <mask>: the image has neither width and height nor a file, so its masks have no place"
    ]
    assert read_one(element("polygon", points="0,0;1,0;1,1"), None)[1] == []


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30))
def test_any_run_lengths_are_read_or_refused(counts: list[int]) -> None:
    text = ", ".join(map(str, counts))
    found, problems = read_one(mask(text, width=8, height=6))
    flat = np.repeat(np.arange(len(counts)) % 2, counts)
    assert (found is None) == (len(flat) != 48) == bool(problems)
    full = [*counts, 48 - len(flat)] if len(flat) < 48 else [48]
    found, problems = read_one(mask(", ".join(map(str, full)), width=8, height=6))
    assert problems == []
    expected = np.repeat(np.arange(len(full)) % 2, full).reshape(6, 8)
    assert masks.decode(found.shape.runs, SIZE).tolist() == expected.astype(bool).tolist()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        (element("polygon", points="0,0;1,0"), "has 2 point(s), and an outline needs three"),
        (element("polygon"), "has no points"),
        (element("polygon", points=""), "has the point '', which is not two numbers"),
        (element("polygon", points="0,0;1,x;2,2"), "has the point '1,x', which is not two numbers"),
        (element("polygon", points="0,0;1,2,3;2,2"), "has the point '1,2,3', which is not two numbers"),
        (element("polygon", points="0,0;1;2,2"), "has the point '1', which"),
        (element("polygon", points="0,0;nan,1;2,2"), "has the point 'nan,1', which"),
        (element("polygon", points="0,0;1e999,1;2,2"), "has the point '1e999,1', which"),
        (element("polygon", points="0,0;1_0,1;2,2"), "has the point '1_0,1', which"),
        (element("polygon", points="9,0;12,0;12,4"), "lies outside the image of 8x6: 9,0 to 12,4"),
        (element("polygon", points="-3,-3;-1,-3;-1,-1"), "lies outside the image"),
        (element("polygon", points="0,0;1e9,0;1e9,1"), "has a point farther off than 67108864 pixels"),
        (element("box", xtl="1", ytl="1", xbr="1", ybr="4"), "has no area: 1,1 to 1,4"),
        (element("box", xtl="4", ytl="1", xbr="1", ybr="4"), "has no area: 4,1 to 1,4"),
        (element("box", xtl="9", ytl="1", xbr="10", ybr="4"), "lies outside the image of 8x6"),
        (element("box", xtl="1", ytl="a", xbr="1"), "has the ytl 'a', which is no number"),
        (element("ellipse", cx="1", cy="1", rx="1"), "has no ry"),
        (element("ellipse", cx="1", cy="1", rx="0", ry="2"), "has no area: its radii are 0 and 2"),
        (element("ellipse", cx="1", cy="1", rx="1e300", ry="2"), "has the rx 1e+300; the limit is 67108864"),
        (element("points", points="1e9,0"), "has a point farther off than 67108864 pixels, the limit"),
        (element("cuboid"), "has no xtl1"),
        (element("points", points="1"), "has the point '1'"),
        (element("box", xtl="1", ytl="1", xbr="2", ybr="2", z_order="top"), "has the z_order 'top'"),
        (element("box", xtl="1", ytl="1", xbr="2", ybr="2", group_id="1.5"), "has the group_id '1.5'"),
        (Element("polygon", {"points": "0,0;1,0;1,1"}, 3), "has no label"),
        (element("polygon", points="0,0;1,0;1,1", label="A"), "has the label 'A', which is not declared"),
    ],
)
def test_shapes_that_are_refused(given_: Element, told: str) -> None:
    found, problems = read_one(given_)
    assert found is None
    assert problems
    assert problems[0].startswith(f"line 3: <{given_.tag}>")
    assert told in problems[0]


@pytest.mark.parametrize(
    ("given_", "shape"),
    [
        (element("box", xtl="-1", ytl="-0.5", xbr="9", ybr="2.25"), Box((-1, -0.5, 9, 2.25))),
        (element("box", xtl="0", ytl="0", xbr="1", ybr="1", rotation="0.00"), Box((0, 0, 1, 1))),
        (element("points", points="1,2;30,40;"), Opaque("points", {"points": [[1, 2], [30, 40]]})),
        (element("star", label="a", z_order="2"), Opaque("star", {"values": {"label": "a", "z_order": "2"}})),
    ],
)
def test_shapes_that_are_carried_as_they_are(given_: Element, shape: Any) -> None:
    found, problems = read_one(given_)
    assert problems == []
    assert found is not None
    assert found.shape == shape


def test_attributes_by_their_kinds_and_an_identity_only_where_it_is_declared() -> None:
    square = {"xtl": "0", "ytl": "0", "xbr": "1", "ybr": "1"}
    attributes = {"n": "3", "m": "3", "uid": "x", "e": ""}
    declared, _ = read_one(element("box", attributes=attributes, **square))
    assert declared is not None
    assert (declared.attributes, declared.uid) == ({"n": 3, "m": "3", "e": ""}, "x")
    reader = ShapeReader({"a": {"uid": "number"}}, SIZE)
    (other,) = reader.instances([element("box", attributes=attributes, **square)])
    assert (other.attributes["uid"], other.uid) == ("x", None)
    reader = ShapeReader({"a": {"n": "number"}}, SIZE)
    (other,) = reader.instances([element("box", attributes=attributes, **square)])
    assert (other.attributes["uid"], other.uid) == ("x", None)


def test_a_part_of_a_file_is_parsed_with_its_lines() -> None:
    data = '<image name="ü">\n<mask label="a"><attribute name="n">x\n&lt;</attribute></mask>\n<box/>\n'
    found = parse_element(data.encode("utf-16-le"), encoding="UTF-16LE", line=10)
    assert [(each.tag, each.line) for each in found.inner] == [("mask", 11), ("box", 13)]
    assert found.inner[0].attributes == {"n": "x\n<"}
    assert found.values == {"name": "ü"}
    with pytest.raises(expat.ExpatError):
        parse_element(b"<image></b>", encoding="UTF-8", line=1)
    with pytest.raises(Untrusted, match="document type"):
        parse_element(b'<!DOCTYPE a [<!ENTITY b "c">]><a/>', encoding="UTF-8", line=1)
    with pytest.raises(expat.ExpatError):
        parse_element(b"   ", encoding="UTF-8", line=1)
    with pytest.raises(expat.ExpatError):
        parse_element(b"<image><mask>", encoding="UTF-8", line=1)
