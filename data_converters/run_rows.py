"""Reads the rows of one image: runs into masks, and all that is wrong with them, line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data_converters.base import BadRecord
from data_converters.run_csv import Row, Table
from segloop.data import masks
from segloop.data.annotations import Bitmap, ImageRecord, Instance, Remark, SizeHW
from segloop.data.image_files import image_size, size_excess
from segloop.utils.errors import DataError, UserError

_RUNS = b"0123456789 \t"
# What is looked at to see whether the order of the pixels can be right.
SAMPLE_IMAGES, SAMPLE_MASKS, SAMPLE_PIXELS = 12, 5, 1 << 22
FRAGMENTS = 3  # times as many parts as the other order makes: then somebody should look


@dataclass
class ImageReading:
    """What is found out about one image on the way to its record."""

    image_id: str
    problems: list[str] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    def wrong(self, line: int, what: str) -> None:
        """Keep a problem and its place."""
        self.problems.append(f"line {line}: {what}")

    def remark(self, kind: str, count: int, example: str = "") -> None:
        """Keep something that the user should see, if there is any of it."""
        if count:
            self.remarks.append(Remark(kind, count, f"{self.image_id}: {example}"))

    def end(self) -> tuple[Remark, ...]:
        """Return the remarks, or raise all problems as one."""
        if self.problems:
            raise BadRecord(self.image_id, self.problems)
        return tuple(self.remarks)

    def whole(self, rows: Iterable[Row], table: Table) -> list[Row]:
        """Return the rows that have as many fields as the header."""
        whole, columns = [], len(table.columns)
        for line, fields in rows:
            if len(fields) == columns:
                whole.append((line, fields))
            elif not fields:
                self.wrong(line, "a quoted field does not end")
            else:
                self.wrong(line, f"{len(fields)} field(s), and the header has {columns}")
        return whole

    def size_of(self, file: Path | None) -> SizeHW | None:
        """Return the size of the image file; None where there is none, or none that can be read."""
        try:
            return image_size(file) if file else None
        except UserError as error:
            self.problems.append(str(error))
            return None

    def draw(
        self, rows: Sequence[Row], place: int, size_hw: SizeHW | None, *, order: masks.Order
    ) -> tuple[list[Row], list[masks.Runs]]:
        """Return the rows that have runs, and the masks; `place` is the column. Without a size it only looks.

        Rows with the same runs, empty ones beside others, and shared pixels are remarked on and stay.
        """
        drawn: list[Row] = []
        pairs: list[np.ndarray] = []
        lines: dict[bytes, int] = {}
        again, empty = [], []
        for line, fields in rows:
            text = fields[place].strip()
            if not text:
                empty.append(line)
            elif text.translate(None, _RUNS):
                odd = next((word for word in text.split() if word.translate(None, _RUNS)), text)
                self.wrong(line, f"{shown(odd)} is not a whole number from 1")
            else:
                drawn.append((line, fields))
                pairs.append(np.fromstring(text, np.int64, sep=" "))
                if lines.setdefault(text, line) != line:
                    again.append(f"lines {lines[text]} and {line}")
        self.remark("object(s) that are there twice, both kept", len(again), *again[:1])
        spare = empty if pairs else empty[1:]
        self.remark(
            "empty row(s) beside others of the image", len(spare), *(f"line {line}" for line in spare[:1])
        )
        if not pairs:
            return [], []
        runs = masks.from_pairs(pairs, size_hw, order=order) if size_hw else None
        if runs is None or size_hw is None:
            total = size_hw[0] * size_hw[1] if size_hw else None
            for (line, fields), flat in zip(drawn, pairs, strict=True):
                if fault := masks.pairs_fault(flat, total):
                    self.wrong(line, _huge(fields[place]) or fault)
            return [], []
        if len(pairs) > 1:
            pixels, _ = masks.shared_pixels(masks.pairs_to_spans(pairs, minor=1))
            where = f"{pixels} among lines {drawn[0][0]} to {drawn[-1][0]}"
            self.remark("pixel(s) that several objects claim, kept by all", pixels, where)
        return drawn, runs

    def instances(
        self,
        drawn: Sequence[Row],
        runs: Sequence[masks.Runs],
        labels: Sequence[str],
        others: Mapping[str, int],
        size_hw: SizeHW,
    ) -> tuple[Instance, ...]:
        """Return the objects of an image; `others` are the columns of their attributes."""
        found = []
        attributes: dict[str, str] = {}
        for (line, fields), each, label in zip(drawn, runs, labels, strict=True):
            if others:
                attributes = {name: self.text(line, fields[place], name) for name, place in others.items()}
            found.append(Instance(label=label, shape=Bitmap(size_hw, each), attributes=attributes))
        return tuple(found)

    def text(self, line: int, field: bytes, column: str) -> str:
        """Return a field as text."""
        try:
            return field.decode()
        except UnicodeDecodeError:
            self.wrong(line, f"{column} is not UTF-8")
            return shown(field)


def one_label(names: Sequence[str], usual: str, form: str) -> str:
    """Return the label of a format that has one: what the user calls it, or its usual name."""
    if len(names) > 1:
        raise DataError(f"{form} has one label, and {len(names)} were named: {', '.join(names)}.")
    return names[0] if names else usual


def taken_for(size_hw: SizeHW) -> str:
    """Tell the user which size is given to images of which nobody knows it."""
    return f"Images without a file are taken to have {_pixels(size_hw)}, as the competition's have."


def _pixels(size_hw: SizeHW) -> str:
    return f"{size_hw[1]}x{size_hw[0]} pixels"


def size_fault(size_hw: SizeHW) -> str | None:
    """Say what is wrong with a size that no image has."""
    if min(size_hw) < 1:
        return f"an image of {_pixels(size_hw)}"
    return size_excess(size_hw)


def shown(text: bytes) -> str:
    """Return the beginning of a field as it is shown to the user."""
    return repr(text[:40].decode("utf-8", "replace") + (" …" if len(text) > 40 else ""))


def _huge(text: bytes) -> str | None:
    """Name a number that 64 bits do not hold."""
    huge = next((word for word in text.split() if len(word.lstrip(b"0")) > 18), None)
    return f"{shown(huge)} is no place in any image" if huge else None


def order_hint(
    load: Callable[[Any], ImageRecord], keys: Sequence[Any], *, order: masks.Order, form: str
) -> list[str]:
    """Say so if the masks fall into far more parts than they would with the order of pixels turned round.

    A few images are looked at. Where height equals width the other order turns a mask over its diagonal and
    changes no part, so nothing can be said.
    """
    other: masks.Order = "rows" if order == "columns" else "columns"
    looked_at = mine = theirs = images = 0
    for key in keys[:: max(1, len(keys) // (20 * SAMPLE_IMAGES))]:
        try:
            record = load(key)
        except UserError:  # it will be told when its turn comes
            continue
        runs = [each.shape.runs for each in record.instances if isinstance(each.shape, Bitmap)][:SAMPLE_MASKS]
        height, width = record.size_hw or (0, 0)
        if not runs or height == width or height * width > SAMPLE_PIXELS:
            continue
        size_hw = height, width
        turned = masks.from_pairs(masks.to_pairs(runs, size_hw, order=order), size_hw, order=other) or []
        mine += sum(masks.count_parts(each, size_hw) for each in runs)
        theirs += sum(masks.count_parts(each, size_hw) for each in turned)
        looked_at, images = looked_at + len(runs), images + 1
        if images == SAMPLE_IMAGES:
            break
    if mine <= FRAGMENTS * theirs:
        return []
    ways = {"columns": "column by column", "rows": "row by row"}
    return [
        f"Is the order of the pixels right? Read {ways[order]}, as {form} has it, {looked_at} objects fall "
        f"into {mine} parts, and into {theirs} read {ways[other]}. Or height and width are swapped."
    ]
