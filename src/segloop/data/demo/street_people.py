"""The people of the street scenes, on foot and on two wheels, and what they ride."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from segloop.data.demo.dice import Dice
from segloop.data.demo.street_board import RGB, Pen, Thing, tone
from segloop.data.demo.street_vehicles import LAMP, METAL, PAINTS, RUBBER, coat

SKINS: tuple[RGB, ...] = ((224, 180, 150), (198, 148, 112), (140, 96, 68), (92, 62, 46))
CLOTHES: tuple[RGB, ...] = (
    *PAINTS,
    (34, 38, 60),
    (70, 74, 90),
    (160, 150, 132),
    (210, 120, 120),
    (30, 30, 32),
)
Flat = Sequence[tuple[float, float]]


def _flat(points: Flat, across: float = 0.0) -> np.ndarray:
    """Return points (along, up) in the plane of a thing that has no width of its own."""
    return np.array([(along, across, up) for along, up in points], np.float64)


def _limb(pen: Pen, points: Flat, width: float, color: RGB, *, across: float = 0.0) -> None:
    pen.line(_flat(points, across), color, width=width)


def _clothes(dice: Dice) -> tuple[RGB, RGB, RGB, RGB]:
    """Choose a coat, trousers, skin and hair."""
    first, second = (tone(dice.pick(CLOTHES), dice.uniform(0.8, 1.15)) for _ in range(2))
    return (
        first,
        second,
        dice.pick(SKINS),
        dice.pick(((40, 30, 24), (92, 66, 40), (168, 140, 90), (30, 30, 32))),
    )


def person(dice: Dice) -> Thing:
    """Return somebody on foot, who walks or stands, seen from any side."""
    size = dice.uniform(0.88, 1.08) if dice.chance(0.88) else dice.uniform(0.6, 0.75)  # a child
    jacket, trousers, skin, hair = _clothes(dice)
    stride = dice.pick((0.04, 0.12, 0.22, 0.3))
    lean = dice.uniform(-0.03, 0.03)
    wide = dice.uniform(0.17, 0.24)
    dress, bag = dice.chance(0.18), dice.chance(0.3)
    swing = dice.uniform(0.02, 0.16)

    def draw(pen: Pen) -> None:
        def at(points: Flat) -> list[tuple[float, float]]:
            return [(x * size, y * size) for x, y in points]

        for side in (-1, 1):
            foot = side * stride
            leg = at([(side * 0.06, 0.86), (0.5 * foot + side * 0.03, 0.46), (foot, 0.06)])
            _limb(pen, leg, 0.15 * size, trousers)
            _limb(pen, at([(foot - 0.02, 0.04), (foot + 0.1, 0.03)]), 0.08 * size, RUBBER)
        if dress:
            pen.fill(_flat(at([(-wide, 1.0), (wide, 1.0), (wide + 0.1, 0.5), (-wide - 0.1, 0.5)])), jacket)
        torso = [(-wide, 1.38), (-0.1 + lean, 1.48), (0.1 + lean, 1.48), (wide, 1.38)]
        torso += [(wide - 0.02, 0.84), (-wide + 0.02, 0.84)]
        pen.fill(_flat(at(torso)), jacket)
        for side in (-1, 1):
            hand = (side * (wide + 0.05) - side * swing * 0.6, 0.82 + 0.3 * swing)
            arm = at([(side * (wide - 0.02), 1.36), (side * (wide + 0.05), 1.08), hand])
            _limb(pen, arm, 0.11 * size, tone(jacket, 0.82))
            pen.disc((hand[0] * size, hand[1] * size), 0.055 * size, skin)
        if bag:
            pen.fill(
                _flat(at([(wide - 0.02, 1.0), (wide + 0.18, 1.0), (wide + 0.18, 0.68), (wide, 0.68)])),
                tone(trousers, 1.4),
            )
        _limb(pen, at([(lean, 1.46), (lean, 1.56)]), 0.11 * size, skin)
        pen.disc((lean * size, 1.62 * size), 0.115 * size, skin)
        cap = [
            (lean + 0.125 * math.cos(k * math.pi / 6), 1.64 + 0.115 * math.sin(k * math.pi / 6))
            for k in range(7)
        ]
        pen.fill(_flat(at(cap)), hair)

    return Thing((1.0 * size, 0.1, 1.8 * size), jacket, draw)


def rider(dice: Dice, *, motor: bool) -> Thing:
    """Return somebody who sits on a bicycle or a motorcycle, of which nothing is drawn."""
    jacket, trousers, skin, hair = _clothes(dice)
    helmet = tone(dice.pick(PAINTS), 1.0) if motor or dice.chance(0.4) else None
    seat = (-0.28, 0.86) if motor else (-0.2, 0.98)
    hands = (0.42, 1.0) if motor else (0.42, 1.04)
    foot = (0.12, 0.32) if motor else (0.05 + dice.uniform(-0.1, 0.1), 0.2 + dice.uniform(0, 0.12))
    lean = dice.uniform(0.1, 0.3)

    def draw(pen: Pen) -> None:
        hip = (seat[0], seat[1] + 0.04)
        shoulder = (seat[0] + lean + 0.06, seat[1] + 0.56)
        knee = (0.16, 0.62 if motor else 0.7)
        _limb(
            pen,
            [hip, (knee[0] + 0.05, knee[1] + 0.08), (foot[0] + 0.14, foot[1] + 0.1)],
            0.15,
            tone(trousers, 0.75),
        )
        _limb(pen, [hip, knee, foot], 0.17, trousers)
        _limb(pen, [foot, (foot[0] + 0.16, foot[1] - 0.02)], 0.09, RUBBER)
        back = [
            (hip[0] - 0.16, hip[1]),
            (shoulder[0] - 0.17, shoulder[1] - 0.02),
            (shoulder[0] - 0.02, shoulder[1] + 0.08),
        ]
        back += [(shoulder[0] + 0.1, shoulder[1] - 0.06), (hip[0] + 0.16, hip[1])]
        pen.fill(_flat(back), jacket)
        elbow = ((shoulder[0] + hands[0]) / 2 - 0.03, (shoulder[1] + hands[1]) / 2 - 0.1)
        _limb(pen, [(shoulder[0], shoulder[1] - 0.05), elbow, hands], 0.11, tone(jacket, 0.8))
        pen.disc(hands, 0.055, skin)
        head = (shoulder[0] + 0.1, shoulder[1] + 0.2)
        _limb(pen, [shoulder, head], 0.1, skin)
        pen.disc(head, 0.125, skin if helmet is None else helmet)
        dome = [
            (head[0] + 0.13 * math.cos(k * math.pi / 6), head[1] + 0.03 + 0.12 * math.sin(k * math.pi / 6))
            for k in range(7)
        ]
        pen.fill(_flat(dome), hair if helmet is None else tone(helmet, 0.8))
        if motor:
            pen.fill(
                _flat(
                    [
                        (head[0] + 0.02, head[1] - 0.03),
                        (head[0] + 0.13, head[1] - 0.03),
                        (head[0] + 0.13, head[1] + 0.05),
                        (head[0] + 0.02, head[1] + 0.05),
                    ]
                ),
                (30, 34, 40),
            )

    return Thing((1.5, 0.1, 1.95), jacket, draw)


def bicycle(dice: Dice) -> Thing:
    """Return a bicycle: two thin wheels and a frame of tubes, through which the street shows."""
    paint = coat(dice)
    wheel, base = 0.335, dice.uniform(0.5, 0.54)
    basket = dice.chance(0.25)

    def draw(pen: Pen) -> None:
        for along in (-base, base):
            pen.disc((along, wheel), wheel - 0.02, RUBBER, ring=0.055)
            pen.disc((along, wheel), 0.05, METAL)
        crank, post, head = (-0.06, 0.3), (-0.2, 0.78), (0.36, 0.8)
        pen.board.enclose(pen.pixels(_flat([(-base, wheel), crank, (base, wheel), head, post])))
        for tube in (
            [(-base, wheel), crank, head, post, crank],
            [(-base, wheel), post],
            [head, (base, wheel)],
        ):
            _limb(pen, tube, 0.05, paint)
        _limb(pen, [post, (-0.23, 0.92)], 0.04, METAL)
        _limb(pen, [(-0.36, 0.94), (-0.1, 0.93)], 0.07, RUBBER)
        _limb(pen, [head, (0.33, 1.0), (0.46, 1.04)], 0.045, RUBBER)
        _limb(pen, [crank, (0.02, 0.18)], 0.05, METAL)
        if basket:
            pen.fill(_flat([(0.42, 0.98), (0.74, 0.98), (0.7, 0.74), (0.46, 0.74)]), (110, 84, 56))

    return Thing((1.85, 0.1, 1.1), paint, draw)


def motorcycle(dice: Dice) -> Thing:
    """Return a motorcycle or a scooter: fat tyres, an engine and a tank between them."""
    paint = coat(dice)
    scooter = dice.chance(0.4)
    wheel = 0.25 if scooter else 0.31
    base = 0.62 if scooter else 0.7

    def draw(pen: Pen) -> None:
        for along in (-base, base):
            pen.disc((along, wheel), wheel, RUBBER)
            pen.disc((along, wheel), wheel * 0.55, METAL)
        pen.fill(_flat([(-0.42, 0.24), (0.34, 0.24), (0.4, 0.56), (-0.36, 0.6)]), (58, 58, 62))
        _limb(pen, [(base, wheel), (0.44, 0.98)], 0.09, METAL)
        if scooter:
            pen.fill(_flat([(-0.9, 0.5), (-0.82, 0.78), (-0.16, 0.8), (-0.06, 0.4), (-0.5, 0.3)]), paint)
            pen.fill(_flat([(0.2, 0.2), (0.44, 0.94), (0.58, 0.9), (0.36, 0.2)]), paint)
            pen.fill(_flat([(-0.3, 0.2), (0.34, 0.2), (0.34, 0.3), (-0.3, 0.3)]), paint)
        else:
            pen.fill(_flat([(-0.16, 0.6), (-0.1, 0.86), (0.24, 0.94), (0.42, 0.78), (0.3, 0.58)]), paint)
            pen.fill(_flat([(-0.96, 0.82), (-0.86, 0.66), (-0.4, 0.58), (-0.4, 0.76)]), paint)
            _limb(pen, [(0.05, 0.26), (-0.5, 0.28), (-0.98, 0.4)], 0.1, METAL)
        pen.fill(_flat([(-0.84, 0.78), (-0.16, 0.76), (-0.12, 0.86), (-0.84, 0.9)]), RUBBER)
        _limb(pen, [(0.44, 0.98), (0.3, 1.08)], 0.06, RUBBER)
        pen.disc((0.53, 0.9), 0.1, LAMP)
        pen.fill(_flat([(-1.0, 0.64), (-0.9, 0.64), (-0.9, 0.74), (-1.0, 0.74)]), (176, 26, 24))

    return Thing((2.2, 0.1, 1.2), paint, draw)


PEOPLE: dict[str, Callable[[Dice], Thing]] = {"person": person, "bicycle": bicycle, "motorcycle": motorcycle}
