"""Phase contrast: what delays the light turns dark with a bright halo, and bright again where it is thick."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from segloop.data.demo.cells.bodies import BASE, Body, Neurite
from segloop.data.demo.dice import Dice
from segloop.data.demo.sprites import SCALE

_SHIFT = 4
_FULL = np.float32(100)  # grey levels of `Field.phase` when quantised, for one wave


@dataclass
class Field:
    """What lies under the microscope, HxW float32: the delay of the light, and what is bright or dark."""

    phase: np.ndarray
    light: np.ndarray

    @classmethod
    def empty(cls, size: int) -> Field:
        """Return a field with nothing in it."""
        return cls(np.zeros((size, size), np.float32), np.zeros((size, size), np.float32))

    def add_body(self, body: Body, *, contrast: float, unit: float) -> None:
        """Lay a cell down: light that passes two cells is delayed by both."""
        sprite = body.sprite
        windows = clip(sprite.corner_xy, sprite.coverage.shape, self.phase.shape)
        if windows is None:
            return
        outer, inner = windows
        cover, spread = sprite.coverage, max(0.8, body.soft)
        if body.blurred:
            cover = cv2.GaussianBlur(cover, (0, 0), spread)
        dome = cv2.GaussianBlur(cover, (0, 0), spread)[inner].astype(np.float32)
        # A rim that is half inside: the dome sinks to the glass at the outline and not beyond it.
        thick = dome * cover[inner].astype(np.float32)
        if body.heap:
            heap = cv2.GaussianBlur(sprite.coverage, (0, 0), 4 * spread)[inner].astype(np.float32)
            thick *= heap * heap * np.float32(body.heap / 255 / 255) + np.float32(1 - body.heap)
        self.phase[outer] += thick * np.float32(body.phase / 255 / 255)
        spots = sprite.ink[inner].astype(np.float32) - sprite.dark[inner].astype(np.float32)
        self.light[outer] += spots * np.float32(contrast / 255)
        if body.rim:
            edge = cv2.GaussianBlur(sprite.coverage, (0, 0), 1.1 * unit)[inner].astype(np.float32)
            # Steep where the coverage is half: a thin seam along the outline.
            self.light[outer] += edge * (np.float32(255) - edge) * np.float32(body.rim * 4 / 255 / 255)

    def add_neurites(self, neurites: list[Neurite], *, unit: float) -> None:
        """Lay all thin processes down at once."""
        size = len(self.phase)
        sheet = np.zeros((SCALE * size, SCALE * size), np.uint8)
        for each in neurites:
            drawn = np.rint((each.points_xy * SCALE - 0.5) * (1 << _SHIFT)).astype(np.int32)
            width = max(SCALE // 2, round(each.width * unit * SCALE))
            for step, density in enumerate(each.densities):
                cv2.polylines(sheet, [drawn[step : step + 2]], False, density, width, shift=_SHIFT)
        thin = cv2.resize(sheet, (size, size), interpolation=cv2.INTER_AREA)
        self.phase += thin.astype(np.float32) * np.float32(0.34 / 255)


def clip(
    corner_xy: tuple[int, int], shape: tuple[int, ...], frame: tuple[int, ...]
) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Return the window of a frame that a sprite touches, and the matching part of the sprite."""
    outer, inner = [], []
    for start, length, limit in zip(corner_xy[::-1], shape, frame, strict=True):
        low, high = max(0, start), min(limit, start + length)
        if low >= high:
            return None
        outer.append(slice(low, high))
        inner.append(slice(low - start, high - start))
    return (outer[0], outer[1]), (inner[0], inner[1])


@dataclass(frozen=True)
class Lens:
    """How one sample is photographed: the same for all its pictures."""

    gain: float
    halo: float
    exposure: float
    tilt_yx: tuple[float, float]
    patches: np.ndarray  # HxW: uneven light
    glass: np.ndarray  # HxW: grain and stains of what the cells lie on


def lens(dice: Dice, size: int) -> Lens:
    """Return how a sample is photographed."""
    unit = size / BASE
    stains = dice.clouds(size, cell=20 * unit) * np.float32(dice.uniform(1.5, 8))
    grain = 0.5 * dice.clouds(size, cell=2.6 * unit) + 0.5 * dice.clouds(size, cell=7 * unit)
    return Lens(
        gain=dice.uniform(26, 46),
        halo=dice.uniform(0.75, 1.25),
        exposure=dice.uniform(116, 140),
        tilt_yx=(dice.uniform(-22, 22), dice.uniform(-22, 22)),
        patches=dice.clouds(size, cell=size / 2.5) * np.float32(dice.uniform(3, 12)),
        glass=grain * np.float32(dice.uniform(3, 11)) + stains,
    )


def photograph(dice: Dice, field: Field, view: Lens) -> np.ndarray:
    """Return what the camera sees of a field, HxW uint8."""
    size = len(field.phase)
    unit = size / BASE
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32) / np.float32(size) - np.float32(0.5)
    lit = np.float32(view.exposure) + np.float32(view.tilt_yx[0]) * rows
    lit = lit + np.float32(view.tilt_yx[1]) * columns + view.patches + view.glass
    mottled = np.float32(1) + np.float32(0.22) * dice.clouds(size, cell=3 * unit)
    phase = np.minimum(field.phase * mottled, np.float32(2.5))
    # Dark first, bright again where the delay is near a full wave; a parabola through 0, -1 and 0.
    depth = np.clip(phase * (phase - np.float32(0.9)) * np.float32(4.94), -1, np.float32(1.2))
    coarse = np.rint(phase * _FULL).astype(np.uint8)  # uint8 blurs are bit exact, float blurs are not
    wide = cv2.GaussianBlur(coarse, (0, 0), 4.2 * unit).astype(np.float32)
    near = cv2.GaussianBlur(coarse, (0, 0), 1.5 * unit).astype(np.float32)
    halo = (np.float32(1.3) * wide + np.float32(2.8) * near - np.float32(2.4) * coarse) / _FULL
    seen = lit + np.float32(view.gain) * (depth + np.float32(view.halo) * halo) + field.light
    picture = np.clip(np.rint(seen), 0, 255).astype(np.uint8)
    blur = dice.uniform(-0.4, 0.9)
    if blur > 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), blur * unit)
    strength = dice.uniform(1.0, 3.5)
    # the sum of two uniform bytes is a triangle: close enough to a normal, and exact
    noise = dice.bytes(size, size).astype(np.int16) + dice.bytes(size, size) - np.int16(255)
    return np.clip(np.rint(picture + noise * np.float32(strength / 104)), 0, 255).astype(np.uint8)
