"""Measures images, some at a time: what is drawn on them, and the pixels below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from segloop.data.annotations import ImageRecord, LabelSet
from segloop.data.masks import SPECK, Parts, Pieces, measure_pieces
from segloop.data.statistics.bins import (
    ASPECTS,
    BRIGHTNESS,
    CONTRASTS,
    DEVIATIONS,
    FOLLOWS,
    SHARPNESS,
    SIZES,
    Octaves,
    Steps,
)
from segloop.data.statistics.canvas import Canvas, lay_out, mask_of
from segloop.data.statistics.colors import NO_LOOK, Look, look
from segloop.data.statistics.tally import EXAMPLE, GRID, Tally, best
from segloop.utils.errors import UserError

NO_SPLIT = ""
LOOK_BINS: tuple[Octaves | Steps, ...] = (BRIGHTNESS, DEVIATIONS, SHARPNESS, CONTRASTS, FOLLOWS)


@dataclass(frozen=True)
class Chunk:
    """Some images of a set, in order: the number of the first, and the keys that load them."""

    first: int
    keys: tuple[Any, ...]


@dataclass(frozen=True)
class Measure:
    """Measures a chunk of images in any process and returns its tallies by split."""

    load: Callable[[Any], ImageRecord]
    labels: LabelSet

    def __call__(self, chunk: Chunk) -> dict[str, Tally]:
        """Load and measure; images that cannot be used are named in the tally."""
        places = {name: place for place, name in enumerate(self.labels.names)}
        batches: dict[str, Batch] = {}
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)  # the cores are busy with other chunks
        try:
            for number, key in enumerate(chunk.keys, start=chunk.first):
                split, image_id = NO_SPLIT, f"image {number + 1}"
                try:
                    record = self.load(key)
                    split, image_id = record.split or NO_SPLIT, record.image_id
                    if split not in batches:
                        batches[split] = Batch(self.labels)
                    batches[split].add(record, number, places=places)
                except UserError as error:
                    split = split or getattr(key, "split", None) or NO_SPLIT
                    tally = batches.setdefault(split, Batch(self.labels)).tally
                    tally.bad_count += 1
                    tally.bad.append((getattr(error, "image_id", None) or image_id, str(error)))
        finally:
            cv2.setNumThreads(threads)
        return {split: batch.finish() for split, batch in batches.items()}


@dataclass
class Objects:
    """The objects of some images, one entry each."""

    image: np.ndarray  # places in the batch
    label: np.ndarray
    area: np.ndarray
    boxes_xyxy: np.ndarray
    holes: np.ndarray
    parts: np.ndarray
    edges: np.ndarray

    def __len__(self) -> int:
        return len(self.image)


@dataclass
class Batch:
    """Images of one split, measured one by one, and their objects all at once."""

    labels: LabelSet
    numbers: list[int] = field(default_factory=list)
    sizes_hw: list[tuple[int, int]] = field(default_factory=list)
    pieces: list[Pieces] = field(default_factory=list)
    connected: list[bool] = field(default_factory=list)
    owners: list[np.ndarray] = field(default_factory=list)
    boxed: list[np.ndarray] = field(default_factory=list)  # labels of boxes with nothing inside, by image
    looks: list[Look] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)  # classes that are drawn, by image

    def __post_init__(self) -> None:
        self.tally = Tally(len(self.labels))

    def add(self, record: ImageRecord, number: int, *, places: dict[str, int]) -> None:
        """Measure an image, but for its objects."""
        image = read_image(record.file) if record.file is not None else None
        size_hw = record.size_hw or (image.shape[:2] if image is not None else None)
        if size_hw is None:
            raise UserError("neither its labels nor a file tell its size")
        if image is not None and image.shape[:2] != tuple(size_hw):
            seen, told = (f"{width}x{height}" for height, width in (image.shape[:2], size_hw))
            raise UserError(f"the image has {seen} pixels, its labels {told}")
        height, width = (int(side) for side in size_hw)
        canvas = lay_out(record, self.labels, (height, width), places=places)
        found = NO_LOOK if image is None else look(image, canvas, self.tally)
        self.numbers.append(number)
        self.sizes_hw.append((height, width))
        self.pieces.append(canvas.pieces)
        self.connected.append(canvas.connected)
        self.owners.append(canvas.owners)
        self.looks.append(found)
        self._count(record, canvas)

    def _count(self, record: ImageRecord, canvas: Canvas) -> None:
        """Count the pixels of an image, class by class, and where they lie."""
        tally, height_width = self.tally, canvas.map.shape
        tally.images += 1
        tally.image_sizes[(height_width[0], height_width[1])] += 1
        tally.semantic += record.semantic is not None
        tally.shared += canvas.shared
        tally.undrawn += canvas.undrawn
        tally.crowds += canvas.crowds
        tally.ignored += int(canvas.counts[canvas.ignored])
        counts = canvas.counts[: canvas.ignored]
        present = np.flatnonzero(counts)
        tally.pixels += counts
        tally.images_with[present] += 1
        tally.pixels_beside[present] += counts.sum()
        drawn = present[present < canvas.nothing]
        tally.together[np.ix_(drawn, drawn)] += 1
        sampled = cv2.resize(canvas.map, (3 * GRID, 3 * GRID), interpolation=cv2.INTER_NEAREST)
        for label in drawn[drawn != canvas.ground].tolist():
            here = mask_of(sampled, label) * np.uint8(255)  # means of bytes are rounded
            tally.heat[label] += cv2.resize(here, (GRID, GRID), interpolation=cv2.INTER_AREA) / 255.0
        background = self.labels.background
        self.kinds.append(len(drawn) - (background is not None and bool(counts[background])))
        self._count_boxes(canvas)

    def _count_boxes(self, canvas: Canvas) -> None:
        sides = canvas.boxes_xyxy[:, 2:] - canvas.boxes_xyxy[:, :2]
        self.boxed.append(canvas.box_labels)
        if len(sides) == 0:
            return
        np.add.at(self.tally.boxes, (SIZES.place(sides[:, 0]), SIZES.place(sides[:, 1])), 1)
        np.add.at(self.tally.objects, canvas.box_labels, 1)
        aspects = ASPECTS.place(sides[:, 1] / np.maximum(sides[:, 0], 1e-9))
        np.add.at(self.tally.aspects, (canvas.box_labels, aspects), 1)

    def finish(self) -> Tally:
        """Measure the objects of all images, and return the tally."""
        parts = measure_pieces(self.pieces)
        objects = self._objects(parts)
        if self.numbers:
            self._tally_parts(parts)
            self._tally_objects(objects)
            self._tally_images(objects)
        return self.tally

    def _objects(self, parts: Parts) -> Objects:
        """Join the parts that belong to one object."""
        connected = np.array([*self.connected, False])[parts.image]
        table = np.concatenate([*self.owners, np.zeros(1, np.int64)])
        offset = np.cumsum([0, *(len(each) for each in self.owners)])[parts.image]
        self.part_labels = np.where(
            connected, parts.owner, table[np.where(connected, 0, offset + parts.owner)]
        )
        new = np.ones(len(parts), bool)
        same = (parts.image[1:] == parts.image[:-1]) & (parts.owner[1:] == parts.owner[:-1])
        new[1:] = connected[1:] | ~same
        heads = np.flatnonzero(new)
        if len(heads) == 0:
            none = np.zeros(0, np.int64)
            return Objects(none, none, none, np.zeros((0, 4), np.int64), none, none, none)
        low = np.minimum.reduceat(parts.boxes_xyxy[:, :2], heads)
        high = np.maximum.reduceat(parts.boxes_xyxy[:, 2:], heads)
        return Objects(
            image=parts.image[heads],
            label=self.part_labels[heads],
            area=np.add.reduceat(parts.area, heads),
            boxes_xyxy=np.concatenate([low, high], axis=1),
            holes=np.add.reduceat(parts.holes, heads),
            parts=np.diff(np.append(heads, len(parts))),
            edges=np.add.reduceat(parts.edges, heads),
        )

    def _tally_parts(self, parts: Parts) -> None:
        count = self.tally.num_labels
        self.tally.specks += np.bincount(self.part_labels[parts.are_specks], minlength=count)
        self.tally.lines += np.bincount(self.part_labels[parts.are_lines], minlength=count)

    def _tally_objects(self, objects: Objects) -> None:
        tally, count = self.tally, self.tally.num_labels
        label = objects.label
        left, top, right, bottom = objects.boxes_xyxy.T
        height, width = np.array(self.sizes_hw).T[:, objects.image]
        wide, high = right - left, bottom - top
        cut = (left == 0) | (top == 0) | (right == width) | (bottom == height)
        tally.objects += np.bincount(label, minlength=count)
        tally.cut += np.bincount(label[cut], minlength=count)
        tally.holed += np.bincount(label[objects.holes > 0], minlength=count)
        tally.split += np.bincount(label[objects.parts > 1], minlength=count)
        tally.filled += np.bincount(label, objects.area / np.maximum(wide * high, 1), minlength=count)
        np.add.at(tally.sizes, (label, SIZES.place(np.sqrt(objects.area))), 1)
        np.add.at(tally.aspects, (label, ASPECTS.place(high / np.maximum(wide, 1))), 1)
        np.add.at(tally.boxes, (SIZES.place(wide), SIZES.place(high)), 1)
        for name, order in (("random", None), ("smallest", 1), ("largest", -1)):
            getattr(tally, name).update(self._examples(objects, order))

    def _examples(self, objects: Objects, order: int | None) -> dict[int, np.ndarray]:
        """Return a few objects of each label: the smallest, the largest, or by a hash of image and place."""
        found = np.zeros(len(objects), EXAMPLE)
        numbers = np.array(self.numbers, np.uint64)[objects.image]
        if order is None:
            place = np.arange(len(objects), dtype=np.uint64)
            mixed = (numbers * np.uint64(2654435761) + place * np.uint64(40503)) & np.uint64(0xFFFFFFFF)
            found["rank"] = (mixed * np.uint64(2246822519)) & np.uint64(0xFFFFFFFF)
            found["rank"] += (objects.area <= SPECK) * 2.0**33  # specks only where there is nothing else
        else:
            found["rank"] = objects.area * float(order)
        found["image"], found["box_xyxy"], found["area"] = numbers, objects.boxes_xyxy, objects.area
        return {
            int(label): best([found[objects.label == label]]) for label in np.unique(objects.label).tolist()
        }

    def _tally_images(self, objects: Objects) -> None:
        """Count the objects of each image, and note what makes it hard."""
        images, tally = len(self.numbers), self.tally
        boxed = np.array([len(each) for each in self.boxed])
        many = np.bincount(objects.image, minlength=images) + boxed
        tally.empty += int((many == 0).sum())
        tally.per_image[-1].update(many.tolist())
        image = np.concatenate([objects.image, np.repeat(np.arange(images), boxed)])
        label = np.concatenate([objects.label, *self.boxed])
        keys, counts = np.unique(image * tally.num_labels + label, return_counts=True)
        self._tally_looks()
        for which, count in zip((keys % tally.num_labels).tolist(), counts.tolist(), strict=True):
            tally.per_image[which][count] += 1
        side = np.sqrt([height * width for height, width in self.sizes_hw])
        order = np.lexsort((objects.area, objects.image))
        first = np.searchsorted(objects.image[order], np.arange(images))
        number = np.bincount(objects.image, minlength=images)
        rows = []
        for place in np.flatnonzero(number).tolist():
            seen = self.looks[place]
            if np.isnan(seen.follow):
                continue
            middle = order[first[place] + number[place] // 2]
            small = -np.sqrt(objects.area[middle]) / side[place]
            traits = small, -seen.contrast, -seen.sharp, many[place], self.kinds[place]
            rows.append([self.numbers[place], *traits, seen.follow])
        if rows:
            tally.traits.append(np.array(rows, np.float64))

    def _tally_looks(self) -> None:
        names = ("brightness", "deviation", "sharp", "contrast", "follow")
        found = np.array(
            [[getattr(each, name) for name in names] for each in self.looks if each is not NO_LOOK]
        )
        counters = ("brightness", "deviations", "sharpness", "contrasts", "follows")
        for values, name, bins in zip(found.T, counters, LOOK_BINS, strict=False):
            getattr(self.tally, name)[:] += bins.tally(values[~np.isnan(values)])


def read_image(file: Path) -> np.ndarray:
    """Return an image as training sees it: 8 bits, BGR, turned as EXIF says; any name, any alphabet."""
    try:
        data = np.fromfile(file, np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    except (OSError, cv2.error) as error:
        raise UserError(f"{file} cannot be read: {error}") from error
    if image is None:
        raise UserError(f"{file} cannot be decoded")
    return image


def chunks(keys: Sequence[Any], *, size: int) -> list[Chunk]:
    """Cut keys into chunks of one size, whoever measures them: sums of floats depend on their order."""
    return [Chunk(first, tuple(keys[first : first + size])) for first in range(0, len(keys), size)]
