"""What lies behind a craft: black space with stars, the Earth and its limb, other planets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from segloop.data.demo.dice import Dice
from segloop.data.demo.spacecraft.solids import Vector, unit, vector

_AIR = np.array([0.45, 0.65, 1.0])
Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Backdrop:
    """A picture HxWx3, 1 being white; the direction of the planet in it, if there is one, and its colour."""

    picture: np.ndarray
    planet: Vector | None
    tint: Rgb


def draw_space(dice: Dice, size_hw: tuple[int, int], sun: Vector) -> Backdrop:
    """Draw a backdrop that is lit from `sun`, the direction to it, of length 1."""
    kind = dice.pick(("stars", "limb", "ground", "planet"), weights=(0.3, 0.36, 0.22, 0.12))
    picture = _sky(dice, size_hw)
    if kind == "stars":
        return Backdrop(picture, None, (1.0, 1.0, 1.0))
    height, width = size_hw
    side = dice.pick((-1.0, 1.0))
    if kind == "limb":
        radius = dice.uniform(0.9, 3.2) * width
        depth = dice.uniform(0.1, 0.62) * height  # how far the planet reaches into the picture
        lean = dice.uniform(-0.55, 0.55)
        out = unit(vector(lean, side, 0))
        center = np.array([width / 2, height / 2]) + out[:2] * (radius + height / 2 - depth)
    elif kind == "ground":
        radius = dice.uniform(2.0, 4.0) * width
        center = np.array([dice.uniform(-0.5, 1.5) * width, dice.uniform(-0.5, 1.5) * height])
    else:
        radius = dice.uniform(0.12, 0.7) * width
        center = np.array([dice.uniform(-0.1, 1.1) * width, dice.uniform(-0.1, 1.1) * height])
    earth = kind != "planet" or dice.chance(0.35)
    paint: Callable[..., None] = _earth if earth else _rock
    paint(dice, picture, center, radius, sun)
    toward = unit(np.array([center[0] - width / 2, center[1] - height / 2, 0.6 * width]))
    return Backdrop(picture, toward, (0.75, 0.88, 1.0) if earth else (1.0, 0.9, 0.8))


def _sky(dice: Dice, size_hw: tuple[int, int]) -> np.ndarray:
    """Return black space with stars, or with so much light that none is seen."""
    height, width = size_hw
    picture = np.zeros((height, width, 3))
    picture += np.array([0.008, 0.009, 0.014]) * dice.uniform(0, 2)
    if dice.chance(0.72):
        count = round(dice.uniform(0.0006, 0.008) * height * width)
        spots = dice.grid(count, 5)
        rows, columns = (spots[:, 0] * height).astype(int), (spots[:, 1] * width).astype(int)
        power = spots[:, 2] * spots[:, 2] * spots[:, 2] * 0.95 + 0.05
        warm = 0.8 + 0.2 * spots[:, 3]
        colors = np.stack([power * warm, power * 0.93, power * (1.8 - warm)], axis=1)
        np.maximum.at(picture, (rows, columns), colors)
        large = spots[:, 4] > 0.94
        for down, right in ((0, 1), (1, 0)):
            there = np.minimum(rows[large] + down, height - 1), np.minimum(columns[large] + right, width - 1)
            np.maximum.at(picture, there, colors[large] * 0.7)
    return picture


@dataclass(frozen=True)
class _Ball:
    """A sphere in the picture: how far each pixel is from its middle, the light there, and which ground."""

    reach: np.ndarray  # 1 at the rim
    inside: np.ndarray
    slant: np.ndarray  # 1 where the surface looks at the camera, 0 at the rim
    light: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    side: int


def _ball(size_hw: tuple[int, int], center: np.ndarray, radius: float, sun: Vector) -> _Ball:
    """Return the sphere; its texture is a tile of `side` pixels, unrolled about the middle of the picture."""
    height, width = size_hw
    y, x = np.mgrid[0:height, 0:width] + 0.5
    x, y = (x - center[0]) / radius, (y - center[1]) / radius
    square = x * x + y * y
    inside = square < 1
    slant = np.sqrt(np.maximum(1 - square, 0))
    light = x * sun[0] + y * sun[1] - slant * sun[2]
    # Towards the rim the ground lies ever flatter: more of it passes by for each pixel.
    push = square * (0.17 + 0.4 * square) * radius
    side = 2 * max(size_hw)
    columns = _folded(np.rint(np.arange(width) + x * push + side / 4), side)
    rows = _folded(np.rint(np.arange(height)[:, None] + y * push + side / 4), side)
    return _Ball(np.sqrt(square), inside, slant, light, rows, columns, side)


def _folded(places: np.ndarray, side: int) -> np.ndarray:
    """Return places in a tile that is mirrored at its edges."""
    inner = np.abs(places.astype(np.int64)) % (2 * side)
    return np.where(inner < side, inner, 2 * side - 1 - inner)


def _texture(dice: Dice, ball: _Ball, cell: float, *, octaves: int = 3, fade: float = 0.5) -> np.ndarray:
    """Return noise over the ball, about -1 to 1: each octave has half the grain and part of the strength."""
    tile = np.zeros((ball.side, ball.side), np.float32)
    strength = 1.0
    for _ in range(octaves):
        tile += np.float32(strength) * dice.clouds(ball.side, cell=max(1.5, cell))
        strength, cell = strength * fade, cell / 2
    return tile[ball.rows, ball.columns].astype(np.float64)


def _rise(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return a soft step from 0 at `low` to 1 at `high`."""
    share = np.clip((values - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def _earth(dice: Dice, picture: np.ndarray, center: np.ndarray, radius: float, sun: Vector) -> None:
    """Paint oceans, land, clouds and air."""
    ball = _ball(picture.shape[:2], center, radius, sun)
    size = ball.side / 2
    coast = dice.uniform(-0.15, 0.6)
    relief = _texture(dice, ball, dice.uniform(0.2, 0.5) * size, octaves=6, fade=0.6)
    land = _rise(relief, coast, coast + 0.1)
    low = dice.uniform(-0.5, 0.5)
    sky = _rise(_texture(dice, ball, dice.uniform(0.1, 0.3) * size, octaves=4, fade=0.65), low, low + 0.9)
    if dice.chance(0.5):
        streaks = _texture(dice, ball, 0.5 * size, octaves=2)
        sky = sky * _rise(streaks, -0.5, 0.3)
    sea = np.array([0.02, 0.09, 0.24]) * dice.uniform(0.8, 1.5)
    ground = np.array(dice.pick(((0.20, 0.22, 0.10), (0.42, 0.32, 0.19), (0.30, 0.28, 0.22))))
    color = sea + (ground * (1 + 0.5 * (relief - coast))[..., None] - sea) * land[..., None]
    color = color + (np.array([0.92, 0.94, 0.97]) - color) * (sky * 0.95)[..., None]
    haze = (1 - ball.slant) * (1 - ball.slant)
    color = color + (_AIR * 0.75 - color) * (haze * 0.8 + 0.1)[..., None]
    day = np.clip(ball.light * 2.2 + 0.25, 0.012, 1)
    strength = dice.uniform(0.6, 1.05)
    np.copyto(picture, color * (day * strength)[..., None], where=ball.inside[..., None])
    thick = dice.uniform(2.0, 5.0) / 192 * size
    height = np.clip((ball.reach - 1) * radius / thick, 0, 1)
    glow = (1 - height) * (1 - height) * np.clip(ball.light * 2.2 + 0.4, 0, 1)
    picture += np.where(ball.inside, 0, glow)[..., None] * _AIR * 0.9


def _rock(dice: Dice, picture: np.ndarray, center: np.ndarray, radius: float, sun: Vector) -> None:
    """Paint a bare planet with craters, or one with bands of cloud."""
    ball = _ball(picture.shape[:2], center, radius, sun)
    base = np.array(dice.pick(((0.5, 0.5, 0.49), (0.62, 0.36, 0.22), (0.66, 0.58, 0.44))))
    spots = _texture(dice, ball, dice.uniform(0.02, 0.08) * ball.side)
    bands = _texture(dice, ball, 0.2 * ball.side)
    color = base * np.clip(1 + 0.3 * spots + 0.25 * bands, 0.3, 1.5)[..., None]
    day = np.clip(ball.light * 1.4 + 0.05, 0.008, 1)
    np.copyto(picture, color * (day * dice.uniform(0.6, 1.0))[..., None], where=ball.inside[..., None])
