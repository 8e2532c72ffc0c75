"""The shore on which the finds lie: grounds, stones and weed in the same colours and patterns."""

from __future__ import annotations

import math

import cv2
import numpy as np

from segloop.data.demo.dice import Dice
from segloop.data.demo.sprites import Easel, Sprite, polar, smooth_closed

# One palette colours a whole scene, finds, stones and ground alike, so that no colour tells a class.
PALETTES = (
    ("#e8d8b9", "#c9a97c", "#8c6b4f", "#d97b53", "#4f6d7a", "#f4efe6"),
    ("#dfe7e2", "#9fb8ad", "#5d7f79", "#c5705d", "#34495e", "#f2e2c4"),
    ("#f0dcc8", "#d8a48f", "#a8665f", "#6b8f71", "#3b4a5a", "#fff4e0"),
    ("#cfd8dc", "#90a4ae", "#546e7a", "#e0a458", "#7a4f4a", "#f7f3e8"),
    ("#e6dfae", "#b7b77a", "#6f7f4f", "#b5654a", "#2f4b4e", "#f9f2d9"),
    ("#ead7d7", "#c3a0b1", "#7d5f86", "#5fa8a0", "#3c3f5c", "#fbeee0"),
    ("#d9e4ea", "#86b3c4", "#3f7d93", "#d98f4e", "#5a4a42", "#fdf3df"),
    ("#efe0c9", "#c6b08e", "#7b8c7d", "#a94f4a", "#2e3d49", "#e9c98f"),
)


def colors_of(palette: tuple[str, ...]) -> np.ndarray:
    """Return a palette as an Nx3 float32 array of RGB."""
    values = [[int(text[k : k + 2], 16) for k in (1, 3, 5)] for text in palette]
    return np.array(values, np.float32)


def mix(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Blend two colours by a map of shares in [0, 1]."""
    return first + (second - first) * share[..., None]


def triangle(phase: np.ndarray) -> np.ndarray:
    """Return a wave in [0, 1] of period 1, rounded at its ends: a sine without a libm."""
    saw = np.abs(phase - np.floor(phase) - np.float32(0.5)) * np.float32(2)
    return saw * saw * (np.float32(3) - np.float32(2) * saw)


def ground(dice: Dice, colors: np.ndarray, size: int) -> np.ndarray:
    """Return the empty ground of a scene, HxWx3 float32: one kind, or two with a winding border."""
    first = dice.pick(_GROUNDS)(dice, colors, size)
    if dice.chance(0.35):
        second = dice.pick(_GROUNDS)(dice, colors, size)
        border = dice.clouds(size, cell=size / 3) + 0.5 * dice.clouds(size, cell=size / 10)
        share = np.clip(border * np.float32(9) + np.float32(0.5), 0, 1)
        first = first + (second - first) * share[..., None]
    middle = np.rint(first.mean(axis=(0, 1), dtype=np.float64)).astype(np.float32)
    return middle + (first - middle) * np.float32(
        dice.uniform(0.4, 0.8)
    )  # the ground is paler than the finds


def _two(dice: Dice, colors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    start = dice.integer(0, len(colors) - 1)
    return colors[start], colors[(start + dice.integer(1, len(colors) - 1)) % len(colors)]


def _sand(dice: Dice, colors: np.ndarray, size: int) -> np.ndarray:
    """Sand in ripples, with grains."""
    low, high = _two(dice, colors)
    angle = dice.uniform(0, math.pi)
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    period = dice.uniform(9, 26)
    slope = (round(math.cos(angle), 6) / period, round(math.sin(angle), 6) / period)
    warp = dice.clouds(size, cell=size / 4) * np.float32(dice.uniform(0.3, 1.6))
    ripples = triangle(columns * np.float32(slope[0]) + rows * np.float32(slope[1]) + warp)
    strength = dice.uniform(0.1, 0.75)
    share = 0.25 + 0.25 * dice.clouds(size, cell=40) + strength * (ripples - 0.5)
    share = share + 0.12 * dice.clouds(size, cell=1.5)
    return mix(low, high, np.clip(share, 0, 1).astype(np.float32))


def _cells(dice: Dice, size: int, *, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Split the ground into cells: the number of each pixel's cell, and 0 on the borders, 255 elsewhere."""
    seeds = np.full((size, size), 255, np.uint8)
    count = max(6, round((size / spacing) ** 2))
    places = (dice.grid(count, 2) * size).astype(int)
    seeds[places[:, 0], places[:, 1]] = 0
    _, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    inside = np.full((size, size), 255, np.uint8)
    inside[:, 1:][labels[:, 1:] != labels[:, :-1]] = 0
    inside[1:][labels[1:] != labels[:-1]] = 0
    return labels, inside


def _cobbles(dice: Dice, colors: np.ndarray, size: int) -> np.ndarray:
    """A bed of rounded stones."""
    spacing = dice.uniform(12, 30)
    labels, inside = _cells(dice, size, spacing=spacing)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(spacing / 5) + 1,) * 2)
    depth = cv2.distanceTransform(cv2.morphologyEx(inside, cv2.MORPH_OPEN, disc), cv2.DIST_L2, 5)
    tones = colors[(dice.grid(labels.max() + 1) * len(colors)).astype(int)]
    tones = tones * (0.8 + 0.3 * dice.grid(labels.max() + 1, 1)).astype(np.float32)
    dome = np.clip(depth / np.float32(dice.uniform(4, 7)), 0, 1)
    shade = np.float32(0.4) + np.float32(0.6) * dome * (np.float32(2) - dome)
    grain = np.float32(1) + np.float32(0.08) * dice.clouds(size, cell=2)
    return tones[labels] * (shade * grain)[..., None]


