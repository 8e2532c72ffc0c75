"""The labelmap.txt of CVAT's Segmentation mask 1.1: which colour, and which line, means which label."""

from __future__ import annotations

import re
from dataclasses import dataclass

from segloop.data.annotations import RGB, Label, LabelSet

BACKGROUND, BLACK = "background", (0, 0, 0)
_COLOR = re.compile(r"\s*([0-9]{1,3})\s*,\s*([0-9]{1,3})\s*,\s*([0-9]{1,3})\s*", re.ASCII)


@dataclass(frozen=True)
class LabelMap:
    """Labels in the order of the lines, and which of them a colour is."""

    labels: LabelSet
    places: dict[RGB, int]

    def place(self, color: int) -> int | None:
        """Return the label of a packed colour; -1 is black that no label has, None what nobody declared."""
        found = self.places.get((color >> 16, color >> 8 & 255, color & 255))
        return -1 if found is None and color == 0 else found

    def nothing(self, place: int) -> bool:
        """Tell whether a place means that there is no label."""
        return place in (-1, self.labels.background)


def read_labelmap(text: str) -> tuple[LabelMap, list[str], list[str]]:
    """Read `name:r,g,b:parts:actions` lines; return the map, problems, and remarks.

    A name may hold colons, so a line is read from its end. Blank lines, and lines that begin with #, do not
    count. The background is the label of that name, else the black one.
    """
    labels: list[Label] = []
    places: dict[RGB, int] = {}
    problems: list[str] = []
    told: list[str] = []
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, color, fault = _parse(line)
        if fault:
            problems.append(f"line {number}: {fault}")
            continue
        if name in lines:
            problems.append(f"line {number}: label {name!r} stands in line {lines[name]} already")
            continue
        lines[name] = number
        if color is None:
            told.append(f"Label {name!r} has no colour, so that only masks of line numbers can show it.")
        elif color in places:
            other = labels[places[color]].name
            told.append(
                f"Labels {other!r} and {name!r} have the same colour {','.join(map(str, color))}: their "
                f"pixels are read as {name!r}, the later, as CVAT does."
            )
        if color is not None:
            places[color] = len(labels)
        labels.append(Label(name, color))
    if not labels and not problems:
        problems.append("it declares no label")
    names = [label.name for label in labels]
    background = names.index(BACKGROUND) if BACKGROUND in names else places.get(BLACK)
    if BLACK not in places:
        told.append("No label is black; black pixels count as none.")
    ignore_index = 255 if len(labels) <= 255 else 65_535
    return LabelMap(LabelSet(tuple(labels), background, ignore_index), places), problems, told


def _parse(line: str) -> tuple[str, RGB | None, str | None]:
    """Return name and colour of a line, or what is wrong with it."""
    parts = line.rsplit(":", 3)
    if len(parts) < 4:  # written by hand: name:r,g,b
        parts = line.rsplit(":", 1)
    name, text = parts[0].strip(), parts[1] if len(parts) > 1 else ""
    if not name:
        return name, None, f"{line!r} names no label"
    if not text.strip():
        return name, None, None
    match = _COLOR.fullmatch(text)
    if match is None or max(map(int, match.groups())) > 255:
        return name, None, f"label {name!r} has the colour {text!r}, not three numbers from 0 to 255"
    return name, (int(match[1]), int(match[2]), int(match[3])), None
