"""Records of objects in a file, exactly: what had gone to CVAT, to be put beside what comes back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from segloop.data.annotations import (
    Attribute,
    Bitmap,
    Box,
    ImageRecord,
    Instance,
    Label,
    LabelSet,
    Opaque,
    Polygon,
    Shape,
    Tag,
)
from segloop.data.masks import from_strings, to_strings
from segloop.utils.atomic import write_text
from segloop.utils.errors import FormatError

FORMAT = 1
_OBJECT = ("label", "group", "z_order", "score", "crowd", "occluded", "source", "uid")


def write_snapshot(path: Path, records: Iterable[ImageRecord]) -> None:
    """Write records of objects, a line for each image; an index map is refused, for it has no line here."""
    lines = [json.dumps({"format": FORMAT})]
    for record in records:
        if record.semantic is not None:
            raise ValueError(f"{record.image_id} has an index map; turn it into objects first")
        value = {
            "image_id": record.image_id,
            "name": record.name,
            "file": None if record.file is None else str(record.file),
            "size_hw": record.size_hw,
            "split": record.split,
            "tags": [[tag.label, dict(tag.attributes)] for tag in record.tags],
            "instances": [_instance(each) for each in record.instances],
            "ignore": None if record.ignore is None else _shape(record.ignore),
        }
        lines.append(json.dumps(value, ensure_ascii=False, sort_keys=True))
    write_text(path, "\n".join(lines) + "\n")


def read_snapshot(path: Path) -> Iterator[ImageRecord]:
    """Yield the records of a file."""
    with path.open(encoding="utf-8") as file:
        if json.loads(file.readline()).get("format") != FORMAT:
            raise FormatError(f"is of another version; this one reads {FORMAT}", file=path)
        for line in file:
            value = json.loads(line)
            size_hw = None if value["size_hw"] is None else tuple(value["size_hw"])
            ignore = None if value["ignore"] is None else _read_shape(value["ignore"])
            yield ImageRecord(
                image_id=value["image_id"],
                name=value["name"],
                file=None if value["file"] is None else Path(value["file"]),
                size_hw=size_hw,
                split=value["split"],
                tags=tuple(Tag(label, attributes) for label, attributes in value["tags"]),
                instances=tuple(map(_read_instance, value["instances"])),
                ignore=ignore if isinstance(ignore, Bitmap) else None,
            )


def _instance(each: Instance) -> dict[str, Any]:
    plain = {name: getattr(each, name) for name in _OBJECT}
    return {**plain, "attributes": dict(each.attributes), "shape": _shape(each.shape)}


def _read_instance(value: Mapping[str, Any]) -> Instance:
    plain = {name: value[name] for name in _OBJECT}
    return Instance(**plain, attributes=value["attributes"], shape=_read_shape(value["shape"]))


def _shape(shape: Shape) -> dict[str, Any]:
    if isinstance(shape, Bitmap):
        return {"mask": to_strings([shape.runs])[0], "size_hw": list(shape.size_hw)}
    if isinstance(shape, Polygon):
        return {"rings": [ring.tolist() for ring in shape.rings]}
    if isinstance(shape, Box):
        return {"box": list(shape.box_xyxy)}
    return {"kind": shape.kind, "payload": dict(shape.payload)}


def _read_shape(value: Mapping[str, Any]) -> Shape:
    if "mask" in value:
        height, width = value["size_hw"]
        return Bitmap((height, width), from_strings([value["mask"]])[0].astype(np.uint32))
    if "rings" in value:
        return Polygon(tuple(np.array(ring, np.float64).reshape(-1, 2) for ring in value["rings"]))
    if "box" in value:
        left, top, right, bottom = value["box"]
        return Box((left, top, right, bottom))
    return Opaque(value["kind"], value["payload"])


def labels_to_plain(labels: LabelSet) -> dict[str, Any]:
    """Return labels as plain values, for a JSON file."""
    return {
        "labels": [asdict(label) for label in labels.labels],
        "background": labels.background,
        "ignore_index": labels.ignore_index,
    }


def labels_from_plain(value: Mapping[str, Any]) -> LabelSet:
    """Return the labels that `labels_to_plain` wrote."""
    return LabelSet(tuple(map(_label, value["labels"])), value["background"], value["ignore_index"])


def _label(value: Mapping[str, Any]) -> Label:
    attributes = tuple(
        Attribute(each["name"], each["kind"], tuple(each["values"]), each["default"], each["mutable"])
        for each in value["attributes"]
    )
    color = None if value["color"] is None else tuple(value["color"])
    return Label(value["name"], color, attributes, value["shape"], value["group"])
