"""A network is drawn from its blocks, in order, with its shapes."""

from __future__ import annotations

from xml.etree import ElementTree

from segloop.analysis.report.network import MOST_BLOCKS, draw_network, network_parts, shape_text
from tests.analysis.report.made import MODEL


def test_lists_stand_for_what_is_in_them() -> None:
    backbone, head = network_parts(MODEL)
    assert [block.name for block in backbone.blocks] == ["encoder.0", "encoder.1"]
    assert backbone.blocks[1].shape == (32, 32, 32)
    assert backbone.block.shape == (16, 64, 64)
    assert (head.block.name, list(head.blocks)) == ("head", [])


def test_a_drawing_names_its_parts_and_shapes() -> None:
    drawing = draw_network(MODEL)
    assert drawing is not None
    root = ElementTree.fromstring(drawing)
    texts = [each.text for each in root.iter("text")]
    for told in ("backbone", "head", "encoder.1", "32 × 32 × 32", "image, 3 × 64 × 64", "800"):
        assert told in texts
    assert root.get("role") == "img"
    assert "backbone, head" in (root.get("aria-label") or "")


def test_larger_maps_are_higher_and_deeper_ones_wider() -> None:
    drawing = draw_network(MODEL)
    assert drawing is not None
    boxes = [
        each
        for each in ElementTree.fromstring(drawing).iter("rect")
        if "accent-soft" in each.get("style", "")
    ]
    (high, low), (narrow, wide) = (
        [float(each.get(key, "0")) for each in boxes] for key in ("height", "width")
    )
    assert high > low
    assert wide > narrow


def test_arrows_are_drawn_where_one_part_feeds_the_next() -> None:
    def arrows(*names: str) -> int:
        blocks = [{"name": name, "class": "X", "output": None, "parameters": 1} for name in names]
        return (draw_network({"blocks": blocks}) or "").count("<polygon")

    assert arrows("backbone", "neck", "rpn_head", "roi_head") == 4
    assert arrows("backbone", "decode_head", "auxiliary_head") == 2, "the last is no end of a chain"


def test_lists_begin_rows() -> None:
    def blocks(*names: str) -> list[dict[str, object]]:
        return [
            {"name": f"n.{name}", "class": "ModuleList", "output": None, "parameters": 8} for name in names
        ]

    maps = [
        {"name": f"n.{name}.{place}", "class": "Conv2d", "output": [1, 8, 4, 4], "parameters": 8}
        for name in ("a", "b")
        for place in range(2)
    ]
    top = {"name": "n", "class": "Net", "output": None, "parameters": 32}
    drawing = draw_network({"blocks": [top, *blocks("a", "b"), *maps]})
    assert drawing is not None
    places = {
        each.text: (each.get("x"), each.get("y")) for each in ElementTree.fromstring(drawing).iter("text")
    }
    assert places["a.0"][1] == places["a.1"][1] != places["b.0"][1]
    assert places["a.0"][0] == places["b.0"][0]


def test_very_many_blocks_are_counted_in_words() -> None:
    many = [
        {"name": f"body.b{place}", "class": "Conv2d", "output": [1, 8, 4, 4], "parameters": 8}
        for place in range(99)
    ]
    model = {"blocks": [{"name": "body", "class": "Body", "output": None, "parameters": 1}, *many]}
    drawing = draw_network(model)
    assert drawing is not None
    assert f"and {99 - MOST_BLOCKS} more blocks" in drawing


def test_nothing_to_draw() -> None:
    assert draw_network({}) is None
    assert shape_text(()) == "–"
