"""Street scenes as Cityscapes has them: leftImg8bit beside gtFine, and its form of predictions.

Objects are read from `instanceIds.png`, where a pixel says label and number, or from `polygons.json`, drawn
as Cityscapes' own tools draw it. Where both are there they are compared, and what differs is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data_converters.base import BadRecord, ReadOptions, WriteOptions
from data_converters.cityscapes_files import CLASSES, INSTANCES, POLYGONS, Entry, find_tree
from data_converters.cityscapes_labels import IGNORE_INDEX, Choice, choose
from data_converters.cityscapes_polygons import Outlines, read_outlines
from data_converters.cityscapes_predictions import read_predictions
from data_converters.cityscapes_writer import PredictionWriter, TruthWriter
from data_converters.media import name_fault
from segloop.data.annotations import Bitmap, ImageRecord, Instance, LabelledImages, LabelSet, Remark, SizeHW
from segloop.data.checks import Finding, Legal, judge
from segloop.data.cityscapes import BY_NAME, OBJECTS, CityLabel, draw_instances, label_ids, resolve
from segloop.data.image_files import ImageFacts, image_facts
from segloop.data.index_masks import MaskFacts, read_mask
from segloop.data.masks import encode_labels, unite

ANYTHING = Legal(num_classes=1 << 62, ignore_index=0)  # which numbers may occur is told in our own words
LOOKED_AT = 3  # truths of a split by which a dummy is told
TEST = "test"


def read(source: Path, *, options: ReadOptions) -> LabelledImages:
    """Open a tree of images and truth, or with `options.results` a folder of predictions.

    Records hold the objects of the evaluated labels; regions of uncounted objects are crowds, and what is not
    scored is `ignore`. With `options.semantic` they hold an index map of the evaluated classes instead.
    """
    source = Path(source)
    if options.results:
        return read_predictions(source, options=options)
    tree = find_tree(source, options)
    choice = choose(tree.root, options.labels, semantic=options.semantic)
    told = [*tree.told, *_told_of_dummies(tree.entries)]
    if not options.semantic:
        names = ", ".join(each.name for each in choice.chosen)
        told.append(f"objects of {names} are read; convert --semantic reads classes without objects too")
    return LabelledImages(
        labels=choice.label_set(),
        keys=tree.entries,
        load=LoadTruth(tree.root, choice),
        facts={"task": "cityscapes"},
        told=tuple(told),
    )


def writer(
    labels: LabelSet, *, facts: Mapping[str, Any], options: WriteOptions
) -> TruthWriter | PredictionWriter:
    """Return what writes a tree of images and truth, or with `options.results` predictions."""
    return PredictionWriter(labels, options) if options.results else TruthWriter(labels, options)


def is_dummy(entries: Sequence[Entry]) -> bool:
    """Tell whether truth shows nothing that is scored, like that of Cityscapes' test split."""
    return bool(entries) and not any(_shows_what_is_scored(entry) for entry in entries[:LOOKED_AT])


def _shows_what_is_scored(entry: Entry) -> bool:
    """Tell whether an image's truth holds a label that is scored; true as well where nobody can say."""
    ids, outlines = entry.file(INSTANCES), entry.file(POLYGONS)
    if ids is not None:
        facts, pixels = read_mask(ids)
        seen = np.unique(label_ids(pixels)) if not facts.error and pixels.size else np.zeros(0, np.uint8)
        return any(label.id in seen for label in BY_NAME.values() if not label.ignored)
    if outlines is None:
        return True
    found = read_outlines(outlines, BY_NAME)
    meant = [resolve(each.label, BY_NAME) for each in found.outlines if not each.deleted]
    return bool(found.problems) or any(label and not label[0].ignored for label in meant)


def _told_of_dummies(entries: Sequence[Entry]) -> list[str]:
    found = [each for each in entries if each.split == TEST]
    if not is_dummy(found):
        return []
    return [
        f"the truth of split {TEST!r} is a dummy in which nothing is scored; do not train or score with it"
    ]


