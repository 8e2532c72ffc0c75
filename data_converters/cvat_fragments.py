"""Objects of an image as CVAT's XML: fragments made by hand, every text escaped, every change counted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from data_converters.base import Loss
from data_converters.cvat_meta import PART, UID, text_of, value_of
from data_converters.cvat_shapes import BOX, CUBOID, ELLIPSE, Kinds
from data_converters.cvat_xml import in_quotes, in_text, writable
from segloop.data.annotations import Bitmap, Box, Instance, Opaque, Polygon, Tag, Value
from segloop.data.masks import Spans, window_table

_NAME = re.compile(r"[A-Za-z_][\w.-]*")
_EMPTY = ' rle="1" left="0" top="0" width="1" height="1"'  # a box of one pixel that is not set


class Tally:
    """Counts what a format cannot hold, by kind, with the first example of each."""

    def __init__(self, image_id: str) -> None:
        self.image_id = image_id
        self._found: dict[str, tuple[int, str]] = {}

    def add(self, kind: str, example: str, count: int = 1) -> None:
        """Count something that is lost or changed."""
        before, first = self._found.get(
            kind, (0, f"{self.image_id}: {example}" if example else self.image_id)
        )
        self._found[kind] = (before + count, first)

    def losses(self) -> tuple[Loss, ...]:
        """Return what was counted."""
        return tuple(Loss(kind, count, example) for kind, (count, example) in self._found.items())


class Fragments:
    """Writes the objects and tags of one image.

    `kinds` are the attributes that each label declares; `declared` collects those that it does not, which the
    writer declares as text.
    """

    def __init__(self, kinds: Kinds, tally: Tally) -> None:
        self.kinds, self.tally = kinds, tally
        self.declared: dict[tuple[str, str], None] = {}
        self.written = 0
        self._labels: dict[str, str] = {}

    def objects(self, instances: Sequence[Instance], masks: Spans) -> Iterator[str]:
        """Yield an element for each object; one of several rings has one each, joined by a group.

        `masks` are the bitmaps among them.
        """
        windows = _windows(masks)
        groups = _Groups(instances)
        for place, instance in enumerate(instances):
            shape = instance.shape
            group = groups.of(instance)
            if isinstance(shape, Bitmap):
                yield self._element("mask", next(windows), instance, group)
            elif isinstance(shape, Polygon):
                yield from self._polygons(shape, instance, place, groups)
            elif isinstance(shape, Box):
                yield self._element("box", _numbers(BOX, shape.box_xyxy), instance, group)
            elif (fragment := self._opaque(shape, instance, group)) is not None:
                yield fragment
            else:
                self.tally.add("opaque", f"{instance.label}, {shape.kind}")
                continue
            self.written += 1

    def tags(self, tags: Sequence[Tag]) -> Iterator[str]:
        """Yield an element for each label of the whole image."""
        for tag in tags:
            attributes = self._attributes(tag.label, tag.attributes)
            yield f'    <tag label="{self._label(tag.label)}">\n{attributes}    </tag>\n'

    def _polygons(self, shape: Polygon, instance: Instance, place: int, groups: _Groups) -> Iterator[str]:
        rings = [ring for ring in shape.rings if len(ring) > 2]
        if len(rings) < len(shape.rings):
            short = len(shape.rings) - len(rings)
            self.tally.add("outlines-of-two-points", instance.label, short)
        group = groups.of(instance)
        if not rings:  # an object without a pixel
            self.tally.add("polygons", f"{instance.label}, without an outline")
            yield self._element("mask", _EMPTY, instance, group)
        elif len(rings) == 1:
            yield self._element("polygon", _points(rings[0]), instance, group)
        else:
            own = "+" if group else ""
            group = group or groups.new()
            for number, ring in enumerate(rings):
                yield self._element("polygon", _points(ring), instance, group, part=f"{place}.{number}{own}")

    def _opaque(self, shape: Opaque, instance: Instance, group: int | None) -> str | None:
        """Return what is carried and not drawn; None for what another format means by it."""
        payload = shape.payload
        try:
            if shape.kind == "rotated-box":
                said = _numbers((*BOX, "rotation"), [payload[name] for name in (*BOX, "rotation")])
                return self._element("box", said, instance, group)
            if shape.kind == "ellipse":
                turn = [payload["rotation"]] if payload.get("rotation") else []
                said = _numbers((*ELLIPSE, "rotation"), [*(payload[name] for name in ELLIPSE), *turn])
            elif shape.kind == "cuboid":
                said = _numbers(CUBOID, [payload[name] for name in CUBOID])
            elif shape.kind in ("polyline", "points"):
                said = _exact_points(payload["points"])
            elif shape.kind == "skeleton":
                parts = "".join(self._skeleton_part(part) for part in payload["elements"])
                return self._element("skeleton", "", instance, group, inside=parts)
            else:
                values = {name: text for name, text in payload["values"].items() if name not in _COMMON}
                if not _NAME.fullmatch(shape.kind):
                    return None
                said = _said(values)
        except (KeyError, TypeError, ValueError, AttributeError):
            return None
        return self._element(shape.kind, said, instance, group)

    def _skeleton_part(self, part: Mapping[str, Any]) -> str:
        points = _exact_points(part["points"]) if "points" in part else ""
        attributes = "".join(self._attribute("  ", *each) for each in part["attributes"].items())
        if not _NAME.fullmatch(part["kind"]):
            raise ValueError
        said = _said(part["values"])
        return f"      <{part['kind']}{said}{points}>\n{attributes}      </{part['kind']}>\n"

    def _element(
        self,
        tag: str,
        said: str,
        instance: Instance,
        group: int | None,
        *,
        part: str | None = None,
        inside: str = "",
    ) -> str:
        """Return an element in CVAT's order: label, source, occluded, what it draws, z_order, group."""
        source = f' source="{in_quotes(writable(instance.source))}"' if instance.source is not None else ""
        joined = f' group_id="{group}"' if group else ""
        if instance.attributes or instance.uid is not None or part is not None:
            inside += self._attributes(instance.label, instance.attributes, uid=instance.uid, part=part)
        return (
            f'    <{tag} label="{self._label(instance.label)}"{source} occluded="{int(instance.occluded)}"'
            f'{said} z_order="{instance.z_order}"{joined}>\n{inside}    </{tag}>\n'
        )

    def _label(self, name: str) -> str:
        if name not in self._labels:
            self._labels[name] = in_quotes(name)
        return self._labels[name]

    def _attributes(
        self, label: str, attributes: Mapping[str, Value], *, uid: str | None = None, part: str | None = None
    ) -> str:
        """Return the <attribute> elements of an object or a tag, and note what its label does not declare."""
        kinds = self.kinds.get(label, {})
        lines = []
        for name, value in attributes.items():
            kind = kinds.get(name)
            text = text_of(value)
            if name in (UID, PART):
                self.tally.add("attributes", f"{label}.{name}, a name that has its own meaning")
                continue
            again = value_of(text, kind or "text")
            if again != value or type(again) is not type(value):
                told = f"{label}.{name} = {value!r} becomes {again!r}"
                self.tally.add("attribute-types", told)
            if kind is None:
                self.declared[label, name] = None
            lines.append(self._attribute("", name, text))
        for name, own in ((UID, uid), (PART, part)):
            if own is not None:
                self.declared[label, name] = None
                lines.append(self._attribute("", name, own))
        return "".join(lines)

    def _attribute(self, indent: str, name: str, text: str) -> str:
        clean_name, clean = writable(name), writable(text)
        if clean != text or clean_name != name:
            self.tally.add("characters", f"attribute {name!r} = {text[:40]!r}")
        return f'{indent}      <attribute name="{in_quotes(clean_name)}">{in_text(clean)}</attribute>\n'


