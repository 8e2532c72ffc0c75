"""Turns Supervisely's figures into objects, and collects what is wrong with them."""

from __future__ import annotations

import base64
import binascii
import io
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from data_converters.json_images import require_inside
from segloop.data.annotations import Bitmap, Box, Instance, Opaque, Polygon, Shape, SizeHW
from segloop.data.masks import Patch, encode, encode_patches, rasterize, unite
from segloop.data.masks import decode as decode_runs
from segloop.utils.errors import nearest

MOST_BYTES = 1 << 28  # of an unpacked mask
READ = ("classTitle", "geometryType", "tags")
LINES = {"line": "polyline", "point": "points"}


def read_objects(
    objects: Any, size_hw: SizeHW, labels: frozenset[str], problems: list[str]
) -> list[Instance]:
    """Return an instance of each object that is whole; `problems` grows by the others, by their numbers."""
    if not isinstance(objects, list):
        problems.append("its objects are no list")
        return []
    found = []
    for number, each in enumerate(objects, start=1):
        try:
            found.append(_instance(each, size_hw, labels))
        except (ValueError, TypeError, KeyError) as error:
            told = f"there is no {error}" if isinstance(error, KeyError) else error
            problems.append(f"object {number}: {told}")
    return found


def _instance(told: Any, size_hw: SizeHW, labels: frozenset[str]) -> Instance:
    if not isinstance(told, dict):
        raise ValueError("it is no object")
    label = told["classTitle"]
    if label not in labels:
        raise ValueError(f"meta.json has no class {label!r}.{nearest(str(label), sorted(labels))}")
    tags = told.get("tags") if isinstance(told.get("tags"), list) else []
    attributes = {str(each["name"]): _value(each) for each in tags or () if isinstance(each, dict)}
    if isinstance(text := told.get("description"), str) and text:
        attributes.setdefault("description", text)
    return Instance(label=label, shape=_shape(told, size_hw), attributes=attributes)


def hidden_tags(objects: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of tags of objects that another tag of the object hides, for it has the same name."""
    found = []
    for each in objects:
        tags = [tag for tag in each.get("tags") or () if isinstance(tag, dict)]
        last = {str(tag["name"]): _value(tag) for tag in tags}
        found += [str(tag["name"]) for tag in tags if _value(tag) != last[str(tag["name"])]]
    return found


def _value(tag: Mapping[str, Any]) -> str | float | bool:
    value = tag.get("value")
    return value if isinstance(value, str | int | float) else True  # a tag without a value says that it is so


def _shape(told: Mapping[str, Any], size_hw: SizeHW) -> Shape:
    kind = told["geometryType"]
    if kind == "bitmap":
        return _bitmap(told["bitmap"], size_hw)
    if kind not in ("polygon", "rectangle", *LINES):
        return Opaque(str(kind), {key: value for key, value in told.items() if key not in READ})
    outer = _points(told["points"]["exterior"])
    if kind == "rectangle":
        (left, top), (right, bottom) = outer.min(axis=0).tolist(), outer.max(axis=0).tolist()
        if left >= right or top >= bottom:
            raise ValueError("a rectangle without area")
        require_inside(outer, size_hw)
        return Box((left, top, right, bottom))
    if kind in LINES:
        return Opaque(LINES[kind], {"points": outer.tolist()})
    if len(outer) < 3:
        raise ValueError(f"a polygon of {len(outer)} points")
    require_inside(outer, size_hw)
    holes = [_points(each) for each in told["points"].get("interior") or ()]
    return _with_holes(outer, holes, size_hw) if holes else Polygon((outer,))


def _points(told: Any) -> np.ndarray:
    points = np.array(told, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError("its points are no pairs of numbers")
    return points


def _with_holes(outer: np.ndarray, holes: list[np.ndarray], size_hw: SizeHW) -> Bitmap:
    """Return the pixels of an outline without those of its holes: our outlines have none."""
    whole, *inner = rasterize([(outer,), *((hole,) for hole in holes)], size_hw)
    gone = unite(inner, [len(inner)], size_hw)[0]
    return Bitmap(size_hw, encode(decode_runs(whole, size_hw) & ~decode_runs(gone, size_hw)))


def _bitmap(told: Mapping[str, Any], size_hw: SizeHW) -> Bitmap:
    """Return a mask: a PNG, zlib, base64; set is what is not 0, or not transparent where it has an alpha."""
    try:
        stream = zlib.decompressobj()
        data = stream.decompress(base64.b64decode(told["data"], validate=True), MOST_BYTES)
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MOST_BYTES:
                raise ValueError("a mask that is larger than anything we read")
            pixels = np.asarray(image.getchannel("A") if "A" in image.getbands() else image.convert("L")) != 0
    except (OSError, zlib.error, binascii.Error) as error:
        raise ValueError(f"its mask cannot be decoded ({error})") from None
    left, top = (int(each) for each in told["origin"])
    high, wide = size_hw
    if left < 0 or top < 0 or top + pixels.shape[0] > high or left + pixels.shape[1] > wide:
        raise ValueError("its mask is not inside the image")
    return Bitmap(size_hw, encode_patches([Patch(left, top, pixels)], size_hw)[0])
