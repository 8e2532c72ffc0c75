"""Small data sets in memory, with pictures on disk, for tests of the inspection."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from segloop.data.annotations import Bitmap, ImageRecord, Instance, Label, LabelledImages, LabelSet
from segloop.data.inspection import Verdict, inspect_set
from segloop.data.masks import encode
from segloop.utils.errors import DataError

SIZE = 96
LABELS = LabelSet((Label("ground"), Label("fish")), background=0)
THINGS = LabelSet((Label("fish"),))


def scene(seed: int, *, side: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Return a grey picture of a bright fish of many corners on a mottled ground, and the fish's mask."""
    rng = np.random.default_rng(seed)
    ground = cv2.resize(rng.normal(70, 18, (8, 8)).astype(np.float32), (side, side))
    angles = np.linspace(0, 2 * np.pi, 9)[:-1]
    reach = rng.uniform(0.2, 0.34, 8) * side
    middle = rng.uniform(0.42, 0.58, 2) * side
    points = middle + np.stack([np.cos(angles), np.sin(angles)], 1) * reach[:, None]
    mask = np.zeros((side, side), np.uint8)
    cv2.fillPoly(mask, [points.round().astype(np.int32)], 1)
    picture = np.where(mask > 0, ground + 70, ground) + rng.normal(0, 2, ground.shape)
    return picture.clip(0, 255).astype(np.uint8), mask


def write(folder: Path, name: str, picture: np.ndarray) -> Path:
    """Write a picture and return its file."""
    file = folder / f"{name}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), picture)
    return file


def mapped(image_id: str, file: Path | None, mask: np.ndarray, *, split: str | None = None) -> ImageRecord:
    """Return a record with an index map."""
    return ImageRecord(
        image_id=image_id, name=f"{image_id}.png", file=file, size_hw=mask.shape, split=split, semantic=mask
    )


def with_objects(
    image_id: str, file: Path | None, masks: Sequence[np.ndarray], *, split: str | None = None
) -> ImageRecord:
    """Return a record with fish of these masks."""
    size_hw = masks[0].shape if masks else (SIZE, SIZE)
    found = tuple(Instance(label="fish", shape=Bitmap(size_hw, encode(mask))) for mask in masks)
    return ImageRecord(
        image_id=image_id, name=f"{image_id}.png", file=file, size_hw=size_hw, split=split, instances=found
    )


def loaded(key: Any) -> ImageRecord:
    """Return a record that is its own key, or raise what it is."""
    if isinstance(key, DataError):
        raise key
    return key


def in_memory(records: Sequence[Any], labels: LabelSet = LABELS) -> LabelledImages:
    """Return a set of records."""
    return LabelledImages(labels=labels, keys=list(records), load=loaded)


def verdict_on(records: Sequence[Any], labels: LabelSet = LABELS, **options: Any) -> Verdict:
    """Look records over, in this process."""
    return inspect_set(in_memory(records, labels), source="set", form="test", workers=0, **options)