_COMMON = ("label", "source", "occluded", "z_order", "group_id")


class _Groups:
    """The numbers of groups: CVAT's 0 means none, so it is given another; parts get numbers of their own."""

    def __init__(self, instances: Sequence[Instance]) -> None:
        known = {each.group for each in instances if each.group is not None}
        self._last = max(known, default=0)
        self._last = max(self._last, 0)
        self._given = {group: self.new() for group in sorted(known) if group <= 0}

    def of(self, instance: Instance) -> int | None:
        """Return the number of an object's group."""
        return None if instance.group is None else self._given.get(instance.group, instance.group)

    def new(self) -> int:
        """Return a number that no group of the image has."""
        self._last += 1
        return self._last


def _said(values: Mapping[str, str]) -> str:
    if not all(_NAME.fullmatch(name) for name in values):
        raise ValueError
    return "".join(f' {name}="{in_quotes(writable(text))}"' for name, text in values.items())


def _windows(masks: Spans) -> Iterator[str]:
    """Yield what a mask says: row by row inside of its tight box; an empty one has a box of one pixel."""
    table, flat, edges = window_table(masks)
    counts = flat.tolist()
    for (left, top, width, height), (low, high) in zip(table.tolist(), pairwise(edges.tolist()), strict=True):
        if low == high:
            yield _EMPTY
            continue
        rle = str(counts[low:high])[1:-1]
        yield f' rle="{rle}" left="{left}" top="{top}" width="{width}" height="{height}"'


def _points(ring: np.ndarray) -> str:
    """Return an outline with CVAT's two decimals."""
    return f' points="{("%.2f,%.2f;" * len(ring) % tuple(ring.ravel().tolist()))[:-1]}"'


def _exact_points(points: Sequence[Sequence[float]]) -> str:
    return f' points="{";".join(",".join(map(_exact, (x, y))) for x, y in points)}"'


def _numbers(names: Sequence[str], values: Sequence[float]) -> str:
    return "".join(f' {name}="{_exact(value)}"' for name, value in zip(names, values, strict=False))


def _exact(value: float) -> str:
    """Return a number with CVAT's two decimals where those are enough, else with all that it has.

    >>> _exact(2), _exact(0.125)
    ('2.00', '0.125')
    """
    short = f"{value:.2f}"
    return short if float(short) == value else repr(float(value))
