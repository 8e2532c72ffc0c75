"""The bodies of three types of neuronal cells, and the neurites that grow out of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from segloop.data.demo.dice import Dice
from segloop.data.demo.sprites import Easel, Points, Sprite, polar, smooth_closed

BASE = 192  # pixels: lengths of this package are of a scene of this side, unless they are drawn
XY = tuple[float, float]


@dataclass(frozen=True)
class Neurite:
    """A thin process: a curve through the scene, its width in pixels, and how dense each of its steps is."""

    points_xy: Points
    width: float
    densities: tuple[int, ...]


@dataclass(frozen=True)
class Body:
    """A drawn cell: its sprite (ink are bright granules, dark is the nucleus) and how light passes it.

    `phase` is how far its middle delays the light, in waves of the microscope; `soft` how far its rim thins
    out, in pixels; `heap` how much of its thickness is heaped up in the middle; `rim` how many grey
    levels brighter its seam is; `blurred` ones are not in focus.
    """

    sprite: Sprite
    neurites: tuple[Neurite, ...]
    phase: float
    soft: float
    heap: float = 0.0
    rim: float = 0.0
    blurred: bool = False


@dataclass(frozen=True)
class Kind:
    """What cells of one type have in common; lengths are in pixels of a scene of `BASE`.

    `gap` is how near two cells may come, as a share of their radii together; `clump` how many of them lie
    against another one; `contrast` how many grey levels granules and nuclei stand out.
    """

    draw: Callable[[Dice, XY, float, float], Body]
    count: tuple[int, int]
    radius: tuple[float, float]
    gap: float
    clump: float
    contrast: float


def shsy5y(dice: Dice, center_xy: XY, radius: float, angle: float) -> Body:
    """Draw a small body with one to four tapering arms, hollow between them, that end in neurites."""
    arms = dice.pick((1, 2, 2, 2, 3, 3, 3, 4))
    turn = 2 * math.pi / arms
    angles = [turn * (k + dice.uniform(-0.17, 0.17)) for k in range(arms)]
    lengths = [dice.uniform(0.66, 1.0) for _ in angles]
    waist, blunt = dice.uniform(0.36, 0.5), dice.uniform(0.2, 0.42)
    corners = []
    for k, (at, length) in enumerate(zip(angles, lengths, strict=True)):
        after = angles[(k + 1) % arms] + (2 * math.pi if k == arms - 1 else 0)
        near, flank = 0.6 * length, blunt / max(length, 0.7)
        corners.append(
            polar(at + flank * np.array([-1.0, -0.4, 0.4, 1.0]), np.array([near, length, length, near]))
        )
        between = np.linspace(at, after, {1: 6, 2: 4}.get(arms, 3))[1:-1]
        corners.append(polar(between, waist * (0.85 + 0.3 * dice.grid(len(between)))))
    easel = Easel(center_xy, radius=radius, angle=angle, bend=dice.uniform(-0.8, 0.8))
    easel.fill(easel.coverage, smooth_closed(np.concatenate(corners), rounds=3))
    easel.dot(easel.dark, (dice.grid(2) - 0.5) * 0.2, radius=0.2, value=dice.integer(40, 150))
    for spot in dice.grid(dice.integer(2, 6), 2) - 0.5:
        layer = easel.ink if dice.chance(0.7) else easel.dark
        easel.dot(layer, spot * 0.9, radius=0.06, value=dice.integer(100, 255))
    tips = [
        _place(center_xy, radius * length * 0.9, angle + at)
        for at, length in zip(angles, lengths, strict=True)
    ]
    neurites = [
        _neurite(dice, tip, angle + at, length=radius * dice.uniform(0.4, 2.6), density=170)
        for tip, at in zip(tips, angles, strict=True)
        if dice.chance(0.65)
    ]
    return Body(easel.sprite(), tuple(neurites), phase=dice.uniform(0.45, 0.95), soft=0.12 * radius)


def astro(dice: Dice, center_xy: XY, radius: float, angle: float) -> Body:
    """Draw a large flat body of no particular shape, with granules around a nucleus and a few broad feet."""
    number = dice.integer(9, 14)
    steps = (np.arange(number) + 0.7 * dice.grid(number)) * (2 * math.pi / number)
    radii = 0.34 + 0.4 * dice.grid(number)
    for _ in range(dice.integer(1, 3)):
        radii[dice.integer(0, number - 1)] = dice.uniform(0.9, 1.2)
    stretch = np.array([1.0, dice.uniform(0.5, 0.95)])
    easel = Easel(center_xy, radius=radius, angle=angle, bend=dice.uniform(-0.6, 0.6))
    easel.fill(easel.coverage, smooth_closed(polar(steps, np.minimum(radii, 1.2)) * stretch, rounds=2))
    heart = (dice.grid(2) - 0.5) * 0.25
    rim = polar(np.linspace(0, 2 * math.pi, 13)[:-1], 0.17) * [1.0, dice.uniform(0.65, 0.95)] + heart
    easel.fill(easel.dark, smooth_closed(rim, rounds=1), value=dice.integer(40, 120))
    for _ in range(dice.integer(1, 3)):
        easel.dot(easel.dark, heart + (dice.grid(2) - 0.5) * 0.18, radius=0.03, value=255)
    for spot in polar(dice.grid(24) * 2 * math.pi, 0.18 + 0.5 * dice.grid(24)):
        layer = easel.ink if dice.chance(0.6) else easel.dark
        easel.dot(layer, (heart + spot) * stretch, radius=0.025, value=dice.integer(70, 230))
    for _ in range(dice.integer(0, 5)):  # fibres
        begin, end = polar(dice.grid(2) * 2 * math.pi, 0.6 + 0.4 * dice.grid(2)) * stretch
        easel.line(easel.dark, np.stack([begin, end]), width=0.02, value=80)
    return Body(
        easel.sprite(),
        (),
        phase=dice.uniform(0.18, 0.48),
        soft=0.06 * radius,
        heap=0.75,
        rim=dice.uniform(2, 16),
    )


def cort(dice: Dice, center_xy: XY, radius: float, angle: float) -> Body:
    """Draw a small round body, some drawn out to a cone, with a few long neurites."""
    corners = np.linspace(0, 2 * math.pi, 10)[:-1]
    radii = 0.64 * (0.82 + 0.32 * dice.grid(9))
    cone = dice.chance(0.4)
    if cone:
        radii[0] = dice.uniform(0.85, 1.1)
    shape = polar(corners, radii) * [1.0, dice.uniform(0.72, 1.0)]
    easel = Easel(center_xy, radius=1.5 * radius, angle=angle)
    easel.fill(easel.coverage, smooth_closed(shape, rounds=2))
    easel.dot(
        easel.ink, (dice.grid(2) - 0.5) * 0.4, radius=dice.uniform(0.1, 0.2), value=dice.integer(0, 200)
    )
    for _ in range(dice.integer(1, 3)):
        easel.dot(easel.dark, (dice.grid(2) - 0.5) * 0.7, radius=0.1, value=dice.integer(60, 220))
    ways = [0.0] if cone else []
    ways += [dice.uniform(0, 2 * math.pi) for _ in range(dice.pick((0, 1, 1, 2)))]
    neurites = []
    for way in ways:
        root = _place(center_xy, 0.9 * radius, angle + way)
        reach = radius * dice.uniform(1.5, 7.0)
        neurites.append(_neurite(dice, root, angle + way, length=reach, density=130))
        if dice.chance(0.4):
            fork = neurites[-1].points_xy[len(neurites[-1].points_xy) // 2]
            side = angle + way + dice.uniform(-1.2, 1.2)
            neurites.append(_neurite(dice, (fork[0], fork[1]), side, length=0.5 * reach, density=110))
    return Body(easel.sprite(), tuple(neurites), phase=dice.uniform(0.6, 1.25), soft=0.26 * radius)


KINDS: Mapping[str, Kind] = {
    "shsy5y": Kind(shsy5y, count=(46, 86), radius=(10.5, 15.5), gap=0.44, clump=0.6, contrast=26),
    "astro": Kind(astro, count=(18, 28), radius=(23.0, 38.0), gap=0.38, clump=0.55, contrast=26),
    "cort": Kind(cort, count=(20, 38), radius=(6.4, 9.2), gap=0.86, clump=0.4, contrast=34),
}


def passing(dice: Dice, cell_type: str, unit: float) -> list[Neurite]:
    """Return neurites of cells that lie elsewhere: they cross the field, and belong to nothing in it."""
    if cell_type == "astro":
        return []
    found = []
    for _ in range(dice.integer(0, 12)):
        root = (dice.uniform(0, BASE) * unit, dice.uniform(0, BASE) * unit)
        length, way = dice.uniform(25, 110) * unit, dice.uniform(0, 2 * math.pi)
        found.append(_neurite(dice, root, way, length=length, density=dice.integer(70, 150)))
    return found


def _place(origin_xy: XY, distance: float, angle: float) -> XY:
    return origin_xy[0] + distance * math.cos(angle), origin_xy[1] + distance * math.sin(angle)


def _neurite(dice: Dice, root_xy: XY, angle: float, *, length: float, density: int) -> Neurite:
    """Let a process grow from a point, in steps of which each turns a little."""
    steps = max(3, min(40, round(length / 4)))
    curl, points, at = dice.uniform(-0.08, 0.08), [root_xy], root_xy
    for turn in dice.grid(steps):
        angle += curl + 0.7 * (float(turn) - 0.5)
        at = _place(at, length / steps, angle)
        points.append(at)
    beads = (dice.grid(steps) * 1.2 + 0.4) * density
    return Neurite(
        np.array(points), dice.uniform(0.7, 1.3), tuple(np.minimum(np.rint(beads), 255).astype(int).tolist())
    )
