"""Supervisely, read: meta.json with the classes, and a JSON for each image in the folders called `ann`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_converters.base import BadRecord, ReadOptions
from data_converters.json_images import Entry, Images, entries_of, find_json, parse
from data_converters.media import name_fault
from data_converters.supervisely_shapes import hidden_tags, read_objects
from segloop.data.annotations import RGB, ImageRecord, Label, LabelledImages, LabelSet, Remark
from segloop.data.image_files import image_size
from segloop.utils.errors import DataError, FormatError, UserError, listing

META = "meta.json"
TAGS = "tag(s) of whole images are not read"
TEXTS = "description(s) of whole images are not read"
HIDDEN = "tag(s) of objects left out, for the object has another of that name"


def read(source: Path, *, options: ReadOptions) -> LabelledImages:
    """Open a project: `meta.json`, and `<dataset>/ann/<image>.json` beside `<dataset>/img/<image>`.

    Datasets that are called train, val, test and their like are splits.
    """
    source = Path(source)
    if not (source / META).is_file():
        raise DataError(f"{source} has no {META}, which says what the classes are.")
    labels = LabelSet(tuple(_labels(source / META)))
    files, _ = find_json(source, lambda each: True if "objects" in each else None)
    images = Images(source, options.images)
    names = [file.name.removesuffix(".json") for file in files]
    found = [
        images.find(file, file.parent.parent / "img" / name) for file, name in zip(files, names, strict=True)
    ]
    keys = entries_of(source, files, names, found, options)
    return LabelledImages(
        labels=labels, keys=keys, load=LoadImage(frozenset(labels.names)), told=tuple(images.told())
    )


def _labels(file: Path) -> list[Label]:
    classes = parse(file).get("classes")
    if not isinstance(classes, list) or not all(isinstance(each, dict) for each in classes):
        raise FormatError("has no list of classes", file=file)
    titles = [each.get("title") for each in classes]
    wrong = [f"class {number}" for number, title in enumerate(titles, 1) if not isinstance(title, str)]
    if wrong:
        raise FormatError(f"classes without a title\n{listing(wrong)}", file=file)
    return [Label(each["title"], color=_color(each.get("color"))) for each in classes]


def _color(value: Any) -> RGB | None:
    try:
        red, green, blue = bytes.fromhex(str(value).removeprefix("#"))
    except ValueError:
        return None
    return red, green, blue


@dataclass(frozen=True)
class LoadImage:
    """Reads the JSON of an image; all that is wrong with it is one BadRecord."""

    labels: frozenset[str]

    def __call__(self, entry: Entry) -> ImageRecord:
        """Return the record of an image."""
        file = Path(entry.image) if entry.image else None
        fault = name_fault(entry.name)
        problems = [f"{entry.name!r}: {fault}"] if fault else []
        try:
            told = parse(Path(entry.json))
            said = _size(told)
            size_hw = said if file is None else image_size(file)
        except UserError as error:
            raise BadRecord(entry.image_id, [*problems, str(error)]) from None
        if said != size_hw:
            problems.append(f"it is {size_hw[1]}x{size_hw[0]}, its JSON says {said[1]}x{said[0]}")
        instances = read_objects(told["objects"], size_hw, self.labels, problems)
        if problems:
            raise BadRecord(entry.image_id, problems)
        return ImageRecord(
            image_id=entry.image_id,
            name=entry.name,
            file=file,
            size_hw=size_hw,
            split=entry.split,
            instances=tuple(instances),
            remarks=tuple(_remarks(told, entry.image_id)),
        )


def _remarks(told: Mapping[str, Any], image_id: str) -> Iterator[Remark]:
    """Yield what is said of the image as a whole, and of its objects, and is not carried."""
    if tags := told.get("tags"):
        yield Remark(TAGS, len(tags), image_id)
    if told.get("description"):
        yield Remark(TEXTS, 1, image_id)
    if hidden := hidden_tags(told["objects"]):
        yield Remark(HIDDEN, len(hidden), f"{image_id}: {hidden[0]}")


def _size(told: Mapping[str, Any]) -> tuple[int, int]:
    said = told.get("size")
    size = said if isinstance(said, dict) else {}
    height, width = size.get("height"), size.get("width")
    if not (isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0):
        raise DataError("its JSON has no size" if said is None else f"its size is {said!r}")
    return height, width
