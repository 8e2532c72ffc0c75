"""Counts what an image holds beside the bare pixels of its classes, so that no loss goes untold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from data_converters.base import Loss
from data_converters.cvat_meta import part_names
from segloop.data.annotations import Bitmap, Box, ImageRecord, Instance, LabelSet, Opaque, Polygon, Remark
from segloop.data.drawing import bitmaps
from segloop.data.masks import Runs, areas, shared_pixels, to_spans

DECIMALS = 2  # that CVAT keeps of a coordinate


@dataclass(frozen=True, slots=True)
class Held:
    """What one image holds: objects, their pixels, what else, and which labels there are.

    `maps` is 1 for an image with an index map, whose labelled pixels count as pixels too. `drawn` are those
    labels that have an outline or pixels: no box alone, no line, no tag.
    """

    instances: int
    pixels: int
    maps: int = 0
    features: tuple[Loss, ...] = ()
    remarks: tuple[Remark, ...] = ()
    labels: frozenset[str] = field(default_factory=frozenset)
    drawn: frozenset[str] = field(default_factory=frozenset)


def count_held(record: ImageRecord, labels: LabelSet, *, wanted: frozenset[str]) -> Held:
    """Count the objects and pixels of an image, and those of its FEATURES that are wanted."""
    if not (record.instances or record.tags or record.semantic is not None or record.ignore is not None):
        return _count_empty(record, wanted)
    drawn = _draw(record)
    semantic = _semantic_counts(record)
    nothing = {labels.background, labels.ignore_index}
    foreground = {value: count for value, count in semantic.items() if value not in nothing}
    found = []
    for kind, count in (_COUNTS if record.instances or record.tags else _OF_EMPTY_IMAGES).items():
        if kind in wanted:
            number, example = count(record, drawn)
            if number:
                found.append(Loss(kind, number, _at(record, example)))
    ignored = (
        semantic.get(labels.ignore_index, 0) if labels.ignore_index not in (labels.background, None) else 0
    )
    if record.ignore is not None:
        ignored += areas([record.ignore.runs])[0]
    if ignored and "ignore" in wanted:
        found.append(Loss("ignore", ignored, record.image_id))
    if "empty-images" in wanted and not (record.instances or foreground):
        found.append(Loss("empty-images", 1, record.image_id))
    painted = {labels.labels[value].name for value in foreground if 0 <= value < len(labels)}
    outlined = {
        each.label for each, runs in zip(record.instances, drawn, strict=True) if runs is not None
    } | {each.label for each in record.instances if isinstance(each.shape, Polygon)}
    used = {each.label for each in record.instances} | {each.label for each in record.tags}
    return Held(
        instances=len(record.instances),
        pixels=sum(areas([runs for runs in drawn if runs is not None])) + sum(foreground.values()),
        maps=int(record.semantic is not None),
        features=tuple(found),
        remarks=record.remarks,
        labels=frozenset(used | painted),
        drawn=frozenset(outlined | painted),
    )


def _count_empty(record: ImageRecord, wanted: frozenset[str]) -> Held:
    """Count what an image without anything on it may hold; in some sets most are such."""
    kinds = {"splits": record.split, "sizes": "" if record.size_hw else None, "empty-images": ""}
    found = [
        Loss(kind, 1, _at(record, example))
        for kind, example in kinds.items()
        if kind in wanted and example is not None
    ]
    return Held(0, 0, features=tuple(found), remarks=record.remarks)


def count_declared(
    labels: LabelSet,
    *,
    wanted: frozenset[str],
    used: frozenset[str],
    facts: Mapping[str, Any] | None = None,
) -> list[Loss]:
    """Count the wanted FEATURES of the set as a whole; `used` are the labels that any image has."""
    names = {
        "declarations": [
            *(f"{label.name}: {each.name}" for label in labels.labels for each in label.attributes),
            *(f"{name}, a part of a skeleton" for name in part_names(facts or {})),
        ],
        "colors": [label.name for label in labels.labels if label.color is not None],
        "unused-labels": [label.name for label in labels.foreground if label.name not in used],
        "supercategories": [
            f"{label.name}: {label.group}" for label in labels.labels if label.group is not None
        ],
        "background": [] if labels.background is None else [labels.names[labels.background]],
    }
    return [Loss(kind, len(all_), all_[0]) for kind, all_ in names.items() if all_ and kind in wanted]


def _draw(record: ImageRecord) -> list[Runs | None]:
    if record.size_hw is not None:
        return bitmaps(record.instances, record.size_hw)
    return [each.shape.runs if isinstance(each.shape, Bitmap) else None for each in record.instances]


def _semantic_counts(record: ImageRecord) -> dict[int, int]:
    if record.semantic is None:
        return {}
    if record.semantic.dtype == np.uint8:  # Pillow counts bytes as they are, numpy makes int64 of them first
        counts = Image.fromarray(record.semantic).histogram()
    else:
        counts = np.bincount(record.semantic.ravel()).tolist()
    return {value: count for value, count in enumerate(counts) if count}


def _at(record: ImageRecord, what: str) -> str:
    return f"{record.image_id}: {what}" if what else record.image_id


Count = Callable[[ImageRecord, Sequence["Runs | None"]], tuple[int, str]]


def _where(
    test: Callable[[Instance], bool], name: Callable[[Instance], str] = lambda each: each.label
) -> Count:
    """Return what counts the objects that pass a test, and names the first."""

    def count(record: ImageRecord, drawn: Sequence[Runs | None]) -> tuple[int, str]:
        found = [each for each in record.instances if test(each)]
        return len(found), name(found[0]) if found else ""

    return count


def _shared_labels(record: ImageRecord, drawn: Sequence[Runs | None]) -> tuple[int, str]:
    """Count the objects that share their label with another one of the image: an index map melts them."""
    of_label: dict[str, int] = {}
    for each in record.instances:
        of_label[each.label] = of_label.get(each.label, 0) + 1
    several = {label: count for label, count in of_label.items() if count > 1}
    first = next(iter(several), "")
    return sum(several.values()), f"{several[first]} of {first}" if several else ""


def _overlaps(record: ImageRecord, drawn: Sequence[Runs | None]) -> tuple[int, str]:
    runs = [each for each in drawn if each is not None]
    if len(runs) < 2 or record.size_hw is None:
        return 0, ""
    count, first = shared_pixels(to_spans(runs, record.size_hw))
    x, y = divmod(first, record.size_hw[0])
    return count, f"pixel x={x}, y={y}"


def _empty_masks(record: ImageRecord, drawn: Sequence[Runs | None]) -> tuple[int, str]:
    found = [
        each.label
        for each, runs in zip(record.instances, drawn, strict=True)
        if runs is not None and len(runs) < 2
    ]
    return len(found), found[0] if found else ""


def _is_subpixel(each: Instance) -> bool:
    if not isinstance(each.shape, Polygon):
        return False
    return any(bool((np.abs(ring - ring.round(DECIMALS)) > 1e-9).any()) for ring in each.shape.rings)


def _opaque_kind(each: Instance) -> str:
    return f"{each.shape.kind} of {each.label}" if isinstance(each.shape, Opaque) else each.label


def _tags(record: ImageRecord, drawn: Sequence[Runs | None]) -> tuple[int, str]:
    return len(record.tags), record.tags[0].label if record.tags else ""


def _tag_attributes(record: ImageRecord, drawn: Sequence[Runs | None]) -> tuple[int, str]:
    found = [(each.label, name) for each in record.tags for name in each.attributes]
    return len(found), ": ".join(found[0]) if found else ""


def _attributes(record: ImageRecord, drawn: Sequence[Runs | None]) -> tuple[int, str]:
    found = [(each.label, name) for each in record.instances for name in each.attributes]
    return len(found), ": ".join(found[0]) if found else ""


_COUNTS: Mapping[str, Count] = {
    "instances": _shared_labels,
    "overlaps": _overlaps,
    "polygons": _where(lambda each: isinstance(each.shape, Polygon)),
    "subpixel": _where(_is_subpixel),
    "boxes": _where(lambda each: isinstance(each.shape, Box)),
    "opaque": _where(lambda each: isinstance(each.shape, Opaque), _opaque_kind),
    "empty-masks": _empty_masks,
    "attributes": _attributes,
    "groups": _where(lambda each: each.group is not None),
    "z-order": _where(lambda each: each.z_order != 0),
    "scores": _where(lambda each: each.score is not None),
    "crowds": _where(lambda each: each.crowd),
    "occluded": _where(lambda each: each.occluded),
    "sources": _where(lambda each: each.source is not None),
    "uids": _where(lambda each: each.uid is not None),
    "tags": _tags,
    "tag-attributes": _tag_attributes,
    "splits": lambda record, drawn: (int(record.split is not None), record.split or ""),
    "sizes": lambda record, drawn: (int(record.size_hw is not None), ""),
}
_OF_EMPTY_IMAGES = {kind: _COUNTS[kind] for kind in ("splits", "sizes")}
