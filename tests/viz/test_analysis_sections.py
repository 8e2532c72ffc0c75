"""The sections of an analysis: numbers with intervals, dashes for none, nothing unescaped."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.viz import analysis_sections as sections
from segloop.viz.page import join
from tests.viz.numbers_made import numbers

SHOT = (np.zeros((4, 4, 3), np.uint8), "1. a <b>")


def text_of(section) -> str:
    assert section is not None
    return f"{section.title} {section.lead} {join(section.blocks)}"


def test_scores_have_intervals_and_absent_classes_are_told():
    text = text_of(sections.scores(numbers()))
    assert "80.0 – 90.0" in text
    assert text.index("</span>disc") < text.index("</span>ground")  # the weakest first
    assert "in no mean: &lt;gone&gt;." in text


def test_of_many_classes_the_weakest_are_shown_and_the_others_folded():
    told = numbers()
    one = told["scores"]["classes"][0]
    told["scores"]["classes"] = [{**one, "index": 0, "name": f"c{number}"} for number in range(55)]
    assert "15 more classes" in text_of(sections.scores(told))
    assert "mended: the first 40 of 55" in text_of(sections.mistakes(told))
    told["calibration"]["classes"] = told["calibration"]["classes"][:1] * 55
    assert "By class: the first 40 of 55" in text_of(sections.calibration(told))


def test_kinds_of_mistakes_with_gains_and_the_confusion():
    text = text_of(sections.mistakes(numbers()))
    assert "+6.1" in text
    assert "40 of 40,000 pixels are wrong." in text
    assert "<svg" in text
    assert "1,500" in text
    many = numbers()
    many.pop("confusion")  # of many classes there is none
    assert "<svg" not in text_of(sections.mistakes(many))


def test_nothing_wrong():
    told = numbers()
    told["mistakes"] = {**told["mistakes"], "wrong": 0}
    assert "Not a single pixel is wrong." in text_of(sections.mistakes(told))


def test_cases_come_in_sections_with_their_legend():
    found = sections.cases(
        numbers(), {"worst": [SHOT], "best": [], "class:disc": [SHOT], "size:large": [SHOT]}
    )
    assert [section.title for section in found] == ["Worst", "Worst by class and size"]
    assert "1. a &lt;b&gt;" in text_of(found[0])
    assert "invented" in text_of(found[0])
    assert "large objects (64 pixels and more)" in text_of(found[1])
    assert sections.cases(numbers(), {}) == []


@pytest.mark.parametrize(("background", "told"), [(0, True), (None, False)])
def test_without_a_background_nothing_is_missed(background, told):
    found = sections.cases(numbers(background=background), {"worst": [SHOT]})[0]
    assert ("missed" in text_of(found)) is told


def test_suspects_with_the_command_that_shows_them():
    text = text_of(sections.suspects(numbers(), {"suspects": [SHOT]}))
    assert "--split test --list RUN/analysis/lists/suspects.txt" in text
    assert "missing" in text
    assert "No prediction contradicts a label" in text_of(sections.suspects(numbers(suspects=[]), {}))


def test_what_the_score_depends_on():
    text = text_of(sections.reasons(numbers()))
    assert "16 – 31 px" in text
    assert "2.00 % at the rim" in text
    assert "+0.50 (+0.40 to +0.60)<" in text
    assert "+0.10 (-0.10 to +0.30): no clear dependence" in text
    assert text_of(sections.reasons(numbers(by_size=[], by_traits=[])))


def test_calibration_or_none():
    text = text_of(sections.calibration(numbers()))
    assert "Calibration error 1.23 %" in text
    assert "overconfident" in text
    assert sections.calibration(numbers(calibration=None)) is None


def test_rules_are_told_once_and_files_linked():
    text = text_of(sections.how(numbers(), [("images.csv", "all")]))
    assert text.count("Per image.") == 1
    assert 'href="images.csv"' in text


def test_percent():
    assert sections.percent(0.12345, 2) == "12.35"
    assert sections.with_interval([0.5, None, None]) == "50.0"
