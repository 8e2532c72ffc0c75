"""Scenes of ships: open sea, coasts, harbours and canals under changing skies, as a satellite sees them."""

from __future__ import annotations

import cv2
import numpy as np

from segloop.data.demo.dice import Dice
from segloop.data.demo.ships import coast, harbour, sea, traffic
from segloop.data.demo.ships.canvas import Canvas

KINDS = {"open": 0.40, "rough": 0.16, "glint": 0.10, "coast": 0.16, "harbour": 0.13, "canal": 0.05}
SKIES = {"open": 0.55, "rough": 0.40, "glint": 0.25, "coast": 0.40, "harbour": 0.20, "canal": 0.15}
SUNS = ((-2, -2), (-2, 1), (2, -2), (2, 1), (-1, 2), (1, 2))


def draw_scene(*, seed: int, split: str, index: int, side: int, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a scene, RGB uint8, and the number of the ship at each pixel, 0 where there is none.

    It follows from these numbers alone. `unit` is the scale: a tile of 192 pixels has unit 1.
    """
    dice = Dice(seed, split, index)
    kind = dice.pick(tuple(KINDS), weights=tuple(KINDS.values()))
    roughness = dice.uniform(0.6, 1.0) if kind == "rough" else dice.uniform(0, 1) ** 2 * 0.7
    canvas = Canvas(
        image=sea.water(dice, side, unit, roughness=roughness),
        ships=np.zeros((side, side), np.uint16),
        land=np.zeros((side, side), bool),
        clouds=np.zeros((side, side), np.float32),
        unit=unit,
        sun_xy=dice.pick(SUNS),
    )
    if kind == "rough":
        sea.add_whitecaps(dice, canvas, strength=dice.uniform(0, 1))
    if kind == "glint":
        sea.add_glint(dice, canvas)
    cloudy = dice.chance(SKIES[kind])
    if cloudy:
        heap = dice.pick(("puffs", "puffs", "puffs", "bank", "veil"))
        canvas.clouds = sea.clouds(dice, side, unit, kind=heap)
    _populate(dice, canvas, kind)
    if cloudy:
        sea.add_clouds(dice, canvas)
    return photograph(dice, canvas.image), canvas.ships


def _populate(dice: Dice, canvas: Canvas, kind: str) -> None:
    """Build what belongs to this kind of scene, and let ships sail in it."""
    if kind == "coast":
        coast.add_coast(dice, canvas)
    elif kind == "harbour":
        harbour.add_harbour(dice, canvas)
    elif kind == "canal":
        harbour.add_canal(dice, canvas)
    if kind in ("open", "rough", "coast") and dice.chance(0.3):
        coast.add_rocks(dice, canvas, dice.integer(1, 8))
    if kind != "canal" and dice.chance(0.2):
        coast.add_works(dice, canvas)
    if kind == "canal":
        traffic.sail(
            dice, canvas, dice.integer(0, 2), kinds={"barge": 3, "fisher": 1, "yacht": 1}, anchored=0.1
        )
        return
    counts = (0, 0, 0, 1, 2) if kind == "harbour" else (0, 0, 0, 0, 0, 1, 1, 2, 3)
    traffic.sail(dice, canvas, dice.pick(counts), kinds=traffic.SEA_KINDS)


def photograph(dice: Dice, image: np.ndarray) -> np.ndarray:
    """Expose the scene through haze, blur it a little and add noise, as a camera far above does."""
    side = len(image)
    haze = np.float32(dice.uniform(0, 0.16))
    exposure = np.float32(dice.uniform(0.8, 1.2))
    tint = np.array([dice.uniform(0.93, 1.05), 1.0, dice.uniform(0.95, 1.08)], np.float32)
    air = np.array([168, 180, 192], np.float32)
    seen = image * (exposure * tint)
    seen = seen + (air - seen) * haze
    seen = np.clip(np.rint(seen), 0, 255).astype(np.uint8)
    blur = dice.uniform(-0.2, 0.75)
    if blur > 0.3:
        seen = cv2.GaussianBlur(seen, (0, 0), blur)
    strength = dice.uniform(0.8, 4)
    # one grey grain for all three channels, and a weaker one for each: the sum of bytes is nearly normal
    grey = dice.bytes(side, side, 1).astype(np.int16) + dice.bytes(side, side, 1) - np.int16(255)
    tones = dice.bytes(side, side, 3).astype(np.int16) - np.int16(127)
    noise = (grey + np.float32(0.5) * tones) * np.float32(strength / 104)
    return np.clip(np.rint(seen + noise), 0, 255).astype(np.uint8)
