"""Small Cityscapes trees to read, and ways to compare what came of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data_converters import cityscapes
from data_converters.base import BadRecord, ReadOptions
from segloop.data.annotations import Bitmap, ImageRecord, LabelledImages
from segloop.data.masks import decode
from segloop.data.png import encode_grey, encode_rgb

SIZE = (8, 12)
NAME = "ulm/ulm_000000_000019"
# A car behind another, a group, a deleted bus, a licence plate, an ignored trailer; the sky is behind all.
OBJECTS: list[dict[str, Any]] = [
    {"label": "sky", "polygon": [[0, 0], [11, 0], [11, 7], [0, 7]]},
    {"label": "car", "polygon": [[0, 0], [3, 0], [3, 3], [0, 3]]},
    {"label": "car", "polygon": [[2, 2], [5, 2], [5, 5], [2, 5]]},
    {"label": "license plate", "polygon": [[3, 3], [4, 3], [4, 4], [3, 4]]},
    {"label": "bus", "polygon": [[0, 0], [11, 0], [11, 7], [0, 7]], "deleted": 1},
    {"label": "persongroup", "polygon": [[7, 0], [9, 0], [9, 1], [7, 1]]},
    {"label": "trailer", "polygon": [[7, 3], [9, 3], [9, 4], [7, 4]]},
    {"label": "out of roi", "polygon": [[0, 7], [11, 7], [11, 7], [0, 7]]},
]
IDS = np.full(SIZE, 23, np.uint16)
IDS[0:4, 0:4], IDS[2:6, 2:6], IDS[0:2, 7:10], IDS[3:5, 7:10], IDS[7] = 26000, 26001, 24, 30000, 3


def put(file: Path, data: bytes | str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    return file


def polygons(objects: Sequence[dict[str, Any]] = OBJECTS, size_hw: tuple[int, int] = SIZE) -> str:
    return json.dumps({"imgHeight": size_hw[0], "imgWidth": size_hw[1], "objects": list(objects)})


def scene(
    root: Path,
    *,
    split: str = "train",
    name: str = NAME,
    ids: np.ndarray | None = IDS,
    classes: np.ndarray | None = None,
    outlines: str | None = None,
    image: bool = True,
) -> None:
    """Write an image and its truth as Cityscapes has them."""
    stem = root / "gtFine" / split / f"{name}_gtFine_"
    if ids is not None:
        put(Path(f"{stem}instanceIds.png"), encode_grey(ids))
    if classes is not None:
        put(Path(f"{stem}labelIds.png"), encode_grey(classes))
    if outlines is not None:
        put(Path(f"{stem}polygons.json"), outlines)
    if image:
        pixels = np.zeros((*SIZE, 3), np.uint8)
        put(root / "leftImg8bit" / split / f"{name}_leftImg8bit.png", encode_rgb(pixels))


def read(root: Path, **options: Any) -> LabelledImages:
    return cityscapes.read(root, options=ReadOptions(**options))


def problems(images: LabelledImages) -> list[str]:
    """Return all that is wrong with all images."""
    found: list[str] = []
    for key in images.keys:
        try:
            images.load(key)
        except BadRecord as error:
            found += error.problems
    return found


def objects(record: ImageRecord) -> list[tuple[str, bool, np.ndarray]]:
    """Return label, crowd and pixels of each object."""
    found = []
    for each in record.instances:
        assert isinstance(each.shape, Bitmap)
        found.append((each.label, each.crowd, decode(each.shape.runs, each.shape.size_hw)))
    return found