def _rock(dice: Dice, colors: np.ndarray, size: int) -> np.ndarray:
    """Bare rock: stains and cracks."""
    low, high = _two(dice, colors)
    stain = dice.clouds(size, cell=24) + 0.6 * dice.clouds(size, cell=8) + 0.3 * dice.clouds(size, cell=3)
    _, inside = _cells(dice, size, spacing=dice.uniform(30, 60))
    crack = np.clip(cv2.distanceTransform(inside, cv2.DIST_L2, 5) / np.float32(2.2), 0, 1)
    share = np.clip(np.float32(0.5) + np.float32(0.45) * stain, 0, 1)
    return mix(low, high, share) * (np.float32(0.45) + np.float32(0.55) * crack)[..., None]


def _planks(dice: Dice, colors: np.ndarray, size: int) -> np.ndarray:
    """Weathered planks with grain along them."""
    low, high = _two(dice, colors)
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    angle = dice.uniform(0, math.pi)
    cosine, sine = np.float32(round(math.cos(angle), 6)), np.float32(round(math.sin(angle), 6))
    across, along = columns * cosine + rows * sine, rows * cosine - columns * sine
    width = np.float32(dice.uniform(22, 48))
    number = np.floor(across / width).astype(int)
    tone = dice.grid(64)[number % 64].astype(np.float32)
    warp = dice.clouds(size, cell=28) * np.float32(1.5)
    grain = triangle(across / np.float32(dice.uniform(4.5, 9)) + along / np.float32(90) + warp + tone * 7)
    share = np.clip(np.float32(0.15) + np.float32(0.4) * tone + np.float32(0.4) * grain, 0, 1)
    edge = np.abs(across / width - number - np.float32(0.5)) * 2
    gap = np.clip((np.float32(1) - edge) * width / np.float32(3), 0, 1)
    return mix(low, high, share) * (np.float32(0.35) + np.float32(0.65) * gap)[..., None]


def _weave(dice: Dice, colors: np.ndarray, size: int) -> np.ndarray:
    """A beach mat: checks of two colours, lit like threads."""
    low, high = _two(dice, colors)
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    angle = dice.uniform(0, math.pi)
    cosine, sine = np.float32(round(math.cos(angle), 6)), np.float32(round(math.sin(angle), 6))
    period = np.float32(dice.uniform(8, 20))
    warp = dice.clouds(size, cell=60) * np.float32(0.4)
    across = triangle((columns * cosine + rows * sine) / period + warp)
    along = triangle((rows * cosine - columns * sine) / period + warp)
    share = np.clip((across + along - np.float32(1)) * np.float32(1.2) + np.float32(0.5), 0, 1)
    return mix(low, high, share) * (np.float32(0.85) + np.float32(0.15) * across * along)[..., None]


