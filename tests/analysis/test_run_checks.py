"""Damaged files of a RUN are refused in words before a number of theirs is believed."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pandas as pd
import pytest

from segloop.analysis.run_checks import check_images, check_meta, check_scores, whole_numbers
from segloop.analysis.runs import read_run
from segloop.utils.errors import FormatError
from tests.analysis.runs_made import scene, write_run


@pytest.fixture
def folder(tmp_path):
    truth = {f"a/{number}": scene(number) for number in range(3)}
    return write_run(
        tmp_path, {image_id: (mask, np.roll(mask, 2)) for image_id, mask in truth.items()}
    ).folder


def edit_counts(folder, change):
    path = folder / "per_image.csv.gz"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    path.write_bytes(gzip.compress(("\n".join(change(lines)) + "\n").encode()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:1], "not those of confusion.npz"),
        (lambda lines: [*lines[:1], *lines[2:]], "not those of confusion.npz"),
        (lambda lines: [*lines, lines[1]], "not those of confusion.npz"),
        (lambda lines: [lines[0], lines[1].replace("a/0", "b/0"), *lines[2:]], "not those of confusion.npz"),
        (lambda lines: [lines[0], "a/0,0,ground,nan,0,0", *lines[2:]], r"line 2: .*tp nan"),
        (lambda lines: [lines[0], "a/0,0,ground,-5,0,0", *lines[2:]], r"line 2: .*tp -5"),
        (lambda lines: [lines[0], "a/0,99,ground,5,0,0", *lines[2:]], r"line 2: class_index 99"),
        (lambda lines: ["x,y", "1,2"], "it lacks the columns image_id"),
    ],
)
def test_counts_that_are_not_those_of_the_test_are_refused(folder, change, message):
    assert len(read_run(folder).per_image) == 9
    edit_counts(folder, change)
    with pytest.raises(FormatError, match=message):
        _ = read_run(folder).per_image


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:2], "3 images were tested, and 1 are listed"),
        (lambda lines: [*lines, lines[1]], "image 'a/0' has more than one row"),
        (lambda lines: [lines[0], lines[1].replace(",48,", ",nan,"), *lines[2:]], "'a/0' has no height"),
        (lambda lines: [lines[0], lines[1].replace("a/0,", ",", 1), *lines[2:]], "a row names no image"),
        (lambda lines: ["x,y", "1,2"], "it lacks the columns image_id"),
    ],
)
def test_a_table_of_images_that_is_cut_or_edited_is_refused(folder, change, message):
    path = folder / "images.csv"
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")
    with pytest.raises(FormatError, match=message):
        _ = read_run(folder).images


def test_how_many_images_were_tested_may_be_unknown(tmp_path):
    row = {"image_id": "a", "image": "a.png", "truth": "", "height": 3, "width": 4, "sha256": ""}
    assert len(check_images(pd.DataFrame([row]), tmp_path, tested=None)) == 1


@pytest.mark.parametrize("content", [[1, 2], {}, {"scores": [1]}])
def test_metrics_without_scores_are_refused(tmp_path, content):
    with pytest.raises(FormatError, match="it holds no scores"):
        check_scores(content, tmp_path / "metrics.json")


def test_a_score_that_is_text_is_named(tmp_path):
    with pytest.raises(FormatError, match="no numbers:\n  mDice"):
        check_scores({"scores": {"mDice": "high", "mIoU": None, "aAcc": 0.5}}, tmp_path / "metrics.json")


def test_a_record_that_lacks_what_titles_and_pictures_need_is_refused(tmp_path):
    meta = {"format": 1, "kind": "semantic", "split": "val", "finished": "", "files": []}
    with pytest.raises(FormatError, match="experiment, data"):
        check_meta(meta, tmp_path / "meta.json")
    with pytest.raises(FormatError, match="data is list, not an object"):
        check_meta({**meta, "experiment": "net", "data": []}, tmp_path / "meta.json")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("files", None, "files is NoneType, not a list"),
        ("finished", 5, "finished is int, not a text"),
        ("classes", 3, "classes is int, not a list"),
        ("checkpoint", ["last.pth"], "checkpoint is list, not an object"),
    ],
)
def test_a_record_of_other_types_is_refused_in_words(folder, name, value, told):
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | {name: value}))
    with pytest.raises(FormatError, match=told):
        read_run(folder)


def test_other_classes_than_were_counted_are_refused(folder):
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | {"classes": ["ground", "disc"]}))
    with pytest.raises(FormatError, match=r"counts 3 classes, and meta.json names 2"):
        _ = read_run(folder).confusion


def test_whole_numbers_know_what_is_none():
    table = pd.DataFrame({"tp": ["7", "", "1e300", "-1"]})
    assert whole_numbers(table, ("tp",)).ravel().tolist() == [7, -1, -1, -1]
