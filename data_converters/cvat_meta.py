"""The <meta> of CVAT's XML, read and written: labels, what attributes they declare, tasks and subsets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from data_converters.cvat_index import Node
from data_converters.cvat_xml import MOST_DEPTH, in_text, writable
from segloop.data.annotations import RGB, Attribute, Label, Value
from segloop.data.image_files import MOST_PIXELS

KINDS = ("text", "number", "select", "radio", "checkbox")
UID = "uid"  # a text attribute of this name is an object's identity, not one of its properties
PART = "segloop_part"  # our mark on polygons that are the parts of one object
NO_SUBSET = "default"  # what CVAT writes where nobody named a subset
SUBLABELS, PICTURES = "cvat_sublabels", "cvat_skeleton_pictures"  # facts: what only a skeleton has
_TAG = re.compile(r"[A-Za-z_][\w.-]*")
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,14})")
_FRACTION = re.compile(r"-?[0-9]{1,20}\.[0-9]{1,20}|-?[0-9](\.[0-9]{1,20})?e[+-][0-9]{1,3}")
_OLD_ATTRIBUTE = re.compile(r"([@~])(\w+)=([^:]*):(.*)", re.DOTALL)  # version 1.0: @select=quality:good,bad


@dataclass(frozen=True)
class Task:
    """A task or job as <meta> tells of it: its frames by number, and their size where it is a video."""

    number: str
    subset: str | None
    frames: range | None
    size_hw: tuple[int, int] | None


@dataclass
class Meta:
    """What <meta> says."""

    labels: list[Label] = field(default_factory=list)
    kinds: dict[str, dict[str, str]] = field(default_factory=dict)  # by label and attribute
    subset: str | None = None  # of all images, where the file is one task's
    tasks: list[Task] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


def read_meta(root: Node) -> Meta:
    """Read <meta> of a task, a job or a project."""
    meta = Meta()
    inner = next((root.get(name) for name in ("project", "task", "job") if root.all(name)), Node(""))
    if name := inner.get("name").text:
        meta.facts["name"] = name
    nodes = inner.get("tasks").all("task") if inner.name == "project" else [inner]
    for node in nodes:
        size = next((each for each in (node, inner, root) if each.all("original_size")), Node(""))
        meta.tasks.append(_task(node, size.get("original_size"), meta.problems))
    if inner.name != "project":
        meta.subset = meta.tasks[0].subset
    for node in inner.get("labels").all("label"):
        _add_label(node, meta)
    return meta


def _task(node: Node, size: Node, problems: list[str]) -> Task:
    start, stop = _number(node.get("start_frame")), _number(node.get("stop_frame"))
    step = re.fullmatch(r"step=([1-9][0-9]{0,6})", node.get("frame_filter").text.strip())
    every = int(step[1]) if step else 1
    frames = range(start, stop + 1, every) if start is not None and stop is not None else None
    height, width = _number(size.get("height")), _number(size.get("width"))
    size_hw = (height, width) if height and width else None
    if size_hw and size_hw[0] * size_hw[1] > MOST_PIXELS:
        problems.append(f"frames of {width}x{height} pixels; the limit is {MOST_PIXELS} in all")
        size_hw = None
    return Task(node.get("id").text, subset_of(node.get("subset").text), frames, size_hw)


def _number(node: Node) -> int | None:
    text = node.text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None


def subset_of(text: str | None) -> str | None:
    """Return the name of a subset; None for the one that CVAT makes up."""
    return None if text in (None, "", NO_SUBSET) else text


def _add_label(node: Node, meta: Meta) -> None:
    name = node.get("name").text
    if not name:
        meta.problems.append("a label in <meta> has no name")
        return
    attributes = [each for each in map(_attribute, node.get("attributes").all("attribute")) if each]
    for place, each in enumerate(attributes):
        if each.kind not in KINDS:
            told = f"attribute {each.name!r} of label {name!r} is of the unknown kind {each.kind!r}"
            meta.told.append(f"{told}; it was read as text")
            attributes[place] = replace(each, kind="text")
    if node.all("parent"):  # a part of a skeleton; its name may stand in several of them
        meta.facts.setdefault(SUBLABELS, []).append(_plain(node))
        return
    if name in meta.kinds:
        meta.problems.append(f"label {name!r} is declared twice in <meta>")
        return
    if svg := node.get("svg").text:
        meta.facts.setdefault(PICTURES, {})[name] = svg
    meta.kinds[name] = {each.name: each.kind for each in attributes}
    color = _color(node.get("color").text)
    if color is None and node.get("color").text:
        meta.told.append(f"the colour {node.get('color').text!r} of label {name!r} is no #rrggbb")
    ours = ((UID, "text"), (PART, "text"))
    kept = tuple(each for each in attributes if (each.name, each.kind) not in ours)
    meta.labels.append(Label(name, color, kept, node.get("type").text or "any"))


def _attribute(node: Node) -> Attribute | None:
    name, values = node.get("name").text, node.get("values").text
    if name:
        return Attribute(
            name,
            node.get("input_type").text or "text",
            tuple(values.split("\n")) if values else (),
            node.get("default_value").text,
            node.get("mutable").text.strip().lower() in ("true", "1"),
        )
    old = _OLD_ATTRIBUTE.fullmatch(node.text.strip())
    if old is None:
        return None
    choices = tuple(old[4].split(","))
    return Attribute(old[3], old[2], choices, choices[0], old[1] == "~")


def _color(text: str) -> RGB | None:
    if not re.fullmatch("#[0-9a-fA-F]{6}", text):
        return None
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _plain(node: Node) -> dict[str, Any]:
    """Return an element as plain values, to be written again as it was."""
    return {"name": node.name, "text": node.text, "inner": [_plain(each) for each in node.inner]}


def is_plain(node: Any, *, levels: int = MOST_DEPTH) -> bool:
    """Tell whether a value that came from a file is an element as `_plain` returns it."""
    return (
        levels > 0
        and isinstance(node, dict)
        and isinstance(node.get("text"), str)
        and isinstance(name := node.get("name"), str)
        and _TAG.fullmatch(name) is not None
        and isinstance(inner := node.get("inner"), list)
        and all(is_plain(each, levels=levels - 1) for each in inner)
    )


def part_names(facts: Mapping[str, Any]) -> list[str]:
    """Return the names of the labels of which skeletons are made."""
    nodes = [each for node in facts.get(SUBLABELS) or () for each in node["inner"]]
    return [each["text"] for each in nodes if each["name"] == "name"]


def value_of(text: str, kind: str) -> Value:
    """Return what an attribute's text means: numbers and yes/no only where they are written back the same.

    >>> [value_of(text, "number") for text in ("7", "0.5", "0.50")]
    [7, 0.5, '0.50']
    """
    if kind == "checkbox" and text in ("true", "false"):
        return text == "true"
    if kind == "number":
        if _WHOLE.fullmatch(text) and text != "-0":
            return int(text)
        if _FRACTION.fullmatch(text) and repr(float(text)) == text:
            return float(text)
    return text


def text_of(value: Value) -> str:
    """Return an attribute's value as CVAT writes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def meta_text(
    labels: Sequence[Label],
    *,
    declared: Mapping[str, Iterable[str]],
    subsets: Iterable[str],
    count: int,
    facts: Mapping[str, Any],
) -> str:
    """Return <meta>: a task's, or a project's where there are subsets.

    `declared` are, by label, the attributes that objects have and the label does not declare.
    """
    lines = ["  <meta>"]
    subsets = tuple(subsets)
    outer = "project" if subsets else "task"
    lines.append(f"    <{outer}>")
    lines += _leaf(3, "name", str(facts.get("name") or ""))
    if subsets:
        lines += ["      <tasks>", "      </tasks>", *_leaf(3, "subsets", "\n".join(subsets))]
    else:
        lines += _leaf(3, "size", str(count))
        lines += [*_leaf(3, "mode", "annotation"), *_leaf(3, "overlap", "0")]
        lines += [*_leaf(3, "start_frame", "0"), *_leaf(3, "stop_frame", str(max(count - 1, 0)))]
        lines += _leaf(3, "frame_filter", "")
    lines.append("      <labels>")
    for label in labels:
        lines += _label_lines(label, declared.get(label.name, ()), facts.get(PICTURES) or {})
    for sublabel in facts.get(SUBLABELS) or ():
        lines += _plain_lines(4, sublabel)
    lines += ["      </labels>", f"    </{outer}>", "  </meta>", ""]
    return "\n".join(lines)


