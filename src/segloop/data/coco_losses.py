"""What mmdet's loader leaves out of a COCO file without a word, counted by reason; needs no mmdet.

It follows `parse_data_info` and `filter_data` of mmdet 3's `CocoDataset`, and its `LoadAnnotations`, step by
step: an annotation counts for the first reason that meets it there.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from segloop.utils.atomic import read_json
from segloop.utils.errors import FormatError

# kind -> what it is called, and what to do about it where that is not plain.
# Dropped: the loader does not hand them on.
DROPPED: dict[str, tuple[str, str]] = {
    "no-image": ("of an image that the file does not list", ""),
    "ignore": ("marked ignore=true", ""),
    "outside": (
        "box outside the image, or without width or height",
        "bbox is [x, y, width, height] in pixels",
    ),
    "tiny": ("area 0, or a box less than 1 px wide or high", ""),
    "category": ("category not in metainfo.classes", ""),
    "left-out": ("of an image that is left out", ""),
}
# Ignored: handed on as a crowd, neither learnt nor background.
IGNORED: dict[str, tuple[str, str]] = {
    "crowd": ("iscrowd=1", "CVAT exports each mask with iscrowd=1: set it to 0 where it is one object"),
    "counts": (
        "RLE mask without size, or with counts that are neither list nor text",
        "write counts as text: pycocotools gives bytes, decode them as ASCII",
    ),
    "no-polygon": ("RLE mask, and the pipeline takes polygons only", "LoadAnnotations with poly2mask=True"),
    "short": ("polygons of fewer than three points", ""),
}
LEFT_OUT: dict[str, tuple[str, str]] = {
    "empty": (
        "without an annotation of a known class",
        "filter_cfg.filter_empty_gt=False keeps them as background",
    ),
    "crowds": ("with crowds only", "filter_cfg.filter_empty_gt=False keeps them"),
    "small": ("smaller than filter_cfg.min_size", ""),
}
# What the loader or the pipeline stumbles over, in the middle of a training if need be.
FAULTS: dict[str, tuple[str, str]] = {
    "keys": (
        "annotations that lack a key or hold another kind of value there",
        "tools/convert.py --from coco --to coco writes bbox and area anew",
    ),
    "same-id": ("annotations whose id another one has", ""),
    "same-image": ("images whose id another one has", ""),
    "same-category": ("categories whose id another one has", ""),
    "no-mask": ("annotations without segmentation", "draw them, or remove them from the file"),
    "shape": (
        "segmentations that are neither a list of polygons nor an RLE",
        "polygons are [[x, y, x, y, …], …]",
    ),
    "size": (
        "RLE masks of another size than their image",
        "size is [height, width], both those of the image",
    ),
}
# What each entry has to hold so that it can be told from others and be counted at all.
ID, NAME, SIDE = "a whole number or a text", "a text", "a whole number from 1 on"
KINDS: dict[str, Callable[[Any], bool]] = {
    ID: lambda value: isinstance(value, int | str) and not isinstance(value, bool),
    NAME: lambda value: isinstance(value, str) and bool(value),
    SIDE: lambda value: isinstance(value, int | float) and value >= 1 and value % 1 == 0,
}
WANTED: dict[str, dict[str, str]] = {
    "images": {"id": ID, "file_name": NAME, "width": SIDE, "height": SIDE},
    "annotations": {},
    "categories": {"id": ID, "name": NAME},
}
MOST = 3  # examples that are kept of each kind


@dataclass(frozen=True, kw_only=True)
class LoaderRules:
    """What the config of a loader asks for; names as in mmdet."""

    classes: tuple[str, ...]
    with_mask: bool = True
    poly2mask: bool = True
    filter_empty_gt: bool = False
    min_size: int = 0
    crowds_are_empty: bool = False  # CityscapesDataset leaves out images with crowds only

    @cached_property
    def known(self) -> frozenset[str]:
        """The classes, to look one up: LVIS has 1,203 of them and over a million annotations."""
        return frozenset(self.classes)


@dataclass(kw_only=True)
class Losses:
    """How many instances and images a file holds, and what becomes of them; examples by kind."""

    instances: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    images: int = 0
    images_kept: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    bare: int = 0  # images that are kept and show nothing to learn
    unknown: Counter[str] = field(default_factory=Counter)  # category names of those dropped for it
    faults: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def note(self, kind: str, where: str) -> None:
        """Keep an example of a kind, the first few of them."""
        known = self.examples.setdefault(kind, [])
        if len(known) < MOST:
            known.append(where)


@dataclass(frozen=True, kw_only=True)
class NameDifferences:
    """How the names of a config's classes and those of a file's categories differ."""

    missing: tuple[str, ...] = ()  # the file has no such category
    extra: tuple[str, ...] = ()  # no class is called so
    doubled: tuple[str, ...] = ()  # several categories of one name
    misnamed: tuple[tuple[int, str, str], ...] = ()  # label, name in the config, name in the file

    def __bool__(self) -> bool:
        return bool(self.missing or self.extra or self.doubled or self.misnamed)


def read_coco(file: Path | str) -> dict[str, Any]:
    """Read an annotation file; refuse one that is not of COCO's form."""
    try:
        content = read_json(file)
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", file=file) from error
    lists = ("images", "annotations", "categories")
    absent = [key for key in lists if not isinstance(content, dict) or not isinstance(content.get(key), list)]
    if absent:
        raise FormatError(f"it holds no list {' and no list '.join(absent)}, as COCO's form wants", file=file)
    for key in lists:
        for index, item in enumerate(content[key]):
            wrong = _wrong_values(item, WANTED[key])
            if wrong:
                raise FormatError(wrong, file=file, where=f"{key}[{index}]")
    return content


