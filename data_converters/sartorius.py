"""Cells as the Sartorius competition has them: a CSV of runs, row by row, the first pixel being 1.

The labels are `id,annotation,width,height,cell_type,…`, a row for each cell; the answers that are sent in are
`id,predicted`, where no two cells of an image share a pixel, and an image without cells has one empty row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from data_converters.base import Loss, ReadOptions, Rendered, WriteOptions
from data_converters.run_csv import Key, Row, Table, look_over, open_table, read_rows
from data_converters.run_images import ImageFiles, find_images, only_rows
from data_converters.run_rows import ImageReading, one_label, order_hint, shown, size_fault, taken_for
from data_converters.run_writer import RowWriter, drawn_instances, field, other_labels, run_texts
from segloop.data import masks
from segloop.data.annotations import (
    Attribute,
    ImageRecord,
    Instance,
    Label,
    LabelledImages,
    LabelSet,
    SizeHW,
)
from segloop.utils.errors import DataError, FormatError, listing

CELLS = ("shsy5y", "astro", "cort")
LABEL = "cell"  # where there is no cell_type
SIZE_HW = (520, 704)  # of every image of the competition
FOLDERS = ("train", "test")  # beside the CSV, where the competition puts its images
MOST_LABELS = 1000
_WHOLE = re.compile(rb"\d{1,9}(\.0*)?")
_OPEN = {
    ("holes", False): "object(s) with holes, kept",
    ("holes", True): "object(s) whose holes were filled",
    ("gaps", False): "object(s) that are an outline with gaps, kept",
    ("gaps", True): "object(s) that were an outline with gaps, closed and filled",
}


def read(source: Path, *, options: ReadOptions) -> LabelledImages:
    """Open a CSV of cells; the images are in `options.images` or in one of `FOLDERS`, or only labels came.

    Objects with holes, and objects that are outlines with gaps, are counted; `options.repair` fills them.
    """
    size_hw = options.size_hw or SIZE_HW
    if fault := size_fault(size_hw):
        raise DataError(f"{source}: {fault}.")
    table = open_table(source, form="sartorius", usual="train.csv")
    named, drawn, kind = table.place("id"), table.place("annotation", "predicted"), table.find("cell_type")
    sides = table.find("height"), table.find("width")
    others = table.others(named, drawn, kind, *sides)
    overview = look_over(table, named=named, labelled=kind)
    files, told = find_images(table, overview, folder=options.images, habits=FOLDERS, usual=".png")
    if None in sides and options.size_hw is None and -1 in overview.rows.suffixes:
        told.append(taken_for(size_hw))
    if others:
        told.append(f"Other columns become attributes of the cells: {', '.join(others)}.")
    if kind is None:
        labels = [one_label(options.labels, LABEL, "sartorius without cell_type")]
    else:
        labels = _cell_types(table, overview.labels, options.labels)
    known = tuple(Attribute(name) for name in others)
    load = LoadCells(
        table, named, drawn, kind, sides, others, files, labels[0], size_hw, options.split, False
    )
    hint = order_hint(load, overview.rows, order="rows", form="sartorius")
    return LabelledImages(
        labels=LabelSet(tuple(Label(name, attributes=known) for name in labels)),
        keys=only_rows(overview, options.list_file),
        load=replace(load, repair=options.repair),
        facts={"task": "cells"},
        told=(*overview.told, *told, *hint),
    )


def _cell_types(table: Table, found: Sequence[str], named: Sequence[str]) -> list[str]:
    """Return the labels in order: as the user names them, else the competition's three first."""
    there = sorted({name for name in found if name.strip()})
    if len(there) > MOST_LABELS:
        told = f"cell_type has {len(there)} different values, and at most {MOST_LABELS} labels are read"
        raise FormatError(told, file=table.source)
    usual = CELLS if set(there) & set(CELLS) or not there else ()
    order = tuple(named) or usual
    strange = [name for name in there if name not in order]
    if named and strange:
        told = f"{len(strange)} cell_type(s) are not among the labels that were named:\n{listing(strange)}"
        raise DataError(f"{table.source}: {told}")
    return [*order, *strange]


