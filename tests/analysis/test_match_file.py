"""Matches in files: what is read is what was written, and scores come out the same."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segloop.analysis import match_file
from segloop.analysis.instance_scores import InstanceScorer
from segloop.analysis.instances import Instances
from segloop.analysis.match_file import (
    MATCH_COLUMNS,
    MATCHES,
    PER_IMAGE,
    MatchWriter,
    from_record,
    read_matches,
    to_record,
)
from segloop.analysis.matching import ImageMatches, match
from segloop.utils.errors import FormatError
from tests.analysis.cases import NAMES, nothing, objects, random_pair, same


def random_images(count: int = 8) -> list[ImageMatches]:
    draw = np.random.default_rng(4)
    images = []
    for number in range(count):
        truth, found = random_pair(draw, ignore=number % 2 == 0)
        object.__setattr__(found, "scores", draw.random(len(found), dtype=np.float32).astype(float))
        if number % 3 == 0:
            object.__setattr__(truth, "coco_areas", draw.random(len(truth)) * 100)
        kept = draw.random(len(found)) < 0.7
        images.append(match(truth, found, image_id=f"00{number}", kept=kept))
    images[3] = match(nothing((9, 11)), nothing((9, 11)), image_id="NA")
    return images


def written(folder: Path, images: list[ImageMatches]) -> Path:
    with MatchWriter(folder, class_names=NAMES) as writer:
        for image in images:
            writer.add(image)
    return folder


def rows_of(file: Path) -> list[dict[str, str]]:
    with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


@pytest.mark.parametrize("rows", [3, 1 << 17])
def test_every_score_comes_out_of_the_files_again(
    rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(match_file, "ROWS", rows)  # an image's rows may come in several pieces
    images = random_images()
    again = list(read_matches(written(tmp_path, images), class_names=NAMES))
    assert [image.image_id for image in again] == [image.image_id for image in images]
    scorers = [InstanceScorer(class_names=NAMES) for _ in range(2)]
    for scorer, each in zip(scorers, (images, again), strict=True):
        for image in each:
            scorer.add(image)
    np.testing.assert_equal(scorers[1].scores(), scorers[0].scores())


def test_the_rows_of_an_image_worked_by_hand(tmp_path: Path) -> None:
    truth = objects("aaaa.b..", labels=[0, 1])
    found = objects(".xxx..yy", labels=[0, 2], scores=[0.75, 0.5])
    rows = rows_of(written(tmp_path, [match(truth, found, image_id="d/1", kept=[True, False])]) / MATCHES)
    assert [(row["prediction"], row["truth"]) for row in rows] == [("0", "0"), ("1", ""), ("", "1")]
    assert rows[0] == {
        "image_id": "d/1",
        "prediction": "0",
        "truth": "0",
        "predicted_class": "a",
        "true_class": "a",
        "score": "0.75",
        "iou": "0.750000",
        "shared_pixels": "3",
        "predicted_area": "3",
        "true_area": "4",
        "crowd": "0",
        "kept": "1",
        "ignored_pixels": "0",
        "box_iou": "0.75",
        "box_area": "3.0",
        "coco_area": "",
    }
    assert rows[1]["predicted_class"] == "c"
    assert rows[1]["kept"] == "0"
    per_image = rows_of(tmp_path / PER_IMAGE)
    assert [list(row.values())[1:] for row in per_image] == [
        ["0", "a", "1", "1", "1", "3", "0", "1"],
        ["1", "b", "1", "0", "0", "0", "0", "1"],
        ["-1", "", "2", "1", "1", "3", "0", "2"],
    ]


def test_an_image_without_objects_has_a_row(tmp_path: Path) -> None:
    empty = match(nothing(), nothing(), image_id="x")
    assert rows_of(written(tmp_path, [empty]) / MATCHES)[0] == dict.fromkeys(MATCH_COLUMNS, "") | {
        "image_id": "x"
    }
    (again,) = read_matches(tmp_path, class_names=NAMES)
    assert same(again, empty)


def test_no_image_at_all(tmp_path: Path) -> None:
    assert list(read_matches(written(tmp_path, []), class_names=NAMES)) == []


def test_the_same_matches_give_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        written(tmp_path / name, random_images())
        contents.append([(tmp_path / name / file).read_bytes() for file in (MATCHES, PER_IMAGE)])
    assert contents[0] == contents[1]


def test_a_record_is_json_and_comes_back(tmp_path: Path) -> None:
    for image in [*random_images(), match(objects("aa"), objects("xx")).keeping([False])]:
        assert same(from_record(json.loads(json.dumps(to_record(image)))), image)
    with pytest.raises(ValueError, match="not known"):
        written(tmp_path, [image])


def test_images_are_read_one_after_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(match_file, "ROWS", 5)
    written(tmp_path, random_images())
    chunks = []
    read = pd.read_csv

    def counting(path: Path, **options):
        assert options["chunksize"] == 5
        chunks.append(path)
        return read(path, **options)

    monkeypatch.setattr(pd, "read_csv", counting)
    first = next(read_matches(tmp_path, class_names=NAMES))
    assert first.image_id == "000"
    assert len(chunks) == 2


def damaged(folder: Path, name: str, change) -> Path:
    written(folder, random_images())
    lines = gzip.decompress((folder / name).read_bytes()).decode().splitlines(keepends=True)
    (folder / name).write_bytes(gzip.compress("".join(change(lines)).encode()))
    return folder


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        (MATCHES, lambda lines: [lines[0].replace("score", "sore"), *lines[1:]], "the columns are not"),
        (
            MATCHES,
            lambda lines: [line.replace(",a,", ",q,") for line in lines],
            r"image '000': unknown class 'q'",
        ),
        (MATCHES, lambda lines: [line for line in lines if not line.startswith("001")], "in the same place"),
        (PER_IMAGE, lambda lines: lines[:-1], r"last row in per_image.csv.gz is not"),
        (MATCHES, lambda lines: [*lines, "a,b\n"], "not a table"),
        (MATCHES, lambda lines: [line for line in lines if not line.startswith("002,0")], "not all objects"),
    ],
)
def test_damage_is_told(name: str, change, told: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=told):
        list(read_matches(damaged(tmp_path, name, change), class_names=NAMES))


def test_a_missing_or_torn_file_is_told(tmp_path: Path) -> None:
    written(tmp_path, random_images())
    whole = (tmp_path / MATCHES).read_bytes()
    (tmp_path / MATCHES).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match="not a table"):
        list(read_matches(tmp_path, class_names=NAMES))
    (tmp_path / MATCHES).unlink()
    with pytest.raises(FormatError, match="missing"):
        list(read_matches(tmp_path, class_names=NAMES))


def _edited(folder: Path, name: str, change) -> None:
    lines = gzip.decompress((folder / name).read_bytes()).decode().splitlines()
    (folder / name).write_bytes(gzip.compress(("\n".join(change(lines)) + "\n").encode()))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (MATCHES, lambda lines: [*lines[:2], lines[1], *lines[2:]], "a pair of objects has two rows"),
        (MATCHES, lambda lines: [lines[0], _cell(lines[1], 5, ""), *lines[2:]], "score is no number"),
        (MATCHES, lambda lines: [lines[0], _cell(lines[1], 8, "-1"), *lines[2:]], "predicted_area is no"),
        (PER_IMAGE, lambda lines: [lines[0], lines[1], lines[1], *lines[2:]], "not one a class"),
        (PER_IMAGE, lambda lines: [lines[0], _cell(lines[1], 6, ""), *lines[2:]], "not one a class"),
        (PER_IMAGE, lambda lines: [lines[0], *lines[2:]], "a class of its objects has no row"),
    ],
)
def test_rows_that_were_edited_are_refused(tmp_path: Path, name: str, change, message: str) -> None:
    square = np.ones((1, 4, 4), bool)
    one = Instances.of_bitmaps(square, [0], size_hw=(4, 4))
    found = Instances.of_bitmaps(square, [0], size_hw=(4, 4), scores=[0.9])
    written(tmp_path, [match(one, found, image_id="a")])
    assert len(list(read_matches(tmp_path, class_names=NAMES))) == 1
    _edited(tmp_path, name, change)
    with pytest.raises(FormatError, match=message):
        list(read_matches(tmp_path, class_names=NAMES))


def _cell(line: str, place: int, text: str) -> str:
    cells = line.split(",")
    return ",".join([*cells[:place], text, *cells[place + 1 :]])
