"""Natural shores and what else lies in the sea and is no ship: islets, buoys, rigs, fish farms, turbines."""

from __future__ import annotations

import math

import cv2
import numpy as np

from segloop.data.demo.dice import Dice
from segloop.data.demo.ships.canvas import (
    RGB,
    Canvas,
    Frame,
    Stencil,
    axes,
    blend,
    color,
    darken,
    fractal,
    ramp,
    shifted,
)
from segloop.data.demo.shore import mix

GROUNDS: tuple[tuple[RGB, RGB], ...] = (
    ((44, 66, 40), (104, 116, 72)),
    ((94, 84, 62), (160, 142, 106)),
    ((70, 78, 56), (136, 126, 92)),
    ((110, 92, 72), (188, 168, 130)),
    ((38, 52, 42), (84, 92, 80)),
)
BEACHES: tuple[RGB, ...] = ((216, 202, 164), (190, 178, 150), (226, 220, 200), (150, 140, 124))
FIELDS: tuple[RGB, ...] = ((96, 112, 64), (134, 128, 82), (120, 100, 74), (72, 92, 54), (162, 148, 104))
ROOFS: tuple[RGB, ...] = ((206, 204, 198), (168, 96, 76), (120, 122, 126), (232, 230, 224), (96, 110, 130))


def add_coast(dice: Dice, canvas: Canvas) -> None:
    """Raise land out of the sea: a coast on one side, or islands, with shallows, surf, ground and houses."""
    side, unit = canvas.side, canvas.unit
    cosine, sine = axes(dice.uniform(0, 2 * math.pi))
    rows = np.arange(side, dtype=np.float32)[:, None] / np.float32(side) - np.float32(0.5)
    columns = np.arange(side, dtype=np.float32)[None] / np.float32(side) - np.float32(0.5)
    height: np.ndarray = np.float32(0.8) * fractal(dice, side, side / 2.5, 50 * unit, 18 * unit, 7 * unit)
    if dice.chance(0.75):
        height = height + np.float32(3.4) * (columns * cosine + rows * sine)
        height -= np.float32(dice.uniform(-0.1, 0.8))
    else:
        height -= np.float32(dice.uniform(0.55, 0.9))
    ragged = height + np.float32(0.05) * fractal(dice, side, 4 * unit, 2 * unit)
    shallow = ramp(height, -0.5, 0.0)
    lagoon = color(dice.uniform(60, 130), dice.uniform(130, 160), dice.uniform(125, 150))
    blend(canvas.image, lagoon, shallow * np.float32(dice.uniform(0.1, 0.65)))
    surf = ramp(ragged, -0.14, -0.02) * ramp(fractal(dice, side, 26 * unit, 5 * unit, 2.5 * unit), 0.0, 0.5)
    blend(canvas.image, color(238, 242, 240), surf * np.float32(dice.uniform(0.3, 1.0)))
    low, high = (color(*tone) for tone in dice.pick(GROUNDS))
    cover = fractal(dice, side, 45 * unit, 14 * unit, 5 * unit) + np.float32(0.35) * fractal(
        dice, side, 2.5 * unit, 1.5 * unit
    )
    ground = mix(low, high, np.clip(np.float32(0.5) + np.float32(0.5) * cover, 0, 1))
    beach = color(*dice.pick(BEACHES))
    blend(ground, beach, np.float32(1) - ramp(ragged, 0.02, dice.uniform(0.08, 0.28)))
    alpha = ramp(ragged, -0.02, 0.03)
    canvas.land |= alpha > np.float32(0.3)
    inner = ramp(height, 0.3, 0.5)
    if dice.chance(0.6):
        _settle(dice, canvas, ground, inner)
    blend(canvas.image, ground, alpha)