@dataclass(frozen=True)
class LoadCells:
    """Makes the record of an image from its rows.

    `named`, `drawn`, `kind`, `sides` (height and width) and `others` are columns.
    """

    table: Table
    named: int
    drawn: int
    kind: int | None
    sides: tuple[int | None, int | None]
    others: Mapping[str, int]
    files: ImageFiles
    label: str
    size_hw: SizeHW
    split: str | None
    repair: bool

    def __call__(self, key: Key) -> ImageRecord:
        suffix, spans = key
        named, rows = read_rows(self.table, spans, named=self.named)
        image_id, name, file = self.files.locate(named, suffix)
        reading = ImageReading(image_id)
        rows = reading.whole(rows, self.table)
        size_hw = self._size(reading, rows, file)
        self._check_labels(reading, rows)
        rows, runs = reading.draw(rows, self.drawn, size_hw, order="rows")
        if size_hw:
            runs = self._mended(reading, rows, runs, size_hw)
        labels = self._labels(rows)
        return ImageRecord(
            image_id=image_id,
            name=name,
            file=file,
            size_hw=size_hw,
            split=self.split,
            instances=reading.instances(rows, runs, labels, self.others, size_hw or self.size_hw),
            remarks=reading.end(),
        )

    def _size(self, reading: ImageReading, rows: Sequence[Row], file: Path | None) -> SizeHW | None:
        """Return the size that the rows and the file agree on, or that images have where neither tells."""
        before = len(reading.problems)
        of_file = reading.size_of(file)
        said = self._said(reading, rows)
        for size_hw, line in list(said.items())[1:]:
            first = next(iter(said))
            reading.wrong(line, f"{_pixels(size_hw)}, and line {said[first]} has {_pixels(first)}")
        for size_hw, line in list(said.items())[:1]:
            if of_file and size_hw != of_file:
                reading.wrong(line, f"{_pixels(size_hw)}, and {file} has {_pixels(of_file)}")
        if len(reading.problems) > before:
            return None
        return of_file or next(iter(said), self.size_hw)

    def _said(self, reading: ImageReading, rows: Sequence[Row]) -> dict[SizeHW, int]:
        """Return the sizes in the rows, each with the first line that has it."""
        height, width = self.sides
        if height is None or width is None:
            return {}
        texts: dict[tuple[bytes, bytes], int] = {}
        for line, fields in rows:
            texts.setdefault((fields[height].strip(), fields[width].strip()), line)
        said: dict[SizeHW, int] = {}
        for (tall, wide), line in texts.items():
            if not (_WHOLE.fullmatch(tall) and _WHOLE.fullmatch(wide)):
                what = f"width {shown(wide)} and height {shown(tall)} are no whole numbers"
                reading.wrong(line, what)
            elif fault := size_fault(size_hw := (int(float(tall)), int(float(wide)))):
                reading.wrong(line, fault)
            else:
                said.setdefault(size_hw, line)
        return said

    def _check_labels(self, reading: ImageReading, rows: Sequence[Row]) -> None:
        """See that each cell has a label that is text."""
        if self.kind is None:
            return
        for line, fields in rows:
            if fields[self.drawn].strip() and not reading.text(line, fields[self.kind], "cell_type").strip():
                reading.wrong(line, "no cell_type")

    def _labels(self, rows: Sequence[Row]) -> list[str]:
        """Return the label of each row."""
        if self.kind is None:
            return [self.label] * len(rows)
        return [fields[self.kind].decode("utf-8", "replace") for _, fields in rows]

    def _mended(
        self, reading: ImageReading, rows: Sequence[Row], runs: list[masks.Runs], size_hw: SizeHW
    ) -> list[masks.Runs]:
        """Remark on what is open, and fill it if that is wanted."""
        open_ = masks.mend(runs, size_hw)
        for fault in ("holes", "gaps"):
            places = [place for place, mended in open_.items() if mended.fault == fault]
            if places:
                more = sum(open_[place].added for place in places)
                done = f"{more} pixels more" if self.repair else f"--repair would add {more} pixels"
                where = f"line {rows[places[0]][0]}, {done}" + " in this image" * (len(places) > 1)
                reading.remark(_OPEN[fault, self.repair], len(places), where)
        mended = open_ if self.repair else {}
        return [mended[place].runs if place in mended else each for place, each in enumerate(runs)]


