"""The sea from above: its colour, swell and chop, the sun in it, foam on it and clouds over it."""

from __future__ import annotations

import math

import numpy as np

from segloop.data.demo.dice import Dice
from segloop.data.demo.ships.canvas import (
    Canvas,
    axes,
    blend,
    color,
    darken,
    fractal,
    grain,
    ramp,
    shifted,
    turned,
    whole,
)
from segloop.data.demo.shore import mix, triangle

# The deep and the light tone of a sea.
WATERS = (
    ((10, 34, 58), (28, 62, 92)),
    ((14, 60, 72), (42, 104, 112)),
    ((48, 74, 70), (84, 110, 102)),
    ((66, 82, 94), (104, 120, 130)),
    ((8, 14, 24), (24, 36, 50)),
    ((92, 98, 78), (134, 134, 110)),
    ((18, 88, 104), (58, 140, 146)),
    ((24, 46, 50), (52, 82, 80)),
)
FOAM = color(236, 240, 240)


def water(dice: Dice, side: int, unit: float, *, roughness: float) -> np.ndarray:
    """Return open water, HxWx3 float32; `roughness` goes from 0, a mirror, to 1, a gale."""
    deep, light = (color(*tone) for tone in dice.pick(WATERS))
    share = np.float32(0.45) + np.float32(0.28) * fractal(dice, side, side / 2, side / 6)
    main = dice.uniform(0, math.pi)
    swell = np.zeros((side, side), np.float32)
    for _ in range(dice.integer(2, 4)):
        along, _ = turned(whole(side), (0, 0), main + dice.uniform(-0.5, 0.5))
        period = dice.uniform(5, 20) * unit
        warp = dice.clouds(side, cell=3 * period) * np.float32(1.2)
        swell += triangle(along * np.float32(1 / period) + warp) - np.float32(0.5)
    chop = dice.clouds(side, cell=1.7 * unit) + dice.clouds(side, cell=3.4 * unit)
    share += np.float32(0.04 + 0.20 * roughness) * swell + np.float32(0.08 + 0.22 * roughness) * chop
    return mix(deep, light, np.clip(share, np.float32(-0.4), np.float32(1.8)))


def add_whitecaps(dice: Dice, canvas: Canvas, *, strength: float) -> None:
    """Break the crests of waves into short streaks of foam, across the wind."""
    side, unit = canvas.side, canvas.unit
    along, across = turned(whole(side), (0, 0), dice.uniform(0, math.pi))
    crests = grain(dice, along * np.float32(0.16 / unit), across * np.float32(0.62 / unit))
    torn = grain(dice, along * np.float32(0.5 / unit), across * np.float32(0.8 / unit))
    gusts = dice.clouds(side, cell=side / 5)
    height = crests + np.float32(0.3) * torn + np.float32(0.25) * gusts
    alpha = ramp(height, 1.02 - 0.22 * strength, 1.3 - 0.22 * strength)
    blend(canvas.image, FOAM, alpha * np.float32(dice.uniform(0.55, 0.95)))


def add_glint(dice: Dice, canvas: Canvas) -> None:
    """Let the sun glitter in a part of the water."""
    side, unit = canvas.side, canvas.unit
    cosine, sine = axes(dice.uniform(0, 2 * math.pi))
    rows = np.arange(side, dtype=np.float32)[:, None] / np.float32(side) - np.float32(0.5)
    columns = np.arange(side, dtype=np.float32)[None] / np.float32(side) - np.float32(0.5)
    path = columns * cosine + rows * sine + np.float32(0.22) * dice.clouds(side, cell=side / 4)
    glow = ramp(path, dice.uniform(-0.6, -0.2), dice.uniform(0.2, 0.7))
    facets = dice.clouds(side, cell=1.5 * unit) + np.float32(0.6) * dice.clouds(side, cell=4 * unit)
    sparkle = ramp(facets + np.float32(0.9) * glow, 1.25, 1.85)
    warm = color(dice.uniform(215, 250), dice.uniform(215, 245), dice.uniform(195, 240))
    blend(canvas.image, warm, glow * np.float32(dice.uniform(0.15, 0.5)))
    blend(canvas.image, color(255, 253, 240), sparkle * glow * np.float32(dice.uniform(0.5, 1.0)))


def clouds(dice: Dice, side: int, unit: float, *, kind: str) -> np.ndarray:
    """Return how thick clouds lie over each pixel, in [0, 1]: `puffs`, `bank` or `veil`."""
    if kind == "veil":
        mist = fractal(dice, side, side / 2, side / 5, side / 12)
        return ramp(mist, -0.7, 1.1) * np.float32(dice.uniform(0.3, 0.58))
    if kind == "bank":
        heap = fractal(dice, side, side / 2.5, 60 * unit, 24 * unit, 10 * unit, 4 * unit)
        edge = dice.uniform(0.05, 0.5)
        return ramp(heap, edge, edge + 0.35) * np.float32(0.97)
    heap = fractal(dice, side, dice.uniform(22, 60) * unit, 14 * unit, 7 * unit, 3 * unit)
    heap = heap + np.float32(0.5) * dice.clouds(side, cell=side / 3)
    edge = dice.uniform(0.45, 0.95)
    return ramp(heap, edge, edge + 0.3) * np.float32(0.95)


def add_clouds(dice: Dice, canvas: Canvas) -> None:
    """Lay the clouds over the scene, lit from the sun's side, and their shadows beneath and beside them."""
    side, unit, thickness = canvas.side, canvas.unit, canvas.clouds
    dx, dy = canvas.sun_xy
    reach = dice.uniform(5, 12) * unit
    shade = shifted(thickness, round(dx * reach), round(dy * reach))
    darken(canvas.image, shade, strength=dice.uniform(0.3, 0.55))
    relief = fractal(dice, side, 30 * unit, 12 * unit, 5 * unit)
    step = max(1, round(2 * unit))
    lit = thickness - shifted(thickness, step * dx, step * dy)
    tone = np.float32(dice.uniform(205, 238)) + np.float32(16) * relief + np.float32(40) * lit
    tint = color(dice.uniform(0.97, 1.01), dice.uniform(0.98, 1.01), dice.uniform(0.98, 1.03))
    blend(canvas.image, tone[..., None] * tint, thickness)
