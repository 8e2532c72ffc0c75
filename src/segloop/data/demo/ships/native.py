"""Writes drawn ships as the Airbus competition hands them out: tiles of larger scenes, and a CSV of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from segloop.data.demo.build import Progress, check_wishes, new_folder
from segloop.data.demo.dice import Dice
from segloop.data.demo.ships.scene import draw_scene
from segloop.data.masks import encode_labels, to_pairs
from segloop.utils.errors import DataError
from segloop.utils.workers import map_ordered

EDITION = 1  # raise it with every change that moves a pixel: old numbers belong to old pictures
COUNTS = {"train_v2": 2400, "test_v2": 12}
SIZE = 192  # divisible by 48: then the parts that tiles share are whole blocks of JPEG, as Airbus' are
TABLES = {"train_v2": "train_ship_segmentations_v2.csv", "test_v2": "sample_submission_v2.csv"}
HEADER = "ImageId,EncodedPixels\n"

TILES = 6  # of one scene
GRID = 5  # places along each side of a scene where a tile may begin, a third of a tile apart
QUALITY = 95  # of the JPEG files
SLIVER = 10  # units squared: of a ship that the rim cuts off, nobody labels less
_DIGITS = 36  # bits of a name: nine hexadecimal digits

Row = tuple[str, str]


def draw_native(
    root: Path,
    *,
    seed: int = 0,
    counts: Mapping[str, int] = COUNTS,
    size: int = SIZE,
    workers: int | None = None,
    progress: Progress | None = None,
    replace: bool = False,
) -> None:
    """Draw `counts` tiles of `size` pixels a side into `root`; `progress` hears (done, total).

    `train_v2` comes with its CSV of ships, `test_v2` with a CSV that only names its images.
    """
    check_wishes(seed=seed, counts=counts, size=size)
    if strange := [split for split in counts if split not in TABLES]:
        raise DataError(f"The ships demo has no {', '.join(strange)}; it has {' and '.join(TABLES)}.")
    scenes = [
        (split, start // TILES, min(TILES, count - start))
        for split, count in counts.items()
        for start in range(0, count, TILES)
    ]
    rows: dict[str, list[Row]] = {split: [] for split in counts}
    with new_folder(root, replace=replace) as folder:
        for split in counts:
            (folder / split).mkdir()
        write = partial(_write_scene, folder=folder, seed=seed, size=size)
        done, total = 0, sum(counts.values())
        drawn = map_ordered(write, scenes, workers=workers, chunk=2)
        for (split, _, count), found in zip(scenes, drawn, strict=True):
            rows[split] += found
            done += count
            if progress:
                progress(done, total)
        for split, listed in rows.items():
            text = HEADER + "".join(f"{name},{pairs}\n" for name, pairs in sorted(listed, key=_name_of))
            (folder / TABLES[split]).write_bytes(text.encode())


def draw_tiles(
    *, seed: int, split: str, index: int, size: int, count: int = TILES
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the first tiles of a scene, RGB and the number of the ship at each pixel; most overlap."""
    step = size // 3
    unit = size / SIZE
    image, ships = draw_scene(seed=seed, split=split, index=index, side=size + (GRID - 1) * step, unit=unit)
    dice = Dice(seed, f"{split}/tiles", index)
    places = list(range(GRID * GRID))
    tiles = []
    for _ in range(count):
        row, column = divmod(places.pop(dice.integer(0, len(places) - 1)), GRID)
        window = (slice(row * step, row * step + size), slice(column * step, column * step + size))
        tiles.append((image[window], _labelled(ships[window], least=max(6.0, SLIVER * unit * unit))))
    return tiles


def tile_name(seed: int, split: str, number: int) -> str:
    """Return the file name of a tile: nine digits that tell nothing of its scene, and never come twice.

    >>> tile_name(0, "train_v2", 0), tile_name(0, "train_v2", 1)
    ('5c7ee0a55.jpg', 'bec8e5e28.jpg')
    """
    mask = (1 << _DIGITS) - 1
    value = (2 * number + (split == "test_v2") + 1_000_003 * seed) & mask
    for factor in (0x9E3779B97, 0x5851F42D5):  # odd, so that each step can be undone
        value = (value * factor + 0x6D2B79F51) & mask
        value ^= value >> 17
    return f"{value:09x}.jpg"


def _name_of(row: Row) -> str:
    return row[0]


def _labelled(ships: np.ndarray, *, least: float) -> np.ndarray:
    """Return the ships of a tile without what the rim left of others."""
    numbers, counts = np.unique(ships, return_counts=True)
    rim = set(np.concatenate([ships[0], ships[-1], ships[:, 0], ships[:, -1]]).tolist())
    slivers = [
        n for n, size in zip(numbers.tolist(), counts.tolist(), strict=True) if n in rim and size < least
    ]
    return np.where(np.isin(ships, slivers), np.uint16(0), ships)


def _write_scene(scene: tuple[str, int, int], *, folder: Path, seed: int, size: int) -> list[Row]:
    """Write the tiles of a scene and return their rows."""
    split, index, count = scene
    rows: list[Row] = []
    for place, (image, ships) in enumerate(
        draw_tiles(seed=seed, split=split, index=index, size=size, count=count)
    ):
        name = tile_name(seed, split, index * TILES + place)
        _, packed = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        (folder / split / name).write_bytes(packed.tobytes())
        rows += [(name, text) for text in _pairs(ships)] if split == "train_v2" else [(name, "1 2")]
    return rows


def _pairs(ships: np.ndarray) -> Sequence[str]:
    """Return the runs of each ship as text, column by column; one empty text if there is none."""
    found = encode_labels(ships)
    found.pop(0, None)
    flat = to_pairs(list(found.values()), ships.shape, order="columns")
    return [" ".join(map(str, each.tolist())) for each in flat] or [""]