_GROUNDS = (_sand, _sand, _cobbles, _rock, _planks, _weave)


def stone(dice: Dice, center_xy: tuple[float, float], radius: float) -> Sprite:
    """Draw a stone: plain, banded, speckled or veined, so that patterns alone tell no class either."""
    easel = Easel(center_xy, radius=radius, angle=dice.uniform(0, 2 * math.pi))
    corners = np.linspace(0, 2 * math.pi, 8)[:-1]
    outline = polar(corners, 0.78 + 0.4 * dice.grid(7)) * [1.0, dice.uniform(0.6, 1.0)]
    easel.fill(easel.coverage, smooth_closed(outline, rounds=3))
    kind = dice.pick(("plain", "bands", "speckles", "veins", "patch"))
    if kind == "bands":
        step = dice.uniform(0.3, 0.5)
        for k in range(-4, 5):
            easel.line(easel.ink, np.array([[k * step, -1.2], [k * step + 0.1, 1.2]]), width=0.45 * step)
    elif kind == "speckles":
        for spot in dice.grid(dice.integer(8, 18), 2) * 2 - 1:
            easel.dot(easel.ink, spot, radius=dice.uniform(0.05, 0.12))
    elif kind == "veins":
        for _ in range(dice.integer(2, 4)):
            ends = dice.grid(2, 2) * 2.4 - 1.2
            easel.line(easel.ink, ends, width=dice.uniform(0.06, 0.12))
    elif kind == "patch":
        shape = polar(corners, 0.3 + 0.4 * dice.grid(7)) + (dice.grid(2) - 0.5)
        easel.fill(easel.ink, smooth_closed(shape, rounds=3))
    return easel.sprite()


def weed(dice: Dice, center_xy: tuple[float, float], radius: float) -> Sprite:
    """Draw a strand of weed: a winding ribbon with side shoots."""
    easel = Easel(center_xy, radius=radius, angle=dice.uniform(0, 2 * math.pi), bend=dice.uniform(-0.9, 0.9))
    along = np.linspace(-1.1, 1.1, 24)
    wave = dice.uniform(0.05, 0.2) * np.sin(along * dice.uniform(3, 6))
    easel.line(easel.coverage, np.stack([along, wave], 1), width=dice.uniform(0.06, 0.16))
    for k in range(2, 22, dice.integer(3, 5)):
        tip = [along[k] + 0.18, wave[k] + dice.pick((-1.0, 1.0)) * dice.uniform(0.2, 0.4)]
        easel.line(easel.coverage, np.array([[along[k], wave[k]], tip]), width=0.08)
    easel.line(easel.ink, np.stack([along, wave], 1), width=0.04)
    return easel.sprite()


def stick(dice: Dice, center_xy: tuple[float, float], radius: float) -> Sprite:
    """Draw a piece of driftwood with rings of bark."""
    easel = Easel(center_xy, radius=radius, angle=dice.uniform(0, 2 * math.pi), bend=dice.uniform(-0.3, 0.3))
    half = dice.uniform(0.08, 0.16)
    easel.fill(
        easel.coverage, np.array([[-1.1, -half], [1.1, -0.6 * half], [1.15, 0.5 * half], [-1.05, half]])
    )
    for x in dice.grid(dice.integer(3, 7)) * 2 - 1:
        easel.line(easel.ink, np.array([[x, -0.4], [x + 0.06, 0.4]]), width=0.09)
    easel.line(easel.dark, np.array([[-1.1, 0.3 * half], [1.1, 0.1]]), width=0.03, value=120)
    return easel.sprite()


CLUTTER = (stone, stone, stone, weed, stick)
