"""Reads the file that often lies beside masks and says what their values or colours mean."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from data_converters.pairs_key_files import Known, key_of_json, key_of_table, known_of

# In the folder itself, by name; the words are those of CamVid, fastai, ADE20K, CVAT, Supervisely and others.
FILES = re.compile(
    r"(_?class(es)?|codes|labels?|colou?rs?|label_?map|class_(dict|names|colors)|object_?info\d*|meta)"
    r"(_[a-z]+)?\.(csv|txt|json)",
    re.IGNORECASE,
)
MOST_BYTES = 100_000
VOC = "ImageSets/Main"
ROBOFLOW = "_classes.csv"
NOTHING = "__ignore__"  # LabelMe's first line, which is -1: what follows counts from 0
_FIELD = re.compile(r"[,;:\t]+")


def read_key(folder: Path) -> Known | None:
    """Return what a folder's file of classes says; None where there is none, or none that is understood.

    A line is a name with a colour (`road,128,64,128`, `road: 128 64 128`), with a value (`3 road`), or alone
    (its place is its value). A line of column names, blank lines and comments are passed over; where columns
    are called `name` and `idx` or `id`, those count. For JSON see `key_of_json`.
    """
    for file in _files(folder):
        with suppress(UnicodeDecodeError, OSError):
            known = _read(file)
            if known is not None:
                return known
    return _of_roboflow(folder) or _of_voc(folder)


def passed_over(folder: Path) -> list[str]:
    """Say which files of a folder are called like a file of classes, and why none of them is one."""
    told = []
    for file in _files(folder):
        try:
            known = _read(file)
        except UnicodeDecodeError:
            told.append(f"{file.name} is passed over: it is no UTF-8 text")
        except OSError as error:
            told.append(f"{file.name} is passed over: {error.strerror or error}")
        else:
            told += [f"{file.name} is passed over: it names no classes that are understood"] * (known is None)
    return told


def _files(folder: Path) -> list[Path]:
    """Return the files that are called like a file of classes, and are no larger than one."""
    return [
        file
        for file in sorted(folder.iterdir())
        if FILES.fullmatch(file.name) and file.is_file() and file.stat().st_size <= MOST_BYTES
    ]


def _read(file: Path) -> Known | None:
    return key_of_json(file) if file.suffix.lower() == ".json" else _parsed(file)


def _of_roboflow(folder: Path) -> Known | None:
    """Return the classes of Roboflow's masks: a file in the folder of each split, all of them alike."""
    found = []
    for file in sorted(folder.glob(f"*/{ROBOFLOW}")):
        with suppress(UnicodeDecodeError, OSError):
            found.append(_parsed(file))
    alike = {each and (each.names, each.values) for each in found}
    return found[0] if len(alike) == 1 else None


def _of_voc(folder: Path) -> Known | None:
    """Return the classes of a Pascal VOC: a list each in ImageSets/Main, numbered from 1 by their names."""
    for place in (folder / VOC, *sorted(folder.glob(f"*/{VOC}"))):
        lists = {file.name for file in place.glob("*.txt")} if place.is_dir() else set()
        ends = ("_train.txt", "_val.txt")
        names = sorted(name[: -len(ends[0])] for name in lists if name.endswith(ends[0]))
        if names and all(f"{name}{ends[1]}" in lists for name in names):
            return known_of(place, ("background", *names), range(len(names) + 1), None)
    return None


def _parsed(file: Path) -> Known | None:
    names, numbers = [], []
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    if (known := key_of_table(file, lines)) is not None:
        return known
    for line in lines:
        text = line.strip()
        if not text or text[0] in "#%":
            continue
        fields = [field.strip().strip("\"'") for field in _FIELD.split(text)]
        if all(not field.isdecimal() for field in fields[1:]) and len(fields) < 2:
            fields = text.split()
        parts = [
            part for field in fields for part in (field.split() if _is_numbers(field) else [field]) if part
        ]
        found = [int(part) for part in parts if part.isdecimal()]
        words = [part for part in parts if not part.isdecimal()]
        if not words:
            return None
        names.append(" ".join(words[:1] if len(fields) > 1 and _FIELD.search(text) else words))
        numbers.append(found)
    if names and not numbers[0] and len(numbers) > 1 and numbers[1]:  # column names
        names, numbers = names[1:], numbers[1:]
    if names and names[0].casefold() == NOTHING and not numbers[0]:
        names, numbers = names[1:], numbers[1:]
    lengths = {len(each) for each in numbers}
    if len(lengths) != 1 or len(set(names)) < len(names) or len(names) < 2:
        return None
    (length,) = lengths
    if any(number > 255 for each in numbers for number in each) or length not in (0, 1, 3, 4):
        return None
    values = tuple(each[0] for each in numbers) if length in (1, 4) else None
    return known_of(file, names, values, [each[-3:] for each in numbers] if length >= 3 else None)


def _is_numbers(text: str) -> bool:
    return bool(text) and all(part.isdecimal() for part in text.split())
