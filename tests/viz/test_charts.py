"""Charts are well-formed, to scale, and say what they are to who cannot see them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from segloop.viz.charts import HEIGHT, Tick, bar, bars, curves, density, heat, histogram, matrix, ramp


def numbers(text: str, element: str, attribute: str) -> list[float]:
    return [float(each) for each in re.findall(rf'<{element} [^>]*?\b{attribute}="([\d.]+)"', text)]


@pytest.mark.parametrize(
    "drawn",
    [
        histogram([1, 2, 0, 4], ticks=[Tick(0, "a & b")], marks=[Tick(0.5, "<here>")], told="sizes"),
        histogram([]),
        histogram(np.zeros(3)),
        curves([("red", [1, 2, 3]), ("#00f", np.zeros(3))], told="levels"),
        density(np.eye(4), x_ticks=[Tick(0, "1")], y_ticks=[Tick(1, "9")], told="boxes"),
        matrix(np.eye(3), ["a", "b<", "c"], texts=[["1", "2", "3"]] * 3, told="together"),
        matrix(np.zeros((40, 40)), ["x"] * 40),
        heat(np.zeros((4, 4)), told="nowhere"),
        bars([("a", 0.5, "50 %", (1, 2, 3)), ("b", 2.0, "", None)]),
        bar(0.2),
    ],
)
def test_markup_is_well_formed(drawn: str) -> None:
    ElementTree.fromstring(drawn)


def test_bars_are_to_scale() -> None:
    heights = numbers(histogram([1, 2, 4]), "rect", "height")
    assert heights == pytest.approx([heights[2] / 4, heights[2] / 2, heights[2]], rel=1e-3)
    assert max(heights) < HEIGHT


def test_what_is_empty_has_no_bar_and_what_is_small_is_seen() -> None:
    heights = numbers(histogram([0, 1, 100_000]), "rect", "height")
    assert len(heights) == 2
    assert heights[0] == 0.8


def test_charts_have_a_name_or_are_left_out_for_who_listens() -> None:
    assert 'aria-label="sizes"' in histogram([1], told="sizes")
    assert 'aria-hidden="true"' in histogram([1])
    assert 'alt="where"' in heat(np.ones((2, 2)), told="where")


def test_the_ramp_grows_lighter() -> None:
    colors = ramp(np.linspace(0, 1, 20)).astype(float)
    light = colors @ [0.299, 0.587, 0.114]
    assert (np.diff(light) > 0).all()
    assert ramp(np.array([-1.0, 2.0])).tolist() == ramp(np.array([0.0, 1.0])).tolist()


def test_long_names_beside_a_matrix_are_cut_at_their_end_and_told_whole() -> None:
    long = "a road vehicle with <more> than four wheels"
    drawn = matrix(np.eye(2), [long, "x" * 24], told="t")
    assert drawn.count(f">{long[:23].replace('<', '&lt;')}…<title>") == 2
    assert drawn.count("&lt;more&gt; than four wheels</title>") == 2
    assert drawn.count(f">{'x' * 24}</text>") == 2
    ElementTree.fromstring(drawn)