def _wrong_values(item: Any, wanted: Mapping[str, str]) -> str | None:
    """Say what an entry lacks, or holds of another kind; None if it can be worked with."""
    lost = [name for name in wanted if not isinstance(item, dict) or name not in item]
    if lost or not isinstance(item, dict):
        return f"it lacks {' and '.join(lost) or 'all'}"
    wrong = [
        f"{name} is {json.dumps(item[name])[:40]} and should be {kind}"
        for name, kind in wanted.items()
        if not KINDS[kind](item[name])
    ]
    return "; ".join(wrong) or None


def compare_names(content: Mapping[str, Any], classes: Sequence[str]) -> NameDifferences:
    """Compare the categories of a file with the names of the classes.

    mmdet numbers the labels in the order of the file, and reads them in the order of the classes.

    >>> compare_names({"categories": [{"id": 1, "name": "b"}, {"id": 2, "name": "a"}]}, ["a", "b"]).misnamed
    ((0, 'a', 'b'), (1, 'b', 'a'))
    """
    names = [category["name"] for category in content["categories"]]
    known = [name for name in names if name in classes]
    return NameDifferences(
        missing=tuple(name for name in classes if name not in names),
        extra=tuple(dict.fromkeys(name for name in names if name not in classes)),
        doubled=tuple(name for name, count in Counter(known).items() if count > 1),
        misnamed=tuple(
            (label, asked, found)
            for label, (asked, found) in enumerate(zip(classes, known, strict=False))
            if asked != found
        ),
    )


def count_losses(content: Mapping[str, Any], rules: LoaderRules) -> Losses:
    """Return what becomes of each instance and image of a file when mmdet loads it by these rules."""
    losses = Losses(instances=len(content["annotations"]))
    names = {category["id"]: str(category["name"]) for category in content["categories"]}
    images = {image["id"]: image for image in content["images"]}
    if len(images) < len(content["images"]):
        doubled = [i for i, n in Counter(image["id"] for image in content["images"]).items() if n > 1]
        losses.faults["same-image"] = len(doubled)
        losses.examples["same-image"] = [f"image {i}" for i in doubled[:MOST]]
    doubled = [i for i, n in Counter(each["id"] for each in content["categories"]).items() if n > 1]
    if doubled:
        losses.faults["same-category"] = len(doubled)
        losses.examples["same-category"] = [f"category {i}" for i in doubled[:MOST]]
    losses.images = len(images)
    by_image: dict[Any, list[Mapping[str, Any]]] = {}
    for annotation in _sound(content["annotations"], losses):
        if annotation["image_id"] in images:
            by_image.setdefault(annotation["image_id"], []).append(annotation)
        else:
            losses.dropped["no-image"] += 1
            losses.note("no-image", _place(annotation, None))
    for image_id, image in images.items():
        _count_image(image, by_image.get(image_id, ()), names=names, rules=rules, losses=losses)
    return losses


