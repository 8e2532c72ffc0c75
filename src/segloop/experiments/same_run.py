"""Tells whether a work_dir holds an unfinished run of this config on these data: `--resume same`."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segloop.data.demo import MakeDemo
from segloop.data.info import FILE_NAME
from segloop.experiments.data_checks import draw_demo
from segloop.experiments.records import CLAIM, TRAIN_FILE
from segloop.utils.atomic import read_record, write_json

if TYPE_CHECKING:
    from mmengine.config import Config

NOTE = "same.json"
BEFORE = ".before"  # what an earlier run left goes beside its folder, under its name and this
# What tells nothing of the run: where it is, what it was started with, who looks on.
OUTSIDE = (
    "work_dir",
    "resume",
    "launcher",
    "visualizer",
    "vis_backends",
    "log_level",
    "filename",
)


def settle_same(config: Config, make_demo: MakeDemo | None = None) -> str | None:
    """Return `auto` where the work_dir's unfinished run is the same as this one, else None.

    What another or a finished run left is moved aside first, so that a folder never mixes two. Call it with
    the config as it will be run. A demo set that is missing is drawn first, for its `dataset.json` tells the
    data.
    """
    draw_demo(config, make_demo)
    folder = Path(config.work_dir).resolve()  # one that is a link to another disk stays one
    going_on = is_same(config)
    if not going_on and (folder / TRAIN_FILE).exists():
        before = folder.with_name(folder.name + BEFORE)
        shutil.rmtree(before, ignore_errors=True)
        folder.rename(before)
        if (before / CLAIM).exists():  # of this very training
            folder.mkdir()
            (before / CLAIM).rename(folder / CLAIM)
    write_json(folder / NOTE, {"key": run_key(config)})
    return "auto" if going_on else None


def is_same(config: Config) -> bool:
    """Return whether the work_dir holds an unfinished run of this config on these data."""
    folder = Path(config.work_dir)
    noted = (read_record(folder / NOTE) or {}).get("key")
    state = (read_record(folder / TRAIN_FILE) or {}).get("state")
    return state is not None and state != "done" and noted == run_key(config)


def run_key(config: Config) -> str:
    """Return a digest of all that a run follows from: its settings, and the `dataset.json` of its data."""
    told = {key: value for key, value in config.to_dict().items() if key not in OUTSIDE}
    total = hashlib.sha256(json.dumps(told, sort_keys=True, default=repr).encode())
    for root in sorted(set(_roots(told))):
        file = Path(root, FILE_NAME)
        total.update(root.encode() + (file.read_bytes() if file.is_file() else b""))
    return total.hexdigest()


def _roots(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("data_root"), str):
            yield value["data_root"]
        for each in value.values():
            yield from _roots(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _roots(each)
