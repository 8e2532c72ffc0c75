"""What changed in one image between two sets of labels: pixels by class, and object by object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from segloop.analysis.overlaps import intersections, ious
from segloop.cvat.records import filled
from segloop.data.annotations import ImageRecord, Instance, Label, LabelSet
from segloop.data.drawing import bitmaps, index_map, with_instances, with_outlines
from segloop.data.masks import Runs, area, areas, boxes_xyxy, canonical, columns_of
from segloop.utils.errors import DataError

LEAST_IOU = 0.1  # of two objects without an identity that may be the same one
MOVED_IOU = 0.9  # of an object and its former self, laid over each other: above, it was only moved
KINDS = ("same", "renamed", "moved", "redrawn", "marked", "added", "removed")
Defaults = Mapping[str, Mapping[str, str]]
NOTHING, IGNORED = "(nothing)", "(ignored)"


@dataclass(frozen=True)
class Classes:
    """The classes of two sets under one numbering: what is drawn in both can be compared pixel by pixel.

    `background` is 0 or the place of a class, `ignored` the value of pixels that nobody scores.
    """

    labels: LabelSet

    @property
    def background(self) -> int:
        """The number of pixels that nothing is drawn on."""
        assert self.labels.background is not None
        return self.labels.background

    @property
    def ignored(self) -> int:
        """The number of pixels that nobody scores, after all classes."""
        return self.labels.ignore_index

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each number, the ignored last."""
        return (*self.labels.names, IGNORED)

    @property
    def foreground(self) -> list[int]:
        """The numbers of what can be drawn."""
        return [place for place in range(len(self.labels)) if place != self.background]


def join_classes(old: LabelSet, new: LabelSet) -> Classes:
    """Return the classes of both sets: the old ones in their order, then those that only the new one has."""
    labels = list(old.labels)
    background = old.background
    known = {each.name for each in labels}
    for place, each in enumerate(new.labels):
        if each.name in known or (place == new.background and background is not None):
            continue
        labels.append(each)
        if place == new.background:
            background = len(labels) - 1
    if background is None:
        name = NOTHING
        while name in known:
            name += " "
        labels.insert(0, Label(name, (0, 0, 0)))
        background = 0
    return Classes(LabelSet(tuple(labels), background=background, ignore_index=len(labels)))