def _settle(dice: Dice, canvas: Canvas, ground: np.ndarray, inner: np.ndarray) -> None:
    """Put houses and roads on the ground."""
    side, unit = canvas.side, canvas.unit
    stencil = Stencil(side, painted=True)
    heading = dice.uniform(0, math.pi)
    _till(dice, canvas, ground, inner, heading=heading)
    for _ in range(dice.integer(1, 3)):  # roads
        x, y, turn = dice.uniform(0, side), dice.uniform(0, side), dice.uniform(0, 2 * math.pi)
        for _ in range(14):
            turn += dice.uniform(-0.5, 0.5)
            step = dice.uniform(20, 60) * unit
            ahead = np.array([math.cos(turn), math.sin(turn)])
            flank = np.array([-ahead[1], ahead[0]]) * 1.1 * unit
            start, end = np.array([x, y]) - ahead * unit, np.array([x, y]) + ahead * (step + unit)
            corners = np.stack([start - flank, start + flank, end + flank, end - flank])
            stencil.polygon(corners, tone=(150, 146, 138))
            x, y = x + ahead[0] * step, y + ahead[1] * step
    for _ in range(dice.integer(10, 90)):
        at = np.array([dice.uniform(0, side), dice.uniform(0, side)])
        half = np.array([dice.uniform(1.6, 7), dice.uniform(1.4, 3.4)]) * unit
        turn = heading + dice.uniform(-0.3, 0.3)
        cosine, sine = math.cos(turn), math.sin(turn)
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
        turned = corners @ np.array([[cosine, sine], [-sine, cosine]])
        stencil.polygon(at + turned, tone=dice.pick(ROOFS))
    lay_objects(canvas, ground, stencil, inner)


def _till(dice: Dice, canvas: Canvas, ground: np.ndarray, inner: np.ndarray, *, heading: float) -> None:
    """Lay fields on the ground, side by side in a turned grid, with the ground's grain."""
    side, unit = canvas.side, canvas.unit
    stencil = Stencil(side, painted=True)
    frame = Frame((side / 2, side / 2), heading)
    wide, deep = dice.uniform(22, 60) * unit, dice.uniform(18, 46) * unit
    tilled = dice.uniform(0, 0.8)
    for column in range(-round(0.75 * side / wide), round(0.75 * side / wide) + 1):
        for row in range(-round(0.75 * side / deep), round(0.75 * side / deep) + 1):
            if not dice.chance(tilled):
                continue
            u = (column * wide, (column + dice.uniform(0.6, 0.98)) * wide)
            stencil.polygon(frame.box(u, (row * deep, (row + 0.95) * deep)), tone=dice.pick(FIELDS))
    cover = stencil.small().astype(np.float32) / np.float32(255) * inner
    share = np.maximum(stencil.small().astype(np.float32) / np.float32(255), np.float32(1 / 255))
    tones = np.clip(stencil.colors() / share[..., None], 0, 255)
    blend(ground, ground * np.float32(0.4) + tones * np.float32(0.6), cover)


def lay_objects(canvas: Canvas, ground: np.ndarray, stencil: Stencil, inner: np.ndarray) -> None:
    """Lay what was drawn over the ground where `inner` lets it, with shadows."""
    cover = stencil.small().astype(np.float32) / np.float32(255) * inner
    step = max(1, round(canvas.unit))
    dx, dy = canvas.sun_xy
    darken(ground, shifted(cover, dx * step, dy * step), strength=0.45)
    share = np.maximum(stencil.small().astype(np.float32) / np.float32(255), np.float32(1 / 255))
    blend(ground, np.clip(stencil.colors() / share[..., None], 0, 255), cover)


