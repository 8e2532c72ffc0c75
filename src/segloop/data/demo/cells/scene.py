"""One picture of a culture and the annotations of its cells, with the faults that annotators make."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from segloop.data.demo.cells.bodies import BASE, KINDS, Body, Neurite, passing
from segloop.data.demo.cells.culture import Shot, residents
from segloop.data.demo.cells.microscope import Field, clip, lens, photograph
from segloop.data.demo.dice import Dice
from segloop.data.demo.sprites import Easel

LEAST = 18  # pixels at the base size: of a cell that is nearly outside, nobody draws the rest
_HOLES = {"astro": 0.12, "shsy5y": 0.01, "cort": 0.01}
_BROKEN = {"astro": 0.04, "shsy5y": 0.0, "cort": 0.0}


@dataclass(frozen=True)
class Scene:
    """A picture, HxW uint8, and the annotation of each cell, HxW bool; annotations may overlap."""

    image: np.ndarray
    cells: tuple[np.ndarray, ...]


def draw_scene(shot: Shot, *, seed: int, size: int) -> Scene:
    """Return one picture; it follows from the plan of its split, seed and size alone."""
    sample, unit = shot.sample, size / BASE
    kind = KINDS[sample.cell_type]
    fixed = Dice(seed, f"{sample.split}/view", sample.number)
    view = lens(fixed, size)
    field = Field.empty(size)
    _litter(fixed, field, unit, heavy="debris" in sample.sample_id or "oka" in sample.sample_id)
    neurites: list[Neurite] = passing(fixed, sample.cell_type, unit)
    cells = []
    for cell in residents(seed, shot):
        own = Dice(seed, f"{sample.split}/cell/{sample.number}", cell.number)
        body = kind.draw(own, (cell.x * unit, cell.y * unit), cell.radius * unit, cell.angle)
        field.add_body(body, contrast=kind.contrast, unit=unit)
        neurites += body.neurites
        # Of the picture and not of the cell: no picture repeats the faults of another one.
        pen = Dice(seed, f"{sample.split}/pen/{shot.index}", cell.number)
        mask = _annotate(pen, body, size, cell_type=sample.cell_type)
        if np.count_nonzero(mask) >= LEAST * unit * unit:
            cells.append(mask)
    field.add_neurites(neurites, unit=unit)
    return Scene(photograph(Dice(seed, sample.split, shot.index), field, view), tuple(cells))


def _litter(dice: Dice, field: Field, unit: float, *, heavy: bool) -> None:
    """Scatter what is no cell: specks and fragments, and some round dead cells out of focus."""
    size = len(field.phase)
    for _ in range(dice.integer(26, 70) if heavy else dice.integer(4, 30)):
        center = (dice.uniform(0, size), dice.uniform(0, size))
        radius = dice.uniform(0.7, 2.8) * unit
        _drop(field, center, radius, phase=dice.uniform(0.2, 1.4), soft=0.4)
        if dice.chance(0.3):
            beside = (center[0] + 1.6 * radius, center[1] + dice.uniform(-1, 1) * radius)
            _drop(field, beside, 0.7 * radius, phase=dice.uniform(0.2, 1.4), soft=0.4)
    for _ in range(dice.pick((0, 0, 1, 2, 4))):
        center = (dice.uniform(0, size), dice.uniform(0, size))
        radius = dice.uniform(6, 14) * unit
        _drop(field, center, radius, phase=dice.uniform(0.06, 0.25), soft=0.3, blurred=True)


def _drop(
    field: Field,
    center_xy: tuple[float, float],
    radius: float,
    *,
    phase: float,
    soft: float,
    blurred: bool = False,
) -> None:
    easel = Easel(center_xy, radius=2 * radius, angle=0.0)
    easel.dot(easel.coverage, np.zeros(2), radius=0.5)
    field.add_body(Body(easel.sprite(), (), phase, soft * radius, blurred=blurred), contrast=0, unit=1.0)


def _annotate(dice: Dice, body: Body, size: int, *, cell_type: str) -> np.ndarray:
    """Return what an annotator drew of a cell, HxW bool: all of it, also what lies under another one."""
    mask = np.zeros((size, size), np.bool_)
    drawn = (body.sprite.coverage >= dice.integer(90, 150)).astype(np.uint8)
    if dice.chance(_BROKEN[cell_type]):
        drawn = _outline(dice, drawn)
    elif dice.chance(_HOLES[cell_type]):
        drawn = _pierced(dice, drawn, size / BASE)
    windows = clip(body.sprite.corner_xy, drawn.shape, mask.shape)
    if windows is not None:
        mask[windows[0]] = drawn[windows[1]]
    return mask


def _outline(dice: Dice, drawn: np.ndarray) -> np.ndarray:
    """Keep the rim of a mask alone, and break it in one place."""
    inner = cv2.erode(drawn, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    rim = drawn - inner
    ys, xs = np.nonzero(rim)
    if len(ys):
        at = dice.integer(0, len(ys) - 1)
        half = dice.integer(2, 4)
        rim[max(0, ys[at] - half) : ys[at] + half + 1, max(0, xs[at] - half) : xs[at] + half + 1] = 0
    return rim


def _pierced(dice: Dice, drawn: np.ndarray, unit: float) -> np.ndarray:
    """Leave a hole or two in a mask."""
    depth = cv2.erode(drawn, np.ones((7, 7), np.uint8))
    for _ in range(dice.integer(1, 2)):
        ys, xs = np.nonzero(depth)
        if len(ys):
            at = dice.integer(0, len(ys) - 1)
            axes = (round(dice.integer(1, 3) * unit), round(dice.integer(1, 3) * unit))
            turned = round(math.degrees(dice.uniform(0, math.pi)))
            cv2.ellipse(drawn, (int(xs[at]), int(ys[at])), axes, turned, 0, 360, 0, -1)
    return drawn