@dataclass(frozen=True, eq=False)
class Drawn:
    """One image's labels in the numbering of `Classes`: a map [H, W], and the objects behind it."""

    classes: np.ndarray
    objects: tuple[Instance, ...]
    runs: tuple[Runs | None, ...]

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width."""
        return self.classes.shape[0], self.classes.shape[1]


def draw_labels(record: ImageRecord, labels: LabelSet, classes: Classes) -> Drawn:
    """Return a record of a set with `labels` as it is compared: boxes and ellipses filled, a map for all."""
    record = with_outlines(record)
    if record.semantic is not None:
        record = replace(record, size_hw=(record.semantic.shape[0], record.semantic.shape[1]))
    if record.size_hw is None:
        raise DataError(f"{record.image_id}: its size is not known", image_id=record.image_id)
    objects = with_instances(record, labels)
    nothing = None if labels.background is None else labels.labels[labels.background].name
    kept = tuple(each for each in objects.instances if each.label != nothing)
    flat = replace(record, semantic=_renumbered(record.semantic, labels, classes))
    if nothing is not None and nothing not in classes.labels.names:
        flat = replace(flat, instances=tuple(each for each in flat.instances if each.label != nothing))
    canvas, _ = index_map(flat, classes.labels)
    runs = tuple(
        None if each is None else canonical(each)
        for each in bitmaps(kept, (canvas.shape[0], canvas.shape[1]))
    )
    return Drawn(canvas, kept, runs)


def _renumbered(semantic: np.ndarray | None, labels: LabelSet, classes: Classes) -> np.ndarray | None:
    if semantic is None:
        return None
    size = max(len(labels), labels.ignore_index, int(semantic.max(initial=0))) + 1
    table = np.full(size, classes.ignored, np.uint16)
    for place, label in enumerate(labels.labels):
        number = classes.background if place == labels.background else classes.labels.index(label.name)
        table[place] = number
    if labels.ignore_index != labels.background:
        table[labels.ignore_index] = classes.ignored
    return table[semantic]


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """What became of one object.

    `kind` is one of KINDS; a renamed object may have been redrawn as well, which its `iou` tells. One that is
    marked has the pixels that it had, and other attributes, or is a crowd or occluded now. `pixels` are
    those that only one of its two masks has, `step_xy` is how far it was moved, `uid` the identity that both
    have, None where they were found together by their masks.
    """

    kind: str
    before: str | None
    after: str | None
    iou: float
    pixels: int
    box_xyxy: tuple[int, int, int, int]
    uid: str | None = None
    step_xy: tuple[int, int] = (0, 0)


@dataclass(frozen=True, eq=False)
class ImageDifference:
    """All that changed in one image.

    `counts` says of each of the `places` in `flips`, row by row, how many pixels it has; of a set with many
    classes an image has few. `tags` says whether the labels of the whole image are others.
    """

    num_classes: int
    places: np.ndarray
    counts: np.ndarray
    objects: tuple[ObjectChange, ...]
    tags: bool = False

    @property
    def flips(self) -> np.ndarray:
        """Pixels by class before (row) and after (column), the ignored ones last, [C + 1, C + 1]."""
        return sum_flips([self], self.num_classes)

    @property
    def pixels(self) -> int:
        """How many pixels have another class than before."""
        return int(self.flips.sum() - np.trace(self.flips))

    @property
    def changed(self) -> bool:
        """Whether anything changed, a pixel, an object or a tag."""
        return self.tags or self.pixels > 0 or any(each.kind != "same" for each in self.objects)

    def count(self, kind: str) -> int:
        """Return how many objects have a kind of change."""
        return sum(each.kind == kind for each in self.objects)

    def class_ious(self) -> np.ndarray:
        """Return the IoU of each class before and after, [C]; NaN for classes that neither has."""
        both = np.diag(self.flips)[:-1]
        either = (self.flips.sum(axis=0) + self.flips.sum(axis=1))[:-1] - both
        return np.divide(both, either, out=np.full(len(both), np.nan), where=either > 0)

    def iou(self, foreground: Sequence[int]) -> float:
        """Return the mean IoU over the classes that are drawn before or after; 1 where none is."""
        values = self.class_ious()[list(foreground)]
        values = values[~np.isnan(values)]
        return float(values.mean()) if len(values) else 1.0


def sum_flips(differences: Iterable[ImageDifference], num_classes: int) -> np.ndarray:
    """Return pixels by class before and after over several images, [C + 1, C + 1]."""
    size = num_classes + 1
    found = np.zeros(size * size, np.int64)
    for each in differences:
        found[each.places] += each.counts
    return found.reshape(size, size)


def count_flips(old: np.ndarray, new: np.ndarray, classes: Classes) -> np.ndarray:
    """Return how many pixels went from which class to which, [C + 1, C + 1], the ignored ones last."""
    size = len(classes.labels) + 1
    joint = old.astype(np.int64) * size + new
    return np.bincount(joint.ravel(), minlength=size * size).reshape(size, size)


def find_differences(
    old: Drawn, new: Drawn, classes: Classes, *, image_id: str = "", defaults: Defaults | None = None
) -> ImageDifference:
    """Compare two drawings of one image, pixels and objects; other sizes are a DataError.

    With `defaults`, the values that CVAT gives by label and attribute, objects that look as they did are
    compared in their attributes and marks, too: only where both sets can hold those.
    """
    if old.size_hw != new.size_hw:
        sizes = [f"{width}x{height}" for height, width in (old.size_hw, new.size_hw)]
        raise DataError(f"{image_id}: {sizes[0]} pixels before, {sizes[1]} after", image_id=image_id or None)
    flips = count_flips(old.classes, new.classes, classes).ravel()
    places = np.flatnonzero(flips)
    return ImageDifference(len(classes.labels), places, flips[places], tuple(_objects(old, new, defaults)))


def _objects(old: Drawn, new: Drawn, defaults: Defaults | None) -> list[ObjectChange]:
    """Pair the objects, by identity first and then by their masks, and say what became of each."""
    pairs = _by_identity(old, new)
    pairs |= _alike(old, new, pairs)
    found = [_changed(old, new, here, there, defaults) for here, there in sorted(pairs.items())]
    taken = set(pairs.values())
    for place, (each, runs) in enumerate(zip(old.objects, old.runs, strict=True)):
        if place not in pairs:
            found.append(_alone("removed", each, runs, old.size_hw))
    for place, (each, runs) in enumerate(zip(new.objects, new.runs, strict=True)):
        if place not in taken:
            found.append(_alone("added", each, runs, new.size_hw))
    return found


def _by_identity(old: Drawn, new: Drawn) -> dict[int, int]:
    """Return pairs of one identity; one that stands twice in a set says nothing."""
    here, there = _places(old), _places(new)
    return {here[uid]: there[uid] for uid in here if uid in there}


def _places(drawn: Drawn) -> dict[str, int]:
    found: dict[str, int] = {}
    twice = set()
    for place, each in enumerate(drawn.objects):
        if each.uid and found.setdefault(each.uid, place) != place:
            twice.add(each.uid)
    return {uid: place for uid, place in found.items() if uid not in twice}


def _alike(old: Drawn, new: Drawn, paired: dict[int, int]) -> dict[int, int]:
    """Return pairs among the others: best IoU first, of one label first where two are as good."""
    taken = set(paired.values())
    here = [place for place in range(len(old.objects)) if place not in paired]
    there = [place for place in range(len(new.objects)) if place not in taken]
    found = _undrawn_alike(old, new, here, there)
    here = [place for place in here if _has_pixels(old.runs[place])]
    there = [place for place in there if _has_pixels(new.runs[place])]
    first, second = [old.runs[place] for place in here], [new.runs[place] for place in there]
    rows, columns, shared = intersections(first, second, old.size_hw)  # type: ignore[arg-type]
    own, other = np.array(areas(first), np.int64), np.array(areas(second), np.int64)  # type: ignore[arg-type]
    overlap = ious(shared, own[rows], other[columns])
    same = np.array(
        [
            old.objects[here[row]].label == new.objects[there[column]].label
            for row, column in zip(rows, columns, strict=True)
        ],
        bool,
    )
    met = set(found.values())
    for at in np.lexsort((columns, rows, ~same, -overlap)).tolist():
        row, column = here[rows[at]], there[columns[at]]
        if overlap[at] >= LEAST_IOU and row not in found and column not in met:
            found[row] = column
            met.add(column)
    return found


def _has_pixels(runs: Runs | None) -> bool:
    return runs is not None and area(runs) > 0


def _undrawn_alike(old: Drawn, new: Drawn, here: Sequence[int], there: Sequence[int]) -> dict[int, int]:
    """Return pairs of objects without pixels (points, lines, empty masks) that say the same."""
    left: dict[str, list[int]] = {}
    for place in there:
        if not _has_pixels(new.runs[place]):
            left.setdefault(_said(new.objects[place]), []).append(place)
    found = {}
    for place in here:
        same = left.get(_said(old.objects[place])) if not _has_pixels(old.runs[place]) else None
        if same:
            found[place] = same.pop(0)
    return found


def _said(each: Instance) -> str:
    return f"{each.label}: {each.shape!r}"


def _changed(old: Drawn, new: Drawn, here: int, there: int, defaults: Defaults | None) -> ObjectChange:
    before, after = old.objects[here], new.objects[there]
    first, second = old.runs[here], new.runs[there]
    uid = before.uid if before.uid == after.uid else None
    told = {"before": before.label, "after": after.label, "uid": uid}
    as_it_was = defaults is None or _marks(before, defaults) == _marks(after, defaults)
    alike = "same" if as_it_was else "marked"
    if first is None or second is None:
        same = first is second and repr(before.shape) == repr(after.shape)
        kind = "renamed" if before.label != after.label else alike if same else "redrawn"
        box = _box(first if second is None else second, old.size_hw)
        return ObjectChange(kind, iou=float(same), pixels=0, box_xyxy=box, **told)  # type: ignore[arg-type]
    if np.array_equal(first, second):  # as most are
        common = union = area(first)
    else:
        common = int(intersections([first], [second], old.size_hw)[2].sum())
        union = area(first) + area(second) - common
    iou = common / union if union else 1.0
    box = _united(_box(first, old.size_hw), _box(second, new.size_hw))
    step = (0, 0)
    if before.label != after.label:
        kind = "renamed"
    elif common == union:
        kind = alike
    else:
        step = _step(first, second, old.size_hw)
        kind = "redrawn" if step == (0, 0) else "moved"
    return ObjectChange(kind, iou=iou, pixels=union - common, box_xyxy=box, step_xy=step, **told)


def _marks(each: Instance, defaults: Defaults) -> tuple[bool, bool, dict[str, str]]:
    """Return what is said of an object beside its class and form, as CVAT's texts."""
    return each.crowd, each.occluded, filled(each.attributes, defaults.get(each.label, {}))


