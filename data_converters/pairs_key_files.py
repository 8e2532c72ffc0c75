"""Reads the tables and JSON files that name classes: ADE20K's, Supervisely's, mappings written by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME_COLUMNS = ("name", "class", "class_name", "label", "category", "title")
VALUE_COLUMNS = ("idx", "id", "index", "value", "class_id", "pixel_value")
NAME_KEYS = ("title", "name", "label")
_HEX = re.compile(r"#?([0-9a-fA-F]{6})")


@dataclass(frozen=True)
class Known:
    """Classes in order: names, the value of each in grey masks, the colour of each (0xRRGGBB) if it says.

    Where a file gives no values, they are the places of the classes, and `placed` says so.
    """

    file: Path
    names: tuple[str, ...]
    values: tuple[int, ...]
    colors: tuple[int, ...] | None
    placed: bool = False


def known_of(
    file: Path, names: Sequence[str], values: Sequence[int] | None, colors: Sequence[Sequence[int]] | None
) -> Known | None:
    """Return what a file says, by default with places as values; None where two classes are alike in one."""
    placed, values = values is None, range(len(names)) if values is None else values
    packed = None if colors is None else tuple(r << 16 | g << 8 | b for r, g, b in colors)
    for each in (names, values, packed):
        if each is not None and len(set(each)) < len(each):
            return None
    return Known(file, tuple(names), tuple(values), packed, placed) if len(names) > 1 else None


def key_of_table(file: Path, lines: Sequence[str]) -> Known | None:
    """Return what a table says whose columns are called `name` and `idx` (`id`, `value` …), colours aside.

    Of several names of one class (`building, edifice`) the first is taken.
    """
    rows = [line for line in lines if line.strip()]
    delimiter = next((each for each in "\t;," if rows and each in rows[0]), None)
    if delimiter is None:
        return None
    head, *body = [[cell.strip().strip("\"'") for cell in row.split(delimiter)] for row in rows]
    columns = [cell.casefold() for cell in head]
    name = next((columns.index(each) for each in NAME_COLUMNS if each in columns), None)
    value = next((columns.index(each) for each in VALUE_COLUMNS if each in columns), None)
    if name is None or value is None or {"r", "g", "b"} & set(columns):
        return None
    if any(len(row) != len(head) or not _is_value(row[value]) for row in body):
        return None
    firsts = [re.split(r"[,;]", row[name])[0].strip() for row in body]
    names = firsts if len(set(firsts)) == len(firsts) else [row[name] for row in body]
    return known_of(file, names, [int(row[value]) for row in body], None) if all(names) else None


def key_of_json(file: Path) -> Known | None:
    """Return what a JSON says: a list of names, of objects with a name and a colour or id, or a mapping.

    `{"classes": [{"title": "water", "color": "#E2A929"}]}`, `["sky", "sea"]`, `{"sea": 3}`, `{"3": "sea"}`,
    `{"sea": [0, 0, 255]}`.
    """
    text = file.read_text(encoding="utf-8-sig")
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(told, dict) and (inner := told.get("classes", told.get("labels"))) is not None:
        told = inner
    if isinstance(told, list) and all(isinstance(each, str) for each in told):
        return known_of(file, told, range(len(told)), None)
    if isinstance(told, list) and all(isinstance(each, dict) for each in told):
        return _of_objects(file, told)
    return _of_mapping(file, told) if isinstance(told, dict) else None


def _of_objects(file: Path, told: Sequence[Mapping[str, Any]]) -> Known | None:
    names = [next((each[key] for key in NAME_KEYS if isinstance(each.get(key), str)), "") for each in told]
    colors = [_color(each.get("color")) for each in told]
    ids = [each.get("id") for each in told]
    if not all(names):
        return None
    values = [each for each in ids if isinstance(each, int) and _is_value(str(each))]
    return known_of(
        file,
        names,
        values if len(values) == len(names) else None,
        [each for each in colors if each] if all(colors) else None,
    )


def _of_mapping(file: Path, told: Mapping[str, Any]) -> Known | None:
    names, values = list(told), list(told.values())
    if all(_is_value(name) for name in names) and all(isinstance(each, str) for each in values):
        return known_of(file, values, [int(name) for name in names], None)
    if all(isinstance(each, int) and _is_value(str(each)) for each in values):
        return known_of(file, names, values, None)
    colors = [color for each in values if (color := _color(each))]
    return known_of(file, names, None, colors) if len(colors) == len(names) else None


def _color(value: Any) -> list[int] | None:
    if isinstance(value, str) and (found := _HEX.fullmatch(value)):
        return list(bytes.fromhex(found[1]))
    if isinstance(value, list) and len(value) == 3 and all(_is_value(str(each)) for each in value):
        return [int(each) for each in value]
    return None


def _is_value(text: str) -> bool:
    return text.isdecimal() and int(text) <= 255
