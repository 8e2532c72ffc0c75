"""Tiles of one picture are found by the blocks they share, and tiles of different pictures stay apart."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from segloop.data.demo.dice import Dice
from segloop.data.overlaps import groups_of_overlapping, overlapping_pairs
from segloop.data.similar import hashes

BLOCK = 64


def scene(number: int) -> np.ndarray:
    """Return a grey picture of 6 x 6 blocks, no two alike."""
    dice = Dice(0, "scene", number)
    noise = dice.clouds(6 * BLOCK, cell=20) + 0.5 * dice.clouds(6 * BLOCK, cell=6)
    return np.clip(128 + 70 * noise, 0, 255).astype(np.uint8)


def cut(folder: Path, name: str, picture: np.ndarray, row: int, column: int, *, quality: int = 95) -> Path:
    """Write the tile of 3 x 3 blocks that begins at a block."""
    tile = picture[row * BLOCK : (row + 3) * BLOCK, column * BLOCK : (column + 3) * BLOCK]
    file = folder / f"{name}.jpg"
    file.write_bytes(cv2.imencode(".jpg", tile, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())
    return file


@pytest.mark.parametrize("second", [(0, 0), (0, 1), (2, 0), (1, 2), (2, 2)])
def test_two_tiles_that_share_a_block_are_one_group(tmp_path: Path, second: tuple[int, int]) -> None:
    picture = scene(1)
    files = [
        cut(tmp_path, "b", picture, 0, 0),
        cut(tmp_path, "a", picture, *second, quality=75),
        cut(tmp_path, "c", scene(2), 0, 0),
    ]
    assert groups_of_overlapping(["b", "a", "c"], files, workers=1) == ["b", "b", "c"]


def test_a_chain_of_tiles_is_one_group_and_neighbours_that_share_nothing_are_not(tmp_path: Path) -> None:
    picture = scene(3)
    ends = [cut(tmp_path, "a", picture, 0, 0), cut(tmp_path, "c", picture, 0, 3)]
    assert groups_of_overlapping(["a", "c"], ends, workers=1) == ["a", "c"]
    chain = [ends[0], cut(tmp_path, "b", picture, 0, 2), ends[1]]
    assert groups_of_overlapping(["a", "b", "c"], chain, workers=1) == ["a", "a", "a"]


def test_one_block_alone_proves_nothing_if_its_neighbours_differ(tmp_path: Path) -> None:
    """Water looks like water: what overlaps must agree in every block that both have."""
    picture, other = scene(4), scene(5)
    other[BLOCK : 2 * BLOCK, BLOCK : 2 * BLOCK] = picture[BLOCK : 2 * BLOCK, BLOCK : 2 * BLOCK]
    files = [cut(tmp_path, "a", picture, 0, 0), cut(tmp_path, "b", other, 0, 0)]
    assert groups_of_overlapping(["a", "b"], files, workers=1) == ["a", "b"]
    blocks = hashes(files, tiles=3, workers=1)
    assert (blocks[0, 4] == blocks[1, 4]).mean() > 0.8
    assert len(overlapping_pairs(blocks)) == 0


def test_tiles_that_show_nothing_cannot_be_read_or_are_not_there_are_alone(tmp_path: Path) -> None:
    flat = np.full((6 * BLOCK, 6 * BLOCK), 90, np.uint8)
    broken = tmp_path / "d.jpg"
    broken.write_bytes(b"\xff\xd8 nothing more")
    files = [cut(tmp_path, "a", flat, 0, 0), cut(tmp_path, "b", flat, 1, 0), None, broken]
    assert groups_of_overlapping(list("abcd"), files, workers=1) == list("abcd")
    assert groups_of_overlapping([], [], workers=1) == []


def test_progress_is_told(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    files = [cut(tmp_path, str(n), scene(n), 0, 0) for n in range(3)]
    groups_of_overlapping(
        list("abc"), [None, *files[1:]], workers=1, progress=lambda *both: heard.append(both)
    )
    assert heard[-1] == (2, 2)
