"""YOLO's segmentation, read: a YAML with the classes, images, and a text of outlines for each in `labels`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from data_converters.base import BadRecord, ReadOptions
from data_converters.json_images import Entry, entries_of
from data_converters.media import name_fault
from data_converters.named_files import picture_files
from segloop.data.annotations import (
    Box,
    ImageRecord,
    Instance,
    Label,
    LabelledImages,
    LabelSet,
    Polygon,
    Shape,
)
from segloop.data.image_files import image_size
from segloop.data.layout import files_below
from segloop.utils.errors import DataError, FormatError, UserError

IMAGES, LABELS, CLASSES = "images", "labels", "classes.txt"
BEYOND = 0.01  # of the image, that an outline may be outside of it
DECIMALS = 4  # of a pixel: what comes of dividing by the size and multiplying again


def read(source: Path, *, options: ReadOptions) -> LabelledImages:
    """Open a folder as Ultralytics trains on: a YAML with `names`, `images` and `labels` of the same paths.

    Folders called train, val, test and their like are splits, whatever the YAML says; an image without a text
    has no object.
    """
    source = Path(source)
    if source.is_file():
        raise DataError(f"{source} is a file; name the folder that it lies in, {source.parent}.")
    labels = LabelSet(tuple(map(Label, read_names(source))))
    images = [file for file in picture_files(source) if IMAGES in file.relative_to(source).parts[:-1]]
    if not images:
        raise DataError(f"{source} has no folder {IMAGES} with pictures, beside {LABELS} with their texts.")
    texts = [_text_of(file, source) for file in images]
    keys = entries_of(source, texts, [file.name for file in images], images, options)
    bare = [Path(each.image).name for each in keys if not Path(each.json).is_file()]
    told = [f"{len(bare)} image(s) have no text and so no object: {bare[0]}"] if bare else []
    if lone := sorted({*_texts_below(source)} - {*texts}):
        told.append(f"{len(lone)} text(s) have no image and are left out: {lone[0].relative_to(source)}")
    return LabelledImages(labels=labels, keys=keys, load=LoadImage(labels.names), told=tuple(told))


def find_yaml(folder: Path) -> Path | None:
    """Return the YAML of a folder that has names of classes."""
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in (".yaml", ".yml") and file.is_file() and "names" in (_parsed(file) or {}):
            return file
    return None


def _parsed(file: Path) -> dict[str, Any] | None:
    try:  # all as text: `no` and 01 are names of classes here, and neither False nor 1
        told = yaml.load(file.read_text(encoding="utf-8-sig"), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError, OSError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def read_names(folder: Path) -> list[str]:
    """Return the classes of a folder's YAML in the order of their numbers: a list, or a mapping."""
    file = find_yaml(folder) if folder.is_dir() else None
    if file is None:
        raise DataError(f"{folder} has no YAML with names of classes, such as data.yaml.")
    told = _parsed(file) or {}
    if "kpt_shape" in told:
        raise DataError(f"{file} is of a set of poses (kpt_shape): its points would be taken for outlines.")
    names = told["names"]
    numbers = [str(number) for number in range(len(names))]
    if isinstance(names, dict) and set(names) == set(numbers):
        names = [names[number] for number in numbers]
    if not isinstance(names, list) or not names:
        raise FormatError("its names are neither a list nor numbered from 0", file=file)
    if odd := [str(name) for name in names if not isinstance(name, str) or not name]:
        raise FormatError(f"one of its names is {odd[0]!r}, no text", file=file)
    return names


def _texts_below(source: Path) -> Iterator[Path]:
    """Yield the texts in folders called labels, but for the names of classes, which some tools put there."""
    for file in files_below(source):
        folders = file.relative_to(source).parts[:-1]
        ours = LABELS in folders and "__MACOSX" not in folders
        if ours and file.suffix == ".txt" and file.name != CLASSES:
            yield file


def _text_of(image: Path, source: Path) -> Path:
    """Return where an image's text is: the last folder called images is labels there."""
    parts = list(image.relative_to(source).parts)
    place = len(parts) - 2 - parts[-2::-1].index(IMAGES)
    parts[place] = LABELS
    return source.joinpath(*parts).with_suffix(".txt")


@dataclass(frozen=True)
class LoadImage:
    """Reads the text of an image; all that is wrong with it is one BadRecord."""

    names: tuple[str, ...]

    def __call__(self, entry: Entry) -> ImageRecord:
        """Return the record of an image."""
        fault = name_fault(entry.name)
        problems = [f"{entry.name!r}: {fault}"] if fault else []
        text = Path(entry.json)
        try:
            size_hw = image_size(Path(entry.image))
            lines = text.read_text(encoding="utf-8-sig").splitlines() if text.is_file() else []
        except (UserError, OSError, UnicodeDecodeError) as error:
            raise BadRecord(entry.image_id, [*problems, str(error)]) from None
        found = []
        for number, line in enumerate(lines, start=1):
            try:
                found += [self._instance(line.split(), size_hw)] if line.strip() else []
            except ValueError as error:
                problems.append(f"{text.name}, line {number}: {error}")
        if problems:
            raise BadRecord(entry.image_id, problems)
        return ImageRecord(
            image_id=entry.image_id,
            name=entry.name,
            file=Path(entry.image),
            size_hw=size_hw,
            split=entry.split,
            instances=tuple(found),
        )

    def _instance(self, fields: Sequence[str], size_hw: tuple[int, int]) -> Instance:
        number, values = _whole(fields[0]), np.array(fields[1:], np.float64)
        if not 0 <= number < len(self.names):
            raise ValueError(f"there is no class {fields[0]}; there are {len(self.names)}, from 0")
        if len(values) < 4 or len(values) % 2:
            raise ValueError(f"{len(values)} numbers are no outline, nor a box")
        if not ((values >= -BEYOND) & (values <= 1 + BEYOND)).all():
            raise ValueError("its numbers are not shares of width and height, from 0 to 1")
        return Instance(label=self.names[number], shape=_shape(values, size_hw))


def _whole(text: str) -> int:
    """Read the number of a class, which numpy writes as 1.0 or 1.0e+00; what is none is -1."""
    try:
        value = float(text)
    except ValueError:
        return -1
    return int(value) if value.is_integer() else -1


def _shape(values: np.ndarray, size_hw: tuple[int, int]) -> Shape:
    points = (values.reshape(-1, 2) * size_hw[::-1]).round(DECIMALS)
    if len(points) > 2:
        return Polygon((points,))
    (x, y), (wide, high) = points.tolist()  # a box: its centre, width and height
    if wide <= 0 or high <= 0:
        raise ValueError("a box without area")
    return Box((x - wide / 2, y - high / 2, x + wide / 2, y + high / 2))
