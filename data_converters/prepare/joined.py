"""Joins the parts of a download into one set: their labels, their image ids, the split of each image."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, NamedTuple, overload

import numpy as np

from data_converters.base import BadRecord
from data_converters.formats import find_format
from data_converters.prepare.base import Found, Opened, Part, Progress
from segloop.data.annotations import Box, ImageRecord, Label, LabelledImages, LabelSet, Opaque, Remark
from segloop.data.image_files import image_facts
from segloop.utils.errors import DataError, UserError, listing, nearest, together

FOREIGN = "object(s) left out, whose labels the task does not train on"
SHAPES = "shape(s) without a mask (polylines, points, ellipses …): kept in the files, used by no training"
BOXES = (
    "box(es) with nothing drawn inside are left out: no training knows what is in them. tools/convert.py "
    "--draw-boxes fills them"
)
FOREIGN_PIXELS = "pixel(s) ignored, whose labels the task does not train on"


class Key(NamedTuple):
    """An image of a part: the part's number, its own key, and the split that it was cut into, if it was.

    `record` is what a reading gave before, so that nothing has to be read once more.
    """

    part: int
    key: Any
    split: str | None = None
    record: ImageRecord | None = None


@dataclass(frozen=True)
class Renumber:
    """Gives the classes of index maps their numbers in the whole: `values`, by the old number."""

    values: np.ndarray
    foreign: np.ndarray  # whether a number is of a class that the whole does not have

    @classmethod
    def between(cls, before: LabelSet, after: LabelSet) -> Renumber | None:
        """Return what turns numbers of the first labels into those of the second; None if none changes."""
        if before.names == after.names[: len(before)] and before.ignore_index == after.ignore_index:
            return None
        values = np.full(max(len(before), before.ignore_index + 1), after.ignore_index, np.uint16)
        foreign = np.zeros(len(values), bool)
        for place, name in enumerate(before.names):
            foreign[place] = name not in after
            if name in after:
                values[place] = after.index(name)
        return cls(values.astype(np.uint8) if values.max() <= 255 else values, foreign)

    def __call__(self, record: ImageRecord) -> ImageRecord:
        """Return the record with new numbers; pixels of classes that are gone are ignored, and counted."""
        assert record.semantic is not None
        remarks = record.remarks
        if self.foreign.any() and (gone := int(np.count_nonzero(self.foreign[record.semantic]))):
            remarks = (*remarks, Remark(FOREIGN_PIXELS, gone, record.image_id))
        return replace(record, semantic=self.values[record.semantic], remarks=remarks)


@dataclass(frozen=True)
class LoadPart:
    """Reads an image of a part and gives it the labels, the name and the split that it has in the whole."""

    load: Callable[[Any], ImageRecord]
    split: str | None
    splits: Mapping[str, str | None]
    prefix: str
    names: frozenset[str] | None  # labels that are kept; None for all
    renumber: Renumber | None  # None where the numbers of index maps stay
    look: bool = False  # whether image files are still to be looked over

    def __call__(self, key: Any) -> ImageRecord:
        """Return the image's record; its split is None where it has to be cut."""
        record = self._told_apart(self.load, key)
        if self.look and record.file is not None and (fault := image_facts(record.file).error):
            raise BadRecord(self.prefix + record.image_id, [f"{record.file}: {fault}"])
        record = self._placed(record)
        if self.names is not None:
            record = _without_foreign(record, self.names)
        if self.renumber is not None and record.semantic is not None:
            record = self.renumber(record)
        return record

    def glance(self, key: Any) -> tuple[ImageRecord, Mapping[int, int]] | None:
        """Return the record without its map and the pixels of each class, where that needs no reading."""
        look = getattr(self.load, "glance", None)
        if look is None or self.names is not None or self.renumber is not None:
            return None
        record, pixels = self._told_apart(look, key)
        return self._placed(record), pixels

    def _told_apart(self, step: Callable[[Any], Any], key: Any) -> Any:
        try:
            return step(key)
        except BadRecord as error:
            raise BadRecord(self.prefix + (error.image_id or ""), list(error.problems)) from error

    def _placed(self, record: ImageRecord) -> ImageRecord:
        split = self.split or self.splits.get(record.split or "")
        if self.prefix:
            name, image_id = self.prefix + record.name, self.prefix + record.image_id
            record = replace(record, name=name, image_id=image_id)
        return record if record.split == split else replace(record, split=split)


@dataclass(frozen=True)
class LoadJoined:
    """Reads any image of the whole."""

    parts: tuple[LoadPart, ...]

    def __call__(self, key: Key) -> ImageRecord:
        """Return the image's record, with its own split or the one of the key."""
        return _at_hand(self.parts[key.part](key.key) if key.record is None else key.record, key)

    def glance(self, key: Key) -> tuple[ImageRecord, Mapping[int, int]] | None:
        """Return the record without its map and the pixels of each class; None where it has to be read."""
        found = self.parts[key.part].glance(key.key)
        return None if found is None else (_at_hand(found[0], key), found[1])


def _at_hand(record: ImageRecord, key: Key) -> ImageRecord:
    if record.file is None:
        raise BadRecord(record.image_id, [f"{record.name}: there is no such image file to train on"])
    return record if key.split is None else replace(record, split=key.split)