def _pixels(size_hw: SizeHW) -> str:
    return f"{size_hw[1]}x{size_hw[0]} pixels"


def writer(labels: LabelSet, *, facts: Mapping[str, Any], options: WriteOptions) -> CellWriter:
    """Return what writes an answer to the competition."""
    return CellWriter(labels, options)


class CellWriter(RowWriter):
    """Writes `id,predicted`: no two cells of an image share a pixel, and an image without cells has a row.

    A pixel that several claim goes to the surest where there are scores, else to whom `WriteOptions.overlap`
    says. The id is the name of the image's file without folder and suffix, as the competition has it.
    """

    header = "id,predicted"
    keeps = frozenset({"instances", "empty-images"})

    def render(self, record: ImageRecord) -> Rendered:
        """Return an image's rows."""
        record, drawn, runs = drawn_instances(record, self.labels, self.options)
        size_hw = record.size_hw or (0, 0)
        order = _painting_order(drawn, runs, self.options.overlap)
        painted = masks.apart([runs[place] for place in order], size_hw)
        left = dict(zip(order, painted, strict=True))
        whole, kept = masks.areas(runs), [masks.area(left[place]) for place in range(len(runs))]
        seen = [left[place] for place in range(len(runs)) if kept[place]]
        folder, _, name = record.image_id.rpartition("/")
        texts = run_texts(seen, record.size_hw, order="rows") or [""]
        losses = [*_covered(record, drawn, whole, kept), *other_labels(record, drawn, LABEL)]
        if folder:
            losses.append(Loss("folders", 1, record.image_id))
        return Rendered(
            image_id=record.image_id,
            payload="".join(f"{field(name)},{text}\n" for text in texts).encode(),
            instances=len(seen),
            pixels=sum(kept),
            losses=tuple(losses),
        )

    def name_of(self, image_id: str) -> str:
        """Return the name without folders, as the competition has it."""
        return image_id.rpartition("/")[2]


def _painting_order(drawn: Sequence[Instance], runs: Sequence[masks.Runs], overlap: str) -> list[int]:
    """Return in which order to paint objects: who keeps the pixels comes last, of equals the last."""
    if overlap == "area":
        key = [float(-area) for area in masks.areas(runs)]
    elif overlap == "score" or any(each.score is not None for each in drawn):
        key = [float("-inf") if each.score is None else each.score for each in drawn]
    else:
        key = [float(each.z_order) for each in drawn]
    return sorted(range(len(drawn)), key=lambda place: key[place])


def _covered(
    record: ImageRecord, drawn: Sequence[Instance], whole: Sequence[int], kept: Sequence[int]
) -> list[Loss]:
    """Tell how many pixels went to other objects, and which objects have none left."""
    lost = [place for place in range(len(drawn)) if kept[place] < whole[place]]
    hidden = [place for place in lost if not kept[place]]
    found = []
    if lost:
        pixels = sum(whole[place] - kept[place] for place in lost)
        first = lost[0]
        share = f"{whole[first] - kept[first]} of {whole[first]} pixels"
        where = f"{record.image_id}: {drawn[first].label}, {share}"
        found.append(Loss("covered-pixels", pixels, where))
    if hidden:
        where = f"{record.image_id}: {drawn[hidden[0]].label}, {whole[hidden[0]]} pixels"
        found.append(Loss("hidden-objects", len(hidden), where))
    return found
