"""The folder of an analysis: its files, whole or not at all, only with what is shown."""

from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest

from segloop.analysis import analysis_folder
from segloop.analysis.analysis_folder import lists, most_suspect, write_analysis
from segloop.analysis.analyze import analyze
from segloop.data.layout import read_list
from segloop.utils.errors import DataError
from tests.analysis.runs_made import scene, write_run


def analysed(tmp_path, *, topk=3, **options):
    images = {f"a/{place}": (scene(place), np.roll(scene(place), place, axis=0)) for place in range(5)}
    images["b/1"] = (np.zeros((48, 48), np.uint8), np.zeros((48, 48), np.uint8))
    sure = {name: np.where(truth == pred, 95, 60) for name, (truth, pred) in images.items()}
    return analyze(write_run(tmp_path, images, sure=sure, **options), repeats=100, topk=topk)


def test_every_file_is_there(tmp_path):
    analysis = analysed(tmp_path)
    page = write_analysis(analysis, topk=3)
    folder = page.parent
    assert page == analysis.run.folder / "analysis/index.html"
    names = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    assert {name for name, _ in analysis_folder.FILES} <= names
    assert sorted(file.name for file in (folder / "best").iterdir())[0] == "001_a_0.jpg"
    assert [len(list((folder / part).iterdir())) for part in ("best", "worst", "costly")] == [3, 3, 3]
    rows = list(csv.DictReader((folder / "images.csv").read_text().splitlines()))
    assert [row["image_id"] for row in rows][-1] == "b/1"  # it has no score
    assert rows[-1]["mDice_fg"] == ""
    scores = [float(row["mDice_fg"]) for row in rows[:-1]]
    assert scores == sorted(scores)
    assert "Analysis of a test" in page.read_text()


def test_lists_are_read_by_the_tools(tmp_path):
    analysis = analysed(tmp_path)
    folder = write_analysis(analysis, topk=3).parent
    worst = [each["image_id"] for each in analysis.numbers["rankings"]["worst"]]
    assert read_list(folder / "lists/worst.txt") == worst
    assert read_list(folder / "lists/suspects.txt") == most_suspect(analysis)[:3]
    assert (folder / "lists/class-disc.txt").is_file()
    assert all(text.startswith("# net/test-last: ") for _, text in lists(analysis, topk=3))
    analysis.numbers["rankings"]["worst"][0]["image_id"] = "#1"
    assert dict(lists(analysis, topk=3))["worst"].splitlines()[1] == "./#1"


def test_each_class_has_a_list_of_its_own_and_a_title_is_one_line(tmp_path):
    analysis = analysed(tmp_path, names=("ground", "c++", "C#\nsharp"))
    other = analysed(tmp_path / "alike", names=("ground", "c++", "C#"))
    assert {"class-c_", "class-C_-2"} <= dict(lists(other, topk=3)).keys()
    folder = write_analysis(analysis, topk=3).parent
    wanted = [each["image_id"] for each in analysis.numbers["rankings"]["class:C#\nsharp"]]
    assert read_list(folder / "lists/class-C_sharp.txt") == wanted


def test_names_that_no_disk_takes_are_cut(tmp_path):
    name = "/".join(letter * 90 for letter in "aбc")  # 360 bytes
    images = {f"{name}/{place}": (scene(place), np.roll(scene(place), 2, axis=0)) for place in range(2)}
    run = write_run(tmp_path, images, names=("ground", "d" * 300, "d" * 299 + "e"))
    folder = write_analysis(analyze(run, repeats=100, topk=2)).parent
    drawn = sorted(file.name for file in (folder / "best").iterdir())
    assert [(each[:4], len(each.encode()) > 190) for each in drawn] == [("001_", True), ("002_", True)]
    assert {each[-8:] for each in drawn} == {"cc_0.jpg", "cc_1.jpg"}
    assert len([file for file in (folder / "lists").iterdir() if file.name.startswith("class-")]) == 2


def test_a_former_analysis_is_replaced_and_a_failed_one_leaves_it(tmp_path, monkeypatch):
    analysis = analysed(tmp_path)
    folder = write_analysis(analysis, topk=2).parent
    (folder / "old.txt").touch()
    write_analysis(analysis, topk=1)
    assert not (folder / "old.txt").exists()
    assert len(list((folder / "worst").iterdir())) == 1
    monkeypatch.setattr(analysis_folder, "analysis_page", lambda *args, **options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_analysis(analysis, topk=3)
    assert len(list((folder / "worst").iterdir())) == 1
    assert [file.name for file in folder.parent.glob(".analysis*")] == []


def test_sheets_hold_the_first_and_folders_all(tmp_path, monkeypatch):
    analysis = analysed(tmp_path, topk=5)
    heights = {}
    for most in (1, 3):
        monkeypatch.setattr(analysis_folder, "ON_SHEET", most)
        folder = write_analysis(analysis, topk=5).parent
        heights[most] = cv2.imread(str(folder / "worst.jpg")).shape[0]
        assert len(list((folder / "worst").iterdir())) == 5
    assert heights[1] < heights[3]


def test_the_same_analysis_writes_the_same_bytes(tmp_path):
    analysis = analysed(tmp_path)
    folder = write_analysis(analysis, topk=2).parent
    first = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    write_analysis(analysis, topk=2)
    assert first == {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_only_shown_pictures_are_drawn(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(
        analysis_folder,
        "open_case",
        lambda analysis, name, real=analysis_folder.open_case: opened.append(name) or real(analysis, name),
    )
    monkeypatch.setattr(analysis_folder, "IN_GROUP", 1)
    analysis = analysed(tmp_path, topk=1)
    write_analysis(analysis, topk=1)
    groups = sum(":" in key for key in analysis.numbers["rankings"])
    assert len(opened) == 4 + groups + 1  # four rankings of the set, one a group, one suspect


def test_a_picture_that_is_there_and_none(tmp_path):
    analysis = analysed(tmp_path)
    file = analysis.run.image_file("a/1")
    cv2.imwrite(str(file), np.zeros((5, 5, 3), np.uint8))
    with pytest.raises(DataError, match="different sizes"):
        analysis_folder.open_case(analysis, "a/1")
    file.write_bytes(b"no picture")
    with pytest.raises(DataError, match="cannot be read"):
        analysis_folder.open_case(analysis, "a/1")


def test_nothing_to_rank_and_nothing_to_suspect(tmp_path):
    empty = np.zeros((8, 8), np.uint8)
    analysis = analyze(write_run(tmp_path, {"1": (empty, empty)}), repeats=100)
    folder = write_analysis(analysis).parent
    assert not (folder / "lists/suspects.txt").exists()
    assert "No prediction contradicts a label" in (folder / "index.html").read_text()
