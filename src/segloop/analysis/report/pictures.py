"""Finds the pictures of a report: examples of the data set with their labels, and what an analysis drew."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from segloop.analysis.report.blocks import Photo
from segloop.analysis.report.facts import Facts
from segloop.data.index_masks import read_mask
from segloop.data.info import DatasetInfo
from segloop.data.masks import paint
from segloop.data.true_objects import CocoObjects
from segloop.utils.errors import UserError
from segloop.viz.closeup import read_rgb
from segloop.viz.overlay import outlined

T = TypeVar("T")

SIDE = 420  # pixels of the longer side of an example
MOST_COCO = 200_000_000  # bytes of a COCO file that is read for a few examples


def examples(facts: Facts, *, most: int = 6) -> list[Photo]:
    """Return training images with their labels, evenly from the list; none where they cannot be read."""
    info, root = facts.info, facts.data_root
    if info is None or root is None:
        return []
    # the test split is not for looking at: whoever knows it by heart tunes on it
    split = next((name for name in info.splits if name != "test"), None)
    if split is None:
        return []
    try:
        drawn = list(_labelled(info, root, split, most=most))
    except (UserError, OSError, KeyError, ValueError, cv2.error):
        return []  # a report tells what it can; `check` names what is wrong with a data set
    return [
        photo(f"example_{place}", image, name, names, side=SIDE)
        for place, (name, image, names) in enumerate(drawn)
    ]


def _labelled(
    info: DatasetInfo, root: Path, split: str, *, most: int
) -> Iterator[tuple[str, np.ndarray, list[str]]]:
    if info.masks is not None:
        yield from _of_masks(info, root, split, most=most)
    elif split in info.coco and (root / info.coco[split]).stat().st_size <= MOST_COCO:
        yield from _of_coco(info, root, split, most=most)


def _of_masks(
    info: DatasetInfo, root: Path, split: str, *, most: int
) -> Iterator[tuple[str, np.ndarray, list[str]]]:
    folder, masks = root / info.image_dir(split), root / info.mask_dir(split)
    assert info.masks is not None
    for file in evenly(sorted(folder.rglob(f"*{info.images.suffix}")), most):
        place = file.relative_to(folder).as_posix().removesuffix(info.images.suffix)
        image, (_, mask) = read_rgb(file), read_mask(masks / f"{place}{info.masks.suffix}")
        if image is None or mask.shape != image.shape[:2]:
            continue
        there = [each.name for index, each in enumerate(info.classes) if (mask == index).any()]
        yield place, outlined(image, mask, mask, info.palette, ground=info.background), there


def _of_coco(
    info: DatasetInfo, root: Path, split: str, *, most: int
) -> Iterator[tuple[str, np.ndarray, list[str]]]:
    file = root / info.coco[split]
    content = json.loads(file.read_text(encoding="utf-8"))
    names = {each["id"]: each["name"] for each in content["categories"]}
    classes = [each.name for each in info.foreground]
    objects = CocoObjects(file)
    for each in evenly(sorted(content["images"], key=lambda one: str(one["file_name"])), most):
        image = read_rgb(root / info.image_dir(split) / each["file_name"])
        if image is None:
            continue
        size_hw = (image.shape[0], image.shape[1])
        found = [
            (classes.index(names[category]), runs)
            for category, runs, _ in objects.of(each["id"], size_hw)
            if names.get(category) in classes
        ]
        kinds, apart = np.full(size_hw, len(classes), np.int32), np.zeros(size_hw, np.int32)
        runs = [runs for _, runs in found]
        paint(runs, [place for place, _ in found], kinds)
        paint(runs, range(1, len(runs) + 1), apart)
        colors = [item.color for item in info.foreground]
        there = sorted({classes[place] for place, _ in found})
        yield str(each["file_name"]), outlined(image, kinds, apart, colors, ground=None), there


def evenly(items: Sequence[T], most: int) -> list[T]:
    """Return up to so many items, from all of the list.

    >>> evenly(["a", "b", "c", "d", "e"], 3)
    ['a', 'c', 'e']
    """
    if len(items) <= most:
        return list(items)
    return [items[round(place * (len(items) - 1) / max(most - 1, 1))] for place in range(most)]


def ranked(facts: Facts, ranking: str, *, most: int = 6) -> list[Photo]:
    """Return the first pictures that an analysis drew for a ranking, as they lie in RUN/analysis."""
    folder = facts.run.folder / "analysis" / ranking
    listed = (facts.analysis.get("rankings") or {}).get(ranking) or []
    photos = []
    for rank, (file, each) in enumerate(zip(sorted(folder.glob("*.jpg")), listed, strict=False), start=1):
        if rank > most:
            break
        content = file.read_bytes()
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            continue
        image_id = str(each["image_id"])
        value = each.get("value")
        told = f"{rank}. {image_id}"
        if isinstance(value, int | float):
            told += f", +{100 * value:.2f} points" if ranking == "costly" else f", {100 * value:.1f} %"
        size_hw = (image.shape[0], image.shape[1])
        photos.append(Photo(f"{ranking}_{rank}", content, size_hw, told, classes_of(facts, image_id)))
    return photos


def classes_of(facts: Facts, image_id: str) -> list[str]:
    """Return the classes that an image has in truth or prediction, without the background."""
    table = facts.run.per_image
    rows = table[table["image_id"] == image_id]
    background = facts.run.background
    names = facts.run.class_names
    found = {int(index) for index in rows["class_index"] if int(index) >= 0 and int(index) != background}
    return [names[index] for index in sorted(found) if index < len(names)]


def photo(
    name: str, image: np.ndarray, caption: str, classes: Sequence[str], *, side: int | None = None
) -> Photo:
    """Return an RGB picture as a JPEG, no longer than `side` pixels where it is given."""
    height, width = image.shape[:2]
    share = min(1.0, side / max(height, width)) if side else 1.0
    if share < 1:
        size = (max(1, round(width * share)), max(1, round(height * share)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 86])
    if not done:  # no user can cause it
        raise ValueError(f"a picture of {image.shape} could not be encoded")
    return Photo(name, data.tobytes(), (image.shape[0], image.shape[1]), caption, classes)
