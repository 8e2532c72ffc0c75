"""Limits follow from the files, and the code is linked where its address is known."""

from __future__ import annotations

from pathlib import Path

from segloop.analysis.report import closing
from segloop.analysis.report.contents import Contents, Repository
from segloop.analysis.report.goals import Task
from tests.analysis.report.made import all_text, contents_of, facts_of, write_data, write_training


def test_limits_of_a_small_demo_set(tmp_path: Path) -> None:
    text = all_text(closing.limits(contents_of(tmp_path, task=Task(limits=["Beware of fog."]))))
    for told in (
        "no photographs",
        "Only 4 images",
        "another training",
        "Confidence was not measured",
        "Beware of fog.",
    ):
        assert told in text
    assert "are too high" not in text


def test_scores_of_validation_and_loose_code_are_doubted(tmp_path: Path) -> None:
    folder = write_training(tmp_path, train={"code": {"commit": "a", "dirty": True}})
    write_data(tmp_path, demo=False)
    facts = facts_of(folder, tmp_path)
    facts.run.meta["split"] = "val"
    text = all_text(closing.limits(Contents([facts])))
    assert "of the split val" in text
    assert "changes that no commit holds" in text
    assert "no photographs" not in text


def test_the_repository(tmp_path: Path) -> None:
    known = Repository("SegLoop", "1.0", "Apache-2.0", "https://example.org/x")
    assert "https://example.org/x" in all_text(
        closing.repository(contents_of(tmp_path / "a", repository=known))
    )
    text = all_text(closing.repository(contents_of(tmp_path / "b", repository=Repository("SegLoop"))))
    assert "No address is known" in text
