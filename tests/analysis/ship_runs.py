"""A RUN of a ships test, written by hand: four images of a few pixels with probabilities and truth."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

SIZE_HW = (12, 16)


def write_ships_run(work_dir: Path, *, split: str) -> Path:
    """Write a RUN in which ships are at 0.7 with a rim at 0.4, and false alarms are specks at 0.9.

    Both ships' images and one of the two without have such a speck, so that a threshold of 0.5 with a least
    size of two pixels is right everywhere.
    """
    data = work_dir.parent / "data"
    folder = work_dir / "test" / f"{split}-best"
    rows = ["image_id,image,truth,height,width,sha256,truth_sha256"]
    for number, (has_ship, has_speck) in enumerate(
        [(True, True), (True, False), (False, True), (False, False)]
    ):
        name = f"a/{number}"
        truth = np.zeros(SIZE_HW, np.uint8)
        chances = np.full(SIZE_HW, 0.02)
        if has_ship:
            truth[3:5, 3:8] = 1
            chances[2:6, 2:9] = 0.4
            chances[3:5, 3:8] = 0.7
        if has_speck:
            chances[10, 14] = 0.9
        _write(data / "ann" / f"{name}.png", truth)
        _write(folder / "probabilities" / f"{name}.png", np.rint(255 * chances).astype(np.uint8))
        rows.append(f"{name},img/{name}.jpg,ann/{name}.png,{SIZE_HW[0]},{SIZE_HW[1]},x,y")
    (folder / "images.csv").write_text("\n".join(rows) + "\n")
    meta = {
        "format": 1,
        "kind": "semantic",
        "experiment": work_dir.name,
        "split": split,
        "finished": "2026-01-01T00:00:00Z",
        "files": ["images.csv", "probabilities"],
        "classes": ["background", "ship"],
        "background": 0,
        "checkpoint": {"file": "best.pth", "sha256": None},
        "data": {"root": str(data)},
        "thresholds": {
            "file": None,
            "classes": {"ship": {"threshold": 0.3, "min_area": 0, "connectivity": 8}},
        },
    }
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


def _write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)
