"""LabelMe, read: a JSON for each image, with polygons, rectangles, circles, masks and lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

from data_converters.base import BadRecord, ReadOptions
from data_converters.cvat_parts import join_groups
from data_converters.json_images import Entry, Images, entries_of, find_json, parse
from data_converters.labelme_shapes import IGNORE, KEYS, read_shapes
from data_converters.media import name_fault
from data_converters.pairs_key import read_key
from segloop.data.annotations import (
    Bitmap,
    ImageRecord,
    Instance,
    Label,
    LabelledImages,
    LabelSet,
    Remark,
    Shape,
    SizeHW,
)
from segloop.data.drawing import bitmaps, with_outlines
from segloop.data.image_files import image_size
from segloop.data.masks import unite
from segloop.utils.errors import DataError, UserError

# One of them tells a JSON of LabelMe from others with shapes; a script may have left out the path.
OF_IMAGES = frozenset(("imagePath", "imageData", "imageHeight", "imageWidth"))


def read(source: Path, *, options: ReadOptions) -> LabelledImages:
    """Open a folder with a JSON for each image, beside it or not, or one such JSON.

    Labels are those of labels.txt in their order, where it is there, then others as they come. Shapes of one
    label and one group are the parts of one object; `__ignore__` is what nobody scores.
    """
    source = Path(source)
    if not source.exists():
        raise DataError(f"{source} does not exist.")
    files, heads = find_json(source, _head)
    images = Images(source, options.images)
    names = [PureWindowsPath(each.image) for each in heads]  # it takes / too
    found = [
        images.find(file, file.parent / name.as_posix(), file.parent / name.name)
        for file, name in zip(files, names, strict=True)
    ]
    keys = entries_of(source, files, [name.name for name in names], found, options)
    labels = LabelSet(tuple(map(Label, _labels(source, heads))))
    return LabelledImages(labels=labels, keys=keys, load=load, told=tuple(images.told()))


class _Head(NamedTuple):
    """What is kept of a JSON until its image is loaded."""

    image: str
    labels: tuple[str, ...]


def _head(told: Mapping[str, Any]) -> _Head | None:
    if "shapes" not in told or not OF_IMAGES & told.keys():
        return None
    shapes = told["shapes"] if isinstance(told["shapes"], list) else []
    labels = dict.fromkeys(str(shape.get("label")) for shape in shapes if isinstance(shape, dict))
    return _Head(str(told.get("imagePath") or ""), tuple(labels))


def _labels(source: Path, heads: Sequence[_Head]) -> list[str]:
    known = read_key(source) if source.is_dir() else None
    names = dict.fromkeys(name for name in known.names if name != "_background_") if known else {}
    for each in heads:
        names |= dict.fromkeys(each.labels)
    return [name for name in names if name != IGNORE]


def load(entry: Entry) -> ImageRecord:
    """Return the record of an image; all that is wrong with it is one BadRecord."""
    file = Path(entry.image) if entry.image else None
    fault = name_fault(entry.name)
    problems = [f"{entry.name!r}: {fault}"] if fault else []
    try:
        told = parse(Path(entry.json))
        size_hw = _size(told, file, problems)
    except UserError as error:
        raise BadRecord(entry.image_id, [*problems, str(error)]) from None
    shapes = read_shapes(told["shapes"], size_hw, problems)
    if problems:
        raise BadRecord(entry.image_id, problems)
    drawn = [each for each in shapes if each.label != IGNORE]
    joined, remarks = join_groups(drawn, size_hw, image_id=entry.image_id)
    ignore, lines = _ignore([each.shape for each in shapes if each.label == IGNORE], size_hw)
    if lines:
        remarks.append(Remark(f"line(s) and point(s) called {IGNORE}, left out", lines, entry.image_id))
    remarks += _unread(told, entry.image_id)
    return ImageRecord(
        image_id=entry.image_id,
        name=entry.name,
        file=file,
        size_hw=size_hw,
        split=entry.split,
        instances=tuple(joined),
        ignore=ignore,
        remarks=tuple(remarks),
    )


def _unread(told: Mapping[str, Any], image_id: str) -> list[Remark]:
    """Return what is said of the image as a whole, and what other tools say of its shapes."""
    flags = told.get("flags") if isinstance(told.get("flags"), dict) else {}
    ticked = [str(name) for name, value in (flags or {}).items() if value is True]
    others = [key for shape in told["shapes"] for key, value in shape.items() if key not in KEYS and value]
    found = {"flag(s) of whole images are not read": ticked, "value(s) of shapes are not read": others}
    return [Remark(kind, len(names), f"{image_id}: {names[0]}") for kind, names in found.items() if names]


def _size(told: Mapping[str, Any], file: Path | None, problems: list[str]) -> SizeHW:
    """Return the size of the image's file, which has to be the one that the JSON says."""
    given = (told.get("imageHeight"), told.get("imageWidth"))
    said = given if all(isinstance(each, int) and each > 0 for each in given) else None
    if file is None:
        if said is None:
            raise DataError("there is neither its image nor its size")
        return said  # type: ignore[return-value]
    seen = image_size(file)
    if said is not None and said != seen:
        problems.append(f"{file.name} is {seen[1]}x{seen[0]}, its JSON says {said[1]}x{said[0]}")
    return seen


def _ignore(shapes: Sequence[Shape], size_hw: SizeHW) -> tuple[Bitmap | None, int]:
    """Return the pixels inside of shapes, rectangles too, and how many shapes have no inside."""
    objects = tuple(Instance(label=IGNORE, shape=shape) for shape in shapes)
    record = with_outlines(ImageRecord(image_id="", name="", size_hw=size_hw, instances=objects))
    runs = [each for each in bitmaps(record.instances, size_hw) if each is not None]
    ignore = Bitmap(size_hw, unite(runs, [len(runs)], size_hw)[0]) if runs else None
    return ignore, len(shapes) - len(runs)
