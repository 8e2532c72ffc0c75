"""The page of a comparison holds all that it shows."""

from __future__ import annotations

import re

import numpy as np

from segloop.viz.comparison_page import comparison_page, round_up
from tests.viz.comparison_made import numbers

PICTURE = np.zeros((20, 30, 3), np.uint8)
FILES = [("compare.json", "all numbers")]


def made(told=None, **pictures):
    shots = pictures or {"A:B:A": [(PICTURE, "1. x, mDice_fg: A 80.0, B 40.0")]}
    return comparison_page(told or numbers(), shots, files=FILES)


def test_the_verdict_stands_first_and_sections_follow():
    page = made()
    assert page.index("A is better (B − A: -10.0 [-12.0, -8.0] points)") < page.index("<main")
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles == [
        "Scores", "Pairs", "Classes", "Images that one wins", "Training", "Costs",
        "What differs in the configs", "Files and rules",
    ]  # fmt: skip


def test_nothing_comes_from_elsewhere_and_text_is_escaped():
    page = made()
    assert not re.findall(r'(?:src|href)="(?!data:|#|compare\.json)', page)
    assert "shore &lt;finds&gt;" in page
    assert "Mind the &lt;gap&gt;." in page


def test_pictures_stand_under_who_wins_them():
    page = made()
    assert "A is better than B" in page
    assert "B is better than A" not in page
    assert "1. x, mDice_fg: A 80.0, B 40.0" in page


def test_what_is_not_there_has_no_section():
    bare = numbers() | {"curves": [{}, {}], "time_to_score": [], "notes": []}
    page = comparison_page(bare, {}, files=FILES)
    assert "<h2>Training</h2>" not in page
    assert "<h2>Images that one wins</h2>" not in page


def test_configs_that_are_equal_or_lost_are_said():
    equal = made(numbers() | {"config": {"missing": [], "differences": []}})
    assert "Nothing: hyper-parameters are the same." in equal
    lost = made(numbers() | {"config": {"missing": ["deeplab/test-last"], "differences": []}})
    assert "No config is left of deeplab/test-last." in lost


def test_what_differs_in_the_tests_stands_below_the_configs():
    page = made(numbers() | {"tests": [{"path": "--tta", "values": ["True", "False"]}]})
    assert page.index("model.depth") < page.index("What differs in the tests") < page.index("--tta")
    assert "What differs in the tests" not in made()


def test_curves_have_a_legend_and_round_axes():
    page = made()
    assert "A unet" in page
    assert "B deeplab" in page
    assert ">4</text>" in page  # minutes: 3.8 rounded up
    assert [round_up(value) for value in (0.9, 1, 1.01, 99, 401, 2.4)] == [1, 1, 1.2, 100, 600, 2.4]
