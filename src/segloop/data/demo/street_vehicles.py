"""The vehicles of the street scenes: solid bodies in metres, told apart by build, never by colour."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segloop.data.demo.dice import Dice
from segloop.data.demo.street_board import RGB, Pen, Thing, box, tone

# All vehicles are painted in these, whatever they are.
PAINTS: tuple[RGB, ...] = (
    (198, 200, 202),
    (232, 232, 228),
    (52, 54, 58),
    (92, 96, 102),
    (150, 32, 34),
    (38, 66, 122),
    (70, 110, 160),
    (40, 92, 66),
    (200, 164, 52),
    (188, 98, 44),
    (120, 104, 84),
)
GLASS: RGB = (46, 56, 66)
RUBBER: RGB = (26, 26, 28)
METAL: RGB = (150, 150, 152)
RED: RGB = (176, 26, 24)
LAMP: RGB = (246, 240, 214)


def coat(dice: Dice) -> RGB:
    """Choose a paint, each time a little different."""
    return tone(dice.pick(PAINTS), dice.uniform(0.82, 1.15))


def _across(along: float, reach: float, low: float, high: float) -> np.ndarray:
    """Return an upright outline that faces forward or back."""
    return np.array([(along, -reach, low), (along, reach, low), (along, reach, high), (along, -reach, high)])


def _beside(across: float, back: float, front: float, low: float, high: float) -> np.ndarray:
    """Return an upright outline that faces to the side."""
    return np.array([(back, across, low), (front, across, low), (front, across, high), (back, across, high)])


def _wheels(pen: Pen, places: tuple[float, ...], radius: float, half: float) -> None:
    """Draw the wheels of the side that is seen, and those below the end that is seen."""
    for across in (-half, half):
        if pen.side(across):
            for along in places:
                pen.disc((along, radius), radius, RUBBER, across=across)
                pen.disc((along, radius), radius * 0.52, METAL, across=across)


def _tyres(pen: Pen, along: float, half: float, height: float) -> None:
    for across in (-half + 0.12, half - 0.12):
        pen.fill(_across(along, 0.1, 0.0, height) + np.array([0.0, across, 0.0]), RUBBER)


def _lamps(pen: Pen, along: float, half: float, up: float, *, size: float = 0.14) -> None:
    """Draw lamps at an end: white in front, red behind."""
    color = LAMP if along > 0 else RED
    for across in (-half + size + 0.06, half - size - 0.06):
        lamp = _across(along, size, up - 0.6 * size, up + 0.6 * size) + np.array([0.0, across, 0.0])
        pen.fill(lamp, color, covers=False)


def _ends(length: float) -> tuple[float, float]:
    return -length / 2, length / 2


def car(dice: Dice) -> Thing:
    """Return a car: hatchback, saloon, estate or van-like, with a cabin narrower than its body."""
    paint = coat(dice)
    length, width = dice.uniform(3.7, 4.7), dice.uniform(1.7, 1.85)
    tall = dice.chance(0.25)
    height = dice.uniform(1.65, 1.9) if tall else dice.uniform(1.38, 1.52)
    belt = height * dice.uniform(0.58, 0.64)
    tail = dice.pick((0.06, 0.1, 0.34))  # where the rear window ends: estate, hatchback, saloon
    nose = 0.34 if not tall else 0.24
    back, front = _ends(length)
    low_cabin = (back + 0.02 + tail * 0.5 * length, front - nose * length * 0.75)
    high_cabin = (low_cabin[0] + 0.32 + 0.3 * tail, low_cabin[1] - 0.62)
    half, roof = width / 2, width / 2 - 0.16

    def draw(pen: Pen) -> None:
        pen.hull(box((back + 0.1, front - 0.1), (-half + 0.05, half - 0.05), (0.16, 0.42)), tone(paint, 0.4))
        for along in (back, front):
            if pen.end(along):
                _tyres(pen, along * 0.94, half, 0.4)
        body = np.concatenate(
            [
                box((back, front), (-half, half), (0.3, belt * 0.78)),
                box((back + 0.12, front - 0.28), (-half, half), (belt, belt)),
            ]
        )
        pen.hull(body, pen.lit(paint, 1 if pen.end(front) else -1, 0))
        cabin = np.array(
            [(a, b, belt) for a in low_cabin for b in (-half + 0.03, half - 0.03)]
            + [(a, b, height) for a in high_cabin for b in (-roof, roof)]
        )
        pen.hull(cabin, tone(paint, 0.95))
        for along, low, high in ((1, low_cabin[1], high_cabin[1]), (-1, low_cabin[0], high_cabin[0])):
            if pen.end(along * length / 2):
                pane = np.array([(low, -half + 0.12, belt + 0.03), (low, half - 0.12, belt + 0.03)])
                top = np.array([(high, roof - 0.06, height - 0.1), (high, -roof + 0.06, height - 0.1)])
                pen.fill(np.concatenate([pane, top]), GLASS, covers=False)
        for across in (-half, half):
            if pen.side(across):
                _car_side(pen, across, roof)
        for along in (back, front):
            if pen.end(along):
                _lamps(pen, along, half, belt * 0.82)
                pen.fill(_across(along, half * 0.9, 0.26, 0.42), tone(paint, 0.5), covers=False)
                pen.fill(_across(along, 0.24, 0.46, 0.58), (226, 226, 220), covers=False)
        _wheels(pen, (back + 0.2 * length, front - 0.2 * length), 0.32, half)

    def _car_side(pen: Pen, across: float, roof: float) -> None:
        sign = 1.0 if across > 0 else -1.0
        flank = [
            (back, across, 0.3),
            (front, across, 0.3),
            (front, across, belt * 0.76),
            (front - 0.28, across, belt),
        ]
        flank += [(back + 0.12, across, belt), (back, across, belt * 0.78)]
        pen.fill(np.array(flank), pen.lit(paint, 0, sign))
        bottom, top = belt + 0.02, height - 0.11
        pane = [
            (low_cabin[0] + 0.2, sign * (half - 0.02), bottom),
            (low_cabin[1] - 0.14, sign * (half - 0.02), bottom),
        ]
        pane += [(high_cabin[1] - 0.06, sign * roof, top), (high_cabin[0] + 0.1, sign * roof, top)]
        pen.fill(np.array(pane), GLASS, covers=False)
        middle = 0.5 * (low_cabin[0] + low_cabin[1]) - 0.05
        post = [(middle, sign * half, bottom), (middle, sign * roof, top)]
        pen.line(post, pen.lit(paint, 0, sign), width=0.09, covers=False)
        door = [(middle, across, belt), (middle, across, 0.36)]
        pen.line(door, tone(paint, 0.6), width=0.03, covers=False)

    return Thing((length, width, height), paint, draw)


def truck(dice: Dice) -> Thing:
    """Return a truck: a cab before a taller, plain box, on large wheels with a gap between them."""
    paint, cargo = coat(dice), coat(dice)
    length, width = dice.uniform(6.4, 9.5), 2.45
    height = dice.uniform(3.1, 3.7)
    cab = dice.uniform(2.3, 2.9)
    back, front = _ends(length)
    half, neck = width / 2, front - 1.9
    open_bed = dice.chance(0.25)

    def draw(pen: Pen) -> None:
        pen.hull(box((back + 0.2, front - 0.2), (-half + 0.15, half - 0.15), (0.45, 0.95)), (44, 44, 46))
        load = box((back, neck - 0.25), (-half, half), (0.95, 1.75 if open_bed else height))
        head = box((neck, front), (-half + 0.08, half - 0.08), (0.5, cab))
        parts = [(load, cargo), (head, paint)]
        order = parts if pen.end(front) else parts[::-1]  # the nearer part lies over the other
        for corners, color in order:
            pen.hull(corners, pen.lit(color, 1 if pen.end(front) else -1, 0))
            low, high = corners.min(axis=0), corners.max(axis=0)
            for across in (low[1], high[1]):
                if pen.side(across):
                    side = _beside(across, low[0], high[0], low[2], high[2])
                    pen.fill(side, pen.lit(color, 0, 1 if across > 0 else -1), covers=False)
                    if color is paint:
                        window = _beside(across, neck + 0.5, front - 0.25, cab * 0.58, cab * 0.88)
                        pen.fill(window, GLASS, covers=False)
                    else:
                        rim = _beside(across, low[0], high[0], high[2] - 0.12, high[2])
                        pen.fill(rim, tone(color, 0.72), covers=False)
        if pen.end(front):
            pen.fill(_across(front, half - 0.2, cab * 0.56, cab * 0.9), GLASS, covers=False)
            pen.fill(_across(front, half * 0.6, 0.75, 1.1), (50, 50, 52), covers=False)
            _lamps(pen, front, half, 0.75, size=0.17)
        if pen.end(back):
            top = 1.75 if open_bed else height
            pen.line([(back, 0, 1.0), (back, 0, top - 0.1)], tone(cargo, 0.6), width=0.05, covers=False)
            pen.fill(_across(back, half, top - 0.14, top), tone(cargo, 0.72), covers=False)
            pen.fill(_across(back, half * 0.9, 0.6, 0.85), (40, 40, 42), covers=True)
            _lamps(pen, back, half, 0.75, size=0.16)
            _tyres(pen, back + 0.6, half, 0.9)
        _wheels(pen, (back + 1.1, back + 2.2, front - 0.95), 0.5, half)

    return Thing((length, width, height), paint, draw)


def bus(dice: Dice) -> Thing:
    """Return a bus: one long box with a band of windows, doors, and a sign over the windscreen."""
    paint, second = coat(dice), coat(dice)
    length, width = dice.uniform(9.5, 12.0), 2.5
    height = dice.uniform(2.95, 3.2)
    back, front = _ends(length)
    half = width / 2
    split = dice.uniform(0.9, 1.15)

    def draw(pen: Pen) -> None:
        pen.hull(
            box((back, front), (-half, half), (0.3, height)), pen.lit(paint, 1 if pen.end(front) else -1, 0)
        )
        for across in (-half, half):
            if not pen.side(across):
                continue
            sign = 1 if across > 0 else -1
            pen.fill(_beside(across, back, front, 0.3, height), pen.lit(paint, 0, sign), covers=False)
            pen.fill(_beside(across, back, front, 0.3, split), pen.lit(second, 0, sign), covers=False)
            pen.fill(_beside(across, back + 0.4, front - 0.15, 1.4, 2.5), GLASS, covers=False)
            count = 7
            for k in range(1, count):
                along = back + 0.4 + k * (length - 0.55) / count
                pen.line([(along, across, 1.4), (along, across, 2.5)], (88, 92, 96), width=0.1, covers=False)
            if sign < 0:  # doors open to the kerb, on the right
                for along in (front - 1.3, -0.4):
                    pen.fill(
                        _beside(across, along - 0.6, along + 0.6, 0.4, 2.5), tone(GLASS, 1.25), covers=False
                    )
                    middle = [(along, across, 0.4), (along, across, 2.5)]
                    pen.line(middle, (120, 122, 124), width=0.08, covers=False)
        if pen.end(front):
            pen.fill(_across(front, half - 0.1, 1.05, 2.55), GLASS, covers=False)
            pen.fill(_across(front, half - 0.3, 2.62, height - 0.08), (24, 24, 20), covers=False)
            pen.fill(_across(front, half - 0.75, 2.68, height - 0.14), (236, 170, 44), covers=False)
            _lamps(pen, front, half, 0.7, size=0.16)
        if pen.end(back):
            pen.fill(_across(back, half - 0.35, 1.75, 2.6), GLASS, covers=False)
            pen.fill(_across(back, half - 0.4, 0.55, 1.25), tone(second, 0.7), covers=False)
            _lamps(pen, back, half, 1.45, size=0.15)
        for along in (back, front):
            if pen.end(along):
                _tyres(pen, along * 0.8, half, 0.5)
        _wheels(pen, (back + 2.6, front - 2.6), 0.48, half)

    return Thing((length, width, height), paint, draw)


def train(dice: Dice) -> Thing:
    """Return a tram: long, jointed, without wheels to be seen, with sloping ends and a pantograph."""
    paint, second = coat(dice), coat(dice)
    parts = dice.integer(2, 4)
    length, width = 6.5 * parts + dice.uniform(0, 2), 2.35
    height = dice.uniform(3.15, 3.4)
    back, front = _ends(length)
    half = width / 2
    slope = dice.uniform(0.5, 0.9)
    mast = dice.uniform(-0.2, 0.2) * length

    def draw(pen: Pen) -> None:
        arm = [(mast - 0.6, 0, height), (mast + 0.5, 0, height + 0.7), (mast - 0.3, 0, height + 1.3)]
        pen.line(arm, (60, 60, 62), width=0.12)
        pen.line(
            [(mast - 0.3, -0.7, height + 1.3), (mast - 0.3, 0.7, height + 1.3)], (60, 60, 62), width=0.12
        )
        body = np.concatenate(
            [
                box((back, front), (-half, half), (0.2, 1.2)),
                box((back + slope, front - slope), (-half, half), (height - 0.35, height - 0.35)),
                box((back + slope + 0.2, front - slope - 0.2), (-half + 0.4, half - 0.4), (height, height)),
            ]
        )
        pen.hull(body, pen.lit(paint, 1 if pen.end(front) else -1, 0))
        for across in (-half, half):
            if pen.side(across):
                _side(pen, across)
        for along, inner in ((front, front - slope), (back, back + slope)):
            if pen.end(along):
                pane = [(along - 0.02 * along, -half * 0.82, 1.35), (along - 0.02 * along, half * 0.82, 1.35)]
                pane += [(inner, half * 0.74, height - 0.62), (inner, -half * 0.74, height - 0.62)]
                pen.fill(np.array(pane), GLASS, covers=False)
                pen.fill(
                    _across(along, half, 0.2, 0.85), pen.lit(second, 1 if along > 0 else -1, 0), covers=False
                )
                pen.fill(_across(along, 0.16, 1.0, 1.2), LAMP if along > 0 else RED, covers=False)
                _lamps(pen, along, half, 0.62, size=0.13)

    def _side(pen: Pen, across: float) -> None:
        sign = 1 if across > 0 else -1
        flank = [(back, across, 0.2), (front, across, 0.2), (front, across, 1.2)]
        flank += [
            (front - slope, across, height - 0.35),
            (back + slope, across, height - 0.35),
            (back, across, 1.2),
        ]
        pen.fill(np.array(flank), pen.lit(paint, 0, sign), covers=False)
        pen.fill(_beside(across, back, front, 0.2, 0.85), pen.lit(second, 0, sign), covers=False)
        pen.fill(_beside(across, back + slope + 0.1, front - slope - 0.1, 1.3, 2.45), GLASS, covers=False)
        step = length / parts
        for k in range(parts):
            for share in (0.3, 0.7):
                along = back + (k + share) * step
                door = _beside(across, along - 0.55, along + 0.55, 0.3, 2.5)
                pen.fill(door, pen.lit(tone(second, 0.85), 0, sign), covers=False)
                pane = _beside(across, along - 0.42, along + 0.42, 0.9, 2.35)
                pen.fill(pane, GLASS, covers=False)
            if k:
                joint = _beside(across, back + k * step - 0.22, back + k * step + 0.22, 0.2, height - 0.35)
                pen.fill(joint, (38, 38, 40), covers=False)

    return Thing((length, width, height + 1.4), paint, draw)


def caravan(dice: Dice) -> Thing:
    """Return a caravan, which nobody scores: a pale box on one axle with a window."""
    paint = tone((222, 220, 210), dice.uniform(0.85, 1.1))

    def draw(pen: Pen) -> None:
        shell = np.concatenate(
            [box((-2.6, 2.4), (-1.1, 1.1), (0.55, 1.9)), box((-2.4, 1.9), (-1.0, 1.0), (0.45, 2.5))]
        )
        pen.hull(shell, pen.lit(paint, 1 if pen.end(2.4) else -1, 0))
        for across in (-1.1, 1.1):
            if pen.side(across):
                pen.fill(
                    _beside(across, -2.5, 2.2, 0.55, 2.0),
                    pen.lit(paint, 0, 1 if across > 0 else -1),
                    covers=False,
                )
                pen.fill(_beside(across, -1.6, 0.6, 1.35, 1.95), GLASS, covers=False)
        for along in (-2.6, 2.4):
            if pen.end(along):
                pen.fill(_across(along, 0.8, 1.3, 1.95), GLASS, covers=False)
                _lamps(pen, along, 1.1, 0.75)
        _wheels(pen, (0.0,), 0.32, 1.1)

    return Thing((5.2, 2.2, 2.6), paint, draw)


def trailer(dice: Dice) -> Thing:
    """Return a trailer, which nobody scores: a low box on one axle with a drawbar."""
    paint = coat(dice)

    def draw(pen: Pen) -> None:
        pen.hull(box((-1.4, 1.2), (-0.8, 0.8), (0.45, 1.1)), pen.lit(paint, -1, 0))
        pen.line([(1.2, 0, 0.5), (2.2, 0, 0.45)], (60, 60, 60), width=0.08)
        _wheels(pen, (-0.1,), 0.28, 0.8)

    return Thing((4.4, 1.6, 1.2), paint, draw)


VEHICLES: dict[str, Callable[[Dice], Thing]] = {
    "car": car,
    "truck": truck,
    "bus": bus,
    "train": train,
    "caravan": caravan,
    "trailer": trailer,
}
