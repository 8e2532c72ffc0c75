"""Writes Cityscapes trees, images and maps of ids, and predictions as its official evaluation reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data_converters.base import BadRecord, Loss, Rendered, WriteOptions
from data_converters.cityscapes_files import CLASSES, IMAGES, INSTANCES, PREDICTED, TAG, TRUTHS
from data_converters.cityscapes_labels import FILE, Numbering, number_labels, write_labels
from data_converters.media import choose_media, file_suffix, name_fault, place_image
from segloop.data.annotations import ImageRecord, Instance, LabelSet
from segloop.data.cityscapes import BY_NAME, OBJECTS, CityLabel, label_ids
from segloop.data.drawing import bitmaps, painting_order, with_instances
from segloop.data.masks import Runs, areas, decode_patches, paint
from segloop.data.png import BitmapEncoder, encode_grey
from segloop.utils.errors import nearest

TRUTH = TRUTHS[0]
UNNAMED_SPLIT = "train"
KEEPS = frozenset({"instances", "colors", "unused-labels", "supercategories", "empty-images"})
_BLANK = re.compile(r"[\s%]")


@dataclass(frozen=True)
class Leaf:
    """What is written of one image: files by path below the target, and the image itself."""

    split: str | None
    files: tuple[tuple[str, bytes], ...]
    image: Path | None = None
    image_path: str = ""


@dataclass
class TruthWriter:
    """Writes `leftImg8bit`, `gtFine` with `instanceIds` and `labelIds`, and `labels.csv`.

    A label of Cityscapes has its id, others have ids behind them, and so has what nothing covers; pixels that
    nobody scores are unlabeled. `polygons.json` is not written: its outlines have neither parts nor holes.
    """

    labels: LabelSet
    options: WriteOptions
    keeps: frozenset[str] = KEEPS | {"crowds", "ignore", "splits", "sizes"}
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.media = choose_media(self.options.media, default="copy")
        self.numbering = number_labels(self.labels)
        self._target = Path()

    def render(self, record: ImageRecord) -> Rendered:
        """Draw an image's maps of ids and encode them."""
        objects = record.instances
        how = {"mode": self.options.instances, "connectivity": self.options.connectivity}
        record = with_instances(record, self.labels, **how)  # type: ignore[arg-type]
        brings = record.file is not None and self.media != "none"
        _check(record, self.numbering, brings_image=brings)
        losses: list[Loss] = []
        if not brings and self.media != "none":
            losses.append(Loss("image-files", 1, record.image_id))
        ids, instances, pixels = _draw(record, self.numbering, self.options.overlap, losses)
        losses += _flattened(record.image_id, objects, self.numbering)
        stem = f"{TRUTH}/{{split}}/{record.image_id.removesuffix(TAG)}_{TRUTH}_"
        files = (
            (f"{stem}{INSTANCES}", encode_grey(ids)),
            (f"{stem}{CLASSES}", encode_grey(label_ids(ids))),
        )
        image_path = f"{IMAGES}/{{split}}/{record.image_id}{file_suffix(record)}"
        leaf = Leaf(record.split, files, record.file if brings else None, image_path)
        return Rendered(record.image_id, leaf, instances=instances, pixels=pixels, losses=tuple(losses))

    def open(self, target: Path) -> None:
        """Begin below an empty folder."""
        self._target = target
        target.mkdir(parents=True, exist_ok=True)

    def add(self, rendered: Rendered) -> None:
        """Write the maps of an image, and copy or link the image."""
        leaf: Leaf = rendered.payload
        split = UNNAMED_SPLIT if leaf.split is None else leaf.split
        if leaf.split is None and not self.told:
            self.told.append(f"images of no split are written as split {UNNAMED_SPLIT!r}; --split names it")
        for name, data in leaf.files:
            _write(self._target, _in_split(name, split), data, rendered.image_id)
        if leaf.image is not None:
            place_image(leaf.image, self._target / _in_split(leaf.image_path, split), media=self.media)

    def close(self) -> None:
        """Write the table of labels."""
        text = write_labels(self.numbering.rows)
        (self._target / FILE).write_text(text, encoding="utf-8", newline="")


