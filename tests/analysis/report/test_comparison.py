"""Several RUNs are held against each other by the library of tools/compare.py, and told in blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from segloop.analysis.compare import compare
from segloop.analysis.report import comparison
from segloop.analysis.report.blocks import Gallery, Note, Row, Table
from segloop.analysis.report.contents import Contents
from segloop.viz.comparison_tables import scores
from tests.analysis.report.made import all_text, contents_of, facts_of, write_training


def of_kind(part: Any, kind: type) -> list[Any]:
    return [block for block in part.blocks if isinstance(block, kind)]


@pytest.fixture
def two(tmp_path: Path) -> Contents:
    good, bad = (
        write_training(tmp_path / name, shift=shift, images=8) for name, shift in (("a", 1), ("b", 9))
    )
    config = bad.parents[1] / "net.py"
    config.write_text(config.read_text().replace("0.004", "0.1"))
    return Contents([facts_of(good, tmp_path / "a"), facts_of(bad, tmp_path / "b")])


def test_one_run_is_compared_with_nothing(tmp_path: Path) -> None:
    assert comparison.comparison(contents_of(tmp_path)) is None


def test_the_numbers_are_those_of_a_comparison(two: Contents) -> None:
    part = comparison.comparison(two)
    found = compare([facts.run for facts in two.runs], common=True, repeats=100, topk=0).numbers
    told = next(block for block in of_kind(part, Table) if block.name == "Scores")
    expected = scores(found)
    assert [list(row) for row in told.rows] == [list(row) for row in expected.rows]
    assert list(told.numbers) == list(expected.numbers)
    verdict = next(note for note in of_kind(part, Note) if note.level == "good")
    assert verdict.text.startswith("A and B: A is better (B − A: -")


def test_what_differs_in_the_configs_is_listed(two: Contents) -> None:
    part = comparison.comparison(two)
    table = next(block for block in of_kind(part, Table) if block.name == "What differs in the configs")
    assert [list(row) for row in table.rows] == [["optim_wrapper.optimizer.lr", "0.004", "0.1"]]


def test_rows_of_classes_are_found_by_the_filter(two: Contents) -> None:
    part = comparison.comparison(two)
    table = next(block for block in of_kind(part, Table) if block.name == "Classes")
    assert {row.classes[0] for row in table.rows if isinstance(row, Row)} == {"ground", "disc", "bar"}


def test_images_that_one_wins_are_drawn(two: Contents) -> None:
    part = comparison.comparison(two)
    (gallery,) = of_kind(part, Gallery)
    assert len(gallery.photos) == comparison.WINS
    assert gallery.photos[0].caption.startswith("1. ")
    assert "A is better than B" in all_text(part)


def test_pictures_that_are_gone_are_said_to_be(two: Contents, tmp_path: Path) -> None:
    for picture in tmp_path.glob("a/data/img/*"):
        picture.unlink()
    text = all_text(comparison.comparison(two))
    assert "cannot be drawn" in text
    assert "Costs" in text


def test_many_models_are_told_without_pictures(tmp_path: Path) -> None:
    runs = [write_training(tmp_path / name, shift=shift) for shift, name in enumerate("abcd")]
    part = comparison.comparison(Contents([facts_of(run, tmp_path) for run in runs]))
    assert not of_kind(part, Gallery)
    assert len(of_kind(part, Note)) >= 6, "a verdict for each pair"


def test_runs_on_other_images_are_compared_on_those_in_common(tmp_path: Path) -> None:
    few, many = write_training(tmp_path / "a", images=3), write_training(tmp_path / "b", images=4)
    part = comparison.comparison(Contents([facts_of(few, tmp_path), facts_of(many, tmp_path)]))
    assert "3 of the 4 images of net/test-last are compared." in all_text(part)
    assert part.lead.startswith("On 3 images")


def test_what_cannot_be_compared_is_refused_in_its_place(tmp_path: Path) -> None:
    one, other = write_training(tmp_path / "a"), write_training(tmp_path / "b")
    meta = other / "meta.json"
    meta.write_text(meta.read_text().replace('"split": "test"', '"split": "val"'))
    part = comparison.comparison(Contents([facts_of(one, tmp_path), facts_of(other, tmp_path)]))
    assert [note.level for note in part.blocks] == ["bad"]
    assert "Not the same split" in all_text(part)
