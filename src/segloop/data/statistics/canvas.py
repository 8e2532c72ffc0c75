"""One map of an image's classes, whatever its labels came as, and the runs of its objects."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from segloop.data.annotations import Box, ImageRecord, LabelSet, SizeHW
from segloop.data.drawing import bitmaps, painting_order
from segloop.data.masks import Pieces, Runs, label_pieces, paint, run_pieces, shared_pixels, to_spans
from segloop.utils.errors import DataError, listing

# What need not be exact is counted on maps and images of no more pixels. Shrinking by whole numbers takes a
# fifth of the time of others.
MOST_PIXELS = 100_000


@dataclass(frozen=True)
class Canvas:
    """What is drawn on an image.

    `map` is HxW, its values places in the labels, `ignored`, or `nothing` where the set has no background and
    nothing is drawn. `pieces` are the runs of the objects; their owners are labels if `connected` (then each
    connected part is an object), else places in `owners`, which holds the label of each object. `boxes_xyxy`
    are of boxes with nothing inside, `box_labels` their labels.
    """

    map: np.ndarray
    small: np.ndarray  # the map, made smaller by `step`, a whole number
    step: int
    counts: np.ndarray  # pixels by value of the map, up to `ignored`
    ground: int  # the value of what is around the objects: the background, or `nothing`
    nothing: int
    ignored: int
    pieces: Pieces
    connected: bool
    owners: np.ndarray
    boxes_xyxy: np.ndarray
    box_labels: np.ndarray
    shared: int = 0
    undrawn: int = 0
    crowds: int = 0


def lay_out(record: ImageRecord, labels: LabelSet, size_hw: SizeHW, *, places: Mapping[str, int]) -> Canvas:
    """Return what is drawn on an image of `size_hw`; `places` are the labels' numbers by name.

    Objects are those that the record has; where it has none, the connected parts of its index map.
    """
    strange = sorted({each.label for each in record.instances} - set(places))
    if strange:
        raise DataError(f"labels that are not declared:\n{listing(strange)}", image_id=record.image_id)
    count = len(labels)
    nothing, ignored = count, count + 1
    runs = bitmaps(record.instances, size_hw)
    drawn = [(each, found) for each, found in zip(record.instances, runs, strict=True) if found is not None]
    counted = [(each, found) for each, found in drawn if not each.crowd]
    boxes = [each for each in record.instances if isinstance(each.shape, Box) and not each.crowd]
    classes, shared = _ground(record, labels, size_hw)
    if drawn:
        order = painting_order([each for each, _ in drawn], [found for _, found in drawn], "z-order")
        values = [places[drawn[index][0].label] for index in order]
        shared = draw([drawn[index][1] for index in order], values, classes)
    if record.ignore is not None:
        paint([record.ignore.runs], [ignored], classes)
    if counted or boxes or record.semantic is None:
        pieces = run_pieces([found for _, found in counted], size_hw)
    else:
        without = {nothing, ignored} if labels.background is None else {nothing, ignored, labels.background}
        pieces = label_pieces(classes, without=without)
    step = math.ceil(math.sqrt(classes.size / MOST_PIXELS))
    return Canvas(
        map=classes,
        small=shrink(classes, step),
        step=step,
        counts=count_values(classes, ignored + 1),
        ground=nothing if labels.background is None else labels.background,
        nothing=nothing,
        ignored=ignored,
        pieces=pieces,
        connected=not (counted or boxes) and record.semantic is not None,
        owners=np.array([places[each.label] for each, _ in counted], np.int64),
        boxes_xyxy=np.array([each.shape.box_xyxy for each in boxes if isinstance(each.shape, Box)]).reshape(
            -1, 4
        ),
        box_labels=np.array([places[each.label] for each in boxes], np.int64),
        shared=shared,
        undrawn=len(runs) - len(drawn),
        crowds=sum(each.crowd for each in record.instances),
    )


@dataclass(frozen=True)
class Layers:
    """What a picture shows of an image's labels: its classes, its objects, and the class around them.

    `classes` and `objects` are HxW; the former's values beyond the labels mean nothing or ignored. Each
    object has a value of its own, as far as those above leave it to be seen.
    """

    classes: np.ndarray
    objects: np.ndarray
    ground: int


def lay_out_objects(record: ImageRecord, labels: LabelSet, size_hw: SizeHW) -> Layers:
    """Return the layers that a picture of the image draws."""
    canvas = lay_out(record, labels, size_hw, places={name: place for place, name in enumerate(labels.names)})
    objects = canvas.map.astype(np.uint16)
    runs = [each for each in bitmaps(record.instances, size_hw) if each is not None]
    if runs:
        paint(runs, [canvas.ignored + place for place in range(1, len(runs) + 1)], objects)
    return Layers(canvas.map, objects, canvas.ground)


def _ground(record: ImageRecord, labels: LabelSet, size_hw: SizeHW) -> tuple[np.ndarray, int]:
    """Return the map that objects are drawn on, with the ignored value of ours in place of the set's."""
    count = len(labels)
    wide = np.uint8 if count + 1 < 256 else np.uint16
    if record.semantic is None:
        return np.full(size_hw, count if labels.background is None else labels.background, wide), 0
    semantic = record.semantic
    if semantic.shape != tuple(size_hw):
        raise DataError(
            f"the index map has {semantic.shape[1]}x{semantic.shape[0]} pixels, the image {size_hw[1]}x"
            f"{size_hw[0]}",
            image_id=record.image_id,
        )
    most = int(semantic.max(initial=0))
    if most < count:
        return np.array(semantic, wide, order="C"), 0
    ignored = semantic == labels.ignore_index
    strange = np.unique(semantic[(semantic >= count) & ~ignored])
    if len(strange):
        raise DataError(
            f"values of the index map that are no label: {', '.join(map(str, strange[:10].tolist()))}",
            image_id=record.image_id,
        )
    return np.ascontiguousarray(np.where(ignored, count + 1, semantic), wide), 0


