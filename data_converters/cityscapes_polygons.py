"""Reads `polygons.json`: outlines in the order in which they are drawn, the farthest first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from segloop.data.annotations import SizeHW
from segloop.data.cityscapes import CityLabel, Outline, resolve
from segloop.data.image_files import size_excess
from segloop.utils.errors import nearest

MOST_BYTES = 1 << 26  # of one file; Cityscapes' own have up to some hundred kB
FARTHEST = 1 << 20  # pixels from the origin, far more than any outline leaves its image by


class Outlines(NamedTuple):
    """What a file holds: the image's size, outlines, and what is wrong with them."""

    size_hw: SizeHW
    outlines: tuple[Outline, ...]
    problems: tuple[str, ...] = ()


def read_outlines(file: Path, known: Mapping[str, CityLabel]) -> Outlines:
    """Read the outlines of an image; each problem says at which object it is."""
    try:
        size = file.stat().st_size
        if size > MOST_BYTES:
            return _wrong(f"{size} bytes; the limit is {MOST_BYTES}")
        content = json.loads(file.read_bytes())
    except OSError as error:
        return _wrong(f"cannot be read: {error.strerror or error}")
    except (ValueError, RecursionError) as error:
        return _wrong(f"it is no JSON ({str(error)[:200]})")
    if not isinstance(content, dict) or not isinstance(content.get("objects"), list):
        return _wrong('it is no object with a list "objects"')
    sides = content.get("imgHeight"), content.get("imgWidth")
    if not all(type(side) is int and 0 < side < 1 << 28 for side in sides):
        return _wrong(f"imgHeight and imgWidth are {str(sides[0])[:40]} and {str(sides[1])[:40]}, no sizes")
    if excess := size_excess(sides):  # type: ignore[arg-type]
        return _wrong(excess)
    outlines, problems = [], []
    for number, each in enumerate(content["objects"]):
        found = _outline(each, known)
        if isinstance(found, str):
            problems.append(f"object {number}: {found}")
        else:
            outlines.append(found)
    return Outlines(sides, tuple(outlines), tuple(problems))  # type: ignore[arg-type]


def _wrong(problem: str) -> Outlines:
    return Outlines((0, 0), (), (problem,))


def _outline(content: Any, known: Mapping[str, CityLabel]) -> Outline | str:
    """Return an outline, or what is wrong with it."""
    if not isinstance(content, dict):
        return "it is no JSON object"
    name, polygon, deleted = content.get("label"), content.get("polygon"), content.get("deleted", 0)
    if not isinstance(name, str):
        return f"its label is {str(name)[:40]}, no text"
    if deleted not in (0, 1):
        return f"deleted is {str(deleted)[:40]}, not 0 or 1"
    if resolve(name, known) is None and not deleted:
        return f"the label {name[:60]!r} is not known.{nearest(name, known)}"
    try:
        points = np.array(polygon, np.float64)
    except (ValueError, TypeError, OverflowError):
        points = np.zeros(0)
    if polygon == []:
        points = np.zeros((0, 2))
    if points.ndim != 2 or points.shape[1] != 2:
        return "its polygon is no list of [x, y]"
    if not (np.abs(points) <= FARTHEST).all():  # what is no number at all is caught here too
        return f"a point of its polygon is no place within {FARTHEST} pixels"
    return Outline(name, points, bool(deleted))
