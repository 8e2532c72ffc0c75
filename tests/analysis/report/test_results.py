"""Results have intervals, and an analysis is shown where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from segloop.analysis.analysis_folder import write_analysis
from segloop.analysis.analyze import analyze
from segloop.analysis.report import results
from segloop.analysis.report.contents import Contents
from tests.analysis.report.made import all_text, contents_of, facts_of, write_training


def test_scores_stand_with_their_interval(tmp_path: Path) -> None:
    report = contents_of(tmp_path)
    part = results.results(report)
    value, low, high = report.first.scores["mDice"]
    row = next(row for row in part.blocks[0].rows if row[0] == "mDice")
    assert row[1:3] == [f"{100 * value:.2f}", f"{100 * low:.2f} to {100 * high:.2f}"]
    by_class = part.blocks[2]
    assert [row.classes for row in by_class.rows] == [["ground"], ["disc"], ["bar"]]
    assert "100 resamples, seed 0" in all_text(part)


def test_a_run_that_was_not_analysed_says_how(tmp_path: Path) -> None:
    report = contents_of(tmp_path)
    for part in (results.best_and_worst(report), results.errors(report)):
        assert "python tools/analyze.py work_dirs/net/test/test-last" in all_text(part)


def test_an_analysis_without_a_ranking_is_not_called_missing(tmp_path: Path) -> None:
    report = contents_of(tmp_path)
    report.first.__dict__["analysis"] = {"rankings": {}, "kind": "instance"}  # a cached property
    assert "ranks no image" in all_text(results.best_and_worst(report))


@pytest.fixture
def analysed(tmp_path: Path) -> Contents:
    folder = write_training(tmp_path, shift=5)
    facts = facts_of(folder, tmp_path)
    write_analysis(analyze(facts.run, repeats=100, workers=0), topk=2)
    return Contents([facts_of(folder, tmp_path)])


def test_the_pictures_of_an_analysis_are_shown(analysed: Contents) -> None:
    part = results.best_and_worst(analysed)
    galleries = [block for block in part.blocks if type(block).__name__ == "Gallery"]
    assert [len(each.photos) for each in galleries] == [2, 2, 2]
    assert galleries[0].photos[0].classes == ["disc", "bar"]


def test_its_mistakes_are_counted(analysed: Contents) -> None:
    text = all_text(results.errors(analysed))
    for told in (
        "outline off",
        "missed",
        "invented",
        "What is taken for what",
        "By size of objects",
        "analysis/index.html",
    ):
        assert told in text