def add_rocks(dice: Dice, canvas: Canvas, count: int) -> None:
    """Scatter rocks and islets, some with foam around them."""
    side, unit = canvas.side, canvas.unit
    for _ in range(count):
        reach = dice.uniform(1.2, 9) * unit
        half = math.ceil(1.8 * reach) + 2
        x, y = dice.integer(half, side - half), dice.integer(half, side - half)
        window = (slice(y - half, y + half), slice(x - half, x + half))
        if canvas.land[window].any() or canvas.ships[window].any():
            continue
        rows, columns = np.mgrid[-half:half, -half:half].astype(np.float32)
        squash = np.float32(dice.uniform(0.5, 1.0))
        far = np.sqrt(rows * rows + columns * columns * squash * squash) * np.float32(1 / reach)
        far = far + np.float32(0.45) * dice.clouds(2 * half, cell=max(2.0, 0.7 * reach))
        foam = (np.float32(1) - ramp(far, 0.9, 1.35)) * np.float32(dice.uniform(0, 1))
        blend(canvas.image[window], color(232, 238, 238), foam)
        tone = dice.pick(((96, 88, 76), (66, 64, 60), (150, 140, 120), (70, 80, 56)))
        stone = color(*tone) * (np.float32(1) + np.float32(0.3) * dice.clouds(2 * half, cell=2.5))[..., None]
        solid = np.float32(1) - ramp(far, 0.6, 0.85)
        blend(canvas.image[window], stone, solid)
        canvas.land[window] |= solid > np.float32(0.3)


def add_works(dice: Dice, canvas: Canvas) -> None:
    """Set one kind of man-made thing into the water: buoys, a rig, a fish farm, or a wind farm."""
    side, unit = canvas.side, canvas.unit
    stencil = Stencil(side, painted=True)
    middle = np.array([dice.uniform(0.15, 0.85), dice.uniform(0.15, 0.85)]) * side
    turn = dice.uniform(0, 2 * math.pi)
    along = np.array([math.cos(turn), math.sin(turn)])
    across = np.array([-along[1], along[0]])
    kind = dice.pick(("buoys", "rig", "farm", "turbines"))
    if kind == "buoys":
        for _ in range(dice.integer(3, 14)):
            at = np.array([dice.uniform(0, side), dice.uniform(0, side)])
            stencil.disc(at, dice.uniform(0.8, 1.6) * unit, tone=dice.pick(((230, 120, 60), (240, 236, 220))))
    elif kind == "rig":
        half = dice.uniform(5, 10) * unit
        square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) @ np.stack([along, across]) * half
        stencil.polygon(middle + square, tone=dice.pick(((190, 180, 150), (200, 120, 60), (150, 154, 156))))
        for _ in range(5):
            inner = (along * dice.uniform(-0.8, 0.6) + across * dice.uniform(-0.8, 0.6)) * half
            stencil.polygon(middle + inner + square * 0.22, tone=dice.pick(ROOFS))
        stencil.disc(middle + (along + across) * half, 0.6 * half, tone=(96, 120, 104))
        stencil.disc(middle + (along + across) * half, 0.3 * half, tone=(206, 200, 120))
    elif kind == "farm":
        pitch, radius = dice.uniform(11, 16) * unit, dice.uniform(3.2, 5.2) * unit
        for row in range(dice.integer(1, 3)):
            for number in range(dice.integer(3, 7)):
                at = middle + along * number * pitch + across * row * pitch
                stencil.disc(at, radius, tone=(206, 210, 206))
                stencil.disc(at, radius - 1.1 * unit, tone=(44, 62, 70))
    else:
        pitch = dice.uniform(55, 90) * unit
        for row in range(-3, 4):
            for number in range(-3, 4):
                at = middle + along * number * pitch + across * row * pitch
                _turbine(dice, stencil, at, unit)
    _set_down(canvas, stencil)


def _turbine(dice: Dice, stencil: Stencil, at: np.ndarray, unit: float) -> None:
    stencil.disc(at, 1.5 * unit, tone=(224, 206, 110))
    start = dice.uniform(0, 2 * math.pi)
    for blade in range(3):
        turn = start + blade * 2 * math.pi / 3
        ahead = np.array([math.cos(turn), math.sin(turn)])
        flank = np.array([-ahead[1], ahead[0]]) * 0.5 * unit
        stencil.polygon(np.stack([at - flank, at + flank, at + ahead * 7 * unit]), tone=(240, 240, 240))


def _set_down(canvas: Canvas, stencil: Stencil) -> None:
    """Lay things on the water, not on land, with shadows; no ship may come there."""
    free = (~canvas.land).astype(np.float32)
    lay_objects(canvas, canvas.image, stencil, free)
    near = cv2.dilate(stencil.small(), np.ones((3, 3), np.uint8))
    canvas.land |= near > 60
