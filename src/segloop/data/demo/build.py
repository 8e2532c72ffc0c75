"""Turn a function that draws scenes into a data set on disk: in parallel, and whole or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from segloop.data.info import DatasetInfo, content_hash
from segloop.data.png import encode_indices, encode_rgb
from segloop.utils.errors import DataError, listing
from segloop.utils.workers import map_ordered

SMALLEST, LARGEST = 64, 2048  # pixels a side: below, nothing can be told; above, memory runs out
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
    replace: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> DatasetInfo:
    """Draw all splits of `info` into `root` in mmseg's layout; `progress` hears (done, total)."""
    with new_folder(root, replace=replace) as folder:
        for split in info.splits:
            (folder / info.image_dir(split)).mkdir(parents=True)
            (folder / info.mask_dir(split)).mkdir(parents=True)
        scenes = [(split, index) for split, count in info.splits.items() for index in range(count)]
        write = partial(_write_scene, folder=folder, info=info, draw=draw)
        for done, _ in enumerate(map_ordered(write, scenes, workers=workers), start=1):
            if progress:
                progress(done, len(scenes))
        info = dataclasses.replace(info, content_hash=content_hash(folder))
        info.write(folder)
    return info


def scene_name(split: str, index: int) -> str:
    """Return the stem of a scene's files."""
    return f"{split}_{index:04d}"


def check_wishes(*, seed: int, counts: Mapping[str, int], size: int) -> None:
    """Refuse what cannot be drawn, all of it in one message."""
    problems = [
        f"{split}={count}: a split needs at least 1 scene" for split, count in counts.items() if count < 1
    ]
    if not counts:
        problems.append("no split was named; give counts such as train=800 val=200 test=200")
    if seed < 0:
        problems.append(f"the seed is {seed}; it must be 0 or more")
    if not SMALLEST <= size <= LARGEST:
        problems.append(f"the size is {size}; scenes have {SMALLEST} to {LARGEST} pixels a side")
    if problems:
        raise DataError("Nothing was drawn:\n" + listing(problems))


@contextlib.contextmanager
def new_folder(root: Path | str, *, replace: bool = False) -> Iterator[Path]:
    """Give a temporary folder beside `root` to fill; rename it to `root` when the block is done.

    If the block raises or is interrupted, the folder is removed and `root` is as it was. An existing
    `root` is refused, or with `replace` exchanged, if it is a drawn set and nothing else.
    """
    root = Path(root)
    _check_target(root, replace=replace)
    root.parent.mkdir(parents=True, exist_ok=True)
    folder = root.with_name(f".{root.name}.{os.getpid()}.partial")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
        _exchange(folder, root)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _check_target(root: Path, *, replace: bool) -> None:
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return
    if not replace:
        raise DataError(f"{root} exists already; nothing was changed. Draw it anew with --force")
    if not root.is_dir() or DatasetInfo.read(root).generator is None:
        raise DataError(f"{root} holds something that was not drawn by SegLoop; it is left alone")


def _exchange(folder: Path, root: Path) -> None:
    """Put `folder` in the place of `root`."""
    if not root.exists():
        folder.rename(root)
        return
    former = root.with_name(f".{root.name}.{os.getpid()}.former")
    root.rename(former)
    folder.rename(root)
    shutil.rmtree(former, ignore_errors=True)


def _write_scene(scene: tuple[str, int], *, folder: Path, info: DatasetInfo, draw: DrawScene) -> None:
    split, index = scene
    image, mask = draw(split=split, index=index)
    name = scene_name(split, index) + ".png"
    (folder / info.image_dir(split) / name).write_bytes(encode_rgb(image))
    (folder / info.mask_dir(split) / name).write_bytes(encode_indices(mask, palette=info.palette))
