"""Folders of masks: a picture an object (Data Science Bowl 2018), or a picture of object numbers an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from data_converters.base import BadRecord, ReadOptions, WriteOptions
from data_converters.masks_files import Entry, Table, find_entries, image_files
from data_converters.masks_pictures import read_numbers, read_picture
from data_converters.masks_table import LABELS, NUMBER, OBJECTS, Row, parse_row, read_labels, read_objects
from data_converters.masks_writer import MasksWriter
from data_converters.media import name_fault
from segloop.data.annotations import Bitmap, ImageRecord, Instance, Label, LabelledImages, LabelSet, Remark
from segloop.data.checks import Finding, Legal, judge
from segloop.data.image_files import IMAGE_SUFFIXES, ImageFacts, image_facts
from segloop.data.index_masks import MaskFacts, mask_facts
from segloop.data.masks import Runs, encode_patches, shared_pixels, to_spans
from segloop.utils.errors import DataError, UserError

LABEL = "object"
ANYTHING = Legal(num_classes=1 << 62, ignore_index=0)  # a number says nothing of a class


def read(source: Path, *, options: ReadOptions) -> LabelledImages:
    """Open a folder of masks; objects have one label, or those that `labels.csv` and `objects.csv` tell."""
    source = Path(source)
    if not source.is_dir():
        raise DataError(f"{source} is no folder.")
    form, table = read_objects(source / OBJECTS) if (source / OBJECTS).is_file() else ("", None)
    form, entries = find_entries(source, options, table, form)
    labels, told = _labels(source, table, options)
    if form == NUMBER and table is None:
        told += _look_at_numbers(entries)
    label = None if table is not None else labels[0].name
    load = LoadNumbers(source, label) if form == NUMBER else LoadMasks(source, label, options.images)
    return LabelledImages(labels=LabelSet(labels), keys=entries, load=load, told=tuple(told))


def writer(labels: LabelSet, *, facts: Mapping[str, Any], options: WriteOptions) -> MasksWriter:
    """Return what writes a mask for each object, or with `options.numbers` one of numbers for each image."""
    return MasksWriter(labels, options)


@dataclass(frozen=True)
class LoadMasks:
    """Reads the masks of an image's objects, one picture each, and tells all that is wrong with them."""

    source: Path
    label: str | None  # of all objects; None where the table tells
    elsewhere: Path | None  # where the images are, if not beside the masks

    def __call__(self, entry: Entry) -> ImageRecord:
        report = Problems(self.source, entry)
        file = self._image(entry, report)
        seen = report.image(file)
        size_hw = seen.size_hw if file is not None and not seen.error else None
        names, patches = [], []
        for mask in image_files(Path(entry.masks)):
            facts, patch, fault = read_picture(mask)
            report.mask(mask, facts, size_hw, seen.orientation, fault)
            size_hw = size_hw or (facts.size_hw if not facts.error else None)
            names.append(mask.name)
            patches.append(patch)
        rows = report.rows(names)
        report.end()
        runs = encode_patches(patches, size_hw) if size_hw else []
        name = entry.image_id + (file.suffix if file else ".png")
        return _record(entry, name, file, size_hw, report.instances(rows, runs, size_hw, self.label))

    def _image(self, entry: Entry, report: Problems) -> Path | None:
        found = image_files(Path(entry.images)) if entry.images else []
        if not found and self.elsewhere is not None:
            places = [self.elsewhere / f"{entry.image_id}{suffix}" for suffix in IMAGE_SUFFIXES]
            found = [place for place in places if place.is_file()]
            if not found:
                report.add(Finding("no-image", report.short(Path(entry.masks)), f"no image {entry.image_id}"))
        if len(found) > 1:
            report.add(
                f"{report.short(found[0])} and {len(found) - 1} more image(s) share a folder of masks; each "
                "needs a folder of its own with images/ and masks/, or a mask of object numbers of its name"
            )
        return found[0] if found else None


@dataclass(frozen=True)
class LoadNumbers:
    """Reads the mask of object numbers of an image."""

    source: Path
    label: str | None

    def __call__(self, entry: Entry) -> ImageRecord:
        report = Problems(self.source, entry)
        file = Path(entry.images, entry.name) if entry.images else None
        seen = report.image(file)
        facts, objects, fault = read_numbers(Path(entry.masks))
        size_hw = seen.size_hw if file is not None and not seen.error else None
        report.mask(Path(entry.masks), facts, size_hw, seen.orientation, fault)
        rows = report.rows([str(number) for number in objects])
        report.end()
        instances = report.instances(rows, list(objects.values()), facts.size_hw, self.label)
        return _record(entry, entry.name, file, facts.size_hw, instances)


