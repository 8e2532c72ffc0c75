"""COCO's segmentations as shapes of the hub, all of an image at once; what is wrong with one is said."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain, pairwise
from typing import Any

import numpy as np

from data_converters.coco_index import OURS, kind_of
from segloop.data.annotations import Bitmap, Box, Opaque, Polygon, Shape, SizeHW
from segloop.data.masks import Runs, canonical, fault, from_strings, rings_fault, runs_from_strings
from segloop.data.masks.polygons import FARTHEST, LONGEST

Tell = Callable[[int, str], None]  # the annotation's place, and what is wrong with it


def shapes(annotations: Sequence[Mapping[str, Any]], size_hw: SizeHW | None, *, tell: Tell) -> list[Shape]:
    """Return the shape of each annotation of an image; one that `tell` heard of is an empty box."""
    found: list[Shape] = [Box((0, 0, 0, 0))] * len(annotations)
    runs: list[int] = []
    rings: list[int] = []
    for place, annotation in enumerate(annotations):
        segmentation = annotation.get("segmentation")
        if OURS in annotation and isinstance(ours := annotation[OURS], dict) and "shape" in ours:
            found[place] = _opaque(ours["shape"], place, tell)
        elif type(segmentation) is dict:
            runs.append(place)
        elif type(segmentation) is list and segmentation:
            rings.append(place)
        elif segmentation is None or segmentation == []:
            found[place] = _bare(annotation, size_hw, place, tell)
        else:
            tell(place, f"its segmentation is {kind_of(segmentation)}")
    _check_boxes([annotation.get("bbox") for annotation in annotations], tell)
    if runs:
        masks = bitmaps([annotations[place]["segmentation"] for place in runs], size_hw, runs, tell)
        for place, mask in zip(runs, masks, strict=True):
            found[place] = mask or found[place]
    if rings:
        outlines = _polygons([annotations[place]["segmentation"] for place in rings], size_hw, rings, tell)
        for place, polygon in zip(rings, outlines, strict=True):
            found[place] = polygon or found[place]
    return found


def runs_size(segmentation: Any) -> SizeHW | None:
    """Return the size that a segmentation of runs says its image has."""
    size = segmentation.get("size") if isinstance(segmentation, dict) else None
    if isinstance(size, list) and len(size) == 2 and all(type(side) is int and side > 0 for side in size):
        return size[0], size[1]
    return None


def bitmaps(
    segmentations: Sequence[dict[str, Any]], size_hw: SizeHW | None, places: Sequence[int], tell: Tell
) -> list[Bitmap | None]:
    """Return the masks of segmentations of runs, compressed and not."""
    quick = _plain_bitmaps(segmentations, size_hw)
    if quick is not None:
        return quick
    found: list[Bitmap | None] = [None] * len(segmentations)
    counts: dict[int, np.ndarray] = {}
    texts: dict[int, str] = {}
    for index, segmentation in enumerate(segmentations):
        value, size = segmentation.get("counts"), segmentation.get("size")
        if size_hw is None or size != [*size_hw]:
            told = "x".join(map(str, runs_size(segmentation) or [str(size)[:40]]))
            image = f"its image {size_hw[0]}x{size_hw[1]}" if size_hw else "its image is of no known size"
            tell(places[index], f"its mask is {told} (height x width), {image}")
        elif type(value) is str and value.isascii():
            texts[index] = value
        elif type(value) is list:
            counts[index] = _numbers(value)
        else:
            tell(places[index], f"its counts are {kind_of(value)}, not a list or COCO's text")
    counts.update(zip(texts, from_strings(list(texts.values())), strict=True))
    if size_hw is None or not counts:
        return found
    order = sorted(counts)
    faults, runs = _checked([counts[index] for index in order], size_hw[0] * size_hw[1])
    for index, wrong, each in zip(order, faults, runs, strict=True):
        if wrong:
            broken = index in texts and len(counts[index]) == 0
            tell(places[index], "its counts are not COCO's text" if broken else f"its counts: {wrong}")
        else:
            found[index] = Bitmap(size_hw, each)
    return found


def _plain_bitmaps(segmentations: Sequence[dict[str, Any]], size_hw: SizeHW | None) -> Any:
    """Return the masks of segmentations that are all compressed, and right; None if any is not."""
    if size_hw is None:
        return None
    size = [*size_hw]
    texts = [each.get("counts") for each in segmentations if each.get("size") == size]
    if len(texts) < len(segmentations) or not all(type(text) is str and text.isascii() for text in texts):
        return None
    runs = runs_from_strings(texts, size_hw[0] * size_hw[1])  # type: ignore[arg-type]
    return None if runs is None else [Bitmap(size_hw, each) for each in runs]


def _numbers(values: list[Any]) -> np.ndarray:
    """Return whole numbers as int64; anything else comes back as an array that `fault` speaks against."""
    try:
        return np.frombuffer(array("q", values), np.int64)
    except (TypeError, OverflowError):
        return np.zeros(1, np.float64)


def _checked(counts: list[np.ndarray], total: int) -> tuple[list[str | None], list[Runs]]:
    """Return what is wrong with each mask's lengths, and the lengths as runs; quick if nothing is."""
    if all(each.dtype == np.int64 and len(each) for each in counts):
        lengths = np.array([len(each) for each in counts])
        ends = np.cumsum(lengths)
        flat = np.concatenate(counts)
        if flat.min() >= 0 and flat.max() <= total:
            sums = np.add.reduceat(flat, ends - lengths)
            flat[ends - lengths] += flat[ends - lengths] == 0  # a first run may be empty
            if (sums == total).all() and flat.all():
                runs = np.concatenate(counts).astype(np.uint32)
                return [None] * len(counts), [runs[low:high] for low, high in pairwise([0, *ends.tolist()])]
    faults = [fault(each, total) for each in counts]
    return faults, [
        np.zeros(0, np.uint32) if told else canonical(each) for told, each in zip(faults, counts, strict=True)
    ]


