"""Plots draw what they are given, break where nothing is known, and say what they show."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from segloop.viz.plots import HEIGHT, WIDTH, Line, plot


def elements(markup, name):
    return list(ElementTree.fromstring(f"<root>{markup}</root>").iter(name))


def test_a_line_goes_from_corner_to_corner():
    drawn = plot([Line("a", "red", [(0, 0), (1, 1)])], told="it <rises>", x_label="x")
    (line,) = elements(drawn, "polyline")
    (x1, y1), (x2, y2) = (map(float, point.split(",")) for point in line.get("points").split())
    assert (x1, y1) < (x2, HEIGHT)
    assert x2 < WIDTH
    assert y2 < y1
    assert elements(drawn, "svg")[0].get("aria-label") == "it <rises>"


def test_a_line_breaks_where_nothing_is_known():
    points = [(0, 0.1), (0.2, 0.3), (0.4, None), (0.6, float("nan")), (0.7, 0.3), (0.9, 0.2)]
    drawn = plot([Line("a", "red", points, dots=True)], told="t", x_label="x")
    assert len(elements(drawn, "polyline")) == 2
    assert len(elements(drawn, "circle")) == 4


def test_ticks_have_no_exponents():
    drawn = plot(
        [Line("a", "red", [(0, 0), (160_000, 1)])],
        told="t",
        x_label="iteration",
        x_range=(0, 160_000),
        y_range=(0, 0.5),
        percent=False,
    )
    texts = [each.text for each in elements(drawn, "text")]
    assert {"0", "40,000", "80,000", "120,000", "160,000", "0.125", "0.5"} <= set(texts)
    assert not any("e+" in each for each in texts)


def test_several_lines_are_named_and_a_diagonal_is_drawn():
    drawn = plot(
        [Line("a", "red", []), Line("b & c", "blue", [])], told="t", x_label="x", y_label="y", diagonal=True
    )
    assert "b &amp; c" in drawn
    dashed = [line for line in elements(drawn, "line") if "dasharray" in (line.get("style") or "")]
    assert len(dashed) == 1


@pytest.mark.parametrize(("percent", "tick"), [(True, "50"), (False, "0.5")])
def test_ticks(percent, tick):
    drawn = plot([Line("a", "red", [(0, 0)])], told="t", x_label="x", percent=percent)
    assert tick in [text.text for text in elements(drawn, "text")]


def test_a_name_in_the_legend_stays_with_its_colour():
    lines = [Line("a b", "red", [(0, 0)]), Line("c", "blue", [(0, 1)])]
    names = [
        each for each in elements(plot(lines, told="t", x_label="x"), "span") if each.get("class") == "named"
    ]
    assert ["".join(each.itertext()) for each in names] == ["a b", "c"]
