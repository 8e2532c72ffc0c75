"""The drawn tree is what the competition ships, whole or absent, whoever draws it."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from data_converters.base import ReadOptions
from data_converters.sartorius import read
from segloop.data import masks
from segloop.data.annotations import Bitmap
from segloop.data.demo.cells import COUNTS, EDITION, SIZE, draw_native
from segloop.data.demo.cells.culture import plan
from segloop.data.demo.cells.scene import draw_scene
from segloop.data.demo.cells.tree import HEADER
from segloop.data.info import content_hash
from segloop.utils.errors import DataError

SMALL = {"train": 5, "test": 2}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo") / "cells"
    draw_native(root, counts=SMALL, size=96, workers=1)
    return root


def test_the_tree_has_what_the_download_has(drawn: Path) -> None:
    assert sorted(path.name for path in drawn.iterdir()) == [
        "sample_submission.csv",
        "test",
        "train",
        "train.csv",
    ]
    train, test = ({shot.image_id for shot in plan(0, split, count)} for split, count in SMALL.items())
    assert {path.stem for path in (drawn / "train").iterdir()} == train
    assert {path.stem for path in (drawn / "test").iterdir()} == test
    answer = (drawn / "sample_submission.csv").read_text(encoding="utf-8").splitlines()
    assert answer == ["id,predicted", *(f"{name}," for name in sorted(test))]


def test_the_table_has_the_real_columns_and_a_row_for_each_cell(drawn: Path) -> None:
    with (drawn / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert ",".join(rows[0]) == HEADER
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    shot = plan(0, "train", 1)[0]
    mine = [row for row in rows if row["id"] == shot.image_id]
    assert len(mine) == len(draw_scene(shot, seed=0, size=96).cells)
    assert {row["sample_id"] for row in mine} == {shot.sample.sample_id}
    assert {(row["width"], row["height"], row["cell_type"]) for row in mine} == {("96", "96", "cort")}
    hours, minutes = divmod(shot.minutes, 60)
    assert mine[0]["plate_time"] == f"{hours:02d}h{minutes:02d}m00s"
    assert mine[0]["elapsed_timedelta"] == f"0 days {hours:02d}:{minutes:02d}:00"


def test_the_reader_gives_back_each_pixel(drawn: Path) -> None:
    found = read(drawn / "train.csv", options=ReadOptions())
    assert found.labels.names == ("shsy5y", "astro", "cort")
    shots = {shot.image_id: shot for shot in plan(0, "train", SMALL["train"])}
    records = [found.load(key) for key in found.keys]
    assert {record.image_id for record in records} == set(shots)
    for record in records[:2]:
        scene = draw_scene(shots[record.image_id], seed=0, size=96)
        stored = cv2.imread(str(record.file), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(stored, scene.image)
        for instance, cell in zip(record.instances, scene.cells, strict=True):
            assert isinstance(instance.shape, Bitmap)
            np.testing.assert_array_equal(masks.decode(instance.shape.runs, (96, 96)), cell)


def test_any_number_of_workers_draws_the_same_bytes(drawn: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    draw_native(
        tmp_path / "again",
        counts=SMALL,
        size=96,
        workers=2,
        progress=lambda done, total: told.append((done, total)),
    )
    assert content_hash(tmp_path / "again") == content_hash(drawn)
    assert told[-1] == (7, 7)


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    for counts in ({"val": 3, "train": 2}, {"test": 3}):
        with pytest.raises(DataError, match="the cells are train=N, and test=N"):
            draw_native(tmp_path / "x", counts=counts)
    with pytest.raises(DataError, match="64 to 2048 pixels"):
        draw_native(tmp_path / "x", size=32)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "mine").touch()
    with pytest.raises(DataError, match="exists already"):
        draw_native(tmp_path / "x", counts=SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_the_set_is_large_enough_and_its_images_small_enough() -> None:
    assert COUNTS["train"] >= 600
    assert SIZE <= 200
    assert EDITION == 1