@dataclass
class Problems:
    """Gathers what is wrong with an image's files, and what is worth a remark."""

    root: Path
    entry: Entry
    found: list[str] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    def short(self, file: Path) -> str:
        """Return a file's path below the source."""
        return file.relative_to(self.root).as_posix() if file.is_relative_to(self.root) else file.as_posix()

    def add(self, file: Path, problem: str) -> None:
        """Note a problem of a file."""
        self.found.append(f"{self.short(file)}: {problem}")

    def remark(self, kind: str, count: int, example: str) -> None:
        """Note what was seen and left."""
        if count:
            self.remarks.append(Remark(kind, count, f"{self.entry.image_id}: {example}"))

    def end(self) -> None:
        """Raise all problems as one."""
        if self.found:
            raise BadRecord(self.entry.image_id, self.found)


@dataclass(frozen=True)
class LoadTruth:
    """Reads one image's truth, or tells all that is wrong with its files."""

    root: Path
    choice: Choice

    def __call__(self, entry: Entry) -> ImageRecord:
        fault = name_fault(entry.name)
        if entry.trouble or fault:
            raise BadRecord(entry.image_id, [entry.trouble or f"{entry.name!r}: {fault}"])
        report = Problems(self.root, entry)
        file = Path(entry.images, entry.name) if entry.images else None
        seen = image_facts(file) if file is not None else ImageFacts()
        if file is not None and seen.error:
            report.found.append(str(Finding("broken-image", report.short(file), seen.error)))
        known = {label.name: label for label in self.choice.known}
        size_hw = seen.size_hw if file is not None and not seen.error else None
        pixels = _read_ids(report, size_hw, seen, known, semantic=self.choice.semantic)
        report.end()
        assert pixels is not None  # else there would be a problem
        record = {
            "image_id": entry.image_id,
            "name": entry.name,
            "file": file,
            "size_hw": pixels.shape,
            "split": entry.split,
            "remarks": tuple(report.remarks),
        }
        if self.choice.semantic:
            return ImageRecord(**record, semantic=_class_map(pixels, self.choice))
        instances, ignore = _objects(pixels, self.choice)
        return ImageRecord(**record, instances=instances, ignore=ignore)


def _read_ids(
    report: Problems,
    size_hw: SizeHW | None,
    seen: ImageFacts,
    known: Mapping[str, CityLabel],
    *,
    semantic: bool,
) -> np.ndarray | None:
    """Return the map of ids [H, W] of an image, from the best of its files, after comparing them all."""
    entry = report.entry
    pictures: dict[str, np.ndarray] = {}
    for kind in (INSTANCES, CLASSES):
        if (file := entry.file(kind)) is not None:
            pixels = _read_picture(report, file, size_hw, seen, known.values())
            if pixels is not None:
                size_hw = size_hw or pixels.shape
                pictures[kind] = pixels
    if (file := entry.file(POLYGONS)) is not None:
        drawn = _draw(report, file, size_hw, known)
        if drawn is not None:
            pictures[POLYGONS] = drawn
    if report.found:
        return None
    best = pictures.get(INSTANCES, pictures.get(POLYGONS))
    if best is None and semantic:
        return pictures.get(CLASSES)
    if best is None:
        here = f"{entry.stem}_{CLASSES}"
        report.add(Path(here), f"it does not tell objects apart; *_{INSTANCES} or *_{POLYGONS} would")
        return None
    first = INSTANCES if INSTANCES in pictures else POLYGONS
    _compare(report, first, POLYGONS, best, pictures.get(POLYGONS))
    _compare(report, first, CLASSES, label_ids(best), pictures.get(CLASSES))
    return best


