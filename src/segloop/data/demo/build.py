"""Turn a function that draws scenes into a data set on disk: in parallel, and whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from segloop.data.info import DatasetInfo, content_hash
from segloop.data.png import encode_indices, encode_rgb
from segloop.utils.errors import DataError
from segloop.utils.workers import map_ordered

Progress = Callable[[int, int], None]


class DrawScene(Protocol):
    """A function that draws one scene of a split: an RGB image and its index mask."""

    def __call__(self, *, split: str, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw the scene."""


def build_semantic(
    root: Path | str,
    info: DatasetInfo,
    draw: DrawScene,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> DatasetInfo:
    """Draw all splits of `info` into `root` in mmseg's layout; `progress` hears (done, total)."""
    with new_folder(root) as folder:
        for split in info.splits:
            (folder / info.image_dir(split)).mkdir(parents=True)
            (folder / info.mask_dir(split)).mkdir(parents=True)
        scenes = [(split, index) for split, count in info.splits.items() for index in range(count)]
        write = partial(_write_scene, folder=folder, info=info, draw=draw)
        for done, _ in enumerate(map_ordered(write, scenes, workers=workers), start=1):
            if progress:
                progress(done, len(scenes))
        info = replace(info, content_hash=content_hash(folder))
        info.write(folder)
    return info


def scene_name(split: str, index: int) -> str:
    """Return the stem of a scene's files."""
    return f"{split}_{index:04d}"


def check_counts(counts: Mapping[str, int]) -> None:
    """Refuse splits without a scene, and sets without a split."""
    empty = [split for split, count in counts.items() if count < 1]
    if not counts or empty:
        what = f"{', '.join(empty)}: at least 1 scene is needed" if empty else "no split was named"
        raise DataError(f"Nothing to draw ({what}). Give counts such as train=800 val=200 test=200")


@contextlib.contextmanager
def new_folder(root: Path | str) -> Iterator[Path]:
    """Give a temporary folder beside `root` to fill; rename it to `root` when the block is done.

    If the block raises or is interrupted, the folder is removed and `root` does not exist.
    """
    root = Path(root)
    if root.exists():
        raise DataError(f"{root} exists already; nothing was changed.")
    root.parent.mkdir(parents=True, exist_ok=True)
    folder = root.with_name(f".{root.name}.{os.getpid()}.partial")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
        folder.rename(root)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _write_scene(scene: tuple[str, int], *, folder: Path, info: DatasetInfo, draw: DrawScene) -> None:
    split, index = scene
    image, mask = draw(split=split, index=index)
    name = scene_name(split, index) + ".png"
    (folder / info.image_dir(split) / name).write_bytes(encode_rgb(image))
    (folder / info.mask_dir(split) / name).write_bytes(encode_indices(mask, palette=info.palette))
