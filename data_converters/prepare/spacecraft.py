"""Finds the spacecraft of the University of Adelaide: images, masks in colours, boxes of craft."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from data_converters.base import ReadOptions
from data_converters.prepare.base import NEAR_DUPLICATES, Found, Part
from data_converters.prepare.roots import find_root
from data_converters.spacecraft_colors import MOST_TOLERANCE
from data_converters.spacecraft_files import IMAGES, MASKS, mask_suffix, number_of
from segloop.data.layout import index_files

LAST_FINE = 1002  # masks of higher numbers are coarse, the authors say
LAST_OF_TRAIN = 402  # of the fine ones; the others are for validation
SPECK = 10  # pixels: smaller things are slips of whoever drew the masks
SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
HINT = (
    "The authors' page, github.com/Yurushia1998/SatelliteDataset, links to it. Nothing at hand? "
    "python tools/prepare.py spacecraft --demo"
)


def find(source: Path, *, options: ReadOptions) -> Found:
    """Look a download over; its folders are the authors' splits, and their numbers tell fine masks.

    The parts of craft are the objects, or with `options.join_groups` whole craft. Where the user does not say
    otherwise, colours that are off are taken for the nearest one, and specks are left out; both are counted.
    """
    wanted = (f"{MASKS}/",) if options.images is not None else (f"{IMAGES}/", f"{MASKS}/")
    root, _ = find_root(source, wanted, task="spacecraft", hint=HINT)
    splits = sorted(each.name for each in (root / MASKS).iterdir() if each.is_dir() and each.name[0] != ".")
    notes = _grades(root, splits)
    if not set(splits) & set(SPLITS):
        notes.append(
            "There are no folders of splits, so it is cut anew. The authors train on the numbers up to "
            f"{LAST_OF_TRAIN} and from {LAST_FINE + 1}, and validate on those between: put them into "
            f"{IMAGES}/train, {MASKS}/train, {IMAGES}/val and {MASKS}/val for that."
        )
    options = replace(
        options,
        min_area=SPECK if options.min_area is None else options.min_area,
        color_tolerance=MOST_TOLERANCE if options.color_tolerance is None else options.color_tolerance,
    )
    part = Part(format="spacecraft", source=root, options=options, splits=SPLITS)
    return Found(
        parts=(part,),
        root=root,
        shares={"train": 0.8, "val": 0.2},
        groups=(NEAR_DUPLICATES,),
        grouped_by="picture (near-duplicates)",
        facts={
            "name": "whole spacecraft" if options.join_groups else "parts of spacecraft",
            "source": "University of Adelaide, arXiv 2106.08186",
        },
        notes=tuple(notes),
    )


def _grades(root: Path, splits: Sequence[str]) -> list[str]:
    """Say how many masks of each split are fine and coarse ones; nothing where numbers do not tell."""
    suffix = mask_suffix(root / MASKS)
    counts = {}
    for split in splits or [""]:
        names = index_files(root / MASKS / split, (suffix,))
        numbers = [number for number in map(number_of, names) if number is not None]
        fine = sum(number <= LAST_FINE for number in numbers)
        counts[split or "all"] = fine, len(numbers) - fine
    if not all(sum(each) for each in zip(*counts.values(), strict=True)):
        return []
    told = "; ".join(
        f"{split} has {fine:,} fine and {coarse:,} coarse" for split, (fine, coarse) in counts.items()
    )
    return [f"Masks by their numbers, of which those up to {LAST_FINE} are fine: {told}."]