def _read_picture(
    report: Problems, file: Path, size_hw: SizeHW | None, seen: ImageFacts, known: Any
) -> np.ndarray | None:
    """Return the ids of a picture, or note what is wrong with it."""
    facts, pixels = read_mask(file)
    wanted = ImageFacts(size_hw or facts.size_hw, seen.orientation)
    legal = MaskFacts(facts.size_hw, facts.mode, {}, facts.error)
    found = [str(each) for each in judge("", report.short(file), wanted, legal, legal=ANYTHING, binary=False)]
    report.found += found
    if found or pixels.shape != facts.size_hw:
        return None
    values, counts = (
        np.unique(pixels, return_counts=True) if pixels.dtype.kind not in "u" else _counted(pixels)
    )
    ids = {label.id: label for label in known if label.id >= 0}
    strange = [
        (int(value), int(count))
        for value, count in zip(values.tolist(), counts.tolist(), strict=True)
        if not _is_legal(value, ids)
    ]
    for value, count in strange[:10]:
        report.add(file, f"{count} pixels are {value}, which is no label and no object of one")
    return None if strange else pixels.astype(np.uint16, copy=False)


def _counted(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    counts = np.bincount(pixels.ravel())
    values = np.flatnonzero(counts)
    return values, counts[values]


def _is_legal(value: float, ids: Mapping[int, CityLabel]) -> bool:
    if value < OBJECTS:
        return value in ids
    label = ids.get(int(value) // OBJECTS)
    return value == int(value) and label is not None and label.instances


def _draw(
    report: Problems, file: Path, size_hw: SizeHW | None, known: Mapping[str, CityLabel]
) -> np.ndarray | None:
    """Return the ids that outlines draw, or note what is wrong with them."""
    found: Outlines = read_outlines(file, known)
    for problem in found.problems:
        report.add(file, problem)
    if found.problems:
        return None
    if size_hw is not None and found.size_hw != tuple(size_hw):
        (tall, wide), (high, broad) = found.size_hw, size_hw
        report.add(file, f"it is of an image of {wide}x{tall}, not {broad}x{high} (width x height)")
        return None
    kept = [each for each in found.outlines if not each.deleted]
    gone = [each.label for each in found.outlines if each.deleted]
    report.remark("outline(s) marked as deleted, left out", len(gone), gone[0] if gone else "")
    thin = [each.label for each in kept if len(each.points) < 2]
    report.remark("outline(s) of fewer than two points, left out", len(thin), thin[0] if thin else "")
    for label in known.values():
        count = sum(each.label == label.name for each in kept) if label.instances else 0
        if count > OBJECTS:
            report.add(file, f"{count} objects of {label.name!r}; ids have room for {OBJECTS}")
            return None
    return draw_instances(kept, found.size_hw, known)


def _compare(report: Problems, first: str, second: str, here: np.ndarray, there: np.ndarray | None) -> None:
    """Remark on the pixels in which two files of an image differ; the first is believed."""
    if there is None or first == second:
        return
    differs = here != there
    count = int(np.count_nonzero(differs))
    if count:
        y, x = divmod(int(np.argmax(differs)), differs.shape[1])
        example = f"pixel x={x}, y={y} is {here[y, x]} in {first} and {there[y, x]} in {second}"
        report.remark(f"pixel(s) that {second} has otherwise than {first}, which is believed", count, example)


def _class_map(pixels: np.ndarray, choice: Choice) -> np.ndarray:
    """Return the index map of the classes that are read; all else is ignored."""
    table = np.full(256, IGNORE_INDEX, np.uint8)
    for place, label in enumerate(choice.chosen):
        table[label.id] = place
    return table[label_ids(pixels)]


def _objects(pixels: np.ndarray, choice: Choice) -> tuple[tuple[Instance, ...], Bitmap | None]:
    """Return the objects and then the crowds of the labels that are read, and what nobody scores."""
    size_hw = pixels.shape[0], pixels.shape[1]
    by_id = {label.id: label.name for label in choice.chosen}
    ignored = {label.id for label in choice.ignored}
    objects: list[Instance] = []
    crowds: list[Instance] = []
    nothing = []
    for value, runs in encode_labels(pixels).items():
        number = value if value < OBJECTS else value // OBJECTS
        if number in by_id:
            made = Instance(label=by_id[number], shape=Bitmap(size_hw, runs), crowd=value < OBJECTS)
            (crowds if made.crowd else objects).append(made)
        elif number in ignored:
            nothing.append(runs)
    ignore = Bitmap(size_hw, unite(nothing, [len(nothing)], size_hw)[0]) if nothing else None
    return (*objects, *crowds), ignore
