"""What the objects of one image look like in COCO: segmentations, areas and boxes, all masks at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np

from data_converters.base import Loss, WriteOptions
from data_converters.coco_shapes import far_end
from segloop.data.annotations import Box, ImageRecord, Instance, Polygon, Shape
from segloop.data.drawing import bitmaps
from segloop.data.masks import (
    Runs,
    areas,
    contour_polygons,
    exact_polygons,
    rasterize,
    strings_areas_boxes,
    unite,
)
from segloop.utils.errors import UserError, nearest

MODES = ("rle", "exact-polygon", "polygon")


def masks_mode(text: str) -> tuple[str, float]:
    """Return how masks are to be written, and the tolerance of polygons in pixels.

    >>> masks_mode("polygon:1.5")
    ('polygon', 1.5)
    """
    mode, colon, number = text.partition(":")
    try:
        tolerance = float(number) if colon else 0.0
    except ValueError:
        tolerance = math.nan
    if mode not in MODES or bool(colon) != (mode == "polygon") or not 0 <= tolerance < math.inf:
        told = nearest(mode, MODES)
        raise UserError(
            f"There is no way {text!r} to write masks; choose rle, exact-polygon or polygon:TOL.{told}"
        )
    return mode, tolerance


class Masks:
    """What the objects of an image look like: the texts of their segmentations, their areas and boxes."""

    def __init__(
        self,
        record: ImageRecord,
        instances: Sequence[Instance],
        options: WriteOptions,
        losses: list[Loss],
        *,
        decimals: int | None,
    ) -> None:
        assert record.size_hw is not None
        self.decimals = decimals
        self.size_hw, self.image_id, self.instances = record.size_hw, record.image_id, instances
        self.places: list[int] = []
        self.runs: list[Runs] = []
        self.texts: dict[int, str] = {}
        self.areas: dict[int, int] = {}
        self.boxes: dict[int, list[int]] = {}
        self.pixels = 0
        if instances:  # in some sets most images are empty
            self._draw(options, losses)

    def _draw(self, options: WriteOptions, losses: list[Loss]) -> None:
        mode, tolerance = masks_mode(options.masks)
        if mode != "rle" and self.decimals is not None:
            self.instances = [_rounded(each, self.decimals) for each in self.instances]
        instances = self.instances
        drawn = bitmaps(instances, self.size_hw)
        self.places = [place for place, runs in enumerate(drawn) if runs is not None]
        self.runs = [runs for runs in drawn if runs is not None]
        strings, own, sides = strings_areas_boxes(self.runs, self.size_hw)
        self.pixels = sum(own)
        as_runs = list(range(len(self.places)))
        if mode != "rle":
            self._keep_outlines(losses)
            # A crowd is written as runs everywhere, and what has no pixel has no outline.
            masks = [
                index
                for index, place in enumerate(self.places)
                if place not in self.texts and own[index] and not instances[place].crowd
            ]
            self._outline(masks, None if mode == "exact-polygon" else tolerance, losses)
            as_runs = [index for index, place in enumerate(self.places) if place not in self.texts]
        head = f'{{"size":[{self.size_hw[0]},{self.size_hw[1]}],"counts":"'
        for index in as_runs:
            escaped = strings[index].replace("\\", "\\\\")  # JSON minds no other character of COCO's
            self.texts[self.places[index]] = f'{head}{escaped}"}}'
        if mode == "polygon":
            _, own, sides = strings_areas_boxes(self.runs, self.size_hw)
        self.areas = dict(zip(self.places, own, strict=True))
        self.boxes = dict(zip(self.places, sides, strict=True))

    def _rings(self, rings: Sequence[np.ndarray]) -> str:
        return "[" + ",".join(as_list(ring.ravel().tolist()) for ring in rings) + "]"

    def _keep_outlines(self, losses: list[Loss]) -> None:
        short = []
        for place in self.places:
            shape = self.instances[place].shape
            if isinstance(shape, Polygon):
                rings = [ring for ring in shape.rings if len(ring) > 2]
                short += [place] * (len(shape.rings) - len(rings))
                if rings:
                    self.texts[place] = self._rings(rings)
        if short:
            told = f"{self.image_id}: {self.instances[short[0]].label}"
            losses.append(Loss("outlines-of-two-points", len(short), told))

    def _outline(self, masks: list[int], tolerance: float | None, losses: list[Loss]) -> None:
        """Draw around masks; from outlines that are not exact the masks come anew."""
        before = [self.runs[index] for index in masks]
        if tolerance is None:
            found = exact_polygons(before, self.size_hw)
        else:
            found = contour_polygons(before, self.size_hw, tolerance)
            after = rasterize(found, self.size_hw)
            both = [each for pair in zip(before, after, strict=True) for each in pair]
            union = sum(areas(unite(both, [2] * len(before), self.size_hw)))
            changed = 2 * union - sum(areas(before)) - sum(areas(after))
            self.pixels -= union - sum(areas(after))
            if changed:
                losses.append(Loss("outline-pixels", changed, self.image_id))
            for index, runs in zip(masks, after, strict=True):
                self.runs[index] = runs
        for index, rings in zip(masks, found, strict=True):
            self.texts[self.places[index]] = self._rings(rings)

    def area_and_box(self, place: int) -> str:
        """Return area and box of an object as JSON: of its pixels, or of what it was drawn with."""
        if area := self.areas.get(place):
            left, top, width, height = self.boxes[place]
            return f'"area":{area},"bbox":[{left},{top},{width},{height}]'
        shape = self.instances[place].shape
        box = bare_box(shape)
        return f'"area":{as_number(box[2] * box[3] if isinstance(shape, Box) else 0)},"bbox":{as_list(box)}'


def _rounded(instance: Instance, decimals: int) -> Instance:
    """Return an object whose outlines have a few decimals: pixels and area are those of what is written."""
    if not isinstance(instance.shape, Polygon):
        return instance
    rings = tuple(np.round(ring, decimals) for ring in instance.shape.rings)
    return replace(instance, shape=Polygon(rings))


def bare_box(shape: Shape) -> tuple[float, ...]:
    """Return left, top, width and height of what has no pixel."""
    if isinstance(shape, Box):
        left, top, right, bottom = shape.box_xyxy
        return left, top, _length(left, right), _length(top, bottom)
    if isinstance(shape, Polygon) and shape.rings:
        points = np.concatenate(shape.rings)
        low, high = points.min(axis=0), points.max(axis=0)
        return (*low.tolist(), *(high - low).tolist())
    return 0, 0, 0, 0


def _length(low: float, high: float) -> float:
    """Return the length that leads from `low` to `high` again, if there is one."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return high - low
    length = float(Decimal(repr(high)) - Decimal(repr(low)))
    near = (length, math.nextafter(length, math.inf), math.nextafter(length, -math.inf))
    return next((each for each in near if far_end(low, each) == high), length)


def as_list(values: Sequence[float]) -> str:
    """Return numbers as JSON."""
    return "[" + ",".join(map(as_number, values)) + "]"


def as_number(value: float) -> str:
    """Return a number as JSON; whole ones without a point."""
    whole = int(value) if math.isfinite(value) else None
    if whole is None:
        raise ValueError(f"{value}")
    return str(whole) if whole == value and abs(whole) < 1 << 53 else repr(float(value))
