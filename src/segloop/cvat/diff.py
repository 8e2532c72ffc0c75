"""Compares two sets of labels of the same images, and says what changed, where, and by whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from segloop.cvat.compare import tags_of
from segloop.cvat.differences import (
    KINDS,
    Classes,
    ImageDifference,
    draw_labels,
    find_differences,
    join_classes,
    sum_flips,
)
from segloop.cvat.labels import defaults_of
from segloop.cvat.origins import Origin, Origins
from segloop.data.annotations import ImageRecord, LabelledImages, LabelSet
from segloop.utils.errors import DataError, UserError, listing, nearest
from segloop.utils.workers import map_ordered

CHANGED, SAME, UNSEEN, ABSENT, DELETED = "changed", "no change", "not looked at", "not there", "deleted"
STATES: Mapping[str, str] = {
    CHANGED: "its labels are others than before",
    SAME: "it was looked at, and is as it was",
    UNSEEN: "it was sent, is as it was, and nobody has finished it",
    ABSENT: "the new labels do not have this image",
    DELETED: "somebody deleted the frame in CVAT",
}
Key = Any
Progress = Callable[[int, int], None]
Predict = Callable[[ImageRecord, Classes], np.ndarray | None]


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageRow:
    """What became of one image of the old set.

    `state` is one of STATES. `difference` is None where there is nothing to compare. `found_iou` are the mean
    IoUs of a model's prediction with the labels before and after, where one was given.
    """

    name: str
    image_id: str
    split: str | None
    state: str
    old_key: Key
    new_key: Key = None
    difference: ImageDifference | None = None
    origin: Origin | None = None
    found_iou: tuple[float, float] | None = None

    @property
    def total(self) -> int:
        """How many pixels were compared."""
        return 0 if self.difference is None else int(self.difference.counts.sum())


@dataclass(frozen=True, kw_only=True, eq=False)
class Diff:
    """All that changed between two sets of labels; `strange` are new images that the old set has not."""

    old: LabelledImages
    new: LabelledImages
    old_name: str
    new_name: str
    classes: Classes
    rows: Sequence[ImageRow]
    strange: Sequence[str] = ()
    told: Sequence[str] = ()
    origins: Origins = field(default_factory=Origins)
    model: str | None = None

    @property
    def flips(self) -> np.ndarray:
        """Pixels by class before (row) and after (column), over all images that were compared."""
        found = (row.difference for row in self.rows if row.difference is not None)
        return sum_flips(found, len(self.classes.labels))

    @property
    def changed(self) -> list[ImageRow]:
        """The images whose labels are others, most pixels first."""
        rows = [row for row in self.rows if row.state == CHANGED]
        return sorted(rows, key=lambda row: (-_difference(row).pixels, row.name))

    def count(self, state: str) -> int:
        """Return how many images are in a state."""
        return sum(row.state == state for row in self.rows)

    def objects(self) -> dict[str, int]:
        """Return how many objects have which kind of change."""
        kinds = dict.fromkeys(KINDS, 0)
        for row in self.rows:
            for each in () if row.difference is None else row.difference.objects:
                kinds[each.kind] += 1
        return kinds


def _difference(row: ImageRow) -> ImageDifference:
    assert row.difference is not None
    return row.difference


@dataclass(frozen=True)
class Job:
    """Compares one image of the old set with the new one, in any process.

    Images that were `touched` in CVAT, by their names, are compared in attributes, marks and tags as well:
    other roads may not have kept those.
    """

    load_old: Callable[[Key], ImageRecord]
    load_new: Callable[[Key], ImageRecord]
    old_labels: LabelSet
    new_labels: LabelSet
    classes: Classes
    index: Mapping[str, tuple[str, Key]]
    predict: Predict | None = None
    touched: frozenset[str] = frozenset()

    def __call__(self, key: Key) -> ImageRow | str:
        """Return the image's row, or why it cannot be compared."""
        try:
            return self._row(key)
        except UserError as error:
            return str(error)

    def _row(self, key: Key) -> ImageRow:
        old = self.load_old(key)
        name = full_name(old)
        row = ImageRow(name=name, image_id=old.image_id, split=old.split, state=ABSENT, old_key=key)
        there = self.index.get(name) or (self.index.get(old.image_id) if old.split else None)
        if there is None:
            return row
        new = self.load_new(there[1])
        before = draw_labels(old, self.old_labels, self.classes)
        # a set that only has objects may know no size: the other one's is the image's
        new = replace(new, size_hw=new.size_hw or before.size_hw)
        same = self.old_labels == self.new_labels and _same_map(old, new)
        after = before if same else draw_labels(new, self.new_labels, self.classes)
        defaults = defaults_of(self.new_labels) if {name, there[0]} & self.touched else None
        difference = find_differences(before, after, self.classes, image_id=name, defaults=defaults)
        if defaults is not None and tags_of(old, defaults) != tags_of(new, defaults):
            difference = replace(difference, tags=True)
        found = None if self.predict is None else self.predict(old, self.classes)
        ious = None
        if found is not None:
            if found.shape != before.classes.shape:
                raise DataError(f"{name}: the prediction has another size than the image", image_id=name)
            ious = (_iou(before.classes, found, self.classes), _iou(after.classes, found, self.classes))
        state = CHANGED if difference.changed else SAME
        return replace(row, state=state, new_key=there, difference=difference, found_iou=ious)


