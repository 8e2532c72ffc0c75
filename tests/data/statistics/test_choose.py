"""Hard images are those that have more of what makes images hard."""

from __future__ import annotations

import numpy as np

from segloop.data.statistics.choose import hardest, loosest
from segloop.data.statistics.tally import Tally


def tally_of(rows: list[list[float]]) -> Tally:
    tally = Tally(1)
    tally.traits.append(np.array(rows))
    return tally


def test_the_hardest_has_most_of_it_and_says_what() -> None:
    # number, small, faint, soft, many, mixed, follow
    rows = [[float(number), number, number, number, 3.0, 1.0, 2.0] for number in range(10)]
    rows[4][4] = 90.0  # many objects
    found = hardest(tally_of(rows), most=3)
    assert [each.number for each in found] == [9, 8, 7]
    assert found[0].telling == ["small", "faint", "soft"]
    assert "mixed" not in found[0].traits, "in which all are alike tells nothing"
    assert hardest(tally_of(rows), most=5)[4].telling == ["many"]


def test_what_is_not_known_of_an_image_is_in_the_middle() -> None:
    rows = [[float(number), number, np.nan, 0.0, 1.0, 1.0, 1.0] for number in range(4)]
    rows[0][2], rows[1][2] = 5.0, 6.0
    assert {each.number: each.traits["faint"] for each in hardest(tally_of(rows), most=4)} == {
        0: 0.25,
        1: 0.75,
        2: 0.5,
        3: 0.5,
    }


def test_loose_outlines_come_first() -> None:
    rows = [[float(number), 0, 0, 0, 0, 0, follow] for number, follow in enumerate([1.5, 0.9, 3.0])]
    assert loosest(tally_of(rows), most=2) == [(1, 0.9), (0, 1.5)]


def test_nothing_is_hard_in_a_set_of_nothing() -> None:
    assert hardest(Tally(1), most=3) == []
    assert loosest(Tally(1), most=3) == []
    assert hardest(tally_of([[0.0, 1, 1, 1, 1, 1, 1]] * 2), most=3) == []
