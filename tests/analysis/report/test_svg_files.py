"""A drawing that leaves its page keeps its colours."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from segloop.analysis.report.svg_files import stand_alone
from segloop.viz.plots import Line, plot


def test_every_colour_that_is_used_is_set_light_and_dark() -> None:
    lines = [Line(name, "var(--accent)", [(0, 0.1), (1, 0.9)], dots=True) for name in ("a", "b")]
    text = stand_alone(plot(lines, told="a & b", x_label="x"))
    ElementTree.fromstring(text)
    style = text[text.index("<style>") : text.index("</style>")]
    light, dark = style.split("@media(prefers-color-scheme:dark)")
    for name in set(re.findall(r"var\((--[\w-]+)\)", text)):
        assert f"{name}:#" in light
        assert f"{name}:#" in dark
    assert 'width="340"' in text


def test_what_is_no_drawing_is_a_bug() -> None:
    with pytest.raises(ValueError, match="no drawing"):
        stand_alone("<p></p>")
