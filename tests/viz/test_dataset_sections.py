"""Numbers are written as people read them, and ticks stand where their values are."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.data.statistics.bins import SIZES
from segloop.viz.dataset_sections import _powers, _span, count, percent


def test_numbers_for_readers() -> None:
    assert [count(12345), count(1.25, digits=1), count(None)] == ["12,345", "1.2", "–"]
    assert [percent(share) for share in (1.0, 0.12345, 0.0005, 0.00001)] == [
        "100.0 %",
        "12.3 %",
        "0.05 %",
        "<0.01 %",
    ]


def test_ticks_stand_under_their_bars() -> None:
    values = SIZES.values[8:33]  # 2 to 16
    ticks = {tick.text: tick.place for tick in _powers(values)}
    assert list(ticks) == ["2", "4", "8", "16"]
    width = 1 / len(values)
    for text, place in ticks.items():
        bar = int(place / width)
        assert values[bar] == pytest.approx(float(text))


def test_many_octaves_have_every_second_tick() -> None:
    assert len(_powers(SIZES.values)) <= 9


def test_charts_begin_and_end_where_something_is() -> None:
    assert _span(np.array([0, 0, 0, 5, 0, 1, 0, 0])) == slice(2, 7)
    assert _span(np.zeros(5)) == slice(0, 1)
