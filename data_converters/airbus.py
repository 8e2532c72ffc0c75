"""Ships as the Airbus competition has them: a CSV of runs, column by column, the first pixel being 1.

`ImageId,EncodedPixels`, a row for each ship; an image without ships has one row with nothing in it. What is
given and what is sent in have the same form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_converters.base import ReadOptions, Rendered, WriteOptions
from data_converters.run_ahead import Ahead
from data_converters.run_csv import Key, Span, Table, look_over, open_table, read_rows
from data_converters.run_images import ImageFiles, find_images, only_rows
from data_converters.run_rows import ImageReading, one_label, order_hint, size_fault, taken_for
from data_converters.run_writer import RowWriter, drawn_instances, field, other_labels, run_texts
from segloop.data.annotations import (
    Attribute,
    Bitmap,
    ImageRecord,
    Instance,
    Label,
    LabelledImages,
    LabelSet,
    SizeHW,
)
from segloop.data.masks import areas
from segloop.utils.errors import DataError

COLUMNS = ("ImageId", "EncodedPixels")
LABEL = "ship"
SIZE_HW = (768, 768)  # of every image of the competition
FOLDERS = ("train_v2", "test_v2")  # beside the CSV, where the competition puts its images


def read(source: Path, *, options: ReadOptions) -> LabelledImages:
    """Open a CSV of ships; the images are in `options.images` or in one of `FOLDERS`, or only labels came."""
    label = one_label(options.labels, LABEL, "airbus")
    size_hw = options.size_hw or SIZE_HW
    if fault := size_fault(size_hw):
        raise DataError(f"{source}: {fault}.")
    table = open_table(source, form="airbus", usual="train_ship_segmentations_v2.csv")
    named, drawn = table.place(COLUMNS[0]), table.place(COLUMNS[1])
    others = table.others(named, drawn)
    overview = look_over(table, named=named)
    files, told = find_images(table, overview, folder=options.images, habits=FOLDERS, usual=".jpg")
    if options.size_hw is None and -1 in overview.rows.suffixes:
        told.append(taken_for(size_hw))
    if others:
        told.append(f"All are of one class, {label}; other columns become attributes: {', '.join(others)}.")
    ahead = Ahead(table, drawn, size_hw)
    load = LoadShips(table, named, drawn, others, files, label, size_hw, options.split, ahead)
    return LabelledImages(
        labels=LabelSet((Label(label, attributes=tuple(Attribute(name) for name in others)),)),
        keys=only_rows(overview, options.list_file),
        load=load,
        facts={"task": "ships"},
        told=(*overview.told, *told, *order_hint(load, overview.rows, order="columns", form="airbus")),
    )


@dataclass(frozen=True)
class LoadShips:
    """Makes the record of an image from its rows; `named`, `drawn` and `others` are columns."""

    table: Table
    named: int
    drawn: int
    others: Mapping[str, int]
    files: ImageFiles
    label: str
    size_hw: SizeHW
    split: str | None
    ahead: Ahead

    def __call__(self, key: Key) -> ImageRecord:
        suffix, spans = key
        plain = None
        if suffix < 0 and len(spans) == 1 and not self.others:
            plain = self.ahead.take(*spans[0][:2])
        if plain is None or len({each[self.named] for each in plain[0]}) > 1:
            return self._look(suffix, spans)
        image_id, name, _ = self.files.locate(plain[0][0][self.named].decode("utf-8", "replace"), suffix)
        return ImageRecord(
            image_id=image_id,
            name=name,
            size_hw=self.size_hw,
            split=self.split,
            instances=tuple(
                Instance(label=self.label, shape=Bitmap(self.size_hw, each)) for each in plain[1]
            ),
        )

    def _look(self, suffix: int, spans: Sequence[Span]) -> ImageRecord:
        """Look at the rows of an image one by one."""
        named, rows = read_rows(self.table, spans, named=self.named)
        image_id, name, file = self.files.locate(named, suffix)
        reading = ImageReading(image_id)
        size_hw = reading.size_of(file) if file else self.size_hw
        rows, runs = reading.draw(reading.whole(rows, self.table), self.drawn, size_hw, order="columns")
        labels = [self.label] * len(runs)
        return ImageRecord(
            image_id=image_id,
            name=name,
            file=file,
            size_hw=size_hw,
            split=self.split,
            instances=reading.instances(rows, runs, labels, self.others, size_hw or self.size_hw),
            remarks=reading.end(),
        )


def writer(labels: LabelSet, *, facts: Mapping[str, Any], options: WriteOptions) -> ShipWriter:
    """Return what writes a CSV of ships."""
    return ShipWriter(labels, options)


class ShipWriter(RowWriter):
    """Writes `ImageId,EncodedPixels`: a row for each object with a pixel, one empty row if there is none."""

    header = ",".join(COLUMNS)
    keeps = frozenset({"instances", "overlaps", "empty-images"})

    def render(self, record: ImageRecord) -> Rendered:
        """Return an image's rows."""
        record, drawn, runs = drawn_instances(record, self.labels, self.options)
        name = field(record.name)
        texts = run_texts(runs, record.size_hw, order="columns") or [""]
        losses = other_labels(record, drawn, LABEL)
        return Rendered(
            image_id=record.image_id,
            payload="".join(f"{name},{text}\n" for text in texts).encode(),
            instances=len(runs),
            pixels=sum(areas(runs)),
            losses=losses,
        )