@dataclass(frozen=True)
class TellOfShapes:
    """Reads an image and remarks the shapes in it that the target holds and no training uses.

    With `masks_only`, boxes with nothing drawn inside are left out, too: a training of masks refuses them.
    """

    load: Callable[[Any], ImageRecord]
    masks_only: bool = False

    def __call__(self, key: Any) -> ImageRecord:
        """Return the image's record, with one remark more where there is such a shape."""
        record = self.load(key)
        boxes = [each for each in record.instances if isinstance(each.shape, Box)] if self.masks_only else []
        if boxes:
            kept = tuple(each for each in record.instances if not isinstance(each.shape, Box))
            remark = Remark(BOXES, len(boxes), f"{record.image_id}: {boxes[0].label}")
            record = replace(record, instances=kept, remarks=(*record.remarks, remark))
        found = [(each.label, each.shape) for each in record.instances if isinstance(each.shape, Opaque)]
        if not found:
            return record
        label, shape = found[0]
        remark = Remark(SHAPES, len(found), f"{record.image_id}: {shape.kind} of {label}")
        return replace(record, remarks=(*record.remarks, remark))


class Keys(Sequence[Key]):
    """The keys of all parts, one after the other.

    `splits` has the split of those that were cut, `records` what of them was read before.
    """

    def __init__(
        self,
        parts: Sequence[Sequence[Any]],
        splits: Mapping[int, str] | None = None,
        records: Mapping[int, ImageRecord] | None = None,
    ) -> None:
        self._parts = parts
        self._ends = list(accumulate(len(keys) for keys in parts))
        self._splits, self._records = splits or {}, records or {}

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, place: int) -> Key: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Key]: ...
    def __getitem__(self, place: int | slice) -> Key | Sequence[Key]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        place %= len(self)
        part = bisect_right(self._ends, place)
        begin = self._ends[part - 1] if part else 0
        record = self._records.get(place)
        key = None if record is not None else self._parts[part][place - begin]
        return Key(part, key, self._splits.get(place), record)

    def places(self, part: int) -> range:
        """Return which places the images of a part have."""
        return range(self._ends[part - 1] if part else 0, self._ends[part])

    def with_splits(
        self, splits: Mapping[int, str], records: Mapping[int, ImageRecord] | None = None
    ) -> Keys:
        """Return the same keys with the splits that images at these places were cut into."""
        return Keys(self._parts, splits, records)


def join(
    found: Found,
    *,
    only: Sequence[str] = (),
    opened: Opened | None = None,
    progress: Progress | None = None,
) -> LabelledImages:
    """Open all parts and return them as one set; what is wrong with any of them is told together.

    `only` names the labels that are kept beside the background; without any, all are. `opened` is a part that
    somebody has opened already.
    """
    known, sets, wrong = opened, [], []
    for part in found.parts:
        try:
            if known is not None and known.serves(part):
                sets.append(known.images)
                continue
            options = replace(part.options, progress=progress)
            sets.append(find_format(part.format).read(part.source, options=options))
        except UserError as error:
            wrong.append(error)
    if wrong:
        raise together(wrong)
    labels = found.labels or join_labels([each.labels for each in sets])
    labels = _chosen(labels, only) if only else labels
    loads = tuple(_load_part(part, images, labels) for part, images in zip(found.parts, sets, strict=True))
    told = [remark for images in sets for remark in images.told]
    facts = {key: value for images in sets for key, value in images.facts.items()}
    return LabelledImages(
        labels=labels,
        keys=Keys([images.keys for images in sets]),
        load=LoadJoined(loads),
        facts={**facts, **found.facts},
        told=tuple(dict.fromkeys(told)),
    )


def _chosen(labels: LabelSet, only: Sequence[str]) -> LabelSet:
    """Return some of the labels in their order, and the background."""
    strange = [name for name in only if name not in labels.names]
    if strange:
        hint = nearest(strange[0], labels.names)
        raise UserError(f"There is no class {strange[0]!r}; there are {', '.join(labels.names)}.{hint}")
    ground = None if labels.background is None else labels.names[labels.background]
    kept = tuple(each for each in labels.labels if each.name in only or each.name == ground)
    background = None if ground is None else [each.name for each in kept].index(ground)
    return LabelSet(kept, background=background, ignore_index=labels.ignore_index)


def join_labels(sets: Sequence[LabelSet]) -> LabelSet:
    """Return the labels of all sets in the order in which they come; a name is one label everywhere."""
    if len(sets) == 1:
        return sets[0]
    known: dict[str, Label] = {}
    for labels in sets:
        for label in labels.labels:
            former = known.setdefault(label.name, label)
            if former.color is None and label.color is not None:
                known[label.name] = replace(former, color=label.color)
    grounds = {labels.names[labels.background]: None for labels in sets if labels.background is not None}
    if len(grounds) > 1:
        raise DataError(f"The parts have different backgrounds:\n{listing(list(grounds))}")
    background = list(known).index(next(iter(grounds))) if grounds else None
    return LabelSet(tuple(known.values()), background=background, ignore_index=_ignored(sets, len(known)))


def _ignored(sets: Sequence[LabelSet], count: int) -> int:
    given = [labels.ignore_index for labels in sets]
    return next((value for value in given if value >= count), 255 if count <= 255 else 65_535)


def _load_part(part: Part, images: LabelledImages, labels: LabelSet) -> LoadPart:
    foreign = set(images.labels.names) - set(labels.names)
    return LoadPart(
        images.load,
        part.split,
        part.splits,
        part.prefix,
        names=frozenset(labels.names) if foreign else None,
        renumber=Renumber.between(images.labels, labels),
        look=not find_format(part.format).whole_images,
    )


def _without_foreign(record: ImageRecord, names: frozenset[str]) -> ImageRecord:
    kept = tuple(each for each in record.instances if each.label in names)
    tags = tuple(each for each in record.tags if each.label in names)
    gone = [each.label for each in record.instances if each.label not in names]
    if not gone:
        return record if len(tags) == len(record.tags) else replace(record, tags=tags)
    remark = Remark(FOREIGN, len(gone), f"{record.image_id}: {gone[0]}")
    return replace(record, instances=kept, tags=tags, remarks=(*record.remarks, remark))