def _step(first: Runs, second: Runs, size_hw: tuple[int, int]) -> tuple[int, int]:
    """Return by how many pixels to the right and down a mask was moved; (0, 0) where its form changed."""
    if not _has_pixels(first) or not _has_pixels(second):
        return 0, 0
    height, width = size_hw
    left, top, right, bottom = _box(first, size_hw)
    now_left, now_top, now_right, now_bottom = _box(second, size_hw)
    steps = {(now_left - left, now_top - top), (now_right - right, now_bottom - bottom)}
    for x, y in sorted(steps - {(0, 0)}):
        begin = max(0, min(left, now_left, left + x))
        end = min(width, max(right, now_right, right + x))
        one, other = (columns_of(each, height, begin, end) for each in (first, second))
        # what an edge of the image cut off is no other form
        here = one[max(0, -y) : height - max(0, y), max(0, -x) : end - begin - max(0, x)]
        there = other[max(0, y) : height + min(0, y), max(0, x) : end - begin + min(0, x)]
        either = (here | there).sum()
        outside = other.sum() - there.sum()
        if (here & there).sum() >= MOVED_IOU * (either + outside):
            return x, y
    return 0, 0


def _alone(kind: str, each: Instance, runs: Runs | None, size_hw: tuple[int, int]) -> ObjectChange:
    pixels = 0 if runs is None else area(runs)
    before, after = (each.label, None) if kind == "removed" else (None, each.label)
    return ObjectChange(kind, before, after, 0.0, pixels, _box(runs, size_hw), each.uid)


def _box(runs: Runs | None, size_hw: tuple[int, int]) -> tuple[int, int, int, int]:
    if not _has_pixels(runs):
        return 0, 0, 0, 0
    left, top, right, bottom = (int(value) for value in boxes_xyxy([runs], size_hw)[0])  # type: ignore[list-item]
    return left, top, right, bottom


def _united(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    if not any(one) or not any(other):
        return other if any(other) else one
    return (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    )
