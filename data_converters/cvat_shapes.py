"""The shapes of an image in CVAT's XML, turned into instances and tags; what is wrong is told by line."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from data_converters.cvat_meta import PART, UID, value_of
from data_converters.cvat_parts import join_groups, merge_parts
from data_converters.cvat_xml import make_parser
from segloop.data.annotations import (
    Bitmap,
    Box,
    Instance,
    Opaque,
    Polygon,
    Remark,
    Shape,
    SizeHW,
    Tag,
    Value,
)
from segloop.data.image_files import MOST_PIXELS
from segloop.data.masks import FARTHEST, Window, canonical, fault, from_windows, rings_fault
from segloop.utils.errors import nearest

Kinds = Mapping[str, Mapping[str, str]]
BOX = ("xtl", "ytl", "xbr", "ybr")
ELLIPSE = ("cx", "cy", "rx", "ry")
CUBOID = tuple(
    f"{axis}{corner}{face}" for face in "12" for corner in ("tl", "bl", "tr", "br") for axis in "xy"
)
WINDOW = ("left", "top", "width", "height")
LONGEST_GUESS = 100  # characters of a label that others are compared with
MANUAL = "manual"  # the source of a tag that CVAT's users set
_WHOLE = re.compile(r"\s*-?[0-9]{1,18}\s*", re.ASCII)
_COUNT = re.compile(r"\s*[0-9]{1,18}\s*", re.ASCII)


@dataclass(slots=True)
class Element:
    """An element of an image: what it says of itself, its <attribute>s, and the shapes inside of it."""

    tag: str
    values: dict[str, str]
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    inner: list[Element] = field(default_factory=list)

    def __str__(self) -> str:
        return f"line {self.line}: <{self.tag}>"


def parse_element(data: bytes, *, encoding: str, line: int) -> Element:
    """Parse a part of a file that begins with an element's tag and ends before it is closed.

    What cannot be parsed, because the file has changed, is an expat error or `Untrusted`.
    """
    parser = make_parser(encoding)
    top = Element("", {}, line)
    stack = [top]
    texts: list[str] = []
    before = line - 1

    def start(name: str, values: dict[str, str]) -> None:
        if name == "attribute":
            texts.clear()
            parser.CharacterDataHandler = texts.append
        element = Element(name, values, parser.CurrentLineNumber + before)
        stack[-1].inner.append(element)
        stack.append(element)

    def end(name: str) -> None:
        element = stack.pop()
        if name == "attribute":
            parser.CharacterDataHandler = None
            stack[-1].inner.pop()
            stack[-1].attributes[element.values.get("name", "")] = "".join(texts)

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.Parse(data, False)
    tail = f"</{stack[-1].tag}>" if len(stack) > 1 else ""  # an element without contents is closed already
    parser.Parse(
        tail.encode(encoding), True
    )  # or a newer expat might keep back what it has not read to the end
    return top.inner[0]


class ShapeReader:
    """Turns elements of one image into instances, and collects what is wrong with them."""

    def __init__(self, kinds: Kinds, size_hw: SizeHW | None, *, join_groups: bool = False) -> None:
        self.kinds, self.size_hw, self.join_groups = kinds, size_hw, join_groups
        self.remarks: list[Remark] = []
        self._told: list[tuple[int, str]] = []
        self._guesses = 3

    @property
    def problems(self) -> list[str]:
        """What is wrong, in the order of the lines."""
        return [told for _, told in sorted(self._told, key=lambda each: each[0])]

    def _tell(self, element: Element, told: str) -> None:
        self._told.append((element.line, f"{element}{told}"))

    def instances(self, elements: Sequence[Element]) -> list[Instance]:
        """Return an instance of each shape that is whole; masks are decoded all at once."""
        shapes: list[Shape | None] = [self._shape(element) for element in elements if element.tag != "mask"]
        rest, masks = iter(shapes), iter(self._masks([each for each in elements if each.tag == "mask"]))
        found, parts = [], []
        for element in elements:
            shape = next(masks if element.tag == "mask" else rest)
            instance = self._instance(element, shape)
            if instance is not None:
                found.append(instance)
                parts.append(element.attributes.get(PART, ""))
        found = merge_parts(found, parts) if any(parts) else found
        return self._joined(found) if self.join_groups else found

    def _joined(self, instances: list[Instance]) -> list[Instance]:
        """Return one object for each label of a group, where the user says that groups are that."""
        joined, remarks = join_groups(instances, self.size_hw, image_id="")
        self.remarks += remarks
        return joined

    def tags(self, elements: Sequence[Element]) -> tuple[Tag, ...]:
        """Return the labels of the whole image."""
        found = []
        for element in elements:
            label = self._label(element)
            if label is not None:
                found.append(Tag(label, self._attributes(element, label)[0]))
            if self._whole(element, "group_id"):
                self.remarks.append(Remark("tag(s) of an image whose group is not carried", 1, str(element)))
            if element.values.get("source", MANUAL) != MANUAL:
                self.remarks.append(Remark("tag(s) of an image whose source is not carried", 1, str(element)))
        return tuple(found)

    def _instance(self, element: Element, shape: Shape | None) -> Instance | None:
        label, values = self._label(element), element.values
        group, z_order = self._whole(element, "group_id"), self._whole(element, "z_order")
        if label is None or shape is None or group is None or z_order is None:
            return None
        attributes, uid = self._attributes(element, label)
        return Instance(
            label=label,
            shape=shape,
            attributes=attributes,
            group=group or None,
            z_order=z_order,
            occluded=values.get("occluded", "0") not in ("0", "false", "False", ""),
            source=values.get("source"),
            uid=uid,
        )

    def _label(self, element: Element) -> str | None:
        label = element.values.get("label")
        if label is None:
            self._tell(element, " has no label")
        elif label not in self.kinds:
            self._tell(
                element, f" has the label {_cut(label)}, which is not declared in <meta>.{self._hint(label)}"
            )
            return None
        return label

    def _hint(self, label: str) -> str:
        """Return a guess at what was meant; a few a set, for a guess looks at all labels."""
        if self._guesses == 0 or len(label) > LONGEST_GUESS:
            return ""
        self._guesses -= 1
        return nearest(label, [each for each in self.kinds if len(each) <= LONGEST_GUESS])

    def _attributes(self, element: Element, label: str) -> tuple[dict[str, Value], str | None]:
        """Return the attributes, and the identity that is written among them."""
        kinds, found = self.kinds[label], {}
        uid = None
        for name, text in element.attributes.items():
            kind = kinds.get(name, "text")
            if name == UID and kind == "text" and (UID in kinds or not kinds):
                uid = text or None
            elif name != PART:
                found[name] = value_of(text, kind)
        return found, uid

    def _whole(self, element: Element, name: str, default: str | None = "0") -> int | None:
        text = element.values.get(name, default)
        if text is None:
            self._tell(element, f" has no {name}")
        elif text == "0" or _WHOLE.fullmatch(text):
            return int(text)
        else:
            self._tell(element, f" has the {name} {_cut(text)}, which is no whole number")
        return None

    def _numbers(self, element: Element, names: Sequence[str]) -> dict[str, float] | None:
        found: dict[str, float] = {}
        for name in names:
            text = element.values.get(name)
            value = None if text is None else _number(text)
            if value is not None and abs(value) > FARTHEST:
                self._tell(element, f" has the {name} {value:g}; the limit is {FARTHEST} pixels")
            elif value is not None:
                found[name] = value
            elif text is None:
                self._tell(element, f" has no {name}")
            else:
                self._tell(element, f" has the {name} {_cut(text)}, which is no number")
        return found if len(found) == len(names) else None

    def _shape(self, element: Element) -> Shape | None:
        """Return what an element other than a mask draws."""
        tag = element.tag
        if tag == "polygon":
            return self._polygon(element)
        if tag == "box":
            return self._box(element)
        payload: dict[str, Any] | None
        if tag in ("polyline", "points"):
            points = self._points(element)
            payload = None if points is None else {"points": points}
        elif tag == "ellipse":
            payload = self._turned(element, ELLIPSE)
            if payload is not None and not (payload["rx"] > 0 and payload["ry"] > 0):
                self._tell(element, f" has no area: its radii are {payload['rx']:g} and {payload['ry']:g}")
                payload = None
        elif tag == "cuboid":
            payload = self._numbers(element, CUBOID)
        elif tag == "skeleton":
            payload = {"elements": [self._skeleton_part(each) for each in element.inner]}
        else:  # of a CVAT that is newer than this code
            payload = {"values": dict(element.values)}
        return None if payload is None else Opaque(tag, payload)

    def _box(self, element: Element) -> Shape | None:
        values = self._turned(element, BOX)
        if values is None:
            return None
        left, top, right, bottom = (values[name] for name in BOX)
        if right <= left or bottom <= top:
            self._tell(element, f" has no area: {left:g},{top:g} to {right:g},{bottom:g}")
            return None
        if values["rotation"]:
            return Opaque("rotated-box", values)
        return Box((left, top, right, bottom)) if self._is_inside(element, left, top, right, bottom) else None

    def _turned(self, element: Element, names: Sequence[str]) -> dict[str, float] | None:
        """Return numbers and the rotation in degrees, which need not be there."""
        element.values.setdefault("rotation", "0")
        return self._numbers(element, (*names, "rotation"))

    def _polygon(self, element: Element) -> Polygon | None:
        points = self._points(element)
        if points is None:
            return None
        ring = np.array(points, np.float64)
        if told := rings_fault((ring,)):
            self._tell(element, f" has {told}")
            return None
        low, high = ring.min(axis=0).tolist(), ring.max(axis=0).tolist()
        return Polygon((ring,)) if self._is_inside(element, *low, *high) else None

    def _is_inside(self, element: Element, left: float, top: float, right: float, bottom: float) -> bool:
        """Tell whether something of a shape lies in the image; what leaves it is drawn as far as it goes."""
        if self.size_hw is None:
            return True
        height, width = self.size_hw
        beyond = left >= width < right or top >= height < bottom  # what lies on the border is still inside
        if not (beyond or right <= 0 > left or bottom <= 0 > top):
            return True
        place = f"{left:g},{top:g} to {right:g},{bottom:g}"
        self._tell(element, f" lies outside the image of {width}x{height}: {place}")
        return False

    def _points(self, element: Element) -> list[list[float]] | None:
        text = element.values.get("points")
        if text is None:
            self._tell(element, " has no points")
            return None
        pairs = [pair.split(",") for pair in text.strip().rstrip(";").split(";")]
        try:
            points = [[float(x), float(y)] for x, y in pairs]
        except ValueError:
            points = []
        if not points or "_" in text or not all(math.isfinite(x + y) for x, y in points):
            odd = next((pair for pair in pairs if len(pair) != 2 or None in map(_number, pair)), [text])
            self._tell(element, f" has the point {_cut(','.join(odd))}, which is not two numbers")
            return None
        if any(abs(x) > FARTHEST or abs(y) > FARTHEST for x, y in points):
            self._tell(element, f" has a point farther off than {FARTHEST} pixels, the limit")
            return None
        return points

    def _skeleton_part(self, element: Element) -> dict[str, Any]:
        points = self._points(element) if "points" in element.values else None
        values = {name: text for name, text in element.values.items() if name != "points"}
        part = {"kind": element.tag, "values": values, "attributes": dict(element.attributes)}
        return part if points is None else {**part, "points": points}

    def _masks(self, elements: Sequence[Element]) -> list[Shape | None]:
        """Decode masks: row by row inside of their boxes, which need not be tight."""
        found: list[Shape | None] = [None] * len(elements)
        if not elements:
            return found
        if self.size_hw is None:
            lacks = "the image has neither width and height nor a file, so its masks have no place"
            self._tell(elements[0], f": {lacks}")
            return found
        boxes = [self._window_box(element) for element in elements]
        whole = [place for place, box in enumerate(boxes) if box is not None]
        windows, places = [], []
        counts = _split_counts([elements[place].values["rle"] for place in whole])
        for place, (each, total) in zip(whole, counts, strict=True):
            left, top, width, height = boxes[place] or (0, 0, 0, 0)
            if isinstance(each, str):
                told: str | None = f"its rle has {each!r} where a run length should be"
            elif total != width * height and (told := fault(each, width * height)):
                told = f"{told} (its box is {width}x{height})"
            else:
                windows.append(Window(left, top, width, height, each))
                places.append(place)
                continue
            self._tell(elements[place], f": {told}")
        for place, runs in zip(places, from_windows(windows, self.size_hw), strict=True):
            found[place] = Bitmap(self.size_hw, runs)
        return found

    def _window_box(self, element: Element) -> tuple[int, int, int, int] | None:
        """Return left, top, width and height of a mask that has run lengths and lies in the image."""
        assert self.size_hw is not None
        values = element.values
        try:
            left, top, width, height = (int(values[name]) for name in WINDOW)
        except (KeyError, ValueError):
            for name in WINDOW:
                self._whole(element, name, default=None)
            return None
        if (width, height) == (1, 1) and values.get("rle") in ("", "0"):
            values["rle"] = "1"  # no pixel: so CVAT's page saves what was erased
        told = None
        if "rle" not in values:
            told = "it has no rle"
        elif width < 1 or height < 1:
            told = f"its box is {width}x{height}"
        elif left < 0 or top < 0 or left + width > self.size_hw[1] or top + height > self.size_hw[0]:
            image = f"{self.size_hw[1]}x{self.size_hw[0]}"
            told = f"its box ({width}x{height} at {left},{top}) leaves the image of {image}"
        if told:
            self._tell(element, f": {told}")
        return None if told else (left, top, width, height)


def _split_counts(texts: Sequence[str]) -> list[tuple[np.ndarray | str, int]]:
    """Return the lengths of many masks, without empty runs inside, and what they add up to, if that is small.

    For a text that is odd it is what is odd about it.
    """
    if not texts:
        return []
    heads = np.cumsum([0, *(text.count(",") + 1 for text in texts)])
    try:
        with warnings.catch_warnings():  # numpy stops where a text is odd, and means to raise one day
            warnings.simplefilter("ignore", DeprecationWarning)
            flat = np.fromstring(",".join(texts), np.int64, sep=",")
    except ValueError:
        flat = np.zeros(0, np.int64)
    if len(flat) != heads[-1]:
        return [(_odd_count(text) or canonical(np.array(text.split(","), np.int64)), -1) for text in texts]
    parts: list[np.ndarray | str] = [flat[low:high] for low, high in pairwise(heads.tolist())]
    odd = flat <= 0
    odd[heads[:-1]] = flat[heads[:-1]] < 0  # the first run is of zeros and may be empty
    for place in set((np.searchsorted(heads, np.flatnonzero(odd), "right") - 1).tolist()):
        parts[place] = _odd_count(texts[place]) or canonical(flat[heads[place] : heads[place + 1]])
    small = int(flat.max()) <= MOST_PIXELS  # or the sums might overflow
    sums = np.add.reduceat(flat, heads[:-1]).tolist() if small else [-1] * len(texts)
    return list(zip(parts, sums, strict=True))


def _odd_count(text: str) -> str | None:
    """Return the first of the texts between commas that is no number, or None."""
    return next((each[:40] or "nothing" for each in text.split(",") if not _COUNT.fullmatch(each)), None)


def _cut(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}…")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None
