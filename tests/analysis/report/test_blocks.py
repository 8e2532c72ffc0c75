"""Numbers are written as people read them."""

from __future__ import annotations

import doctest
import math

from segloop.analysis.report import blocks, config_reading, network, training
from segloop.analysis.report.blocks import cite, code, duration, link, percent, size


def test_numbers_for_people() -> None:
    assert [percent(value) for value in (0.5, math.nan, None)] == ["50.0", "–", "–"]
    assert [duration(value) for value in (0.05, 0.9996, 5.0, 65.0, 3720.0, math.nan)] == [
        "50 ms", "1 s", "5 s", "1 min 5 s", "1 h 2 min", "–",
    ]  # fmt: skip
    assert [size(value) for value in (0, 1500, 2.5e6, 3e9, None)] == [
        "0 B",
        "1.5 kB",
        "2.5 MB",
        "3.0 GB",
        "–",
    ]


def test_spans_say_what_they_are() -> None:
    assert [each.kind for each in (code("a"), cite("b"), link("c", "d"))] == ["code", "cite", "link"]
    assert link("c", "d").target == "d"


def test_examples_are_true() -> None:
    for module in (blocks, config_reading, network, training):
        assert doctest.testmod(module).failed == 0