def _label_lines(label: Label, undeclared: Iterable[str], pictures: Mapping[str, str]) -> Iterator[str]:
    yield "        <label>"
    yield from _leaf(5, "name", label.name)
    if label.color is not None:
        red, green, blue = label.color
        yield from _leaf(5, "color", f"#{red:02x}{green:02x}{blue:02x}")
    yield from _leaf(5, "type", label.shape)
    yield "          <attributes>"
    for each in (*label.attributes, *(Attribute(name) for name in undeclared)):
        yield "            <attribute>"
        yield from _leaf(7, "name", each.name)
        yield from _leaf(7, "mutable", str(each.mutable))
        yield from _leaf(7, "input_type", each.kind)
        yield from _leaf(7, "default_value", each.default)
        yield from _leaf(7, "values", "\n".join(each.values))
        yield "            </attribute>"
    yield "          </attributes>"
    if label.name in pictures:
        yield from _leaf(5, "svg", pictures[label.name])
    yield "        </label>"


def _plain_lines(level: int, node: Mapping[str, Any]) -> Iterator[str]:
    if not node["inner"]:
        yield from _leaf(level, node["name"], node["text"])
        return
    yield f"{'  ' * level}<{node['name']}>"
    for each in node["inner"]:
        yield from _plain_lines(level + 1, each)
    yield f"{'  ' * level}</{node['name']}>"


def _leaf(level: int, name: str, text: str) -> Iterator[str]:
    yield f"{'  ' * level}<{name}>{in_text(writable(text))}</{name}>"
