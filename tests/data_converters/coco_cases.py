"""COCO files to test with, and whether two records say the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segloop.data.annotations import Bitmap, ImageRecord, Instance, Polygon
from tests.data.masks.cases import RING_RUNS, RING_STRING

COMPRESSED = {"size": [6, 8], "counts": RING_STRING}
UNCOMPRESSED = {"size": [6, 8], "counts": RING_RUNS}
CATS = ({"id": 0, "name": "cat", "supercategory": "animal"}, {"id": 7, "name": "Ёж & [dog]"})


def image(number: int = 1, **more: Any) -> dict[str, Any]:
    """Return an image of 6x8 pixels."""
    return {"id": number, "file_name": f"{number}.png", "width": 8, "height": 6, **more}


def annotation(number: int = 1, **more: Any) -> dict[str, Any]:
    """Return an annotation with the ring, of image 1 and category 0."""
    return {
        "id": number,
        "image_id": 1,
        "category_id": 0,
        "segmentation": COMPRESSED,
        "area": 13,
        "bbox": [2, 0, 6, 5],
        "iscrowd": 0,
        **more,
    }


def write_coco(
    file: Path,
    annotations: Sequence[Any] = (),
    *,
    images: Sequence[Any] | None = None,
    categories: Sequence[Any] = CATS,
    **more: Any,
) -> Path:
    """Write a COCO file with image 1, unless there are others."""
    value = {
        "images": [image()] if images is None else images,
        "annotations": annotations,
        "categories": categories,
        **more,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value), encoding="utf-8")
    return file


def shape_of(instance: Instance) -> Any:
    """Return an object's shape as something that can be compared."""
    shape = instance.shape
    if isinstance(shape, Bitmap):
        return shape.size_hw, shape.runs.tolist()
    return [ring.tolist() for ring in shape.rings] if isinstance(shape, Polygon) else shape


def told(instance: Instance) -> dict[str, Any]:
    """Return all that an object says."""
    fields = {name: getattr(instance, name) for name in instance.__dataclass_fields__}
    return {**fields, "shape": shape_of(instance)}


def same(one: ImageRecord, other: ImageRecord) -> bool:
    """Tell whether two records hold the same, wherever their files are."""
    names = ("image_id", "name", "size_hw", "split", "tags")
    ignores = [None if each.ignore is None else each.ignore.runs.tolist() for each in (one, other)]
    return (
        all(getattr(one, name) == getattr(other, name) for name in names)
        and [told(each) for each in one.instances] == [told(each) for each in other.instances]
        and ignores[0] == ignores[1]
        and np.array_equal(one.semantic, other.semantic)
    )
