"""Two RUNs on the same images, one better than the other, with the files of their trainings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from segloop.analysis.runs import Run
from tests.analysis.runs_made import scene, write_run

CONFIG = """
model = dict(backbone=dict(type='Net', depth={depth}), data_preprocessor=dict(size=1))
data_root = '{name}'
default_hooks = dict(checkpoint=dict(save_best='{score}'))
optim_wrapper = dict(optimizer=dict(lr={lr}, type='SGD'))
"""


def write_pair(root: Path, *, number: int = 8, **changes: Any) -> tuple[Run, Run]:
    """Write RUNs `a`, shifted by one pixel, and `b`, shifted by three, and right in image 0."""
    return write_shifted(root / "a", 1, number=number, **changes), write_shifted(
        root / "b", 3, number=number, right=("0",), **changes
    )


def write_shifted(
    root: Path, shift: int, *, number: int = 8, right: tuple[str, ...] = (), first: int = 0, **changes: Any
) -> Run:
    """Write a RUN whose predictions are shifted downwards; those of `right` are not."""
    images = {
        str(place): (scene(place), scene(place) if str(place) in right else np.roll(scene(place), shift, 0))
        for place in range(first, first + number)
    }
    run = write_run(root, images, **({"experiment": root.name} | changes))
    (run.folder / "config.py").write_text(CONFIG.format(depth=shift, name=root, lr=0.1, score="mIoU_fg"))
    return run


def write_training(run: Run, *, depth: int = 18, lr: float = 0.1, score: str = "mDice_fg") -> Path:
    """Write what a training leaves: config, record, model, log, checkpoint; return its folder."""
    folder = run.folder.parents[1]
    (folder / "net.py").write_text(CONFIG.format(depth=depth, name=folder, lr=lr, score=score))
    record = {"config": {"file": "net.py"}, "train_s": 60.0, "val_s": 5, "last_iter": 200, "batch_size": 4}
    memory = {"process_bytes": 2_000_000, "gpu_bytes": None}
    record |= {"peak_memory": memory, "earlier": [{"train_s": 30.0, "val_s": 0}], "seed": 7, "images": 80}
    record["hardware"] = {"cpu": "chip", "cores": 4, "threads": 2, "gpu": None}
    _write(folder / "train.json", record)
    model = {"parameters": 1000, "trainable": 900, "bytes": 4000, "flops": 2_000_000_000}
    _write(folder / "model.json", model | {"input_chw": [3, 32, 48], "not_counted": {"relu": 2}})
    log = folder / "20260101/vis_data/scalars.json"
    log.parent.mkdir(parents=True)
    lines: list[dict[str, Any]] = [
        {"step": 100, "lr": lr, "loss": 1.5, "time": 0.6},
        {"step": 100, score: 41.0, "val_loss": 1.2},
        {"step": 200, "lr": lr, "loss": 0.5, "time": 1.2},
        {"step": 200, score: 67.0, "val_loss": 0.9},
    ]
    log.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return folder


def write_timing(folder: Path, median: float, *, batch_size: int = 8, device: str = "cpu") -> None:
    """Write the inference times of a RUN."""
    seconds = {"median": median, "p95": 2 * median, "mean": median}
    told = {"seconds_per_image": seconds, "batch_size": batch_size, "images": 9, "device": device}
    _write(folder / "timing.json", told | {"threads": 2, "processes": 1})


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))
