"""Cityscapes: leftImg8bit and gtFine, in the author's own splits; a test split of dummies is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from data_converters.base import ReadOptions
from data_converters.cityscapes import is_dummy
from data_converters.cityscapes_files import IMAGES, TRUTHS, Entry, find_tree
from data_converters.prepare.base import SPLITS, Found, Part
from data_converters.prepare.roots import find_root
from segloop.utils.errors import DataError

HINT = (
    "cityscapes-dataset.com gives it to who has signed in: gtFine_trainvaltest.zip and "
    "leftImg8bit_trainvaltest.zip (docs/tasks/cityscapes.md). Nothing at hand? "
    "python tools/prepare.py cityscapes --demo"
)
FORMAT = "cityscapes"


def find(source: Path, *, options: ReadOptions) -> Found:
    """Find the splits that have truth; where only the training split is there, towns are cut from it."""
    images = () if options.images else (f"{IMAGES}/",)
    nested = () if options.images else (f"{IMAGES}*/{IMAGES}/",)  # as the zips unpack
    ways = [(f"{name}/", *images) for name in TRUTHS] + [(f"{name}*/{name}/", *nested) for name in TRUTHS]
    root, _ = find_root(source, *ways, task=FORMAT, hint=HINT)
    tree = find_tree(root, options)
    splits: dict[str, list[Entry]] = {}
    for entry in tree.entries:
        splits.setdefault(entry.split or SPLITS[0], []).append(entry)
    notes, kept = [], []
    for split in sorted(splits, key=_rank):
        entries = splits[split]
        labelled = [entry for entry in entries if entry.kinds]
        if not labelled or is_dummy(labelled):
            why = "a dummy, as Cityscapes gives it away" if labelled else "not there"
            notes.append(f"The truth of split {split} is {why}: its {len(entries)} image(s) are left out.")
        else:
            kept.append(split)
    if not kept:
        raise DataError(f"{root} has no split with truth: {' '.join(notes)}")
    whole = kept == [SPLITS[0]]  # nothing to choose a checkpoint by: some towns are held back
    return Found(
        parts=tuple(
            Part(
                format=FORMAT,
                source=root,
                options=replace(options, split=split),
                split=None if whole else split,
            )
            for split in kept
        ),
        root=root,
        groups=({"folder": 1},),
        grouped_by="town",
        facts={"source": "Cityscapes", "name": FORMAT},
        notes=tuple(notes),
    )


def _rank(split: str) -> tuple[int, str]:
    return SPLITS.index(split) if split in SPLITS else len(SPLITS), split
