"""Curves come from the logs, also of a run that was killed and resumed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from segloop.utils.errors import DataError
from segloop.viz.curves import draw_by_minutes, draw_curves, read_scalars, score_by_minutes


def log(folder: Path, name: str, lines: list[dict], tail: str = "") -> None:
    """Write a part of a run's log."""
    path = folder / name / "vis_data/scalars.json"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + tail)


def test_a_resumed_run_is_one_curve(tmp_path: Path) -> None:
    log(
        tmp_path,
        "1",
        [{"loss": 2.0, "lr": 0.1, "step": 1}, {"loss": 9.0, "lr": 0.1, "step": 2}],
        '{"loss": 1',
    )
    log(tmp_path, "2", [{"loss": 1.0, "lr": 0.1, "step": 2}, {"mDice": 50.0, "val_loss": 1.5, "step": 2}])
    lines = read_scalars(tmp_path)
    assert [line["loss"] for line in lines if "loss" in line] == [2.0, 1.0]
    assert [line["mDice"] for line in lines if "mDice" in line] == [50.0]
    draw_curves(tmp_path, tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size == (990, 352)


def test_an_earlier_training_in_the_folder_is_no_part_of_the_curve(tmp_path: Path) -> None:
    def part(name: str, *steps: int) -> None:
        log(tmp_path, name, [{"loss": float(name), "lr": 0.1, "step": step} for step in steps])

    part("1", 1, 2, 3, 4)  # an earlier, longer one
    part("3", 1, 2)
    part("2", 2, 3)  # the clock was put back before it was resumed
    log(tmp_path, "4", [{"mDice": 50.0, "step": 0}])  # a test
    (tmp_path / "train.json").write_text(json.dumps({"log": "2", "earlier": [{"log": "3"}]}))
    assert [(line["step"], line["loss"]) for line in read_scalars(tmp_path)] == [(1, 3.0), (2, 2.0), (3, 2.0)]


def test_a_validation_that_was_logged_by_its_epoch_stands_where_training_was(tmp_path: Path) -> None:
    train = {"loss": 1.0, "lr": 0.1, "time": 6.0}
    log(
        tmp_path,
        "1",
        [
            {**train, "epoch": 1, "step": 40},
            {**train, "epoch": 1, "step": 80},
            {"mDice": 50.0, "step": 1},
            {**train, "epoch": 2, "step": 140},
            {"mDice": 60.0, "step": 2},
        ],
    )
    assert [line["step"] for line in read_scalars(tmp_path)] == [40, 80, 80, 140, 140]
    assert score_by_minutes(tmp_path, "mDice") == [(8.0, 50.0), (14.0, 60.0)]


def test_what_a_failed_disk_left_costs_its_lines_alone(tmp_path: Path) -> None:
    log(tmp_path, "1", [{"loss": 2.0, "lr": 0.1, "step": 1}], "0\n")
    file = tmp_path / "1/vis_data/scalars.json"
    file.write_bytes(file.read_bytes() + b'{"loss": \xff\x00\n')
    assert [line["loss"] for line in read_scalars(tmp_path)] == [2.0]


def test_can_report_a_folder_without_a_log(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no log"):
        read_scalars(tmp_path)


def test_scores_stand_at_the_minutes_of_training_before_them(tmp_path: Path) -> None:
    train = {"loss": 1.0, "lr": 0.1}
    lines = [
        {**train, "time": 3.0, "step": 20},
        {**train, "time": 6.0, "step": 30},
        {"mDice": 50.0, "time": 99.0, "step": 30},
        {**train, "time": 6.0, "step": 40},
        {"mDice": 60.0, "step": 40},
    ]
    log(tmp_path, "1", lines)
    assert score_by_minutes(tmp_path, "mDice") == [(2.0, 50.0), (3.0, 60.0)]
    assert score_by_minutes(tmp_path, "mDice", seconds=6.0) == [(3.0, 50.0), (4.0, 60.0)]
    plots = {"U-Net": {"ours": [tmp_path, tmp_path]}, "DeepLab": {"ours": [tmp_path]}}
    draw_by_minutes(plots, tmp_path / "curves.png", score="mDice", bar=75)
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size in ((1012, 374), (1011, 374))  # Matplotlib 3.11, and 3.10
