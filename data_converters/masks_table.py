"""What pictures of masks cannot say of their objects: two CSVs beside them, of labels and of objects."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from segloop.data.annotations import RGB, Instance, Label
from segloop.utils.errors import FormatError, listing

LABELS, OBJECTS = "labels.csv", "objects.csv"
LABEL_COLUMNS = ("name", "color", "group")
PLACE = ("split", "image_id")
MASK, NUMBER = "mask", "number"  # which column there is tells which form the pictures have
_SPECIAL = re.compile('[",\r\n]')
_COLOR = re.compile(r"#[0-9a-f]{6}", re.IGNORECASE)


class Row(NamedTuple):
    """An object: the line it is in, its picture or number, and the other columns as they are written."""

    line: int
    key: str
    fields: tuple[str, ...]
    columns: tuple[str, ...]


def _flag(text: str) -> bool:
    if text not in ("", "0", "1"):
        raise ValueError("1 or nothing is expected")
    return text == "1"


def _attributes(text: str) -> Mapping[str, Any]:
    found = json.loads(text) if text else {}
    plain = (str, int, float, bool, type(None))
    if not isinstance(found, dict) or not all(isinstance(value, plain) for value in found.values()):
        raise ValueError("a JSON object of plain values is expected")
    return found


def _optional(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: kind(text) if text else None


# Column: what its text means. All but `label` may be missing.
COLUMNS: Mapping[str, Callable[[str], Any]] = {
    "label": str,
    "score": _optional(float),
    "crowd": _flag,
    "occluded": _flag,
    "group": _optional(int),
    "z_order": lambda text: int(text) if text else 0,
    "source": _optional(str),
    "uid": _optional(str),
    "attributes": _attributes,
}


def write_labels(labels: Sequence[Label]) -> str:
    """Return the CSV of labels: names in order, colours, groups."""
    rows = [(each.name, hex_color(each.color), each.group or "") for each in labels]
    return csv_text([LABEL_COLUMNS, *rows])


def write_objects(split: str | None, image_id: str, objects: Iterable[tuple[str, Instance]]) -> str:
    """Return the rows of an image's objects, each given by its picture or number."""
    return csv_text((split or "", image_id, key, *_texts(each)) for key, each in objects)


def objects_header(key: str) -> str:
    """Return the first line of the CSV of objects; `key` is MASK or NUMBER."""
    return csv_text([(*PLACE, key, *COLUMNS)])


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as CSV, with quotes where they must be and lines that end in a newline."""
    return "".join(",".join(map(_field, row)) + "\n" for row in rows)


def _field(text: str) -> str:
    # csv.writer leaves a lone carriage return without quotes, which csv.reader then takes for a line's end.
    return '"' + text.replace('"', '""') + '"' if _SPECIAL.search(text) else text


def hex_color(color: RGB | None) -> str:
    """Return a colour as `#rrggbb`; nothing for none.

    >>> hex_color((255, 128, 0))
    '#ff8000'
    """
    return "" if color is None else "#{:02x}{:02x}{:02x}".format(*color)


def _texts(each: Instance) -> list[str]:
    values = {
        "label": each.label,
        "score": "" if each.score is None else repr(float(each.score)),
        "crowd": "1" if each.crowd else "",
        "occluded": "1" if each.occluded else "",
        "group": "" if each.group is None else str(each.group),
        "z_order": str(each.z_order) if each.z_order else "",
        "source": each.source or "",
        "uid": each.uid or "",
        "attributes": json.dumps(dict(each.attributes), ensure_ascii=False, sort_keys=True)
        if each.attributes
        else "",
    }
    return [values[column] for column in COLUMNS]


def read_labels(file: Path) -> tuple[Label, ...]:
    """Read the CSV of labels; all that is wrong with it is told together."""
    header, rows = _read(file)
    problems = [] if header == LABEL_COLUMNS else [f"line 1: expected {','.join(LABEL_COLUMNS)}"]
    labels: dict[str, Label] = {}
    for line, fields in rows if not problems else ():
        if len(fields) != len(LABEL_COLUMNS):
            problems.append(f"line {line}: {len(fields)} columns, not {len(LABEL_COLUMNS)}")
            continue
        name, color, group = fields
        if not name or name in labels:
            problems.append(
                f"line {line}: the label {name!r} " + ("is there twice" if name else "has no name")
            )
        if color and not _COLOR.fullmatch(color):
            problems.append(f"line {line}: {color!r} is no colour; write #rrggbb")
            continue
        rgb = tuple(bytes.fromhex(color[1:])) if color else None
        labels[name] = Label(name, rgb, group=group or None)  # type: ignore[arg-type]
    _raise(file, problems)
    return tuple(labels.values())


def read_objects(file: Path) -> tuple[str, dict[tuple[str, str], list[Row]]]:
    """Read the CSV of objects: the column that names them, MASK or NUMBER, and the rows of each image.

    An image is known by split and id. Values are looked at when an image is loaded.
    """
    header, rows = _read(file)
    key = header[2] if header[:2] == PLACE and len(header) > 2 else ""
    strange = [name for name in header[3:] if name not in COLUMNS]
    problems = []
    if key not in (MASK, NUMBER) or "label" not in header or strange or len(set(header)) < len(header):
        expected = f"split,image_id,{MASK} or {NUMBER},{','.join(COLUMNS)}"
        problems = [f"line 1: expected {expected}, of which all from score on may be missing"]
    columns = header[3:]
    found: dict[tuple[str, str], list[Row]] = {}
    for line, fields in rows if not problems else ():
        if len(fields) != len(header):
            problems.append(f"line {line}: {len(fields)} columns, not {len(header)}")
            continue
        found.setdefault((fields[0], fields[1]), []).append(Row(line, fields[2], fields[3:], columns))
    _raise(file, problems)
    return key, found


def parse_row(row: Row) -> tuple[dict[str, Any], list[str]]:
    """Return what a row says of its object, and what is wrong with it."""
    values, problems = {}, []
    for column, text in zip(row.columns, row.fields, strict=True):
        try:
            values[column] = COLUMNS[column](text)
        except (ValueError, RecursionError) as error:
            problems.append(f"{OBJECTS}, line {row.line}: {column} {text[:60]!r} cannot be read ({error})")
    return values, problems


def _read(file: Path) -> tuple[tuple[str, ...], Iterator[tuple[int, tuple[str, ...]]]]:
    """Return the first row of a CSV, and the others with the lines that they begin in."""
    rows = _rows(file)
    _, header = next(rows, (1, ()))
    return header, rows


def _rows(file: Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    line = 1
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            for row in reader:
                if row:
                    yield line, tuple(row)
                line = reader.line_num + 1
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror or error}", file=file) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise FormatError(f"not a CSV in UTF-8 ({error})", file=file, where=f"line {line}") from error


def _raise(file: Path, problems: Sequence[str]) -> None:
    if problems:
        raise FormatError(f"{len(problems)} problem(s)\n{listing(problems)}", file=file)
