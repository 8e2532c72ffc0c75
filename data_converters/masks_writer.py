"""Writes folders of masks: a picture for each object, or one of object numbers for each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_converters.base import BadRecord, Loss, Rendered, WriteOptions
from data_converters.masks_files import IMAGES, MASKS, NUMBERS
from data_converters.masks_table import (
    COLUMNS,
    LABELS,
    MASK,
    NUMBER,
    OBJECTS,
    csv_text,
    objects_header,
    write_labels,
    write_objects,
)
from data_converters.media import choose_media, file_suffix, name_fault, place_image
from segloop.data.annotations import ImageRecord, Instance, LabelSet, SizeHW
from segloop.data.drawing import bitmaps, painting_order, with_instances
from segloop.data.masks import Runs, areas, decode_patches, paint
from segloop.data.png import BitmapEncoder, encode_grey

MOST_NUMBERS = 65_535  # that 16 bits hold, 0 being no object
BOTH = frozenset(
    {
        "instances",
        "attributes",
        "groups",
        "z-order",
        "scores",
        "crowds",
        "occluded",
        "sources",
        "uids",
        "colors",
        "unused-labels",
        "supercategories",
        "splits",
        "empty-images",
        "sizes",
    }
)
TABLE_BLOCK = 1 << 20  # characters that wait before they are written


@dataclass(frozen=True)
class Leaf:
    """What is written of one image: pictures by path below the target, rows of the table, the image."""

    pictures: tuple[tuple[str, bytes], ...]
    folder: str  # that has to be there even if no picture comes into it
    rows: str
    image: Path | None
    image_path: str


class MasksWriter:
    """Writes pictures, the images, and two tables of what pictures cannot say.

    | form | image | masks |
    |---|---|---|
    | a picture an object | `[<split>/]<image_id>/images/<name>` | `[<split>/]<image_id>/masks/*.png` |
    | `numbers` | `[<split>/]images/<name>` | `[<split>/]instances/<image_id>.png`, 16 bit |
    """

    def __init__(self, labels: LabelSet, options: WriteOptions) -> None:
        self.labels = labels
        self.options = options
        self.media = choose_media(options.media, default="copy")
        self.keeps = BOTH if options.numbers else BOTH | {"overlaps", "empty-masks"}
        self._target = Path()
        self._rows: list[str] = []
        self._waiting = 0

    def render(self, record: ImageRecord) -> Rendered:
        """Draw an image's objects and encode them."""
        suffix = file_suffix(record)
        _check_names(record, suffix, brings_image=record.file is not None and self.media != "none")
        if record.semantic is not None:
            how = {"mode": self.options.instances, "connectivity": self.options.connectivity}
            record = with_instances(record, self.labels, **how)  # type: ignore[arg-type]
        if record.size_hw is None and (record.instances or self.options.numbers):
            raise BadRecord(record.image_id, ["its size is not known, so nothing can be drawn"])
        size_hw = record.size_hw or (0, 0)
        pairs = zip(record.instances, bitmaps(record.instances, size_hw), strict=True)
        drawn = [(each, runs) for each, runs in pairs if runs is not None]
        split = f"{record.split}/" if record.split is not None else ""
        losses: list[Loss] = []
        image = record.file if self.media != "none" else None
        if image is None and self.media != "none":
            losses.append(Loss("image-files", 1, record.image_id))
        if self.options.numbers:
            folder, image_path = f"{split}{NUMBERS}", f"{split}{IMAGES}/{record.image_id}{suffix}"
            objects, pictures = _numbered(record, drawn, folder, self.options.overlap, losses)
            pixels = int(sum(count for _, _, count in objects))
        else:
            folder = f"{split}{record.image_id}/{MASKS}"
            image_path = f"{split}{record.image_id}/{IMAGES}/{record.image_id.rpartition('/')[2]}{suffix}"
            objects, pictures = _one_by_one(drawn, folder, size_hw)
            pixels = sum(count for _, _, count in objects)
            if image is None and not drawn and record.size_hw is not None:
                losses.append(Loss("sizes", 1, record.image_id))
        rows = [(key, each) for key, each, _ in objects]
        text = write_objects(record.split, record.image_id, rows) or _no_objects(record)
        leaf = Leaf(tuple(pictures), folder, text, image, image_path)
        return Rendered(record.image_id, leaf, instances=len(objects), pixels=pixels, losses=tuple(losses))

    def open(self, target: Path) -> None:
        """Write the labels and begin the table of objects."""
        self._target = target
        target.mkdir(parents=True, exist_ok=True)
        (target / LABELS).write_text(write_labels(self.labels.foreground), encoding="utf-8", newline="")
        self._rows = [objects_header(NUMBER if self.options.numbers else MASK)]

    def add(self, rendered: Rendered) -> None:
        """Write the pictures of an image, and copy or link the image."""
        leaf: Leaf = rendered.payload
        folder = self._target / leaf.folder
        if not self.options.numbers and folder.exists():
            raise BadRecord(rendered.image_id, [f"another image has the folder {leaf.folder} already"])
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in leaf.pictures:
            file = self._target / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if self.options.numbers and file.exists():
                raise BadRecord(rendered.image_id, [f"another image has the mask {name} already"])
            file.write_bytes(data)
        if leaf.image is not None:
            place_image(leaf.image, self._target / leaf.image_path, media=self.media)
        self._rows.append(leaf.rows)
        self._waiting += len(leaf.rows)
        if self._waiting > TABLE_BLOCK:
            self._flush()

    def close(self) -> None:
        """Write what is left of the table."""
        self._flush()

    def _flush(self) -> None:
        with (self._target / OBJECTS).open("a", encoding="utf-8", newline="") as file:
            file.writelines(self._rows)
        self._rows, self._waiting = [], 0


