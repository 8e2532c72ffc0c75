"""Finds the Airbus Ship Detection download: images, and a CSV with a row for each ship."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from data_converters.base import ReadOptions
from data_converters.prepare.base import Found, Part, Progress, Seen
from data_converters.prepare.roots import find_root

# Tables of ships and the folders of their images, and of images without labels: what Kaggle hands out now,
# and what it handed out first.
EDITIONS = (
    ("train_ship_segmentations_v2.csv", "train_v2", "test_v2"),
    ("train_ship_segmentations.csv", "train", "test"),
)
HINT = (
    "Kaggle's client fetches it, once you have accepted the competition's rules on its page:\n"
    "  kaggle competitions download -c airbus-ship-detection"
)


def find(source: Path, *, options: ReadOptions) -> Found:
    """Look a download over; the labelled images are cut into train, val and test, scene by scene."""
    wanted = [
        (table,) if options.images is not None else (table, f"{images}/") for table, images, _ in EDITIONS
    ]
    root, edition = find_root(source, *wanted, task="ships", hint=HINT)
    table, images, unlabelled = EDITIONS[edition]
    options = dataclasses.replace(options, images=options.images or root / images)
    notes = []
    if (root / unlabelled).is_dir():
        notes.append(
            f"{root / unlabelled} has no labels and is left out: val and test are cut from what has labels."
        )
    return Found(
        parts=(Part(format="airbus", source=root / table, options=options),),
        root=root,
        groups=(by_scene,),
        grouped_by="scene",
        facts={"name": "ships from the air", "source": "Airbus Ship Detection Challenge, Kaggle"},
        notes=tuple(notes),
    )


def by_scene(
    seen: Sequence[Seen], *, workers: int | None = None, progress: Progress | None = None
) -> Sequence[str]:
    """Put tiles of one scene together, as far as they overlap: nothing else says where a tile was cut.

    The competition cut its tiles 256 pixels apart, a third of their side, and gave them random names.
    """
    from segloop.data.overlaps import groups_of_overlapping

    ids = [each.image_id for each in seen]
    return groups_of_overlapping(ids, [each.file for each in seen], workers=workers, progress=progress)