@dataclass
class PredictionWriter:
    """Writes `<image_id>_pred.txt` and beside it a folder with a mask for each object."""

    labels: LabelSet
    options: WriteOptions
    keeps: frozenset[str] = KEEPS | {"overlaps", "scores", "empty-masks"}
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.numbering = number_labels(self.labels)
        self._target = Path()

    def render(self, record: ImageRecord) -> Rendered:
        """Draw an image's objects, encode them, and list them by score, the surest first."""
        how = {"mode": self.options.instances, "connectivity": self.options.connectivity}
        record = with_instances(record, self.labels, **how)  # type: ignore[arg-type]
        _check(record, self.numbering, brings_image=False)
        losses: list[Loss] = []
        size_hw = record.size_hw or (0, 0)
        found = zip(record.instances, bitmaps(record.instances, size_hw), strict=True)
        known = self.numbering.by_name
        drawn = [(each, runs) for each, runs in found if runs is not None and each.label in known]
        losses += _of_background(record, known)
        without = [each.label for each, _ in drawn if each.score is None]
        if without:
            told = f"{record.image_id}: {without[0]}, written with 1"
            losses.append(Loss("objects-without-score", len(without), told))
        if not drawn and record.size_hw is not None:
            losses.append(Loss("sizes", 1, record.image_id))
        folder = _BLANK.sub(lambda blank: f"%{ord(blank[0]):02x}", record.image_id.rpartition("/")[2])
        parent = record.image_id[: -len(record.image_id.rpartition("/")[2])]
        runs = [each for _, each in drawn]
        encoder, lines, files = BitmapEncoder(size_hw), [], []
        for number, ((each, _), patch) in enumerate(zip(drawn, decode_patches(runs, size_hw), strict=True)):
            label = known[each.label].id
            name = f"{folder}/{number:03d}_{label}.png"
            files.append((parent + name, encoder.encode(patch.bitmap, left=patch.left, top=patch.top)))
            lines.append(f"{name} {label} {float(1 if each.score is None else each.score)!r}\n")
        files.append((f"{record.image_id}{PREDICTED}", "".join(lines).encode()))
        pixels = sum(areas(runs))
        leaf = Leaf(None, tuple(files))
        return Rendered(record.image_id, leaf, instances=len(drawn), pixels=pixels, losses=tuple(losses))

    def open(self, target: Path) -> None:
        """Begin below an empty folder."""
        self._target = target
        target.mkdir(parents=True, exist_ok=True)

    def add(self, rendered: Rendered) -> None:
        """Write the list and the masks of an image."""
        leaf: Leaf = rendered.payload
        for name, data in leaf.files:
            _write(self._target, name, data, rendered.image_id)

    def close(self) -> None:
        """Write the table of labels, where not all of them are Cityscapes' own."""
        foreign = [label.name for label in self.numbering.own if label.name not in BY_NAME]
        if foreign:
            self.told.append(f"the official evaluation does not know the label(s) {', '.join(foreign)}")
        text = write_labels(self.numbering.rows)
        (self._target / FILE).write_text(text, encoding="utf-8", newline="")


def _in_split(path: str, split: str) -> str:
    return path.replace("{split}", split, 1)


def _write(target: Path, name: str, data: bytes, image_id: str) -> None:
    file = target / name
    if file.exists():
        raise BadRecord(image_id, [f"another image has the file {name} already"])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


def _check(record: ImageRecord, numbering: Numbering, *, brings_image: bool) -> None:
    """Refuse names that lead elsewhere, labels that are not declared, and images of no size."""
    places = [("image", record.image_id), *([("split", record.split)] if record.split is not None else [])]
    problems = []
    for what, name in places:
        fault = "it holds a '/'" if what == "split" and "/" in name else name_fault(name)
        if fault:
            problems.append(f"{what} {name!r}: {fault}")
    if brings_image and not file_suffix(record):
        problems.append(f"{record.file}: a name without suffix is not found again")
    names = {*numbering.by_name, numbering.ground.name}
    for label in sorted({each.label for each in record.instances} - names):
        problems.append(f"the label {label!r} is not declared.{nearest(label, names)}")
    if record.size_hw is None and record.instances:
        problems.append("its size is not known, so nothing can be drawn")
    if problems:
        raise BadRecord(record.image_id, problems)