def _count_image(
    image: Mapping[str, Any],
    annotations: Sequence[Mapping[str, Any]],
    *,
    names: Mapping[Any, str],
    rules: LoaderRules,
    losses: Losses,
) -> None:
    known = any(names.get(annotation["category_id"]) in rules.known for annotation in annotations)
    outcomes = [(each, _outcome(each, image, names=names, rules=rules)) for each in annotations]
    handed_on = [(each, kind) for each, kind in outcomes if kind not in DROPPED and kind not in FAULTS]
    crowds = rules.crowds_are_empty and all(each.get("iscrowd") for each, _ in handed_on)
    reason = None
    if rules.filter_empty_gt and not known:
        reason = "empty"
    elif rules.filter_empty_gt and crowds:
        reason = "crowds"
    elif min(image["width"], image["height"]) < rules.min_size:
        reason = "small"
    if reason:
        losses.left_out[reason] += 1
        losses.note(reason, str(image["file_name"]))
    else:
        losses.images_kept += 1
        losses.bare += all(kind is not None for _, kind in outcomes)
    for annotation, kind in outcomes:
        place = _place(annotation, image)
        if kind == "keys":
            place += f": {' and '.join(_wrong_keys(annotation))}"
        if kind in FAULTS:
            losses.faults[kind] += 1
        elif kind in DROPPED:
            losses.dropped[kind] += 1
            if kind == "category":
                losses.unknown[names.get(annotation["category_id"], f"id {annotation['category_id']}")] += 1
        elif reason:
            kind = "left-out"
            losses.dropped[kind] += 1
        elif kind in IGNORED:
            losses.ignored[kind] += 1
        else:
            losses.kept += 1
            continue
        losses.note(kind, place)


def _outcome(
    annotation: Mapping[str, Any], image: Mapping[str, Any], *, names: Mapping[Any, str], rules: LoaderRules
) -> str | None:
    """Return why an annotation is dropped, ignored or stumbled over; None if it is learnt."""
    if annotation.get("ignore"):
        return "ignore"
    if _wrong_keys(annotation):
        return "keys"
    x, y, width, height = annotation["bbox"]
    inside_w = max(0, min(x + width, image["width"]) - max(x, 0))
    inside_h = max(0, min(y + height, image["height"]) - max(y, 0))
    if inside_w * inside_h == 0:
        return "outside"
    if annotation["area"] <= 0 or width < 1 or height < 1:
        return "tiny"
    if names.get(annotation["category_id"]) not in rules.known:
        return "category"
    trouble = _mask_trouble(annotation.get("segmentation"), image, rules) if rules.with_mask else None
    if trouble in FAULTS:
        return trouble
    return "crowd" if annotation.get("iscrowd") else trouble


def _wrong_keys(annotation: Mapping[str, Any]) -> list[str]:
    """Return which of the numbers that an annotation needs are not there, or are something else."""
    there = {
        "bbox": _is_box(annotation.get("bbox")),
        "area": _is_number(annotation.get("area")),
        "iscrowd": annotation.get("iscrowd") in (None, 0, 1),  # the text "0" would make it a crowd
    }
    return [name for name, sound in there.items() if not sound]


def _mask_trouble(mask: Any, image: Mapping[str, Any], rules: LoaderRules) -> str | None:
    if not mask:
        return "no-mask"
    if isinstance(mask, list):
        if not all(isinstance(polygon, list) for polygon in mask):
            return "shape"
        return None if any(len(p) >= 6 and len(p) % 2 == 0 for p in mask) else "short"
    if not rules.poly2mask:
        return "no-polygon"
    if not isinstance(mask, dict):
        return "shape"
    counts, size = mask.get("counts"), mask.get("size")
    if not isinstance(size, list | tuple) or not isinstance(counts, list | str):
        return "counts"
    pixels = image["height"] * image["width"]
    whole = isinstance(counts, str) or (all(map(_is_number, counts)) and sum(counts) == pixels)
    return None if list(size) == [image["height"], image["width"]] and whole else "size"


def _sound(annotations: Sequence[Any], losses: Losses) -> Iterator[Mapping[str, Any]]:
    """Yield annotations that can be counted; note those without ids, and ids that come again."""
    seen = set()
    for index, annotation in enumerate(annotations):
        keys = ("id", "image_id", "category_id")
        lost = (
            keys if not isinstance(annotation, dict) else [k for k in keys if not _is_id(annotation.get(k))]
        )
        if lost:
            losses.faults["keys"] += 1
            losses.note("keys", f"annotations[{index}]: {', '.join(lost)}")
            continue
        if annotation["id"] in seen:
            losses.faults["same-id"] += 1
            losses.note("same-id", _place(annotation, None))
            continue
        seen.add(annotation["id"])
        yield annotation


def _place(annotation: Mapping[str, Any], image: Mapping[str, Any] | None) -> str:
    where = image["file_name"] if image is not None else f"image {annotation['image_id']}"
    return f"annotation {annotation['id']} of {where}"


def _is_id(value: Any) -> bool:
    return KINDS[ID](value)


def _is_box(box: Any) -> bool:
    return isinstance(box, list | tuple) and len(box) == 4 and all(map(_is_number, box))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
