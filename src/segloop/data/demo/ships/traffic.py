"""Puts ships on the water: where there is room, with their shadows, and with wakes if they sail."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from segloop.data.demo.dice import Dice
from segloop.data.demo.ships.canvas import XY, Canvas, blend, color, darken, grain, ramp, turned
from segloop.data.demo.ships.vessels import KINDS, Vessel, draw_vessel

SEA_KINDS = {"container": 4, "tanker": 4, "bulk": 4, "ferry": 3, "fisher": 6, "yacht": 3, "navy": 1}
SHORTEST = 8.0  # pixels: what is smaller could be a wave
PORT_KINDS = {"container": 4, "tanker": 3, "bulk": 4, "ferry": 3, "fisher": 3, "barge": 2, "navy": 1}


@dataclass(frozen=True)
class Plan:
    """A ship that is to be: its kind, its middle, length and heading, and its width over its length."""

    kind: str
    center_xy: XY
    length: float  # pixels
    angle: float
    beam: float

    @property
    def width(self) -> float:
        """Return its width in pixels."""
        return self.length * self.beam

    def moved(self, center_xy: XY, angle: float) -> Plan:
        """Return the same ship elsewhere."""
        return Plan(self.kind, center_xy, self.length, angle, self.beam)


def plan(dice: Dice, kinds: dict[str, int], unit: float, *, longest: float = 1e9) -> Plan:
    """Draw lots for a ship that lies nowhere yet; `longest` is in pixels."""
    kind = dice.pick(tuple(kinds), weights=tuple(kinds.values()))
    low, high = KINDS[kind].lengths
    length = max(SHORTEST, (low + (high - low) * dice.uniform(0, 1) ** 1.4) * unit)
    length = min(length, longest)
    beam = max(1 / dice.uniform(*KINDS[kind].slim), 3.2 / length)
    return Plan(kind, (0.0, 0.0), length, 0.0, beam)


def has_room(ship: Plan, canvas: Canvas, *, gap: float) -> bool:
    """Return whether a ship would be seen and touch no other and no land, by `gap` pixels."""
    half, flank = ship.length / 2 + gap, ship.width / 2 + gap
    hidden = []
    steps = max(5, round(ship.length / 3))
    along = np.linspace(-half, half, steps)
    cosine, sine = math.cos(ship.angle), math.sin(ship.angle)
    for side in np.linspace(-flank, flank, max(3, round(ship.width / 2) + 2)):
        x = np.rint(ship.center_xy[0] + along * cosine - side * sine).astype(int)
        y = np.rint(ship.center_xy[1] + along * sine + side * cosine).astype(int)
        inside = (x >= 0) & (y >= 0) & (x < canvas.side) & (y < canvas.side)
        x, y = x[inside], y[inside]
        if canvas.ships[y, x].any() or canvas.land[y, x].any():
            return False
        hidden += (canvas.clouds[y, x] > np.float32(0.6)).tolist()
    return sum(hidden) < 0.25 * max(1, len(hidden))


def put(dice: Dice, canvas: Canvas, ship: Plan) -> bool:
    """Paint a ship and note its pixels; nothing happens if it would cover another."""
    vessel = draw_vessel(
        dice, ship.kind, ship.center_xy, length=ship.length, angle=ship.angle, beam=ship.beam
    )
    window, inner = _clip(vessel, canvas.side)
    if window is None:
        return False
    mask = vessel.mask[inner]
    if (canvas.ships[window][mask] > 0).any() or not mask.any():
        return False
    _shadow(canvas, vessel, window, inner)
    blend(
        canvas.image[window],
        vessel.paint[inner].astype(np.float32) * np.float32(dice.uniform(0.82, 1.06)),
        vessel.coverage[inner].astype(np.float32) / np.float32(255),
    )
    canvas.lengths.append(ship.length)
    canvas.ships[window][mask] = len(canvas.lengths)
    return True


def _shadow(canvas: Canvas, vessel: Vessel, window: tuple[slice, slice], inner: tuple[slice, slice]) -> None:
    dx, dy = canvas.sun_xy
    step = max(1, round(0.8 * canvas.unit))
    soft = cv2.GaussianBlur(np.roll(vessel.coverage, (dy * step, dx * step), (0, 1)), (0, 0), 0.9)
    darken(canvas.image[window], soft[inner].astype(np.float32) / np.float32(255), strength=0.5)


def _clip(vessel: Vessel, side: int) -> tuple[tuple[slice, slice] | None, tuple[slice, slice]]:
    """Return the window of the scene that a ship touches, and the matching part of the ship."""
    outer, inner = [], []
    for start, length in zip(vessel.corner_xy[::-1], vessel.coverage.shape, strict=True):
        low, high = max(0, start), min(side, start + length)
        if low >= high:
            return None, (slice(0), slice(0))
        outer.append(slice(low, high))
        inner.append(slice(low - start, high - start))
    return (outer[0], outer[1]), (inner[0], inner[1])


def add_wake(dice: Dice, canvas: Canvas, ship: Plan, *, speed: float) -> None:
    """Paint the foam behind a ship: churned water that fades and bends away, and the two arms of its wave."""
    side, unit = canvas.side, canvas.unit
    trail = ship.length * (0.5 + 3.2 * speed) + 26 * unit * speed
    reach = math.ceil(trail + ship.length)
    x, y = (math.floor(value) for value in ship.center_xy)
    window = (slice(max(0, y - reach), min(side, y + reach)), slice(max(0, x - reach), min(side, x + reach)))
    if window[0].start >= window[0].stop or window[1].start >= window[1].stop:
        return
    along, across = turned(window, ship.center_xy, ship.angle)
    behind = -along - np.float32(0.5 * ship.length)
    rest = np.clip(np.float32(1) - behind * np.float32(1 / trail), 0, 1)
    bend = np.float32(dice.uniform(-0.5, 0.5) / trail)
    across = across - bend * np.maximum(behind, 0) ** 2 * np.float32(0.5)
    foam = grain(dice, along * np.float32(0.35 / unit), across * np.float32(0.6 / unit))
    half = np.float32(0.42 * ship.width) + np.maximum(behind, 0) * np.float32(0.05)
    core = ramp(half - np.abs(across), -1.2 * unit, 0.9 * unit) * ramp(behind, -1.5 * unit, 1.0 * unit)
    alpha = core * rest * rest * (np.float32(0.72) + np.float32(0.5) * foam)
    stem = along - np.float32(0.46 * ship.length)  # the arms begin at the bow
    spread = np.float32(0.5 * ship.width) - np.minimum(stem, 0) * np.float32(dice.uniform(0.14, 0.26))
    arm = np.float32(1) - np.abs(np.abs(across) - spread) * np.float32(1 / (1.1 * unit + 0.04 * ship.length))
    fade = np.clip(np.float32(1) + stem * np.float32(0.9 / trail), 0, 1) * (stem < 0)
    alpha = np.maximum(alpha, np.clip(arm, 0, 1) * fade * fade * (np.float32(0.5) + np.float32(0.5) * foam))
    alpha = alpha * np.float32(min(1.0, 0.35 + 0.7 * speed)) * ~canvas.land[window]
    blend(canvas.image[window], color(232, 240, 242), np.clip(alpha, 0, np.float32(0.95)))


def sail(dice: Dice, canvas: Canvas, count: int, *, kinds: dict[str, int], anchored: float = 0.35) -> None:
    """Let ships sail, or with a chance of `anchored` lie, where there is open water."""
    heading = dice.uniform(0, 2 * math.pi)  # what lies at anchor points into the same wind
    for _ in range(count):
        ship = plan(dice, kinds, canvas.unit)
        lies = dice.chance(anchored)
        for _ in range(12):
            angle = heading + dice.uniform(-0.15, 0.15) if lies else dice.uniform(0, 2 * math.pi)
            center = (dice.uniform(0.02, 0.98) * canvas.side, dice.uniform(0.02, 0.98) * canvas.side)
            ship = ship.moved(center, angle)
            if has_room(ship, canvas, gap=3 * canvas.unit):
                break
        else:
            continue
        if not lies:
            add_wake(dice, canvas, ship, speed=dice.uniform(0.1, 1.0))
        put(dice, canvas, ship)
