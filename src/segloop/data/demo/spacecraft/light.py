"""Sunlight on craft: patterns of what they are made of, hard shadows, glare, and the shine of a planet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from segloop.data.demo.dice import Dice
from segloop.data.demo.spacecraft.camera import Surface, dot
from segloop.data.demo.spacecraft.craft import CELLS, FOIL, MESH, Material
from segloop.data.demo.spacecraft.craft import PAINT as PLATES
from segloop.data.demo.spacecraft.solids import Vector

_TILE = 64


@dataclass(frozen=True)
class Light:
    """Where the light comes from: directions of length 1, and how strong each is beside the sun.

    `bright` is what the camera makes of the craft's lit side, 1 being white.
    """

    sun: Vector
    planet: Vector
    bright: float
    shine: float
    ambient: float
    tint: tuple[float, float, float]


def choose_light(
    dice: Dice, sun: Vector, *, planet: Vector | None, tint: tuple[float, float, float]
) -> Light:
    """Choose the strength of the lights; without a planet in view there is little to soften the shadows."""
    shine = dice.uniform(0.05, 0.3) if planet is not None else dice.uniform(0.0, 0.1)
    toward = planet if planet is not None else np.array([0.0, 1.0, 0.0])
    return Light(sun, toward, dice.uniform(0.45, 1.05), shine, dice.uniform(0.008, 0.05), tint)


def shade(dice: Dice, surface: Surface, materials: Sequence[Material], light: Light) -> np.ndarray:
    """Return the colour of each seen pixel, Nx3, 1 being white."""
    albedo, rough = _patterned(dice, surface, materials)
    facing = np.maximum(dot(surface.normals, light.sun), 0) * surface.lit
    shine = np.maximum(dot(surface.normals, light.planet) * 0.7 + 0.3, 0) * light.shine
    even = facing * rough
    direct = even[:, None] * albedo
    soft = (shine[:, None] * np.array(light.tint) + light.ambient) * albedo
    gloss = np.array([each.gloss for each in materials])[surface.material]
    glare = _glare(surface, light) * gloss * surface.lit * (facing > 0) * rough
    colors = direct + soft + glare[:, None] * (0.35 + 0.65 * np.sqrt(albedo))
    return colors * _exposure(colors, light.bright)


def _exposure(colors: np.ndarray, bright: float) -> float:
    """Return by how much to brighten a craft so that all but its brightest tenth stays below `bright`."""
    if not len(colors):
        return 1.0
    green = np.sort(colors[:, 1])
    return min(max(bright / max(float(green[len(green) * 9 // 10]), 1e-6), 0.6), 4.0)


def _glare(surface: Surface, light: Light) -> np.ndarray:
    """Return how much of the sun each pixel mirrors to the camera: the 32nd power, without a libm."""
    distance = np.sqrt(dot(surface.points, surface.points))
    half = light.sun - surface.points / distance[:, None]
    half = half / np.sqrt(dot(half, half))[:, None]
    power = np.maximum(dot(surface.normals, half), 0)
    for _ in range(5):
        power = power * power
    return power * 0.9


def _patterned(dice: Dice, surface: Surface, materials: Sequence[Material]) -> tuple[np.ndarray, np.ndarray]:
    """Return each pixel's own colour, and by how much its roughness changes the light."""
    u, v = surface.pattern[:, 0], surface.pattern[:, 1]
    kind = np.array([each.pattern for each in materials])[surface.material]
    color = np.array([each.color for each in materials])[surface.material]
    second = np.array([each.second for each in materials])[surface.material]
    tile = _noise(dice)
    column, row = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    in_u, in_v = u - column, v - row
    share = np.zeros(len(u))
    rough = np.ones(len(u))

    cells = kind == CELLS
    line = (in_u < 0.14) | (in_v < 0.14)
    share[cells] = np.where(line, 0.85, 0.0)[cells]
    patch = tile[(row * 7 + surface.craft * 11) % _TILE, column * 5 % _TILE]
    rough[cells] = (0.8 + 0.4 * patch)[cells]

    foil = kind == FOIL
    wrinkles = tile[np.floor(v * 9).astype(np.int64) % _TILE, np.floor(u * 9).astype(np.int64) % _TILE]
    rough[foil] = (0.35 + 1.3 * wrinkles)[foil]

    plates = kind == PLATES
    seam = (in_u < 0.05) | (in_v < 0.05)
    share[plates] = np.where(seam, 1.0, np.where(patch > 0.72, 0.6, 0.0))[plates]

    ribs = kind == MESH
    share[ribs] = np.where((in_u < 0.12) | (in_u > 0.88), 0.7, 0.0)[ribs]
    return color + (second - color) * share[:, None], rough


def _noise(dice: Dice) -> np.ndarray:
    """Return a tile of wrinkles in [0, 1]: patches of two sizes."""
    coarse = cv2.resize(dice.bytes(16, 16), (_TILE, _TILE), interpolation=cv2.INTER_LINEAR_EXACT)
    fine = cv2.resize(dice.bytes(32, 32), (_TILE, _TILE), interpolation=cv2.INTER_LINEAR_EXACT)
    return (coarse.astype(np.float64) * 0.6 + fine * 0.4) / 255
