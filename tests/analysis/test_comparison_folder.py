"""The folder of a comparison: whole or not there, never over others' files, no more drawn than shown."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from segloop.analysis import comparison_folder
from segloop.analysis.compare import compare
from segloop.analysis.comparison_folder import (
    draw_wins,
    image_table,
    markdown,
    text,
    win_table,
    write_comparison,
)
from segloop.data.png import encode_grey
from segloop.utils.errors import DataError, UserError
from tests.analysis.instance_runs_made import squares, write_instance_run
from tests.analysis.runs_compared import write_pair, write_training
from tests.analysis.runs_made import NAMES, write_run


def rows(table):
    return list(csv.DictReader(table.splitlines()))


def test_everything_is_written(tmp_path):
    comparison = compare(write_pair(tmp_path, number=3), repeats=100, topk=1)
    page = write_comparison(comparison, tmp_path / "out")
    assert sorted(item.name for item in page.parent.iterdir()) == [
        "compare.json", "compare.md", "images.csv", "index.html", "wins.csv"
    ]  # fmt: skip
    assert json.loads((tmp_path / "out/compare.json").read_text()) == comparison.numbers
    before = {item.name: item.read_bytes() for item in page.parent.iterdir()}
    write_comparison(comparison, tmp_path / "out")  # an earlier one is replaced
    assert before == {item.name: item.read_bytes() for item in page.parent.iterdir()}


def test_only_pictures_that_are_shown_are_drawn(tmp_path, monkeypatch):
    comparison = compare(write_pair(tmp_path, number=6), repeats=100, topk=2)
    opened = []
    monkeypatch.setattr(
        comparison_folder, "open_case", lambda analysis, image_id: opened.append(image_id) or 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        write_comparison(comparison, tmp_path / "out")
    assert len(opened) == 1
    assert not (tmp_path / "out").exists()
    monkeypatch.undo()
    drawn = []
    duel = comparison_folder.duel
    monkeypatch.setattr(comparison_folder, "duel", lambda *cases: drawn.append(cases) or duel(*cases))
    write_comparison(comparison, tmp_path / "out")
    assert len(drawn) == 3  # two that A wins, and the only one that B wins
    assert drawn[0][0].image_id == drawn[0][1].image_id


def test_somebody_elses_folder_is_left_alone(tmp_path):
    comparison = compare(write_pair(tmp_path, number=2), repeats=100, topk=0)
    with pytest.raises(UserError, match=r"is no comparison\. Say another folder with --out"):
        write_comparison(comparison, tmp_path / "a")
    assert (tmp_path / "a/data").is_dir()


def test_moved_pictures_are_told_and_found_by_data_root(tmp_path):
    runs = write_pair(tmp_path, number=2)
    (tmp_path / "a/data").rename(tmp_path / "moved")
    (tmp_path / "b/data").rename(tmp_path / "moved too")
    with pytest.raises(DataError, match="--data-root"):
        write_comparison(compare(runs, repeats=100), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    found = compare(runs, repeats=100, data_root=tmp_path / "moved")
    assert write_comparison(found, tmp_path / "out").is_file()
    assert write_comparison(compare(runs, repeats=100, topk=0), tmp_path / "bare").is_file()


def test_labels_that_were_changed_since_the_test_are_told_below_their_picture(tmp_path):
    runs = write_pair(tmp_path, number=2)
    comparison = compare(runs, repeats=100, topk=2)
    assert not any("changed" in text for shots in draw_wins(comparison).values() for _, text in shots)
    mask = tmp_path / "b/data/ann/1.png"
    mask.write_bytes(encode_grey(np.zeros((48, 48), np.uint8)))
    told = [text for shots in draw_wins(comparison).values() for _, text in shots]
    assert [text[3] for text in told if "labels were changed since" in text] == ["1"]
    assert len(told) == 2
    mask.write_bytes(encode_grey(np.full((48, 48), len(NAMES), np.uint8)))  # a class that is new since
    assert len(draw_wins(comparison)) == 2


def test_a_training_that_ran_away_has_gaps_in_its_curves(tmp_path):
    runs = write_pair(tmp_path, number=2)
    for run in runs:
        write_training(run)
    log = tmp_path / "b/work_dirs/net/20260101/vis_data/scalars.json"
    log.write_text(log.read_text().replace('"loss": 0.5', '"loss": Infinity').replace("0.9", "NaN"))
    comparison = compare(runs, repeats=100, topk=0)
    assert [point[2] for point in comparison.numbers["curves"][1]["loss"]] == [1.5, None]
    page = write_comparison(comparison, tmp_path / "out").read_text()
    assert "Training loss" in page
    assert "Infinity" not in (tmp_path / "out/compare.json").read_text()


def test_tables_of_images_by_hand(tmp_path):
    full, half = np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8)
    full[0], half[0, :2] = 1, 1
    empty = np.zeros((4, 4), np.uint8)
    truths = {"a": full, "b": full, "c": empty, "d": empty}
    one = {"a": full, "b": half, "c": empty, "d": empty}
    other = {"a": half, "b": half, "c": half, "d": empty}
    runs = [
        write_run(tmp_path / name, {key: (truths[key], pred[key]) for key in pred}, names=("g", "disc"))
        for name, pred in (("x", one), ("y", other))
    ]
    comparison = compare(runs, repeats=100)
    # Dice of half: 2 x 2 / (2 x 2 + 2)
    assert rows(image_table(comparison)) == [
        {"image_id": "a", "A": "1.0", "B": "0.666667", "best": "A", "lead": "0.333333"},
        {"image_id": "b", "A": "0.666667", "B": "0.666667", "best": "", "lead": "0.0"},
        {"image_id": "c", "A": "", "B": "0.0", "best": "A", "lead": "1.0"},
        {"image_id": "d", "A": "", "B": "", "best": "", "lead": ""},
    ]
    told = [(each["image_id"], each["difference"], each["winner"]) for each in rows(win_table(comparison))]
    assert told == [("c", "-1.0", "A"), ("a", "-0.333333", "A"), ("b", "0.0", "")]


def test_objects_are_drawn(tmp_path):
    truth = squares((0, 0, 0, 10), (1, 30, 30, 10))
    found = squares((0, 0, 0, 10), (1, 30, 30, 10), scores=[0.9, 0.8])
    runs = [
        write_instance_run(tmp_path / name, {"x": (truth, each), "y": (truth, found)})
        for name, each in (("a", found), ("b", squares((0, 0, 0, 10), scores=[0.9])))
    ]
    page = write_comparison(compare(runs, repeats=100), tmp_path / "out").read_text()
    assert page.count("<figure") == 1
    assert "1. x, quality: A 100.0, B 66.7" in page


def test_text_and_markdown_say_the_same(tmp_path):
    comparison = compare(write_pair(tmp_path, number=3), repeats=100, topk=0)
    shown, written = text(comparison), markdown(comparison)
    for part in ("a/test-last", "B − A", "IoU.disc", "model.backbone.depth"):
        assert part in shown
        assert part in written
    assert "## Rules of the numbers" in written
    assert "Holm" in written
    assert "Not recorded" not in shown  # nothing at all is recorded of these two, so there is no table
