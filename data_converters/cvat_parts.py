"""Several shapes that are one object: those that our writer wrote so, and groups where the user says so."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from segloop.data.annotations import Bitmap, Instance, Polygon, Remark, SizeHW, Value
from segloop.data.drawing import bitmaps
from segloop.data.masks import unite

MARKS = ("z_order", "occluded", "source", "uid")  # of a shape, beside its attributes
_PART = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})(\+?)")


def merge_parts(instances: Sequence[Instance], marks: Sequence[str]) -> list[Instance]:
    """Put polygons together that our writer wrote as the parts of one object.

    A mark is `object.part`, with `+` where the object had a group of its own. It counts only among polygons
    of one label and one group, each part once: a copy that somebody made in CVAT keeps the mark, and stays
    an object of its own.
    """
    places: dict[tuple[Any, ...], list[tuple[int, int]]] = {}
    for place, (each, mark) in enumerate(zip(instances, marks, strict=True)):
        known = _PART.fullmatch(mark)
        if known and each.group is not None and isinstance(each.shape, Polygon):
            key = (each.label, each.group, each.uid, known[1], known[3])
            places.setdefault(key, []).append((int(known[2]), place))
    merged: list[Instance | None] = list(instances)
    for (_, group, _, _, own), found in places.items():
        numbers = [number for number, _ in found]
        if len(set(numbers)) < len(numbers):
            continue
        first = min(place for _, place in found)
        rings = tuple(ring for _, place in sorted(found) for ring in instances[place].shape.rings)  # type: ignore[union-attr]
        for _, place in found:
            merged[place] = None
        merged[first] = replace(instances[first], shape=Polygon(rings), group=group if own else None)
    return [each for each in merged if each is not None]


def join_groups(
    instances: Sequence[Instance], size_hw: SizeHW | None, *, image_id: str
) -> tuple[list[Instance], list[Remark]]:
    """Return one object for all that is drawn of each label and group, in the place of the first of them.

    Outlines become the rings of one; where masks are among them, all become one mask. It has the attributes
    of all, those of the first where they differ, and its group if others are in it. The remarks say so.
    """
    members: dict[tuple[str, int], list[int]] = {}
    for place, each in enumerate(instances):
        if each.group is not None and isinstance(each.shape, Polygon | Bitmap):
            members.setdefault((each.label, each.group), []).append(place)
    sizes = Counter(each.group for each in instances)
    joined: list[Instance | None] = list(instances)
    hidden = 0
    for places in members.values():
        shapes = [instances[place].shape for place in places]
        first = places[0]
        if len(places) == 1:
            continue
        if all(isinstance(shape, Polygon) for shape in shapes):
            whole: Polygon | Bitmap = Polygon(tuple(ring for shape in shapes for ring in shape.rings))  # type: ignore[union-attr]
        else:
            assert size_hw is not None  # masks could not have been read without
            drawn = [
                runs for runs in bitmaps([instances[place] for place in places], size_hw) if runs is not None
            ]
            whole = Bitmap(size_hw, unite(drawn, [len(drawn)], size_hw)[0])
        attributes: dict[str, Value] = {}
        for place in places:
            joined[place] = None
            own = instances[place].attributes
            hidden += sum(name in attributes and attributes[name] != own[name] for name in own)
            marks = ((getattr(instances[each], name) for each in (place, first)) for name in MARKS)
            hidden += sum(its is not None and its != firsts for its, firsts in marks)
            attributes = {**own, **attributes}
        group = instances[first].group
        kept = group if sizes[group] > len(places) else None
        joined[first] = replace(instances[first], shape=whole, group=kept, attributes=attributes)
    found = [each for each in joined if each is not None]
    told = {
        "shape(s) joined to another of their label and group": len(instances) - len(found),
        "value(s) of joined shapes left out, for a shape before them has another": hidden,
    }
    return found, [Remark(kind, count, image_id) for kind, count in told.items() if count]
