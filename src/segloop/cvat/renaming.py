"""Labels of one set under the names and numbers of another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from segloop.data.annotations import ImageRecord, Label, LabelledImages, LabelSet
from segloop.utils.errors import DataError, UserError, listing


@dataclass(frozen=True)
class Renamed:
    """Gives the records of a set with other names of labels, and index maps with other numbers."""

    load: Callable[[Any], ImageRecord]
    names: Mapping[str, str]
    table: tuple[int, ...]  # by number before; numbers beyond it stay

    def __call__(self, key: Any) -> ImageRecord:
        """Return an image's record."""
        return renamed(self.load(key), self.names, self.table)


def renamed(record: ImageRecord, names: Mapping[str, str], table: Sequence[int]) -> ImageRecord:
    """Return a record with other names of labels, and an index map with other numbers."""
    semantic = record.semantic
    if semantic is not None and tuple(table) != tuple(range(len(table))):
        size = max(len(table), int(semantic.max(initial=0)) + 1)
        numbers = np.arange(size, dtype=np.uint16)
        numbers[: len(table)] = table
        semantic = numbers[semantic]
        semantic = semantic.astype(np.uint8) if semantic.max(initial=0) < 256 else semantic
    return replace(
        record,
        semantic=semantic,
        instances=tuple(replace(each, label=names.get(each.label, each.label)) for each in record.instances),
        tags=tuple(replace(each, label=names.get(each.label, each.label)) for each in record.tags),
    )


def rename_labels(images: LabelledImages, rename: Mapping[str, str], known: LabelSet) -> LabelledImages:
    """Return a set with labels under the names of another set's (`known`); what fits neither is refused."""
    if not rename:
        return images
    labels = images.labels
    wrong = [
        f"{name}={target}: there is no label {name!r}"
        for name, target in rename.items()
        if name not in labels
    ]
    wrong += [
        f"{name}={target}: the old set has no {target!r}"
        for name, target in rename.items()
        if target not in known
    ]
    if wrong:
        raise UserError(f"--rename NEW=OLD does not fit:\n{listing(wrong)}")
    names = {name: rename.get(name, name) for name in labels.names}
    found: list[Label] = []
    places: dict[str, int] = {}
    for label in labels.labels:
        if names[label.name] not in places:
            places[names[label.name]] = len(found)
            found.append(replace(label, name=names[label.name]))
    table = [places[names[name]] for name in labels.names]
    background = None if labels.background is None else table[labels.background]
    joint = LabelSet(tuple(found), background=background, ignore_index=labels.ignore_index)
    return replace(images, labels=joint, load=Renamed(images.load, names, tuple(table)))


def labels_of_both(
    old: LabelSet, new: LabelSet, *, add: bool
) -> tuple[LabelSet, dict[str, str], tuple[int, ...]]:
    """Return the labels of a version, and what the new ones are called and numbered in it.

    A label that the old set does not have is refused, unless it may be added behind the old ones.
    """
    known, labels, strange = set(old.names), list(old.labels), []
    names = {name: name for name in new.names}
    for place, label in enumerate(new.labels):
        if label.name in known:
            continue
        if place == new.background and old.background is not None:
            names[label.name] = old.names[old.background]
        elif place != new.background:
            strange.append(label.name)
            labels.append(label)
    if strange and not add:
        raise UserError(
            f"{len(strange)} label(s) are none of the old set's: {', '.join(strange)}. --rename NEW=OLD "
            f"says that one is an old one by another name, --add-labels puts them behind the old ones (a "
            f"model then has more classes).\nThe old ones:\n{listing(list(old.names), most=40)}"
        )
    if len(labels) > old.ignore_index != old.background:
        told = (
            f"{len(labels)} classes, and {old.ignore_index} is ignored: no number is left for the last one."
        )
        raise DataError(told)
    joint = LabelSet(tuple(labels), background=old.background, ignore_index=old.ignore_index)
    places = {name: place for place, name in enumerate(joint.names)}
    ground = old.ignore_index if old.background is None else old.background
    table = [places.get(names[name], ground) for name in new.names]
    if new.ignore_index >= len(table) and new.ignore_index != old.ignore_index:
        table += [*range(len(table), new.ignore_index), old.ignore_index]
    return joint, names, tuple(table)
