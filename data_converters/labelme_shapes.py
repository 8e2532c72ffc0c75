"""Turns LabelMe's shapes into objects, and collects what is wrong with them."""

from __future__ import annotations

import base64
import binascii
import io
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from data_converters.json_images import require_inside
from segloop.data.annotations import Bitmap, Box, Instance, Opaque, Polygon, Shape, SizeHW
from segloop.data.masks import Patch, encode_patches

IGNORE = "__ignore__"
READ = ("label", "points", "group_id", "shape_type", "flags", "description", "mask")
KEYS = frozenset((*READ, "line_color", "fill_color"))  # older files say how a shape was shown
MOST_PIXELS = 1 << 28  # of a mask
LINES = {"line": "polyline", "linestrip": "polyline", "point": "points", "points": "points"}


def read_shapes(shapes: Any, size_hw: SizeHW, problems: list[str]) -> list[Instance]:
    """Return an instance of each shape that is whole; `problems` grows by the others, by their numbers."""
    if not isinstance(shapes, list):
        problems.append("its shapes are no list")
        return []
    found = []
    for number, each in enumerate(shapes, start=1):
        try:
            found.append(_instance(each, size_hw))
        except (ValueError, TypeError, KeyError) as error:
            told = f"there is no {error}" if isinstance(error, KeyError) else error
            problems.append(f"shape {number}: {told}")
    return found


def _instance(told: Any, size_hw: SizeHW) -> Instance:
    if not isinstance(told, dict):
        raise ValueError("it is no object")
    label = told["label"]
    if not isinstance(label, str) or not label:
        raise ValueError(f"its label is {label!r}")
    flags = told.get("flags") if isinstance(told.get("flags"), dict) else {}
    attributes = {str(name): value for name, value in (flags or {}).items() if isinstance(value, bool)}
    if isinstance(text := told.get("description"), str) and text:
        attributes["description"] = text  # type: ignore[assignment]
    return Instance(
        label=label,
        shape=_shape(told, size_hw),
        attributes=attributes,
        group=_group(told.get("group_id")),
    )


def _group(value: Any) -> int | None:
    """Return the number of a group, which scripts also write as a text or with a point; None for none."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    number = float(value) if isinstance(value, int | float) else math.nan
    if isinstance(value, str) and value.strip().isdecimal():
        number = float(value)
    if not number.is_integer():
        raise ValueError(f"its group_id is {repr(value)[:40]}, no whole number")
    return int(number)


def _shape(told: Mapping[str, Any], size_hw: SizeHW) -> Shape:
    kind = told.get("shape_type") or "polygon"  # older files have none
    points = np.array(told["points"], np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError("its points are no pairs of numbers")
    if kind == "polygon":
        if len(points) < 3:
            raise ValueError(f"a polygon of {len(points)} points")
        return Polygon((require_inside(points, size_hw),))
    if kind == "circle":
        return Polygon((require_inside(_circle(points), size_hw),))
    if kind == "rectangle":
        (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        if left >= right or top >= bottom:
            raise ValueError("a rectangle without area")
        require_inside(points, size_hw)
        return Box((left, top, right, bottom))
    if kind == "mask":
        return _mask(told, points, size_hw)
    return Opaque(LINES.get(kind, str(kind)), {"points": points.tolist()})


def _circle(points: np.ndarray) -> np.ndarray:
    """Return the outline of a circle, from its centre and a point on it."""
    if len(points) != 2:
        raise ValueError(f"a circle of {len(points)} points")
    radius = math.dist(*points.tolist())
    if radius == 0:
        raise ValueError("a circle without area")
    angles = np.linspace(0, 2 * np.pi, min(720, max(12, math.ceil(2 * np.pi * radius))), endpoint=False)
    return points[0] + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _mask(told: Mapping[str, Any], points: np.ndarray, size_hw: SizeHW) -> Bitmap:
    """Return a mask: a PNG in base64 that begins at the first of two corners."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(told["mask"], validate=True))) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError("a mask that is larger than anything we read")
            pixels = np.asarray(image.convert("L")) != 0
    except (OSError, binascii.Error) as error:
        raise ValueError(f"its mask cannot be decoded ({error})") from None
    left, top = np.rint(points.min(axis=0)).astype(int).tolist()
    high, wide = size_hw
    if left < 0 or top < 0 or top + pixels.shape[0] > high or left + pixels.shape[1] > wide:
        raise ValueError("its mask is not inside the image")
    return Bitmap(size_hw, encode_patches([Patch(left, top, pixels)], size_hw)[0])