def _check_names(record: ImageRecord, suffix: str, *, brings_image: bool) -> None:
    """Refuse names that lead elsewhere, or that would be taken for the folders of the layout."""
    problems = []
    places = [("image", record.image_id), *([("split", record.split)] if record.split is not None else [])]
    for what, name in places:
        parts = name.split("/")
        fault = name_fault(name)
        if what == "split" and "/" in name:
            fault = "it holds a '/'"
        elif MASKS in parts or IMAGES in parts[1:] or (what == "split" and name in (IMAGES, NUMBERS)):
            fault = f"a folder of that name would be taken for the layout's ({IMAGES}, {MASKS}, {NUMBERS})"
        if fault:
            problems.append(f"{what} {name!r}: {fault}")
    if brings_image and not suffix:
        problems.append(f"{record.file}: a name without suffix is not found again")
    if problems:
        raise BadRecord(record.image_id, problems)


def _one_by_one(
    drawn: Sequence[tuple[Instance, Runs]], folder: str, size_hw: SizeHW
) -> tuple[list[tuple[str, Instance, int]], list[tuple[str, bytes]]]:
    """Return the objects by the name of their picture, with their pixels, and the pictures."""
    encoder = BitmapEncoder(size_hw)
    runs = [each for _, each in drawn]
    objects, pictures = [], []
    for number, ((instance, _), patch, count) in enumerate(
        zip(drawn, decode_patches(runs, size_hw), areas(runs), strict=True), 1
    ):
        name = f"{number:05d}.png"
        objects.append((name, instance, count))
        pictures.append((f"{folder}/{name}", encoder.encode(patch.bitmap, left=patch.left, top=patch.top)))
    return objects, pictures


def _numbered(
    record: ImageRecord,
    drawn: Sequence[tuple[Instance, Runs]],
    folder: str,
    overlap: str,
    losses: list[Loss],
) -> tuple[list[tuple[str, Instance, int]], list[tuple[str, bytes]]]:
    """Return the objects that are seen by their number, with their pixels, and the picture of numbers."""
    drawn = [(each, runs) for each, runs in drawn if len(runs) > 1]
    if len(drawn) > MOST_NUMBERS:
        raise BadRecord(
            record.image_id, [f"{len(drawn)} objects, and 16 bits number at most {MOST_NUMBERS} of them"]
        )
    assert record.size_hw is not None  # `render` has refused it
    instances, runs = [each for each, _ in drawn], [each for _, each in drawn]
    order = painting_order(instances, runs, overlap)
    canvas = np.zeros(record.size_hw, np.uint16)
    paint([runs[index] for index in order], [index + 1 for index in order], canvas)
    seen = np.bincount(canvas.ravel(), minlength=len(drawn) + 1)[1:]
    losses += _covered(record.image_id, instances, np.array(areas(runs), np.int64), seen)
    renumber = np.zeros(len(drawn) + 1, np.uint16)
    renumber[1:] = np.cumsum(seen > 0) * (seen > 0)
    objects = [
        (str(int(number)), each, int(count))
        for each, number, count in zip(instances, renumber[1:], seen, strict=True)
        if count
    ]
    return objects, [(f"{folder}/{record.image_id}.png", encode_grey(renumber[canvas]))]


def _covered(image_id: str, instances: Sequence[Instance], own: np.ndarray, seen: np.ndarray) -> list[Loss]:
    """Count the pixels that went to another object, and the objects that are not seen at all."""
    lost, hidden = np.flatnonzero(seen < own), np.flatnonzero(seen == 0)
    losses = []
    if len(lost):
        first = lost[0]
        example = f"{image_id}: {instances[first].label}, {own[first] - seen[first]} of {own[first]} pixels"
        losses.append(Loss("covered-pixels", int((own - seen).sum()), example))
    if len(hidden):
        losses.append(Loss("hidden-objects", len(hidden), f"{image_id}: {instances[hidden[0]].label}"))
    return losses


def _no_objects(record: ImageRecord) -> str:
    """Return the row of an image without objects, which says that nobody forgot it."""
    return csv_text([(record.split or "", record.image_id, "", *[""] * len(COLUMNS))])
