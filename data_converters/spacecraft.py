"""Spacecraft: masks in the colours of three kinds of parts, and boxes of craft that say what is one thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_converters.base import BadRecord, ReadOptions
from data_converters.media import name_fault
from data_converters.spacecraft_boxes import BOXES, Box, read_boxes
from data_converters.spacecraft_colors import MOST_TOLERANCE, TOLERANCE, name_colors, read_colors
from data_converters.spacecraft_files import IMAGES, Pair, find_pairs, number_of, with_boxes
from data_converters.spacecraft_groups import group_parts, join_parts
from segloop.data.annotations import (
    Bitmap,
    ImageRecord,
    Instance,
    Label,
    LabelledImages,
    LabelSet,
    Remark,
    SizeHW,
)
from segloop.data.checks import Legal, judge
from segloop.data.image_files import ImageFacts, image_facts
from segloop.data.masks import areas, label_components
from segloop.utils.errors import DataError, UserError

PARTS = (
    Label("solar panel", color=(255, 0, 0)),
    Label("body", color=(0, 255, 0)),
    Label("antenna", color=(0, 0, 255)),
)
CRAFT = Label("spacecraft", color=(255, 255, 255))
ANYTHING = Legal(num_classes=1)  # colours are judged apart


def read(source: Path, *, options: ReadOptions) -> LabelledImages:
    """Open a set: each connected part of a colour is an object, and the parts of one craft share a group.

    With `options.join_groups` the parts of a craft are one object, of the label `spacecraft`. Objects of
    fewer than `options.min_area` pixels are left out and counted. Colours that are off by no more than
    `options.color_tolerance` in each channel are taken for the nearest one, and counted.
    """
    source = Path(source)
    if not source.is_dir():
        raise DataError(f"{source} is no folder.")
    min_area, tolerance = _checked(options)
    pairs = find_pairs(source, options)
    told = []
    boxes = None
    if (source / BOXES).is_file():
        boxes = read_boxes(source / BOXES)
        pairs = with_boxes(pairs, boxes)
        told += _unmatched(pairs, set(boxes), whole=options.split is None and options.list_file is None)
    else:
        told.append(
            f"there is no {BOXES}: nothing groups parts into craft, and whole craft are parts that touch"
        )
    if pairs and not any(pair.images for pair in pairs):
        told.append(f"there is no folder {IMAGES!r}: the masks alone tell names and sizes")
    load = LoadCraft(
        source,
        whole=options.join_groups,
        min_area=min_area,
        tolerance=tolerance,
        grouped=boxes is not None,
    )
    labels = LabelSet((CRAFT,) if options.join_groups else PARTS)
    return LabelledImages(
        labels=labels, keys=pairs, load=load, facts={"task": "spacecraft"}, told=tuple(told)
    )


def _checked(options: ReadOptions) -> tuple[int, int]:
    """Return the smallest area and the tolerance of colours; nonsense is refused."""
    min_area = 0 if options.min_area is None else options.min_area
    tolerance = TOLERANCE if options.color_tolerance is None else options.color_tolerance
    if not 0 <= tolerance <= MOST_TOLERANCE:
        raise UserError(
            f"A colour tolerance of {tolerance}: choose 0 to {MOST_TOLERANCE}; a colour that is off by more "
            "could be near to two."
        )
    if min_area < 0:
        raise UserError(f"A smallest area of {min_area} pixels: choose 0 or more.")
    return min_area, tolerance


def _unmatched(pairs: Sequence[Pair], known: set[int], *, whole: bool) -> list[str]:
    """Say which numbers of all_bbox.txt have no image, and which have several."""
    told = []
    names: dict[int, list[str]] = {}
    for pair in pairs:
        if (number := number_of(pair.image_id)) is not None:
            names.setdefault(number, []).append(pair.image_id)
    if whole and (alone := sorted(known - set(names))):
        told.append(f"{len(alone)} number(s) in {BOXES} are of no image, first {alone[0]}")
    shared = [several for number, several in names.items() if len(several) > 1 and number in known]
    if shared:
        told.append(f"{len(shared)} number(s) are of several images, first {' and '.join(shared[0][:2])}")
    return told


@dataclass(frozen=True)
class LoadCraft:
    """Reads one image's mask and groups its parts, or tells all that is wrong with the pair."""

    root: Path
    whole: bool
    min_area: int
    tolerance: int
    grouped: bool  # there are boxes

    def __call__(self, pair: Pair) -> ImageRecord:
        fault = name_fault(pair.name)
        if pair.trouble or fault:
            raise BadRecord(pair.image_id, [pair.trouble or f"{pair.name!r}: {fault}"])
        image, mask = Path(pair.images, pair.name), Path(pair.mask)
        names = self._short(image), self._short(mask)
        pixels, facts = read_colors(mask)
        seen = image_facts(image) if pair.images else ImageFacts(facts.size_hw)
        problems = [str(each) for each in judge(*names, seen, facts, legal=ANYTHING, binary=False)]
        remarks: list[Remark] = []
        if pair.boxes is not None:
            problems += pair.boxes.problems
        if not facts.error:
            parts, near, strange = name_colors(pixels, tolerance=self.tolerance)
            if strange:
                problems.append(f"{names[1]}: {strange}")
            if near:
                remarks.append(
                    Remark("pixel(s) of colours that are none of a part's, taken for the nearest", *near)
                )
        if problems:
            raise BadRecord(pair.image_id, problems)
        boxes = () if pair.boxes is None else pair.boxes.boxes
        return ImageRecord(
            image_id=pair.image_id,
            name=pair.name,
            file=image if pair.images else None,
            size_hw=facts.size_hw,
            split=pair.split,
            instances=self._objects(pair, parts, boxes, facts.size_hw, remarks),
            remarks=tuple(
                Remark(each.kind, each.count, f"{pair.image_id}{each.example and ': '}{each.example}")
                for each in remarks
            ),
        )

    def _objects(
        self, pair: Pair, parts: np.ndarray, boxes: Sequence[Box], size_hw: SizeHW, remarks: list[Remark]
    ) -> tuple[Instance, ...]:
        """Return the parts with the craft that each belongs to, or the craft."""
        found = label_components(parts, without=(0,), connectivity=8)
        runs = [each for several in found.values() for each in several]
        labels = [PARTS[value - 1].name for value, several in found.items() for _ in several]
        groups: list[int | None] = [None] * len(runs)
        if pair.boxes is not None:
            groups = group_parts(runs, boxes, size_hw, remarks)
        elif self.grouped:
            kind = "image(s) whose number is not in " if number_of(pair.image_id) is not None else ""
            kind = kind or "image(s) without a number at the end of their names, by which to look into "
            remarks.append(Remark(kind + BOXES, 1, ""))
        if self.whole:
            runs = join_parts(runs, groups, size_hw, remarks)
            labels, groups = [CRAFT.name] * len(runs), [None] * len(runs)
        sizes = areas(runs)
        small = [size for size in sizes if size < self.min_area]
        if small:
            kind = f"object(s) of fewer than {self.min_area} pixels, left out"
            remarks.append(Remark(kind, len(small), f"{sum(small)} pixel(s) in all"))
        return tuple(
            Instance(label=label, shape=Bitmap(size_hw, each), group=group)
            for label, each, group, size in zip(labels, runs, groups, sizes, strict=True)
            if size >= self.min_area
        )

    def _short(self, file: Path) -> str:
        return file.relative_to(self.root).as_posix() if file.is_relative_to(self.root) else file.as_posix()