class Problems:
    """Gathers what is wrong with an image's files and rows, in the words of the checks."""

    def __init__(self, source: Path, entry: Entry) -> None:
        self.source, self.entry = source, entry
        self.found: list[str] = []
        fault = name_fault(entry.image_id)
        if entry.trouble or fault:
            raise BadRecord(entry.image_id, [entry.trouble or f"{entry.image_id!r}: {fault}"])

    def add(self, problem: Finding | str) -> None:
        """Note a problem."""
        self.found.append(str(problem))

    def end(self) -> None:
        """Raise all problems as one."""
        if self.found:
            raise BadRecord(self.entry.image_id, self.found)

    def short(self, file: Path) -> str:
        """Return a file's path below the source."""
        return (
            file.relative_to(self.source).as_posix() if file.is_relative_to(self.source) else file.as_posix()
        )

    def image(self, file: Path | None) -> ImageFacts:
        """Return what is to be known of the image file."""
        seen = image_facts(file) if file is not None else ImageFacts()
        if file is not None and seen.error:
            self.add(Finding("broken-image", self.short(file), seen.error))
        return seen

    def mask(
        self, file: Path, facts: MaskFacts, size_hw: tuple[int, int] | None, orientation: int, fault: str
    ) -> None:
        """Note what is wrong with a mask; `size_hw` is what it should have, if that is known."""
        wanted = ImageFacts(size_hw or facts.size_hw, orientation)
        name = self.short(file)
        self.found += map(
            str, judge("", name, wanted, replace(facts, values={}), legal=ANYTHING, binary=False)
        )
        if fault:
            self.add(f"{name}: {fault}")

    def rows(self, keys: Sequence[str]) -> list[dict[str, Any]]:
        """Return what the table says of the objects, in their order; nothing where there is no table."""
        if self.entry.rows is None:
            return [{} for _ in keys]
        by_key: dict[str, Row] = {}
        for row in self.entry.rows:
            if row.key in by_key:
                self.add(f"{OBJECTS}, line {row.line}: {row.key!r} is there twice")
            if row.key:  # a row without says that there are no objects
                by_key[row.key] = row
        found = []
        for key in keys:
            if key in by_key:
                values, problems = parse_row(by_key.pop(key))
            else:
                values, problems = {}, [f"{OBJECTS} does not know the object {key!r}"]
            self.found += problems
            found.append(values)
        self.found += [f"{OBJECTS}, line {row.line}: there is no mask {key!r}" for key, row in by_key.items()]
        return found

    def instances(
        self,
        rows: Sequence[dict[str, Any]],
        runs: Sequence[Runs],
        size_hw: tuple[int, int] | None,
        label: str | None,
    ) -> tuple[Instance, ...]:
        """Return the objects."""
        made = []
        for row, each in zip(rows, runs, strict=True):
            assert size_hw is not None
            values = row if label is None else {**row, "label": label}
            made.append(Instance(shape=Bitmap(size_hw, each), **values))
        return tuple(made)


def _record(
    entry: Entry,
    name: str,
    file: Path | None,
    size_hw: tuple[int, int] | None,
    instances: tuple[Instance, ...],
) -> ImageRecord:
    remarks = _overlaps(entry.image_id, instances, size_hw) if size_hw is not None else ()
    return ImageRecord(
        image_id=entry.image_id,
        name=name,
        file=file,
        size_hw=size_hw,
        split=entry.split,
        instances=instances,
        remarks=remarks,
    )


def _overlaps(image_id: str, instances: Sequence[Instance], size_hw: tuple[int, int]) -> tuple[Remark, ...]:
    """Return a remark on the pixels that several objects claim; they all keep them."""
    runs = [each.shape.runs for each in instances if isinstance(each.shape, Bitmap)]
    count, first = shared_pixels(to_spans(runs, size_hw))
    x, y = divmod(first, size_hw[0])
    return (Remark("overlaps", count, f"{image_id}: pixel x={x}, y={y}"),) if count else ()


def _labels(source: Path, table: Table | None, options: ReadOptions) -> tuple[tuple[Label, ...], list[str]]:
    """Return the labels: those of the tables, the one that the user names, or 'object'."""
    if table is not None:
        used = dict.fromkeys(
            row.fields[row.columns.index("label")] for rows in table.values() for row in rows if row.key
        )
        labels = read_labels(source / LABELS) if (source / LABELS).is_file() else tuple(map(Label, used))
        names = tuple(label.name for label in labels)
        unknown = [name for name in used if name not in names]
        if unknown:
            raise DataError(f"{source / OBJECTS} has labels that {LABELS} lacks: {', '.join(unknown)}.")
        if options.labels and options.labels != names:
            raise DataError(f"{source / OBJECTS} names the labels already: {', '.join(names)}.")
        return labels, []
    if len(options.labels) > 1:
        raise UserError(
            f"Masks do not tell which of {', '.join(options.labels)} they are; name one label, "
            f"or none for {LABEL!r}."
        )
    if options.labels:
        return (Label(options.labels[0]),), []
    return (Label(LABEL),), [f"nothing names what the masks show; they are called {LABEL!r}"]


def _look_at_numbers(entries: Sequence[Entry]) -> list[str]:
    """Refuse masks of a class in place of object numbers, where no mask of the set has another value."""
    values: set[int] = set()
    for entry in entries:
        values |= mask_facts(Path(entry.masks)).values.keys() if entry.masks else set()
        if values - {0, 1, 255}:
            return []
    if 255 in values and 1 not in values:
        raise DataError(
            "The masks hold 0 and 255 alone: they tell what is an object, but not which one. A mask for each "
            "object belongs into <image_id>/masks/; masks of classes are read as mmseg, with 1 for 255."
        )
    return ["no mask holds more than one object; masks of classes are read as mmseg"] if 1 in values else []
