"""Numbers of a comparison as people read them."""

from __future__ import annotations

import pytest

from segloop.viz import comparison_tables as tables
from tests.viz.comparison_made import numbers


def test_the_score_that_decides_stands_first_and_classes_apart():
    told = tables.scores(numbers())
    assert [row[0] for row in told.rows] == ["mDice_fg", "aAcc"]
    assert told.rows[0] == ["mDice_fg", "80.0 [75.0, 85.0]", "70.0 [65.0, 76.0]"]
    assert [row[0] for row in tables.classes(numbers()).rows] == ["Dice.fish", "Dice.leaf"]


def test_a_pair_in_a_row():
    assert tables.pairs(numbers()).rows == [
        ["B − A", "A is better", "-10.0 [-12.0, -8.0]", "-9.0", "30 : 10", ".020", "< .001", ".004"]
    ]


def test_the_surest_pair_of_a_class():
    assert tables.classes(numbers()).rows[0][-1] == "B < A, p .012"
    assert tables.classes(numbers()).rows[1][-1] == "–"


def test_of_many_classes_those_that_differ_most_are_told():
    many = numbers()
    names = [f"k{place}" for place in range(30)]
    many["class_names"], many["class_scores"] = names, [f"Dice.{name}" for name in names]
    for place, name in enumerate(names):
        many["scores"][f"Dice.{name}"] = [[place / 100, None, None], [0.0, None, None]]
        many["pairs"][0]["differences"][f"Dice.{name}"] = {"value": [0, None, None], "p": None}
    told = tables.classes(many)
    assert len(told.rows) == 20
    assert told.rows[0][0] == "Dice.k29"
    assert "The 20 of 30 that differ most" in told.note


def test_many_flops_have_no_exponent():
    large = numbers()
    large["runs"][0]["costs"]["flops"] = 1_234_500_000_000
    assert ["FLOPs", "1,234 G at 3x128x128", "–"] in [list(row) for row in tables.costs(large).rows]


def test_costs_that_are_not_recorded_are_said_once():
    told = tables.costs(numbers())
    by_name = {row[0]: row[1:] for row in told.rows}
    assert by_name["parameters"] == ["1,811,862", "–"]
    assert by_name["FLOPs"] == ["1.47 G at 3x128x128", "–"]
    assert by_name["training time"] == ["7.5 min", "30 s"]
    assert by_name["iterations x batch"] == ["400 x 16", "–"]
    assert by_name["inference, this test"] == ["550 (1,135) ms, batch 8", "20 (30) ms, batch 1"]
    assert by_name["inference, batch 1"] == ["–", "20 (30) ms, batch 1"]
    assert "inference, best batch" not in by_name
    assert "Not recorded: " in told.note
    assert "inference, best batch" in told.note
    assert "More batch sizes come from more tests" in told.note


def test_minutes_and_configs():
    assert tables.times(numbers()).rows == [["60.0", "3.8", "–"]]
    assert tables.config(numbers()).rows == [["model.depth", "18", "50"]]


def test_tables_without_rows_are_left_out():
    bare = numbers() | {"time_to_score": [], "config": {"missing": [], "differences": []}}
    assert [each.title for each in tables.tables(bare)] == ["RUNs", "Scores", "Pairs", "Classes", "Costs"]


@pytest.mark.parametrize(
    ("value", "told"),
    [(None, "–"), (0.0004, "< .001"), (0.0462, ".046"), (1.0, "1.000")],
)
def test_p_values(value, told):
    assert tables.p_value(value) == told


@pytest.mark.parametrize(("value", "told"), [(0, "0 B"), (1500, "1.5 kB"), (2.5e9, "2.5 GB"), (None, "–")])
def test_sizes(value, told):
    assert tables.size(value) == told


@pytest.mark.parametrize(("value", "told"), [(5, "5 s"), (600, "10.0 min"), (7200, "2.0 h"), (None, "–")])
def test_durations(value, told):
    assert tables.duration(value) == told


def test_what_was_drawn_again_is_said():
    assert tables.scores(numbers()).note.endswith("resamples of the images.")
    assert tables.scores(numbers() | {"groups": 3}).note.endswith("resamples of the groups of images.")
