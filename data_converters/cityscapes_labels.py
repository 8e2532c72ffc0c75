"""Which labels a Cityscapes tree has: the official ones, or those of a `labels.csv` that lies in it."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data_converters.masks_table import csv_text, hex_color
from segloop.data.annotations import Label, LabelSet
from segloop.data.cityscapes import BY_NAME, LABELS, OBJECTS, UNTRAINED, CityLabel
from segloop.utils.errors import DataError, FormatError, UserError, listing, nearest

FILE = "labels.csv"
COLUMNS = ("name", "id", "train_id", "category", "instances", "ignored", "color")
FIRST_FREE = max(label.id for label in LABELS) + 1
LAST = 65_535 // OBJECTS - 1  # a thousand objects of a higher id would not fit into 16 bits
UNLABELED = BY_NAME["unlabeled"]
IGNORE_INDEX = 255
_COLOR = re.compile(r"#[0-9a-f]{6}", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d{1,5}")


@dataclass(frozen=True)
class Choice:
    """The labels of a tree, and which of them are read: objects of each, or classes of index maps."""

    known: tuple[CityLabel, ...]
    chosen: tuple[CityLabel, ...]
    semantic: bool

    @property
    def ignored(self) -> tuple[CityLabel, ...]:
        """The labels whose pixels nobody scores, but for those that are read."""
        return tuple(label for label in self.known if label.ignored and label not in self.chosen)

    def label_set(self) -> LabelSet:
        """Return the labels that are read."""
        labels = tuple(Label(label.name, label.color, group=label.category or None) for label in self.chosen)
        return LabelSet(labels, ignore_index=IGNORE_INDEX)


def choose(root: Path, wanted: Sequence[str], *, semantic: bool) -> Choice:
    """Return which labels of a tree are read: those that are wanted, else those that are evaluated."""
    known = read_labels(root / FILE) if (root / FILE).is_file() else LABELS
    names = {label.name: label for label in known if label.id >= 0}
    if not wanted:
        found = [label for label in names.values() if not label.ignored and (semantic or label.instances)]
        return Choice(known, tuple(found), semantic)
    problems = [f"{name!r} is no label.{nearest(name, names)}" for name in wanted if name not in names]
    chosen = [names[name] for name in dict.fromkeys(wanted) if name in names]
    if not semantic:
        problems += [
            f"{label.name!r} has no objects; --semantic reads it as a class"
            for label in chosen
            if not label.instances
        ]
    if problems:
        raise UserError(f"{len(problems)} label(s) cannot be read from {root}:\n{listing(problems)}")
    return Choice(known, tuple(chosen), semantic)


def read_labels(file: Path) -> tuple[CityLabel, ...]:
    """Read `labels.csv`; all that is wrong with it is told together."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = [row for row in csv.reader(stream, strict=True) if row]
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror or error}", file=file) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise FormatError(f"not a CSV in UTF-8 ({error})", file=file) from error
    if not rows or tuple(rows[0]) != COLUMNS:
        raise FormatError(f"the first row is not {','.join(COLUMNS)}", file=file)
    labels: list[CityLabel] = []
    problems = []
    for number, row in enumerate(rows[1:], 2):
        label = _parse(row)
        if isinstance(label, str):
            problems.append(f"row {number}: {label}")
            continue
        twice = [each for each in labels if each.name == label.name or each.id == label.id]
        if twice:
            problems.append(f"row {number}: {label.name!r} or its id {label.id} is there already")
        labels.append(label)
    if problems:
        raise FormatError(f"{len(problems)} problem(s)\n{listing(problems)}", file=file)
    return tuple(labels)


def _parse(row: Sequence[str]) -> CityLabel | str:
    """Return the label of a row, or what is wrong with it."""
    if len(row) != len(COLUMNS):
        return f"{len(row)} columns, not {len(COLUMNS)}"
    name, number, train_id, category, instances, ignored, color = row
    if not name:
        return "a label without a name"
    for what, text, most in (("id", number, LAST), ("train_id", train_id, 65_535)):
        if not _NUMBER.fullmatch(text) or not -1 <= int(text) <= most:
            return f"{what} {text!r} is no number from -1 to {most}"
    for what, text in (("instances", instances), ("ignored", ignored)):
        if text not in ("0", "1"):
            return f"{what} {text!r} is neither 0 nor 1"
    if color and not _COLOR.fullmatch(color):
        return f"{color!r} is no colour; write #rrggbb"
    rgb = tuple(bytes.fromhex(color[1:])) if color else None
    return CityLabel(name, int(number), int(train_id), category, instances == "1", ignored == "1", rgb)  # type: ignore[arg-type]


def write_labels(labels: Sequence[CityLabel]) -> str:
    """Return the text of `labels.csv`."""
    rows = [
        (
            each.name,
            str(each.id),
            str(each.train_id),
            each.category,
            str(int(each.instances)),
            str(int(each.ignored)),
            hex_color(each.color),
        )
        for each in labels
    ]
    return csv_text([COLUMNS, *rows])


@dataclass(frozen=True)
class Numbering:
    """The ids under which the labels of a set are written.

    `own` are the set's labels but for the background, in order; `ground` is what covers the rest.
    """

    own: tuple[CityLabel, ...]
    ground: CityLabel

    @property
    def by_name(self) -> dict[str, CityLabel]:
        """The set's labels by name."""
        return {label.name: label for label in self.own}

    @property
    def rows(self) -> tuple[CityLabel, ...]:
        """All labels that pixels may be of, for `labels.csv`."""
        taken = {label.name for label in (*self.own, self.ground)}
        return (*self.own, self.ground, replace(UNLABELED, name=_free_name(UNLABELED.name, taken)))


def number_labels(labels: LabelSet) -> Numbering:
    """Give each label its official id, or the next that is free; the background one that is scored."""
    free = iter(range(FIRST_FREE, FIRST_FREE + len(labels) + 1))
    own = []
    for label in labels.foreground:
        official = BY_NAME.get(label.name)
        if official is None or official.id < 0 or (official.ignored and not official.instances):
            official = CityLabel(label.name, next(free), UNTRAINED, "", True, False, None)
        own.append(replace(official, category=label.group or "", ignored=False, color=label.color))
    ground = Label("background") if labels.background is None else labels.labels[labels.background]
    name = _free_name(ground.name, {label.name for label in own})
    last = CityLabel(name, next(free), UNTRAINED, ground.group or "", False, False, ground.color)
    if last.id > LAST:
        told = f"{last.id - FIRST_FREE} of the labels are not Cityscapes' own"
        raise DataError(f"{told}, and its numbers leave room for {LAST - FIRST_FREE}.")
    return Numbering(tuple(own), last)


def _free_name(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
