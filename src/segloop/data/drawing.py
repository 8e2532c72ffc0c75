"""Turn objects into pixels and index maps into objects, by rules that are stated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from segloop.data.annotations import (
    Bitmap,
    Box,
    ImageRecord,
    Instance,
    LabelSet,
    Opaque,
    Polygon,
    Remark,
    Shape,
    SizeHW,
)
from segloop.data.masks import (
    Runs,
    areas,
    encode,
    encode_labels,
    label_components,
    paint,
    rasterize,
    shared_pixels,
    to_spans,
    unite,
)
from segloop.utils.errors import DataError, listing, nearest

OVERLAPS = ("z-order", "area", "score")
INSTANCES = ("components", "classes")
NEAR = 0.05  # pixels that the outline of an ellipse may be off
Told: TypeAlias = tuple[str, int, str]  # a kind of loss, how often, where first


def bitmaps(instances: Sequence[Instance], size_hw: SizeHW) -> list[Runs | None]:
    """Return the runs of the pixels of each instance; None for a box or what is carried and not drawn.

    Polygons are drawn as pycocotools draws them. A bitmap of another size is a DataError.
    """
    wrong = [
        f"object {place} ({each.label}) has a mask of {each.shape.size_hw[1]}x{each.shape.size_hw[0]} pixels"
        for place, each in enumerate(instances)
        if isinstance(each.shape, Bitmap) and tuple(each.shape.size_hw) != tuple(size_hw)
    ]
    if wrong:
        raise DataError(f"The image has {size_hw[1]}x{size_hw[0]} pixels, but\n{listing(wrong)}")
    outlines = [each.shape.rings for each in instances if isinstance(each.shape, Polygon)]
    drawn = iter(rasterize(outlines, size_hw) if outlines else ())
    found: list[Runs | None] = []
    for each in instances:
        if isinstance(each.shape, Bitmap):
            found.append(each.shape.runs)
        else:
            found.append(next(drawn) if isinstance(each.shape, Polygon) else None)
    return found


def with_outlines(record: ImageRecord) -> ImageRecord:
    """Return the record with boxes, turned boxes and ellipses as polygons, and a remark that says so."""
    outlines = [_outline(each.shape) for each in record.instances]
    found = [place for place, outline in enumerate(outlines) if outline is not None]
    if not found:
        return record
    instances = tuple(
        each if outline is None else replace(each, shape=outline)
        for each, outline in zip(record.instances, outlines, strict=True)
    )
    example = f"{record.image_id}: {instances[found[0]].label}"
    remark = Remark("boxes and ellipses drawn as filled outlines", len(found), example)
    return replace(record, instances=instances, remarks=(*record.remarks, remark))


def _outline(shape: Shape) -> Polygon | None:
    """Return the outline of a box or an ellipse, turned clockwise about its middle as CVAT turns it."""
    if isinstance(shape, Box):
        left, top, right, bottom = shape.box_xyxy
        return Polygon((np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64),))
    if not isinstance(shape, Opaque):
        return None
    told = shape.payload
    try:
        if shape.kind == "rotated-box":
            low, high = np.array([told["xtl"], told["ytl"]]), np.array([told["xbr"], told["ybr"]])
            middle, reach = (low + high) / 2, (high - low) / 2
            points = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * reach
        elif shape.kind == "ellipse":
            middle, reach = np.array([told["cx"], told["cy"]]), np.array([told["rx"], told["ry"]])
            steps = int(np.ceil(np.pi / np.arccos(1 - NEAR / max(*reach, 2 * NEAR))))
            angles = np.arange(max(steps, 8)) * (2 * np.pi / max(steps, 8))
            points = np.stack([np.cos(angles), np.sin(angles)], axis=1) * reach
        else:
            return None
        turn = np.deg2rad(float(told.get("rotation", 0)))
    except KeyError:  # of another format, which means something else by the word
        return None
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return Polygon((points @ matrix + middle,))


def with_instances(
    record: ImageRecord, labels: LabelSet, *, mode: str = "components", connectivity: int = 8
) -> ImageRecord:
    """Return the record with its index map turned into objects, after those that it has.

    `mode` is `components`, an object for each connected part (`connectivity` 4 or 8) of a label, or
    `classes`, one for each label. The background gives none; pixels of `ignore_index` join `ignore`. Objects
    come by label, and then by their first pixel, column by column.
    """
    if mode not in INSTANCES:
        raise ValueError(f"mode {mode!r}; choose {', '.join(INSTANCES)}")
    if record.semantic is None:
        return record
    semantic = record.semantic
    size_hw = semantic.shape[0], semantic.shape[1]
    nothing = {labels.ignore_index} if labels.background is None else {labels.ignore_index, labels.background}
    if mode == "components":
        found = label_components(semantic, without=nothing, connectivity=connectivity)
    else:
        encoded = encode_labels(semantic)
        found = {value: [runs] for value, runs in encoded.items() if value not in nothing}
    _check_values(record, found, labels)
    new = [
        Instance(label=labels.labels[value].name, shape=Bitmap(size_hw, part))
        for value, parts in found.items()
        for part in parts
    ]
    ignore = record.ignore
    ignored = semantic == labels.ignore_index
    if labels.ignore_index != labels.background and ignored.any():
        both = [encode(ignored)] if ignore is None else [encode(ignored), ignore.runs]
        ignore = Bitmap(size_hw, unite(both, [len(both)], size_hw)[0])
    return replace(record, semantic=None, instances=(*record.instances, *new), ignore=ignore, size_hw=size_hw)


def _check_values(record: ImageRecord, found: dict[int, list[Runs]], labels: LabelSet) -> None:
    unknown = [
        f"{value} ({sum(areas(parts))} pixels)"
        for value, parts in found.items()
        if not 0 <= value < len(labels)
    ]
    if unknown:
        known = f"there are {len(labels)} labels, and {labels.ignore_index} is ignored"
        raise DataError(
            f"{record.image_id}: {len(unknown)} value(s) of its index map are no label; {known}:\n"
            f"{listing(unknown)}",
            image_id=record.image_id,
        )


def index_map(
    record: ImageRecord, labels: LabelSet, *, overlap: str = "z-order"
) -> tuple[np.ndarray, list[Told]]:
    """Return an HxW map of places in `labels`, and what did not fit into it: (kind, count, where first).

    An index map that the record has is the ground, else the background, or `ignore_index` where the set
    has none. Where objects overlap, `overlap` says who is seen: `z-order`, the highest, and of equals the
    last; `area`, the smallest; `score`, the surest. Pixels of `ignore` are ignored, whatever is drawn there.
    The map is uint8 where all values fit.
    """
    if overlap not in OVERLAPS:
        raise ValueError(f"overlap {overlap!r}; choose {', '.join(OVERLAPS)}")
    if record.size_hw is None:
        raise DataError(
            f"{record.image_id}: its size is not known, so nothing can be drawn", image_id=record.image_id
        )
    ground = labels.ignore_index if labels.background is None else labels.background
    wide = np.uint8 if max(len(labels) - 1, labels.ignore_index) < 256 else np.uint16
    canvas = np.full(record.size_hw, ground, wide)
    if record.semantic is not None:
        canvas[:] = record.semantic
    place = {name: number for number, name in enumerate(labels.names)}
    strange = sorted({each.label for each in record.instances} - set(place))
    if strange:
        hint = nearest(strange[0], place)
        raise DataError(f"{record.image_id}: labels that are not declared:{hint}\n{listing(strange)}")
    drawn = [
        (each, runs)
        for each, runs in zip(record.instances, bitmaps(record.instances, record.size_hw), strict=True)
        if runs is not None
    ]
    order = painting_order([each for each, _ in drawn], [runs for _, runs in drawn], overlap)
    drawn = [drawn[index] for index in order]
    values = [place[each.label] for each, _ in drawn]
    paint([runs for _, runs in drawn], values, canvas)
    if record.ignore is not None:
        paint([record.ignore.runs], [labels.ignore_index], canvas)
    return canvas, _covered(record, drawn, values, canvas)


def painting_order(instances: Sequence[Instance], runs: Sequence[Runs], overlap: str) -> list[int]:
    """Return in which order to paint: what is seen comes last."""
    if overlap == "area":
        key = [float(-area) for area in areas(runs)]
    elif overlap == "score":
        key = [-np.inf if each.score is None else each.score for each in instances]
    else:
        key = [float(each.z_order) for each in instances]
    return sorted(range(len(instances)), key=lambda index: key[index])


def _covered(
    record: ImageRecord, drawn: Sequence[tuple[Instance, Runs]], values: Sequence[int], canvas: np.ndarray
) -> list[Told]:
    """Tell how many pixels went to another label or are ignored, and how many objects are not seen at all."""
    runs = [each for _, each in drawn]
    size_hw = canvas.shape[0], canvas.shape[1]
    spans, own = to_spans(runs, size_hw), areas(runs)
    if record.ignore is None and not shared_pixels(spans)[0]:
        return []
    seen = np.zeros(len(runs), np.int64)
    line = canvas.T.ravel()
    for value in set(values):
        upto = np.append(0, np.cumsum(line == value))  # pixels of this label before each place
        inside = upto[spans.stops] - upto[spans.starts]
        total = np.append(0, np.cumsum(inside))[spans.first]
        mine = np.array(values) == value
        seen[mine] = np.diff(total)[mine]
    lost = [
        (index, all_ - kept)
        for index, (all_, kept) in enumerate(zip(own, seen.tolist(), strict=True))
        if all_ > kept
    ]
    hidden = [index for index, count in lost if count == own[index]]
    told: list[Told] = []
    if lost:
        index, count = lost[0]
        example = f"{record.image_id}: {drawn[index][0].label}, {count} of {own[index]} pixels"
        told.append(("covered-pixels", sum(count for _, count in lost), example))
    if hidden:
        told.append(("hidden-objects", len(hidden), f"{record.image_id}: {drawn[hidden[0]][0].label}"))
    return told
