"""Images and pictures of their classes, however named, valued or coloured: what most small sets look like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from data_converters.base import BadRecord, ReadOptions
from data_converters.media import name_fault
from data_converters.mmseg_files import Pair
from data_converters.pairs_files import find_pairs
from data_converters.pairs_key import read_key
from data_converters.pairs_values import Meaning, count_codes, decode, find_meaning, said
from segloop.data.annotations import ImageRecord, LabelledImages
from segloop.data.image_files import image_facts
from segloop.utils.errors import DataError


def read(source: Path, *, options: ReadOptions) -> LabelledImages:
    """Open a folder of images and masks; each record holds an index map and no objects.

    Pairs are found by names, classes by looking at each mask: grey values, indices of palettes, or colours.
    A file of classes in the folder (`class_dict.csv`, `labels.txt` …) says what they mean; `options.labels`
    names them in the order of their values. All that was concluded is in `told`.
    """
    source = Path(source)
    found = find_pairs(source, options)
    masks = [Path(pair.mask) for pair in found.pairs if pair.mask]
    counts, colored = count_codes(masks)
    known = None if options.labels else read_key(source)
    meaning, labels, told = find_meaning(counts, colored=colored, labels=options.labels, known=known)
    facts = {"name": source.resolve().name}
    load = LoadPair(source, meaning)
    return LabelledImages(labels=labels, keys=found.pairs, load=load, facts=facts, told=(*found.told, *told))


@dataclass(frozen=True)
class LoadPair:
    """Reads the mask of one image, or tells all that is wrong with the pair."""

    root: Path
    meaning: Meaning

    def __call__(self, pair: Pair) -> ImageRecord:
        fault = name_fault(pair.name)
        if pair.trouble or fault:
            raise BadRecord(pair.image_id, [pair.trouble or f"{pair.name!r}: {fault}"])
        file = Path(pair.images, pair.name)
        seen = image_facts(file)
        problems = [f"{file.name}: {seen.error}"] if seen.error else []
        try:
            mask = decode(Path(pair.mask), colored=self.meaning.colored)
        except DataError as error:
            raise BadRecord(pair.image_id, [*problems, str(error)]) from None
        if not problems and seen.size_hw != mask.shape:
            (high, wide), (mask_high, mask_wide) = seen.size_hw, mask.shape
            problems.append(f"the image is {wide}x{high}, its mask {mask_wide}x{mask_high}")
        semantic, strange = self.meaning.index_map(mask)
        problems += [f"its mask holds {said(code)}, which no class has" for code in strange[:5]]
        if problems:
            raise BadRecord(pair.image_id, problems)
        return ImageRecord(
            image_id=pair.image_id,
            name=pair.image_id + file.suffix,
            file=file,
            size_hw=seen.size_hw,
            split=pair.split,
            semantic=semantic,
        )
