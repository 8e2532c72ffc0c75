"""Images and pictures of their classes, however named, valued or coloured: what most small sets look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data_converters.base import BadRecord, ReadOptions
from data_converters.media import name_fault
from data_converters.mmseg_files import Pair
from data_converters.pairs_files import find_pairs
from data_converters.pairs_key import passed_over, read_key
from data_converters.pairs_masks import codes_of, count_codes, decode, in_palettes
from data_converters.pairs_values import Meaning, find_meaning, said
from segloop.data.annotations import ImageRecord, LabelledImages, SizeHW
from segloop.data.image_files import image_facts
from segloop.utils.errors import DataError, listing

JPEG = (".jpg", ".jpeg")


def read(source: Path, *, options: ReadOptions) -> LabelledImages:
    """Open a folder of images and masks; each record holds an index map and no objects.

    Pairs are found by names, classes by looking at each mask: grey values, indices of palettes, or colours.
    A file of classes in the folder (`class_dict.csv`, `labels.txt` …) says what they mean; `options.labels`
    names them in the order of their values. All that was concluded is in `told`.
    """
    source = Path(source)
    found = find_pairs(source, options)
    masks = [Path(pair.mask) for pair in found.pairs if pair.mask]
    counts, colored = count_codes(masks, progress=options.progress)
    if not counts:
        faults = [fault for file in masks if (fault := codes_of(file, colored=colored).error)]
        raise DataError("\n".join(["No mask can be read.", *([listing(faults)] if faults else [])]))
    known = None if options.labels else read_key(source)
    known = in_palettes(known, masks) if known is not None and not colored else known
    meaning, labels, told = find_meaning(counts, colored=colored, labels=options.labels, known=known)
    if known is None and not options.labels:
        told = [*passed_over(source), *told]
    blurred = sum(mask.suffix.lower() in JPEG for mask in masks)
    if blurred and not meaning.near:
        told = [
            *told,
            f"{blurred} mask(s) are JPEGs, which blur numbers of classes: look at what became of them",
        ]
    facts = {"name": source.resolve().name}
    load = LoadPair(source, meaning)
    return LabelledImages(labels=labels, keys=found.pairs, load=load, facts=facts, told=(*found.told, *told))


@dataclass(frozen=True)
class LoadPair:
    """Reads the mask of one image, or tells all that is wrong with the pair."""

    root: Path
    meaning: Meaning

    def __call__(self, pair: Pair) -> ImageRecord:
        check = _Check(pair)
        try:
            mask = decode(Path(pair.mask), colored=self.meaning.colored)
        except DataError as error:
            raise check.refused(str(error)) from None
        semantic, strange = self.meaning.index_map(mask)
        record = check.record((mask.shape[0], mask.shape[1]), strange)
        return replace(record, semantic=semantic)

    def glance(self, pair: Pair) -> tuple[ImageRecord, dict[int, int]]:
        """Return the record without its map, and how many pixels each class has: the mask was counted once.

        What is wrong with the pair is told as a whole reading does.
        """
        check = _Check(pair)
        codes = codes_of(Path(pair.mask), colored=self.meaning.colored)
        if codes.error:
            raise check.refused(codes.error)
        values = np.array(sorted(codes.counts), np.int64)
        classes, strange = self.meaning.classes_of(values)
        pixels: dict[int, int] = {}
        for value, place in zip(values.tolist(), classes.tolist(), strict=True):
            pixels[place] = pixels.get(place, 0) + codes.counts[value]
        return check.record(codes.size_hw, strange), pixels


class _Check:
    """Looks at the image of a pair, and gathers what is wrong with it and its mask."""

    def __init__(self, pair: Pair) -> None:
        fault = name_fault(pair.name)
        if pair.trouble or fault:
            raise BadRecord(pair.image_id, [pair.trouble or f"{pair.name!r}: {fault}"])
        self.pair, self.file = pair, Path(pair.images, pair.name)
        self.seen = image_facts(self.file)
        self.problems = [f"{self.file.name}: {self.seen.error}"] if self.seen.error else []

    def refused(self, problem: str) -> BadRecord:
        """Return the error of a mask that cannot be read."""
        return BadRecord(self.pair.image_id, [*self.problems, problem])

    def record(self, mask_hw: SizeHW, strange: Sequence[int]) -> ImageRecord:
        """Return the record but for its map; all problems are one error."""
        if not self.problems and self.seen.size_hw != mask_hw:
            (high, wide), (mask_high, mask_wide) = self.seen.size_hw, mask_hw
            told = f"the image is {wide}x{high}, its mask {mask_wide}x{mask_high}"
            if wide * mask_high == high * mask_wide:  # the same scene, resized
                told += f": resize the mask, without smoothing, or the image to {mask_wide}x{mask_high}"
            self.problems.append(told)
        self.problems += [f"its mask holds {said(code)}, which no class has" for code in strange[:5]]
        if self.problems:
            raise BadRecord(self.pair.image_id, self.problems)
        return ImageRecord(
            image_id=self.pair.image_id,
            name=self.pair.image_id + self.file.suffix,
            file=self.file,
            size_hw=self.seen.size_hw,
            split=self.pair.split,
        )
