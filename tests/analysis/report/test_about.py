"""Problem, goals and data are told from what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from segloop.analysis.report import about
from segloop.analysis.report.contents import Contents
from segloop.analysis.report.goals import Goal, Task
from tests.analysis.report.made import all_text, contents_of, facts_of, write_data, write_json, write_training


def goal(**changes: object) -> Goal:
    return Goal(
        **({"goal": "it works", "score": "mDice", "bar": 0.1, "split": "test", "points": 3} | changes)
    )


def test_points_are_counted_of_goals_that_are_done(tmp_path: Path) -> None:
    goals = [goal(), goal(bar=0.9999), goal(split="val"), goal(points=0.5)]
    report = contents_of(tmp_path, task=Task(goals=goals))
    part = about.goals(report)
    assert part is not None
    assert part.lead == "3.5 of 9.5 points."
    table = part.blocks[0]
    assert [row[-1].text for row in table.rows] == ["done", "not reached", "open", "done"]
    assert "no RUN of the split val is given" in all_text(part)
    assert ("2 of 4", "goals reached") in about.problem(report).blocks[1].items


def test_a_task_without_goals_says_how_to_get_some(tmp_path: Path) -> None:
    report = contents_of(tmp_path)
    assert "--goals FILE" in all_text(about.goals(report))
    assert "a class for each pixel" in all_text(about.problem(report))


def test_the_problem_comes_with_its_sources(tmp_path: Path) -> None:
    report = contents_of(tmp_path, task=Task(problem="Find discs.", cite=["one"]))
    text = all_text(about.problem(report))
    assert "Find discs." in text
    assert "cite one" in text


def test_a_demo_set_is_called_one(tmp_path: Path) -> None:
    text = all_text(about.data(contents_of(tmp_path)))
    for told in ("a pencil, seed 0: a demo set", "not recorded; none is asserted", "here & there", "by hand"):
        assert told in text
    assert "python tools/eda.py" in text


def test_the_command_for_an_eda_names_the_data_set_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = contents_of(tmp_path)
    assert f"python tools/eda.py {tmp_path / 'data'}" in all_text(about.data(report))
    monkeypatch.chdir(tmp_path)
    assert "python tools/eda.py data  ." in all_text(about.data(report))


def test_an_eda_adds_shares_and_advice(tmp_path: Path) -> None:
    report = contents_of(tmp_path)
    classes = [
        {"name": "disc", "pixel_share": 0.125, "image_share": 0.5, "objects": 1234, "side": {"median": 20}}
    ]
    eda = {
        "classes": classes,
        "images": {
            "least_side": 48,
            "largest_side": 48,
            "mean_rgb": [1.0, 2.0, 3.0],
            "std_rgb": [4.0, 5.0, 6.0],
        },
        "advice": [{"title": "Crop", "why": "it is cheaper"}],
    }
    write_json(tmp_path / "work_dirs/eda/data/eda.json", eda)
    text = all_text(about.data(report))
    for told in (
        "12.50",
        "50.0",
        "1,234",
        "sides of 48 pixels",
        "Mean colour 1, 2, 3",
        "Crop: it is cheaper",
    ):
        assert told in text
    assert "tools/eda.py" not in text


def test_data_that_are_gone_are_told_of(tmp_path: Path) -> None:
    folder = write_training(tmp_path)
    (tmp_path / "data").rename(tmp_path / "moved")
    assert "--data-root says where" in all_text(about.data(Contents([facts_of(folder, tmp_path)])))
    write_data(tmp_path)
    (tmp_path / "data/dataset.json").write_text("{")
    assert "no dataset.json that can be read" in all_text(about.data(Contents([facts_of(folder, tmp_path)])))
