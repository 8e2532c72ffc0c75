"""Makes a training, a data set and a RUN on disk, as small as a report can be about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from segloop.analysis.report.contents import Contents
from segloop.analysis.report.facts import Facts
from segloop.data.png import encode_grey
from tests.analysis.runs_made import NAMES, PALETTE, scene, write_run

BASE = """\
# What the file is about stands here.
norm_cfg = dict(type='BN')
model = dict(
    type='Net',
    backbone=dict(
        type='DropoutUNet',
        channels=(16, 32),  # more learns no faster
        norm_cfg=norm_cfg,
    ),
    decode_head=dict(
        loss_decode=[
            dict(type='CrossEntropyLoss', loss_weight=1.0),
            dict(type='BatchDiceLoss', loss_weight=0.5, background=0),  # sees what is rare
        ],
    ),
)
# a step that suits
# short runs
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-3), type='OptimWrapper')
train_cfg = dict(max_iters=500)  # nine minutes
data_root = 'data'  # beside the code
"""
CHILD = """\
_base_ = ['./base.py']
optim_wrapper = dict(optimizer=dict(lr=4e-3))  # four times as large
"""
FLAT = {
    "model": {
        "type": "Net",
        "backbone": {"type": "DropoutUNet", "channels": (16, 32), "norm_cfg": {"type": "BN"}},
        "decode_head": {
            "loss_decode": [
                {"type": "CrossEntropyLoss", "loss_weight": 1.0},
                {"type": "BatchDiceLoss", "loss_weight": 0.5, "background": 0},
            ]
        },
    },
    "optim_wrapper": {"optimizer": {"type": "AdamW", "lr": 4e-3}},
    "train_cfg": {"max_iters": 100},
    "data_root": "data",
    "default_hooks": {"checkpoint": {"save_best": "mDice_fg"}},
}
MODEL: dict[str, Any] = {
    "class": "Net",
    "parameters": 1300,
    "trainable": 1300,
    "bytes": 5200,
    "flops": 2_000_000,
    "macs": 1_000_000,
    "flops_by_operator": {"convolution": 1_900_000, "addmm": 100_000},
    "input_chw": [3, 64, 64],
    "not_counted": {"relu_": 3},
    "assumed": ["150 regions in the box head"],
    "reason": None,
    "blocks": [
        {"name": "backbone", "class": "DropoutUNet", "output": [[1, 16, 64, 64], [1, 32, 32, 32]],
         "parameters": 1200},
        {"name": "backbone.encoder", "class": "ModuleList", "output": None, "parameters": 1200},
        {"name": "backbone.encoder.0", "class": "Sequential", "output": [1, 16, 64, 64], "parameters": 400},
        {"name": "backbone.encoder.1", "class": "Sequential", "output": [1, 32, 32, 32], "parameters": 800},
        {"name": "backbone.encoder.1.conv", "class": "Conv2d", "output": [1, 32, 32, 32], "parameters": 800},
        {"name": "backbone.relu", "class": "ReLU", "output": [1, 16, 64, 64], "parameters": 0},
        {"name": "head", "class": "Head", "output": None, "parameters": 100},
    ],
}  # fmt: skip
TRAIN: dict[str, Any] = {
    "command": [
        "tools/train.py",
        "configs/net.py",
        "--cfg-options",
        "train_cfg.max_iters=100",
        "--seed",
        "3",
    ],
    "state": "done",
    "seed": 3,
    "train_s": 300.0,
    "earlier": [],
    "last_iter": 100,
    "max_iters": 100,
    "batch_size": 4,
    "best_score": 81.5,
    "code": {"commit": "0123456789abcdef", "dirty": False},
    "hardware": {"cpu": "a <processor>", "cores": 2, "memory_bytes": 8_000_000_000, "gpu": None},
    "peak_memory": {"process_bytes": 1_200_000_000, "gpu_bytes": None},
    "versions": {"torch": "2.13.0", "numpy": "2.2.6"},
}
LOG = [
    {"step": 50, "loss": 1.5, "lr": 0.1},
    {"step": 100, "loss": 0.5, "lr": 0.1},
    {"step": 100, "val_loss": 0.75, "mDice_fg": 81.5, "mIoU": 70.0},
]


def write_training(
    root: Path, *, images: int = 4, shift: int = 2, train: dict[str, Any] | None = None
) -> Path:
    """Write all of it below `root`; return the folder of the RUN."""
    truths = {str(place): scene(place) for place in range(images)}
    run = write_run(
        root, {name: (mask, np.roll(mask, shift, axis=0)) for name, mask in truths.items()},
        versions={"torch": "2.13.0"}, hardware={"cpu": "another", "cores": 1},
    )  # fmt: skip
    work = run.folder.parents[1]
    write_json(work / "train.json", {**TRAIN, **(train or {})})
    write_json(work / "model.json", MODEL)
    (work / "net.py").write_text("".join(f"{key} = {value!r}\n" for key, value in FLAT.items()))
    log = work / "20260101_000000/vis_data/scalars.json"
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"{json.dumps(line)}\n" for line in LOG))
    configs = root / "configs"
    configs.mkdir()
    (configs / "base.py").write_text(BASE)
    (configs / "net.py").write_text(CHILD)
    write_json(
        run.folder / "timing.json",
        {"batch_size": 2, "device": "cpu", "threads": 1, "seconds_per_image": {"median": 0.05, "p95": 0.06}},
    )
    return run.folder


def write_data(root: Path, *, demo: bool = True, images: int = 4) -> Path:
    """Write a prepared data set with index masks where the RUN says that it lies."""
    data = root / "data"
    for place in range(images):
        picture = np.full((48, 48, 3), 40 * place, np.uint8)
        for file, content in (
            (data / f"img_dir/train/{place}.png", cv2.imencode(".png", picture)[1].tobytes()),
            (data / f"ann_dir/train/{place}.png", encode_grey(scene(place))),
        ):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    write_json(
        data / "dataset.json",
        {
            "format": 1, "name": "shapes", "task": "multiclass", "background": 0, "ignore_index": 255,
            "classes": [{"name": name, "color": PALETTE[place]} for place, name in enumerate(NAMES)],
            "splits": {"test": 4, "train": images}, "images": {"folder": "img_dir/{split}", "suffix": ".png"},
            "masks": {"folder": "ann_dir/{split}", "suffix": ".png"}, "coco": {},
            "generator": "a pencil" if demo else None, "seed": 0 if demo else None, "source": "here & there",
            "licence": None, "content_hash": "sha256:00", "cut": "by hand",
        },
    )  # fmt: skip
    return data


def facts_of(folder: Path, root: Path, **options: Any) -> Facts:
    """Return the facts of a RUN whose configs lie below `root`."""
    from segloop.analysis.runs import read_run

    return Facts(read_run(folder), root, repeats=100, **options)


def contents_of(root: Path, **more: Any) -> Contents:
    """Return a report of one RUN that has everything but goals."""
    folder = write_training(root)
    write_data(root)
    return Contents([facts_of(folder, root)], **more)


def write_json(file: Path, value: Any) -> None:
    """Write JSON where there is no folder yet."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value))


def all_text(value: Any) -> str:
    """Return every text of a part, of its blocks and their cells, in order."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return " ".join(all_text(each) for each in value)
    if hasattr(value, "__dataclass_fields__"):
        return " ".join(all_text(getattr(value, name)) for name in value.__dataclass_fields__)
    return ""