def _same_map(old: ImageRecord, new: ImageRecord) -> bool:
    """Tell whether two records are one index map and nothing else, so that one drawing stands for both."""
    if old.semantic is None or new.semantic is None or old.instances or new.instances:
        return False
    return old.ignore is None and new.ignore is None and np.array_equal(old.semantic, new.semantic)


def _iou(truth: np.ndarray, found: np.ndarray, classes: Classes) -> float:
    """Return the mean IoU over the classes of an image that are true or found, where something is scored."""
    scored = truth != classes.ignored
    values = []
    for number in classes.foreground:
        here, there = (truth == number) & scored, (found == number) & scored
        either = int((here | there).sum())
        if either:
            values.append(int((here & there).sum()) / either)
    return float(np.mean(values)) if values else 1.0


def full_name(record: ImageRecord) -> str:
    """Return what an image is called in a whole set: its split and its id."""
    return record.image_id if record.split is None else f"{record.split}/{record.image_id}"


def index_images(images: LabelledImages) -> dict[str, tuple[str, Key]]:
    """Return name and key of each image by its name; names that stand for two are refused."""
    found: dict[str, tuple[str, Key]] = {}
    problems = []
    for key in images.keys:
        try:
            name = full_name(images.load(key))
        except UserError as error:
            problems.append(str(error))
            continue
        if name in found:
            problems.append(f"{name} stands there twice")
        found[name] = (name, key)
    if problems:
        raise DataError(f"{len(problems)} image(s) cannot be used:\n{listing(problems)}")
    return found


def diff(
    old: LabelledImages,
    new: LabelledImages,
    *,
    old_name: str = "old",
    new_name: str = "new",
    origins: Origins | None = None,
    predict: Predict | None = None,
    model: str | None = None,
    workers: int | None = 0,
    progress: Progress | None = None,
) -> Diff:
    """Compare the labels of all images that both sets have.

    Images go by split and id; where the new set has no splits, by `<split>/<id>` or by the id alone if no
    other image has it. `origins` tell who had an image, `predict` gives a model's prediction of it.
    """
    index = index_images(new)
    classes = join_classes(old.labels, new.labels)
    origins = origins or Origins()
    touched = frozenset(name for name, origin in origins.images.items() if origin.changed)
    job = Job(old.load, new.load, old.labels, new.labels, classes, index, predict, touched)
    rows: list[ImageRow] = []
    problems: list[str] = []
    for number, result in enumerate(map_ordered(job, old.keys, workers=workers), 1):
        if isinstance(result, str):
            problems.append(result)
        else:
            rows.append(result)
        if progress is not None:
            progress(number, len(old))
    problems += _claimed_twice(rows)
    if problems:
        raise DataError(f"{len(problems)} image(s) cannot be compared:\n{listing(problems)}")
    met = {row.new_key[0] for row in rows if row.new_key is not None}
    strange = [name for name in index if name not in met]
    if not met:
        hint = nearest(strange[0], [row.name for row in rows]) if strange else ""
        raise UserError(
            f"{new_name} has no image of {old_name}: their names differ.{hint}\n"
            f"{old_name}:\n{listing([row.name for row in rows], most=3)}\n"
            f"{new_name}:\n{listing(strange, most=3)}"
        )
    return Diff(
        old=old,
        new=new,
        old_name=old_name,
        new_name=new_name,
        classes=classes,
        rows=[_settled(row, origins) for row in rows],
        strange=strange,
        told=tuple(_told(old, new, origins)),
        origins=origins,
        model=model,
    )


def _claimed_twice(rows: Sequence[ImageRow]) -> list[str]:
    by_name: dict[str, list[str]] = {}
    for row in rows:
        if row.new_key is not None:
            by_name.setdefault(row.new_key[0], []).append(row.name)
    return [
        f"{name} may be {' or '.join(names)}: name it with its split"
        for name, names in by_name.items()
        if len(names) > 1
    ]


def _settled(row: ImageRow, origins: Origins) -> ImageRow:
    """Return a row with who had the image, and with what that says of one that is as it was."""
    name = row.name if row.new_key is None else row.new_key[0]
    origin = origins.of(row.name) or origins.of(name)
    if origin is not None and origin.deleted:
        return replace(row, origin=origin, state=DELETED)
    if origin is not None and row.state == SAME and origin.looked is False:
        return replace(row, origin=origin, state=UNSEEN)
    if origin is not None and row.state == ABSENT:
        return replace(row, origin=origin, state=UNSEEN)
    return replace(row, origin=origin)


def _told(old: LabelledImages, new: LabelledImages, origins: Origins) -> Iterator[str]:
    extra = [name for name in new.labels.names if name not in old.labels.names]
    background = new.labels.names[new.labels.background] if new.labels.background is not None else None
    extra = [name for name in extra if name != background]
    if extra:
        yield f"{len(extra)} class(es) are new: {', '.join(extra)}"
    used_to = [each.name for each in old.labels.foreground if each.name not in new.labels.names]
    if used_to:
        yield f"{len(used_to)} class(es) are gone: {', '.join(used_to)}"
    if not origins.images:
        yield "nothing tells who looked at which image, so what is as it was counts as looked at"
