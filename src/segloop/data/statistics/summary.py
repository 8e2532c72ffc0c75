"""The counts as plain numbers that a file can hold: what `eda.json` says, and the page draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segloop.data.annotations import LabelSet
from segloop.data.palette import complete_colors
from segloop.data.statistics.bins import (
    ASPECTS,
    BRIGHTNESS,
    CONTRASTS,
    DEVIATIONS,
    FOLLOWS,
    LEVELS,
    SHARPNESS,
    SIZES,
    Octaves,
    Steps,
    quantile,
)
from segloop.data.statistics.choose import LOOSE
from segloop.data.statistics.gather import Gathered
from segloop.data.statistics.tally import Tally
from segloop.data.statistics.weights import BETA

FORMAT = 1
SEMANTIC, INSTANCES = "semantic", "instances"
QUANTILES = {"p05": 0.05, "median": 0.5, "p95": 0.95}


def kind_of(tally: Tally) -> str:
    """Return `semantic` for a set of index maps, `instances` for one of objects."""
    return SEMANTIC if tally.semantic else INSTANCES


def summarise(found: Gathered) -> dict[str, Any]:
    """Return all numbers of a set, splits and classes, in plain values; shares lie between 0 and 1."""
    whole, labels = found.whole, found.labels
    return {
        "format": FORMAT,
        "kind": kind_of(whole),
        "background": labels.background,
        "totals": totals(whole),
        "splits": {name or "all": totals(tally) for name, tally in found.splits.items()},
        "measured_for_training": found.training[0],
        "classes": [class_numbers(whole, labels, place) for place in range(len(labels))],
        "class_pixel_shares_by_split": {
            name or "all": _shares(tally.pixels[: len(labels)], tally.scored)
            for name, tally in found.splits.items()
        },
        "together": whole.together.tolist(),
        "objects_per_image": _counter(whole.per_image[-1]),
        "images": image_numbers(whole),
        "quality": quality_numbers(whole),
        "boxes": {"sides": _values(SIZES), "counts": _sparse(whole.boxes)},
        "effective_number_beta": BETA,
        "unusable": [{"image": image, "problem": problem} for image, problem in whole.bad],
    }


def totals(tally: Tally) -> dict[str, Any]:
    """Return what is told of a split in one line."""
    return {
        "images": tally.images,
        "empty": tally.empty,
        "unusable": tally.bad_count,
        "objects": int(tally.objects.sum()),
        "pixels": tally.scored + tally.ignored,
        "ignored_share": _share(tally.ignored, tally.scored + tally.ignored),
        "objects_per_image": _share(int(tally.objects.sum()), tally.images),
        "most_objects": max(tally.per_image[-1], default=0),
    }


def class_numbers(tally: Tally, labels: LabelSet, place: int) -> dict[str, Any]:
    """Return what is told of one class."""
    colors = complete_colors([label.color for label in labels.labels], background=labels.background)
    objects, drawn = int(tally.objects[place]), int(tally.sizes[place].sum())  # boxes have no shape
    color = tally.label_colors[place] / max(int(tally.label_pixels[place]), 1)
    per_image = tally.per_image[place]
    return {
        "name": labels.names[place],
        "color": list(colors[place]),
        "pixels": int(tally.pixels[place]),
        "pixel_share": _share(int(tally.pixels[place]), tally.scored),
        "images": int(tally.images_with[place]),
        "image_share": _share(int(tally.images_with[place]), tally.images),
        "objects": objects,
        "objects_per_image_with_it": _share(objects, sum(per_image.values())),
        "objects_per_image": _counter(per_image),
        "side": _quantiles(tally.sizes[place], SIZES),
        "sides": tally.sizes[place].tolist(),
        "aspect": _quantiles(tally.aspects[place], ASPECTS),
        "aspects": tally.aspects[place].tolist(),
        "cut_share": _share(int(tally.cut[place]), drawn),
        "holed_share": _share(int(tally.holed[place]), drawn),
        "split_share": _share(int(tally.split[place]), drawn),
        "box_filled": _round(float(tally.filled[place]) / drawn) if drawn else None,
        "specks": int(tally.specks[place]),
        "lines": int(tally.lines[place]),
        "mean_rgb": [_round(float(each), 1) for each in color] if tally.label_pixels[place] else None,
        "position": np.round(tally.heat[place] / max(int(tally.images_with[place]), 1), 4).tolist(),
    }


def image_numbers(tally: Tally) -> dict[str, Any]:
    """Return what is told of the pictures: sizes, colours, light, sharpness."""
    sizes = sorted(tally.image_sizes.items(), key=lambda item: (-item[1], item[0]))
    mean, std = tally.mean_rgb, tally.std_rgb
    return {
        "sizes_hw": [{"size_hw": list(size), "images": count} for size, count in sizes[:20]],
        "different_sizes": len(sizes),
        "least_side": min((min(size) for size in tally.image_sizes), default=None),
        "largest_side": max((max(size) for size in tally.image_sizes), default=None),
        "decoded": tally.decoded,
        "without_color": tally.grey,
        "mean_rgb": None if mean is None else [_round(float(each), 3) for each in mean],
        "std_rgb": None if std is None else [_round(float(each), 3) for each in std],
        "levels_rgb": tally.levels.tolist(),
        "level_values": _values(LEVELS),
        "brightness": _histogram(tally.brightness, BRIGHTNESS),
        "deviation": _histogram(tally.deviations, DEVIATIONS),
        "sharpness": _histogram(tally.sharpness, SHARPNESS),
        "contrast": _histogram(tally.contrasts, CONTRASTS),
    }


def quality_numbers(tally: Tally) -> dict[str, Any]:
    """Return what is told of the masks: slips of the hand, and whether outlines follow the picture."""
    drawn = int(tally.sizes.sum())
    loose = tally.follows[FOLLOWS.values < LOOSE].sum()
    return {
        "specks": int(tally.specks.sum()),
        "lines": int(tally.lines.sum()),
        "holed_share": _share(int(tally.holed.sum()), drawn),
        "split_share": _share(int(tally.split.sum()), drawn),
        "cut_share": _share(int(tally.cut.sum()), drawn),
        "shared_pixels": tally.shared,
        "undrawn_shapes": tally.undrawn,
        "crowds": tally.crowds,
        "outline_over_beside": _histogram(tally.follows, FOLLOWS),
        "loose_images": int(loose),
        "loose_share": _share(int(loose), int(tally.follows.sum())),
    }


def _quantiles(counts: np.ndarray, bins: Octaves) -> dict[str, float | None]:
    found = {name: quantile(counts, bins.values, share) for name, share in QUANTILES.items()}
    return {name: None if value is None else _round(value, 3) for name, value in found.items()}


def _histogram(counts: np.ndarray, bins: Octaves | Steps) -> dict[str, Any]:
    middle = quantile(counts, bins.values, 0.5)
    return {
        "median": None if middle is None else _round(middle, 3),
        "values": _values(bins),
        "counts": counts.tolist(),
    }


def _values(bins: Octaves | Steps) -> list[float]:
    return [_round(float(each), 3) for each in bins.values]


def _sparse(counts: np.ndarray) -> list[list[int]]:
    """Return the places and counts of what is not zero."""
    return [[*map(int, place), int(counts[tuple(place)])] for place in np.argwhere(counts)]


def _counter(counts: Counter[int]) -> Mapping[str, int]:
    """Return how many images have so many objects; texts, as JSON wants its keys."""
    return {str(number): counts[number] for number in sorted(counts)}


def _shares(pixels: Sequence[int] | np.ndarray, whole: int) -> list[float | None]:
    return [_share(int(each), whole) for each in pixels]


def _share(part: int, whole: int) -> float | None:
    return _round(part / whole, 6) if whole else None


def _round(value: float, digits: int = 4) -> float:
    return round(float(value), digits)