def _polygons(
    segmentations: Sequence[list[Any]], size_hw: SizeHW | None, places: Sequence[int], tell: Tell
) -> list[Polygon | None]:
    """Return the polygons of lists of rings; quick if nothing is wrong with any."""
    rings = [ring for segmentation in segmentations for ring in segmentation]
    lengths = np.array([len(ring) if type(ring) is list else 0 for ring in rings])
    if lengths.min() >= 6 and not (lengths % 2).any():
        flat = _floats(rings)
        if len(flat) and _all_are_small(flat) and not _outside(flat, lengths, size_hw).any():
            points = flat.reshape(-1, 2)
            parts = iter([points[low:high] for low, high in pairwise([0, *np.cumsum(lengths // 2).tolist()])])
            return [Polygon(tuple(next(parts) for _ in each)) for each in segmentations]
    outlines: list[Polygon | None] = []
    for segmentation, place in zip(segmentations, places, strict=True):
        faults = list(_ring_faults(segmentation, size_hw))
        for told in faults:
            tell(place, told)
        if faults:
            outlines.append(None)
        else:
            outlines.append(Polygon(tuple(_floats([ring]).reshape(-1, 2) for ring in segmentation)))
    return outlines


def _floats(rings: Sequence[list[Any]]) -> np.ndarray:
    """Return the numbers of all rings in a row; none if there is something else among them."""
    try:
        return np.frombuffer(array("d", chain.from_iterable(rings)))
    except (TypeError, OverflowError):
        return np.zeros(0)


def _all_are_small(flat: np.ndarray) -> bool:
    """Tell whether outlines are within what is drawn: all of them together within the limit of each."""
    return bool(np.abs(flat).max() <= FARTHEST) and bool(np.abs(flat[2:] - flat[:-2]).sum() <= LONGEST)


def _outside(flat: np.ndarray, lengths: np.ndarray, size_hw: SizeHW | None) -> np.ndarray:
    """Tell which rings lie outside an image altogether."""
    if size_hw is None:
        return np.zeros(len(lengths), bool)
    points = flat.reshape(-1, 2)
    begins = (np.cumsum(lengths) - lengths) // 2
    low, high = np.minimum.reduceat(points, begins), np.maximum.reduceat(points, begins)
    far = np.array([size_hw[1], size_hw[0]])
    beyond = ((high <= 0) & (low < 0)) | ((low >= far) & (high > far))
    return np.asarray(beyond.any(axis=1))


def _ring_faults(rings: list[Any], size_hw: SizeHW | None) -> Iterator[str]:
    for number, ring in enumerate(rings, 1):
        name = f"part {number} of its polygon" if len(rings) > 1 else "its polygon"
        if not isinstance(ring, list):
            flat = isinstance(ring, int | float)
            yield f"{name} is {kind_of(ring)}" + "; a polygon is a list of lists of numbers" * flat
            if flat:
                return  # each number would be told
        elif any(isinstance(value, bool) or not isinstance(value, int | float) for value in ring):
            yield f"{name} holds something else than numbers"
        elif len(ring) % 2:
            yield f"{name} has {len(ring)} numbers; x and y come in pairs"
        elif len(points := _floats([ring]).reshape(-1, 2)) < 3:
            yield f"{name} has {len(ring) // 2} point(s); it takes three"
        elif fault := rings_fault([points]):
            yield f"{name}: {fault}"
        elif _outside(points.ravel(), np.array([len(ring)]), size_hw).any():
            yield f"{name} lies outside the image"


def _box(value: Any, place: int, tell: Tell) -> tuple[float, float, float, float] | None:
    """Return left, top, width and height, if that is what is there."""
    if isinstance(value, list) and len(value) == 4:
        numbers = [each for each in value if isinstance(each, int | float)]
        if len(numbers) == 4 and all(abs(each) <= FARTHEST for each in numbers):
            return tuple(map(float, numbers))  # type: ignore[return-value]
    tell(place, f"its bbox is {str(value)[:60]}, not four numbers (left, top, width, height)")
    return None


def _check_boxes(boxes: Sequence[Any], tell: Tell) -> None:
    """Tell which boxes are not four numbers, of those that are there."""
    given = [box for box in boxes if box]
    if not given:
        return
    if all(type(box) is list and len(box) == 4 for box in given):
        numbers = _floats(given)
        if len(numbers) == 4 * len(given) and bool((np.abs(numbers) <= FARTHEST).all()):
            return
    for place, box in enumerate(boxes):
        if box:
            _box(box, place, tell)


def _bare(annotation: Mapping[str, Any], size_hw: SizeHW | None, place: int, tell: Tell) -> Shape:
    """Return the shape of an annotation without a segmentation: its box, or its keypoints."""
    nothing = Box((0, 0, 0, 0))
    if not annotation.get("bbox"):
        if isinstance(annotation.get("keypoints"), list):
            return Opaque("keypoints", {"keypoints": annotation["keypoints"]})
        tell(place, "it has neither a segmentation nor a bbox")
        return nothing
    box = _box(annotation["bbox"], place, lambda *_: None)  # the caller tells
    if box is None:
        return nothing
    left, top, width, height = box
    if not (width > 0 and height > 0):
        tell(place, f"its bbox {annotation['bbox']} has no area, and it has no segmentation")
    elif size_hw and (left >= size_hw[1] or top >= size_hw[0] or left + width <= 0 or top + height <= 0):
        tell(place, f"its bbox {annotation['bbox']} lies outside the image")
    return Box((left, top, far_end(left, width), far_end(top, height)))


def far_end(low: float, length: float) -> float:
    """Return where a side ends, added as decimals: 58.81 and 524.04 are 582.85, which floats miss."""
    return float(Decimal(repr(low)) + Decimal(repr(length)))


def _opaque(value: Any, place: int, tell: Tell) -> Shape:
    """Return a shape that we wrote beside its mask."""
    if isinstance(value, dict) and isinstance(value.get("kind"), str):
        payload = value.get("payload", {})
        if isinstance(payload, dict):
            return Opaque(value["kind"], payload)
    tell(place, f"its shape is {str(value)[:60]}, not a kind and a payload")
    return Box((0, 0, 0, 0))


def finite(value: Any) -> bool:
    """Tell whether a value is a number that can be reckoned with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
