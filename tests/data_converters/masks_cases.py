"""Folders of masks to read, and ways to write and compare them, for the tests of that format."""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data_converters import masks
from data_converters.base import BadRecord, Rendered, WriteOptions
from segloop.data.annotations import Bitmap, ImageRecord, Label, LabelledImages, LabelSet
from segloop.data.masks import decode
from segloop.data.png import encode_grey
from tests.data.masks.cases import RING

SIZE = (6, 8)
IMAGE = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
RGBA = np.concatenate([IMAGE, np.full((*SIZE, 1), 255, np.uint8)], axis=2)
BLOCK = np.zeros(SIZE, bool)
BLOCK[2:5, 1:4] = True
NUMBERS = np.zeros(SIZE, np.uint16)
NUMBERS[RING], NUMBERS[2, 3], NUMBERS[0, 0] = 7, 1000, 3


def as_file(image: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, kind, **options)
    return stream.getvalue()


def put(file: Path, data: bytes | np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(as_file(data) if isinstance(data, np.ndarray) else data)


def nucleus(root: Path, place: str, *objects: np.ndarray | bytes, image: np.ndarray = RGBA) -> Path:
    """Write an image in a folder of its own, as the Data Science Bowl does: 0 and 255, 8 bit."""
    folder = root / place
    put(folder / "images" / f"{folder.name}.png", image)
    (folder / "masks").mkdir()
    for number, each in enumerate(objects):
        data = each.astype(np.uint8) * 255 if isinstance(each, np.ndarray) and each.dtype == bool else each
        put(folder / "masks" / f"{number}.png", data)
    return folder


def numbered(root: Path, name: str, numbers: np.ndarray | bytes, *, suffix: str = ".png") -> None:
    put(root / "images" / f"{name}.png", IMAGE)
    data = encode_grey(numbers) if isinstance(numbers, np.ndarray) and suffix == ".png" else numbers
    put(root / "instances" / f"{name}{suffix}", data)


def trouble(source: LabelledImages) -> dict[str, tuple[str, ...]]:
    told = {}
    for key in source.keys:
        try:
            source.load(key)
        except BadRecord as error:
            told[str(error.image_id)] = error.problems
    return told


def write(
    target: Path, records: Sequence[ImageRecord], labels: Sequence[Label], **options: Any
) -> list[Rendered]:
    """Write records as a converter with several processes does."""
    writer = masks.writer(LabelSet(tuple(labels)), facts={}, options=WriteOptions(**options))
    copy = pickle.loads(pickle.dumps(writer))
    rendered = [copy.render(record) for record in records]
    writer.open(target)
    for each in rendered:
        writer.add(each)
    writer.close()
    return rendered


def pixels_of(record: ImageRecord) -> list[np.ndarray]:
    """Return the HxW bool masks of an image's objects."""
    found = []
    for each in record.instances:
        assert isinstance(each.shape, Bitmap)
        assert each.shape.size_hw == record.size_hw
        found.append(decode(each.shape.runs, each.shape.size_hw))
    return found
