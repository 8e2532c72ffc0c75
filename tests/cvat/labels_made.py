"""Sets of labels before and after, with every kind of change in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from segloop.cvat.diff import Diff, diff
from segloop.cvat.origins import Origin, Origins
from segloop.data.annotations import ImageRecord, Instance, Label, LabelledImages, LabelSet
from tests.cvat.sets import box, picture, set_of

LABELS = LabelSet((Label("cat", (220, 60, 40)), Label("dog", (40, 120, 220))))
CHANGES = ("renamed", "moved", "redrawn", "added", "removed", "same")


def instance(label: str, uid: str | None, *place: int) -> Instance:
    """Return an object of a rectangle: top, left, bottom, right."""
    return Instance(label=label, uid=uid, shape=box(place[0], place[1], place[2], place[3]))


def before(root: Path) -> LabelledImages:
    """Return three images: one with five objects, one with one, one with none."""
    five = (
        instance("cat", "a", 2, 2, 10, 12),
        instance("cat", "b", 20, 2, 30, 12),
        instance("dog", "c", 20, 20, 30, 30),
        instance("dog", "d", 2, 40, 12, 50),
        instance("cat", None, 30, 40, 40, 60),
    )
    records = [
        ImageRecord(image_id="x/1", name="x/1.png", size_hw=(48, 64), split="test", instances=five),
        ImageRecord(image_id="2", name="2.png", size_hw=(48, 64), split="test", instances=five[:1]),
        ImageRecord(image_id="3", name="3.png", size_hw=(48, 64), split="train"),
    ]
    return set_of(
        [replace(each, file=picture(root, f"{each.split}-{each.name}")) for each in records], LABELS
    )


def after(old: LabelledImages) -> LabelledImages:
    """Return the same images but for the third: one object of each kind of change in the first."""
    first, second, _ = old
    changed = (
        instance("dog", "a", 2, 2, 10, 12),  # renamed
        instance("cat", "b", 23, 6, 33, 16),  # moved by 4 to the right and 3 down
        instance("dog", "c", 20, 20, 34, 26),  # redrawn
        instance("cat", None, 30, 40, 40, 60),  # same, found by its mask; d was removed
        instance("cat", None, 40, 2, 46, 8),  # added
    )
    return set_of([replace(first, instances=changed), second], LABELS)


def compared(root: Path, origins: Mapping[str, Origin] | None = None) -> Diff:
    """Return what changed between the two."""
    old = before(root)
    return diff(old, after(old), old_name="old", new_name="new", origins=Origins(images=origins or {}))


def semantic(image_id: str, classes: np.ndarray, split: str | None = "train") -> ImageRecord:
    """Return a record with an index map."""
    name = f"{image_id}.png"
    return ImageRecord(
        image_id=image_id,
        name=name,
        split=split,
        semantic=classes,
        size_hw=(classes.shape[0], classes.shape[1]),
    )
