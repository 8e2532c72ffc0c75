"""Writes a drawn set as the Sartorius competition ships its own: images, train.csv, an empty answer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from segloop.data import masks
from segloop.data.demo.build import Progress, check_wishes, new_folder
from segloop.data.demo.cells.culture import Shot, plan
from segloop.data.demo.cells.scene import Scene, draw_scene
from segloop.data.png import encode_grey
from segloop.utils.atomic import write_text
from segloop.utils.errors import DataError
from segloop.utils.workers import map_ordered

EDITION = 1  # raise it with every change that moves a pixel: old numbers belong to old pictures
COUNTS: Mapping[str, int] = {"train": 720, "test": 12}
SIZE = 192
HEADER = "id,annotation,width,height,cell_type,plate_time,sample_date,sample_id,elapsed_timedelta"


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
    """Draw the competition's tree into `root`; `counts` may name its two folders, `train` and `test`.

    As in the competition, only images of `train` have rows; those of `test` are for answers.
    """
    check_wishes(seed=seed, counts=counts, size=size)
    if strange := sorted(set(counts) - set(COUNTS)) or "train" not in counts:
        named = f", not {', '.join(strange)}" if isinstance(strange, list) else ""
        raise DataError(f"Nothing was drawn: the cells are train=N, and test=N if you want them{named}.")
    shots = [shot for split, count in counts.items() for shot in plan(seed, split, count)]
    with new_folder(root, replace=replace) as folder:
        for split in COUNTS:
            (folder / split).mkdir()
        write = partial(_write_shot, folder=folder, seed=seed, size=size)
        rows: dict[str, str] = {}
        for shot, text in zip(shots, map_ordered(write, shots, workers=workers), strict=True):
            rows[shot.image_id] = text
            if progress:
                progress(len(rows), len(shots))
        train = sorted(shot.image_id for shot in shots if shot.sample.split == "train")
        write_text(folder / "train.csv", HEADER + "\n" + "".join(rows[name] for name in train))
        test = sorted(shot.image_id for shot in shots if shot.sample.split == "test")
        write_text(
            folder / "sample_submission.csv", "id,predicted\n" + "".join(f"{name},\n" for name in test)
        )


def _write_shot(shot: Shot, *, folder: Path, seed: int, size: int) -> str:
    """Write a picture's file, and return its rows."""
    scene = draw_scene(shot, seed=seed, size=size)
    (folder / shot.sample.split / f"{shot.image_id}.png").write_bytes(encode_grey(scene.image))
    return rows_of(shot, scene)


def rows_of(shot: Shot, scene: Scene) -> str:
    """Return the lines of train.csv that a picture has, one for each cell."""
    sample, (height, width) = shot.sample, scene.image.shape
    pairs = masks.to_pairs([masks.encode(cell) for cell in scene.cells], (height, width), order="rows")
    hours, minutes = divmod(shot.minutes, 60)
    plate_time = f"{hours:02d}h{minutes:02d}m00s"
    elapsed = f"{hours // 24} days {hours % 24:02d}:{minutes:02d}:00"
    rest = f"{width},{height},{sample.cell_type},{plate_time},{sample.date},{sample.sample_id},{elapsed}"
    return "".join(f"{shot.image_id},{' '.join(map(str, each.tolist()))},{rest}\n" for each in pairs)