def _draw(
    record: ImageRecord, numbering: Numbering, overlap: str, losses: list[Loss]
) -> tuple[np.ndarray, int, int]:
    """Return the map of ids, how many objects are seen in it, and how many pixels have a label."""
    if record.size_hw is None:
        raise BadRecord(record.image_id, ["its size is not known, so nothing can be drawn"])
    known = numbering.by_name
    found = zip(record.instances, bitmaps(record.instances, record.size_hw), strict=True)
    drawn = [(each, runs) for each, runs in found if runs is not None and each.label in known]
    losses += _of_background(record, known)
    order = painting_order([each for each, _ in drawn], [runs for _, runs in drawn], overlap)
    order.sort(key=lambda index: not drawn[index][0].crowd)  # crowds lie below all objects
    canvas = np.zeros(record.size_hw, np.int32)
    runs = [each for _, each in drawn]
    paint([runs[index] for index in order], [index + 1 for index in order], canvas)
    if record.ignore is not None:
        paint([record.ignore.runs], [len(runs) + 1], canvas)
    seen = np.bincount(canvas.ravel(), minlength=len(runs) + 2)[1 : len(runs) + 1]
    losses += _covered(record.image_id, drawn, areas(runs), seen)
    table = np.zeros(len(runs) + 2, np.uint16)  # the last is for what nobody scores
    table[0] = numbering.ground.id
    table[1:-1], instances = _numbers(record.image_id, [each for each, _ in drawn], seen, numbering, losses)
    return table[canvas], instances, int(seen.sum())


def _numbers(
    image_id: str,
    drawn: Sequence[Instance],
    seen: np.ndarray,
    numbering: Numbering,
    losses: list[Loss],
) -> tuple[np.ndarray, int]:
    """Return the id of each object's pixels, and how many objects there are then; hidden ones have 0."""
    known = numbering.by_name
    values = np.zeros(len(drawn), np.uint16)
    counts = dict.fromkeys(known, 0)
    crowds: list[str] = []
    for place in np.flatnonzero(seen).tolist():
        label = known[drawn[place].label]
        if label.instances and not drawn[place].crowd:
            values[place] = label.id * OBJECTS + min(counts[label.name], OBJECTS - 1)
            counts[label.name] += 1
        else:
            values[place] = label.id
            if label.instances:
                crowds.append(label.name)
    problems = [
        f"{count} objects of {name!r}; ids have room for {OBJECTS}"
        for name, count in counts.items()
        if count > OBJECTS
    ]
    if problems:
        raise BadRecord(image_id, problems)
    joined = len(crowds) - len(set(crowds))
    if joined:
        losses.append(Loss("joined-crowds", joined, f"{image_id}: {crowds[0]}"))
    return values, sum(counts.values()) + len(set(crowds))


def _flattened(image_id: str, objects: Sequence[Instance], numbering: Numbering) -> list[Loss]:
    """Count the objects of classes whose objects Cityscapes does not tell apart; their pixels are kept."""
    known = numbering.by_name
    found = [each.label for each in objects if each.label in known and not known[each.label].instances]
    return [Loss("flat-objects", len(found), f"{image_id}: {found[0]}")] if found else []


def _of_background(record: ImageRecord, known: Mapping[str, CityLabel]) -> list[Loss]:
    """Count the objects of the class that is the background."""
    found = [each.label for each in record.instances if each.label not in known]
    return [Loss("background-objects", len(found), f"{record.image_id}: {found[0]}")] if found else []


def _covered(
    image_id: str, drawn: Sequence[tuple[Instance, Runs]], own: Sequence[int], seen: np.ndarray
) -> list[Loss]:
    """Count the pixels that went to another object or to what nobody scores, and the hidden objects."""
    lost = [place for place, count in enumerate(own) if seen[place] < count]
    hidden = [place for place in lost if not seen[place]]
    losses = []
    if lost:
        label, count = drawn[lost[0]][0].label, own[lost[0]]
        example = f"{image_id}: {label}, {count - seen[lost[0]]} of {count} pixels"
        losses.append(Loss("covered-pixels", int(sum(own) - seen.sum()), example))
    if hidden:
        losses.append(Loss("hidden-objects", len(hidden), f"{image_id}: {drawn[hidden[0]][0].label}"))
    return losses
