"""Folders in mmseg's layout, for the tests of that format."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from data_converters.base import BadRecord, ReadOptions
from segloop.data.annotations import LabelledImages
from segloop.data.info import ClassInfo, DatasetInfo, Files
from segloop.data.png import encode_indices, encode_rgb

PALETTE = [(0, 0, 0), (200, 0, 0), (0, 200, 0)]
IMAGE = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
MASK = np.arange(48, dtype=np.uint8).reshape(6, 8) % 3
NAMED = ReadOptions(labels=("background", "cat", "dog"))


def as_file(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def put(
    root: Path,
    place: str,
    *,
    image: bytes | None = None,
    mask: np.ndarray | bytes = MASK,
    suffix: str = ".png",
) -> tuple[Path, Path]:
    """Write an image and its mask; `place` is the split's folder and the id."""
    if isinstance(mask, np.ndarray):
        mask = encode_indices(mask, palette=PALETTE)
    places = root / f"img_dir/{place}{suffix}", root / f"ann_dir/{place}.png"
    for file, data in zip(places, (image or encode_rgb(IMAGE), mask), strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return places


def describe(root: Path, **changes: object) -> None:
    classes = tuple(ClassInfo(*each) for each in zip(("ground", "cat", "dog"), PALETTE, strict=True))
    info = DatasetInfo(
        name="pets",
        task="multiclass",
        classes=classes,
        splits={"train": 1},
        images=Files("img_dir/{split}", ".png"),
        masks=Files("ann_dir/{split}", ".png"),
        background=0,
        source="garden",
    )
    replace(info, **changes).write(root)


def trouble(source: LabelledImages) -> dict[str, tuple[str, ...]]:
    """Return what is wrong with each image that has something wrong with it."""
    told = {}
    for key in source.keys:
        try:
            source.load(key)
        except BadRecord as error:
            told[str(error.image_id)] = error.problems
    return told
