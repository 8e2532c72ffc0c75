"""The drawn download looks as the competition's does: names, CSVs, runs, and a crowd of empty images."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from segloop.data.demo.ships import COUNTS, SIZE, draw_native, draw_tiles
from segloop.data.demo.ships.native import GRID, TABLES, TILES, tile_name
from segloop.utils.errors import DataError

COUNT = 2 * TILES + 1
SEED = 1  # its first scene is a harbour, its second an empty sea


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo") / "airbus"
    draw_native(root, seed=SEED, counts={"train_v2": COUNT, "test_v2": 2}, size=96, workers=1)
    return root


def rows_of(root: Path, split: str) -> list[list[str]]:
    with (root / TABLES[split]).open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["ImageId", "EncodedPixels"]
    return rows


def contents(root: Path) -> dict[str, bytes]:
    return {
        file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*") if file.is_file()
    }


def test_the_tree_is_the_competitions(drawn: Path) -> None:
    assert sorted(path.name for path in drawn.iterdir()) == [
        "sample_submission_v2.csv", "test_v2", "train_ship_segmentations_v2.csv", "train_v2",
    ]  # fmt: skip
    for split, count in (("train_v2", COUNT), ("test_v2", 2)):
        names = sorted(path.name for path in (drawn / split).iterdir())
        assert len(names) == count
        listed = [name for name, _ in rows_of(drawn, split)]
        assert listed == sorted(listed)
        assert sorted(set(listed)) == names
    assert {text for _, text in rows_of(drawn, "test_v2")} == {"1 2"}


def test_rows_are_runs_column_by_column_from_pixel_1(drawn: Path) -> None:
    rows = rows_of(drawn, "train_v2")
    wanted: dict[str, np.ndarray] = {}
    for number in range(COUNT):
        tile = draw_tiles(seed=SEED, split="train_v2", index=number // TILES, size=96)[number % TILES]
        wanted[tile_name(SEED, "train_v2", number)] = tile[1]
    assert sum(bool(text) for _, text in rows) > 10
    found = {name: np.zeros((96, 96), int) for name, _ in rows}
    for name, text in rows:
        flat = np.zeros(96 * 96, int)
        pairs = np.array(text.split(), int).reshape(-1, 2)
        assert (pairs[1:, 0] > pairs[:-1].sum(axis=1)).all(), "runs ascend and do not touch"
        for start, length in pairs:
            flat[start - 1 : start - 1 + length] = 1
        found[name] += flat.reshape(96, 96).T
    for name, ships in wanted.items():
        np.testing.assert_array_equal(found[name], ships > 0)  # and no pixel is of two ships
        assert sum(each == name for each, _ in rows) == max(1, len(set(np.unique(ships)) - {0}))


def test_images_are_what_was_drawn(drawn: Path) -> None:
    image, _ = draw_tiles(seed=SEED, split="train_v2", index=0, size=96)[0]
    stored = cv2.imread(str(drawn / "train_v2" / tile_name(SEED, "train_v2", 0)), cv2.IMREAD_COLOR)
    assert np.abs(stored[..., ::-1].astype(int) - image).mean() < 3


def test_any_number_of_workers_writes_the_same_bytes(drawn: Path, tmp_path: Path) -> None:
    draw_native(tmp_path / "again", seed=SEED, counts={"train_v2": COUNT, "test_v2": 2}, size=96, workers=2)
    assert contents(tmp_path / "again") == contents(drawn)


def test_more_images_leave_the_first_ones_as_they_are(drawn: Path, tmp_path: Path) -> None:
    draw_native(tmp_path / "few", seed=SEED, counts={"train_v2": 2}, size=96, workers=1)
    few = {name: data for name, data in contents(tmp_path / "few").items() if name.endswith(".jpg")}
    assert len(few) == 2
    assert few.items() <= contents(drawn).items()


def test_tiles_of_a_scene_overlap_in_whole_blocks() -> None:
    tiles = [image for image, _ in draw_tiles(seed=0, split="train_v2", index=7, size=96, count=GRID * GRID)]
    blocks = Counter(
        image[row * 32 : row * 32 + 32, column * 32 : column * 32 + 32].tobytes()
        for image in tiles
        for row in range(3)
        for column in range(3)
    )
    assert len(blocks) == (GRID + 2) ** 2
    assert max(blocks.values()) == 9


def test_what_the_rim_leaves_of_a_ship_is_not_labelled() -> None:
    for index in (10, 36):  # harbours and canals
        for _, ships in draw_tiles(seed=0, split="train_v2", index=index, size=96):
            areas = Counter(ships[ships > 0].tolist())
            rim = set(np.concatenate([ships[0], ships[-1], ships[:, 0], ships[:, -1]]).tolist())
            assert all(areas[number] >= 6 for number in rim - {0})


def test_names_tell_nothing_and_never_come_twice() -> None:
    names = {tile_name(0, split, number) for split in TABLES for number in range(20_000)}
    assert len(names) == 40_000
    assert all(len(name) == 13 for name in names)
    assert len({name[0] for name in (tile_name(0, "train_v2", number) for number in range(TILES))}) > 1


def test_four_fifths_of_the_images_are_empty() -> None:
    """Shares as in the competition: 78 % of its images are empty; of the others, two thirds show one ship."""
    counts = [
        len(np.unique(ships)) - 1
        for index in range(30)
        for _, ships in draw_tiles(seed=0, split="train_v2", index=index, size=96)
    ]
    having = [count for count in counts if count]
    assert 0.68 < 1 - len(having) / len(counts) < 0.88
    assert 0.5 < having.count(1) / len(having) < 0.8
    assert 1.4 < np.mean(having) < 2.6


def test_wishes_that_cannot_be_met_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no val; it has train_v2 and test_v2"):
        draw_native(tmp_path / "set", counts={"val": 3})
    with pytest.raises(DataError, match="train_v2=0"):
        draw_native(tmp_path / "set", counts={"train_v2": 0})
    assert list(tmp_path.iterdir()) == []


def test_the_default_is_large_enough_and_its_tiles_share_whole_jpeg_blocks() -> None:
    assert COUNTS["train_v2"] >= 600
    assert SIZE % 48 == 0


def test_files_are_pinned(drawn: Path) -> None:
    """The truth is pinned to the byte; the pixels of the images are pinned where scenes are tested."""
    table = (drawn / TABLES["train_v2"]).read_bytes()
    assert hashlib.sha256(table).hexdigest()[:16] == "654fbaeea44d94fa"
