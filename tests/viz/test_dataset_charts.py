"""Ticks stand where their values are, and charts show what is there and no more."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.data.statistics.bins import ASPECTS, SIZES
from segloop.viz.dataset_charts import aspect_chart, powers_of_two, span_of, spread_chart, whole_numbers
from tests.viz.test_charts import numbers


def test_ticks_stand_under_their_bars() -> None:
    values = SIZES.values[8:33]  # 2 to 16
    ticks = {tick.text: tick.place for tick in powers_of_two(values)}
    assert list(ticks) == ["2", "4", "8", "16"]
    width = 1 / len(values)
    for text, place in ticks.items():
        bar = int(place / width)
        assert values[bar] == pytest.approx(float(text))


def test_many_octaves_have_every_second_tick() -> None:
    assert len(powers_of_two(SIZES.values)) <= 9


def test_charts_begin_and_end_where_something_is() -> None:
    assert span_of(np.array([0, 0, 0, 5, 0, 1, 0, 0])) == slice(2, 7)
    assert span_of(np.zeros(5)) == slice(0, 1)


def test_counts_of_objects_share_bars_where_there_are_many() -> None:
    assert len(numbers(whole_numbers({"0": 2, "3": 5}), "rect", "height")) == 2
    heights = numbers(whole_numbers({str(number): 1 for number in range(200)}), "rect", "height")
    assert len(heights) == 40


def test_shapes_are_named_as_people_name_them() -> None:
    drawn = aspect_chart(ASPECTS.tally(np.array([0.25, 1.0, 4.0])))
    assert all(f">{text}<" in drawn for text in ("1:4", "1:2", "1:1", "2:1", "4:1"))


def test_a_mark_stands_in_the_middle_of_its_bar() -> None:
    found = {"counts": [0, 3, 5, 2, 7, 0], "values": [0.25, 0.5, 1, 2, 4, 8]}
    drawn = spread_chart(found, marks=[(4.0, "here"), (0.5, "there")])
    left, width = numbers(drawn, "rect", "x"), numbers(drawn, "rect", "width")
    middles = [x + w / 2 for x, w in zip(left, width, strict=True)]
    assert numbers(drawn, "line", "x1")[:2] == pytest.approx([middles[3], middles[0]], abs=0.05)


def test_a_spread_of_nothing_is_nothing() -> None:
    assert spread_chart({"counts": [0, 0], "values": [1, 2]}) == ""
    assert "no better" in spread_chart(
        {"counts": [1, 1, 1], "values": [0.5, 1, 2]}, marks=[(1.0, "no better")]
    )
