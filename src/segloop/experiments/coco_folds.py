"""COCO annotation files, of which a fold takes some images with all that belongs to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from segloop.data.instance_labels import REPEATED, without_repeated
from segloop.utils.atomic import read_json
from segloop.utils.errors import DataError, FormatError

PARTS = {
    "images": {"id", "file_name"},
    "annotations": {"image_id", "category_id"},
    "categories": {"id", "name"},
}


@dataclass(frozen=True)
class CocoFile:
    """The annotation file of one split, and the folder of its images below the data's root."""

    split: str
    path: Path
    content: Mapping[str, Any]
    prefix: Mapping[str, str]

    @classmethod
    def read(cls, split: str, source: Mapping[str, Any]) -> CocoFile:
        """Read the file that a data set's config names."""
        path = Path(source.get("data_root") or "") / str(source["ann_file"])
        try:
            content = read_json(path)
        except OSError as error:
            raise DataError(f"The annotations {path} cannot be read: {error.strerror}.") from error
        for part, keys in PARTS.items():
            entries = content.get(part) if isinstance(content, dict) else None
            if not isinstance(entries, list):
                raise FormatError(f"a COCO file holds a list of {part}", file=path)
            for number, entry in enumerate(entries):
                if not isinstance(entry, dict) or not keys <= set(entry):
                    raise FormatError(
                        f"needs {' and '.join(sorted(keys))}", file=path, where=f"{part}.{number}"
                    )
        if REPEATED in (source.get("drop") or ()):
            content = without_repeated(content)
        return cls(split, path, content, dict(source.get("data_prefix") or {"img": ""}))

    @property
    def categories(self) -> list[str]:
        """The names of the categories, in the order of the file."""
        return [each["name"] for each in self.content["categories"]]

    @property
    def image_ids(self) -> list[str]:
        """The images' paths without suffix, in the order of the file."""
        ids = [str(PurePosixPath(each["file_name"]).with_suffix("")) for each in self.content["images"]]
        if len(set(ids)) < len(ids):
            twice = next(image_id for image_id in ids if ids.count(image_id) > 1)
            raise FormatError(f"two images would both be {twice!r}", file=self.path)
        return ids

    def instances(self) -> np.ndarray:
        """Return how many instances of each category each image has, [images, categories]."""
        rows = {each["id"]: row for row, each in enumerate(self.content["images"])}
        columns = {each["id"]: column for column, each in enumerate(self.content["categories"])}
        counts = np.zeros((len(rows), len(columns)), np.int64)
        for each in self.content["annotations"]:
            if each["image_id"] in rows and each["category_id"] in columns:
                counts[rows[each["image_id"]], columns[each["category_id"]]] += 1
        return counts


def merge(parts: Sequence[tuple[CocoFile, Sequence[str]]]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return one file's content with the named images of each file, and the folder that it is relative to.

    Of a single file everything keeps its number; those of several are numbered anew from 1, and their images
    are named from the root of the data.
    """
    first, _ = parts[0]
    content = {key: value for key, value in first.content.items() if key not in ("images", "annotations")}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for file, wanted in parts:
        chosen = set(wanted)
        numbers: dict[Any, Any] = {}
        for image, image_id in zip(file.content["images"], file.image_ids, strict=True):
            if image_id not in chosen:
                continue
            number, name = image["id"], image["file_name"]
            if len(parts) > 1:
                number = len(images) + 1
                name = str(PurePosixPath(file.prefix.get("img") or "", name))
            numbers[image["id"]] = number
            images.append({**image, "id": number, "file_name": name})
        annotations += _annotations(file, numbers, first=len(annotations) + 1 if len(parts) > 1 else None)
    prefix = dict(first.prefix) if len(parts) == 1 else {**first.prefix, "img": ""}
    return {**content, "images": images, "annotations": annotations}, prefix


def _annotations(file: CocoFile, numbers: Mapping[Any, Any], *, first: int | None) -> list[dict[str, Any]]:
    kept = [each for each in file.content["annotations"] if each["image_id"] in numbers]
    if first is None:
        return kept
    return [
        {**each, "id": number, "image_id": numbers[each["image_id"]]}
        for number, each in enumerate(kept, first)
    ]
