"""The finds of the multiclass demo: five classes of their own outline and their own pattern."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from segloop.data.demo.dice import Dice
from segloop.data.demo.sprites import Easel, Sprite, polar, smooth_closed

Draw = Callable[[Dice, tuple[float, float], float], Sprite]


def starfish(dice: Dice, center_xy: tuple[float, float], radius: float) -> Sprite:
    """Draw five blunt arms, knobs all over."""
    easel = Easel(center_xy, radius=radius, angle=dice.uniform(0, 2 * math.pi))
    arms = [2 * math.pi * (k + dice.uniform(-0.12, 0.12)) / 5 for k in range(5)]
    reach = [dice.uniform(0.88, 1.0) for _ in arms]
    valley = dice.uniform(0.36, 0.44)
    corners = []
    for k, (angle, length) in enumerate(zip(arms, reach, strict=True)):
        following = arms[(k + 1) % 5] + (2 * math.pi if k == 4 else 0)
        for offset, part in ((-0.22, 0.86), (-0.1, 1.0), (0.1, 1.0), (0.22, 0.86)):
            corners.append(polar(np.array([angle + offset]), length * part)[0])
        corners.append(polar(np.array([(angle + following) / 2]), valley)[0])
    easel.fill(easel.coverage, smooth_closed(np.array(corners), rounds=2))
    for angle, length in zip(arms, reach, strict=True):
        easel.line(easel.dark, polar(np.full(2, angle), np.array([0.0, 0.8 * length])), width=0.2, value=90)
    pitch = easel.units(dice.uniform(5.6, 7.2))
    for row in range(-8, 9):
        for column in range(-8, 9):
            knob = np.array([column + 0.5 * (row % 2), 0.866 * row]) * pitch
            if (knob**2).sum() < 1.1:
                easel.dot(easel.ink, knob, radius=0.29 * pitch)
    return easel.sprite()


def scallop(dice: Dice, center_xy: tuple[float, float], radius: float) -> Sprite:
    """Draw a fan with a wavy rim and ribs that run from the hinge."""
    easel = Easel(center_xy, radius=radius, angle=dice.uniform(0, 2 * math.pi))
    opening = dice.uniform(1.05, 1.2)
    ribs = max(5, round(2.2 * opening / easel.units(dice.uniform(6.6, 8.2))))
    hinge = np.array([-0.82, 0.0])

    def rim(angles: np.ndarray) -> np.ndarray:
        wave = np.abs(np.sin((angles / opening + 1) / 2 * ribs * math.pi))
        return (1.72 - 0.42 * (angles / opening) ** 2) * (0.94 + 0.06 * wave)

    sweep = np.linspace(-opening, opening, 90)
    easel.fill(easel.coverage, np.concatenate([hinge[None], hinge + polar(sweep, rim(sweep))]))
    easel.fill(easel.coverage, np.array([[-0.92, -0.3], [-0.92, 0.3], [-0.5, 0.42], [-0.5, -0.42]]))
    step = 2 * opening / ribs
    for k in range(ribs):
        middle = -opening + (k + 0.5) * step
        wedge = polar(np.array([middle - 0.27 * step, middle + 0.27 * step]), 2.0)
        easel.fill(easel.ink, np.concatenate([hinge[None], hinge + wedge]))
        if k:
            edge = polar(np.full(2, middle - 0.5 * step), np.array([0.5, 2.0]))
            easel.line(easel.dark, hinge + edge, width=0.035, value=190)
    for part in (0.55, 0.8):
        easel.line(easel.dark, hinge + polar(sweep, rim(sweep) * part), width=0.05, value=110)
    return easel.sprite()


def nautilus(dice: Dice, center_xy: tuple[float, float], radius: float) -> Sprite:
    """Draw a coiled shell: a light band and a dark seam wind to the middle."""
    easel = Easel(center_xy, radius=radius, angle=dice.uniform(0, 2 * math.pi))
    growth = math.log(dice.uniform(2.3, 2.8)) / (2 * math.pi)
    side = dice.pick((-1.0, 1.0))
    shift = np.array([-0.16, 0.0])

    def coil(turns: np.ndarray, inward: float = 0.0) -> np.ndarray:
        return shift + 1.1 * polar(turns, np.exp(-growth * (turns + inward))) * np.array([1.0, side])

    easel.fill(easel.coverage, coil(np.linspace(0, 2 * math.pi, 80)))
    turns = np.linspace(0.1, 5.6 * math.pi, 160)
    easel.line(easel.ink, coil(turns, 0.42 * math.pi) * 0.98, width=max(0.13, easel.units(3.2)))
    seam = coil(np.linspace(2 * math.pi, 5.6 * math.pi, 120))
    easel.line(easel.dark, seam, width=max(0.08, easel.units(2.2)), value=240)
    mouth = np.stack([coil(np.array([0.06]))[0], coil(np.array([2 * math.pi]))[0], coil(np.array([0.32]))[0]])
    easel.fill(easel.dark, smooth_closed(mouth, rounds=2), value=150)
    return easel.sprite()


def fish(dice: Dice, center_xy: tuple[float, float], radius: float) -> Sprite:
    """Draw a fish: a body in a net of scales, plain fins and head, an eye."""
    bend = dice.uniform(-0.45, 0.45)
    easel = Easel(center_xy, radius=radius, angle=dice.uniform(0, 2 * math.pi), bend=bend)
    height = dice.uniform(0.40, 0.5)
    along = np.linspace(0, 1, 40)
    x = -0.66 + 1.66 * along
    y = height * (4 * along * (1 - along)) ** 0.6 * (0.85 + 0.3 * along) + 0.13 * (1 - along) ** 2
    easel.fill(easel.coverage, np.concatenate([np.stack([x, y], 1), np.stack([x, -y], 1)[::-1]]))
    tail = np.array([[-0.5, 0.0], [-0.62, 0.14], [-1.0, 0.48], [-0.9, 0.0], [-1.0, -0.48], [-0.62, -0.14]])
    back = np.array([[-0.3, 0.2], [-0.28, height + 0.24], [0.1, height + 0.2], [0.42, 0.24]])
    belly = np.array([[-0.25, -0.2], [-0.3, -height - 0.16], [0.02, -height - 0.05], [0.15, -0.2]])
    for fin in (tail, back, belly):
        easel.fill(easel.coverage, fin)
        easel.fill(easel.dark, fin, value=110)
    easel.fill(easel.dark, np.concatenate([np.stack([x, y], 1), np.stack([x, -y], 1)[::-1]]), value=0)
    pitch = easel.units(dice.uniform(6.4, 8.0))
    for k in range(-12, 13):
        for slant in (-1.0, 1.0):
            ends = np.array([[k * pitch - 0.7, -0.7 * slant], [k * pitch + 0.7, 0.7 * slant]])
            easel.line(easel.ink, ends, width=0.27 * pitch)
    easel.fill(easel.ink, np.array([[0.5, -0.5], [0.42, 0.0], [0.5, 0.5], [1.1, 0.5], [1.1, -0.5]]), value=0)
    easel.fill(easel.ink, np.array([[-0.62, -0.6], [-0.62, 0.6], [-1.1, 0.6], [-1.1, -0.6]]), value=0)
    gill = np.linspace(-1, 1, 12)
    easel.line(easel.dark, np.stack([0.5 - 0.1 * gill**2, 0.3 * gill], 1), width=0.05, value=170)
    easel.dot(easel.dark, np.array([0.74, 0.1]), radius=0.1)
    return easel.sprite()


def leaf(dice: Dice, center_xy: tuple[float, float], radius: float) -> Sprite:
    """Draw a toothed leaf with a midrib and side veins."""
    bend = dice.uniform(-0.6, 0.6)
    easel = Easel(center_xy, radius=1.15 * radius, angle=dice.uniform(0, 2 * math.pi), bend=bend)
    width = dice.uniform(0.46, 0.6)
    teeth = max(4, round(1.45 / easel.units(dice.uniform(6.6, 8.2))))
    along = np.linspace(0, 1, 120)
    lobes = 0.86 + 0.14 * np.abs(np.sin(along * teeth * math.pi))
    y = width * 1.9 * along**0.6 * (1 - along) ** 0.9 * lobes
    x = -0.86 + 1.86 * along
    easel.fill(easel.coverage, np.concatenate([np.stack([x, y], 1), np.stack([x, -y], 1)[::-1]]))
    easel.line(easel.coverage, np.array([[-1.1, 0.0], [-0.7, 0.0]]), width=0.12)
    for k in range(teeth):
        root = -0.68 + k * 1.45 / teeth
        for flank in (-1.0, 1.0):
            tip = np.array([root + 0.42, flank * 0.62])
            easel.line(easel.ink, np.array([[root, 0.0], tip]), width=0.42 / teeth)
    easel.line(easel.ink, np.array([[-1.1, 0.0], [0.95, 0.0]]), width=0.1)
    return easel.sprite()


CREATURES: dict[str, Draw] = {
    "starfish": starfish,
    "scallop": scallop,
    "nautilus": nautilus,
    "fish": fish,
    "leaf": leaf,
}
