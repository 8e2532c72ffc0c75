"""The numbers of a run as flat files."""

import csv
import json
from pathlib import Path

import pytest

from segloop.analysis.flat_files import copy_run, write_numbers
from segloop.utils.errors import UserError
from tests.analysis.runs_made import scene, write_run


def work_dir(root: Path) -> Path:
    log = root / "1" / "vis_data" / "scalars.json"
    log.parent.mkdir(parents=True)
    lines = [
        {"step": 2, "lr": 0.1, "loss": 1.5, "time": 3.0},
        {"step": 4, "mDice": 80.5, "val_loss": 1.0, "Dice.fish": 3.0, "time": 1.0},
    ]
    log.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    record = {"last_iter": 4, "images": 9, "peak_memory": {"process_bytes": 7}}
    (root / "train.json").write_text(json.dumps(record), encoding="utf-8")
    (root / "iter_4.pth").touch()
    return root


def test_curves_have_a_row_a_step_and_metrics_the_cost(tmp_path: Path) -> None:
    names = write_numbers(work_dir(tmp_path / "run"), tmp_path / "out")
    assert names == ["metrics.json", "curves.csv"]
    with (tmp_path / "out" / "curves.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["step", "loss", "lr", "val_loss", "mDice"],
        ["2", "1.5", "0.1", "", ""],
        ["4", "", "", "1.0", "80.5"],
    ]
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics == {"training": {"images": 9, "iterations": 4, "memory_bytes": 7}}


def test_scores_of_classes_stand_in_their_columns_whatever_dots_their_names_have(tmp_path: Path) -> None:
    run = write_run(
        tmp_path, {"a": (scene(0), scene(0)), "b": (scene(1), scene(2))}, names=("no.1", "no.2", "2")
    )
    write_numbers(work_dir(run.work_dir), tmp_path / "out")
    with (tmp_path / "out" / "classes.csv").open(encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert head == ["class", "Dice", "IoU"]
    for name, dice, iou in rows:
        assert (float(dice), float(iou)) == pytest.approx(
            (run.scores[f"Dice.{name}"], run.scores[f"IoU.{name}"]), abs=1e-6
        )


def test_a_copy_leaves_the_checkpoints_out(tmp_path: Path) -> None:
    copy_run(work_dir(tmp_path / "run"), tmp_path / "copy")
    assert (tmp_path / "copy" / "1" / "vis_data" / "scalars.json").is_file()
    assert not (tmp_path / "copy" / "iter_4.pth").exists()
    with pytest.raises(UserError, match="no work_dir of a training"):
        copy_run(tmp_path / "copy" / "1", tmp_path / "other")
    for inside in (tmp_path / "run", tmp_path / "run" / "copy"):
        with pytest.raises(UserError, match="outside of it"):
            copy_run(tmp_path / "run", inside)