def draw(runs: Sequence[Runs], values: Sequence[int], canvas: np.ndarray) -> int:
    """Write masks into an HxW map, later ones over earlier ones; return how many pixels several claim."""
    height, width = canvas.shape
    spans = to_spans(runs, (height, width))
    shared = shared_pixels(spans)[0]
    if shared or len(runs) < 4:
        paint(runs, values, canvas)
        return shared
    # Masks apart are laid down in one pass: a step up where a run begins and down where it ends.
    steps = np.zeros(height * width + 1, np.int32)
    value = np.repeat(np.asarray(values, np.int32) + 1, np.diff(spans.first))
    steps[spans.starts] = value  # no two runs begin at one place …
    steps[spans.stops] -= value  # … but one may begin where another ends
    line = np.cumsum(steps[:-1], dtype=np.int32)
    drawn = line.reshape(width, height).T
    np.copyto(canvas, (drawn - 1).astype(canvas.dtype), where=drawn > 0)
    return 0


def shrink(classes: np.ndarray, step: int) -> np.ndarray:
    """Return a map made smaller by a whole number: of each square, the class of one pixel."""
    if step <= 1:
        return classes
    size = max(1, classes.shape[1] // step), max(1, classes.shape[0] // step)
    return cv2.resize(classes, size, interpolation=cv2.INTER_NEAREST)


def count_values(values: np.ndarray, count: int) -> np.ndarray:
    """Return how many pixels of a map have which value below `count`."""
    if values.dtype == np.uint8 and values.size < 1 << 24:  # beyond, the floats of OpenCV are not exact
        found = cv2.calcHist([values], [0], None, [256], [0, 256]).ravel().astype(np.int64)
        return found[:count]
    return np.bincount(values.ravel(), minlength=count)[:count]


def mask_of(classes: np.ndarray, value: int) -> np.ndarray:
    """Return 1 where a map has a value, 0 elsewhere, uint8."""
    return (classes == value).view(np.uint8)
