"""Small sets of spacecraft, written as their authors wrote theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from segloop.data.png import encode_rgb

COLORS = {
    ".": (0, 0, 0),
    "R": (255, 0, 0),
    "G": (0, 255, 0),
    "B": (0, 0, 255),
    "r": (250, 3, 0),
    "h": (120, 0, 0),
    "W": (255, 255, 255),
}
# Two craft: a body between two panels, and a body that an antenna touches at a corner.
TWO = (
    "R.G.R......",
    "R.GGR......",
    "R.G.R...GG.",
    ".......B...",
)
TWO_BOXES = "{'7': [[4, 2, 0, 0], [9, 3, 7, 2]]}"


def colored(rows: Sequence[str]) -> np.ndarray:
    """Return the picture that these letters stand for."""
    return np.array([[COLORS[letter] for letter in row] for row in rows], np.uint8)


def write_set(folder: Path, masks: Mapping[str, Sequence[str]], *, boxes: str | None = None) -> Path:
    """Write images and masks by their ids (`train/img_7`), and the file of boxes."""
    for name, rows in masks.items():
        mask = colored(rows)
        for file, picture in ((f"images/{name}.png", mask // 2), (f"mask/{name}_mask.png", mask)):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(encode_rgb(picture, level=1))
    if boxes is not None:
        (folder / "all_bbox.txt").write_text(boxes, encoding="utf-8")
    return folder
