"""Harbours and canals: quays, basins, piers and sheds in one turned frame, and ships that lie along them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np

from segloop.data.demo.dice import Dice
from segloop.data.demo.ships.canvas import (
    RGB,
    XY,
    Canvas,
    Frame,
    Stencil,
    blend,
    color,
    darken,
    fractal,
    ramp,
    shifted,
)
from segloop.data.demo.ships.coast import GROUNDS, ROOFS, lay_objects
from segloop.data.demo.ships.traffic import PORT_KINDS, Plan, has_room, plan, put
from segloop.data.demo.ships.vessels import BOXES
from segloop.data.demo.shore import mix

PAVINGS: tuple[RGB, ...] = (
    (150, 146, 138),
    (126, 126, 124),
    (172, 164, 148),
    (108, 106, 104),
    (188, 182, 170),
)


@dataclass(frozen=True)
class Berth:
    """An edge of a quay in the frame, from one end to the other, and the side on which water is."""

    start: XY
    end: XY
    normal: XY


@dataclass
class Plot:
    """What is built so far: land and the water cut out of it, as rectangles, and the edges to moor at."""

    land: list[tuple[XY, XY]] = field(default_factory=list)
    cuts: list[tuple[XY, XY]] = field(default_factory=list)
    floats: list[tuple[XY, XY]] = field(default_factory=list)  # pontoons
    berths: list[Berth] = field(default_factory=list)
    slips: list[Berth] = field(default_factory=list)  # for boats


def add_harbour(dice: Dice, canvas: Canvas) -> None:
    """Build a harbour along a straight shore, fill some of its berths."""
    side, unit = canvas.side, canvas.unit
    origin = (dice.uniform(0.3, 0.7) * side, dice.uniform(0.3, 0.7) * side)
    frame = Frame(origin, dice.uniform(0, 2 * math.pi))
    plot = Plot(land=[((-2 * side, 2 * side), (0, 2 * side))])
    u = -0.75 * side
    while u < 0.75 * side:
        u = dice.pick((_quay, _quay, _pier, _pier, _basin, _marina))(dice, plot, u, unit)
    if dice.chance(0.4):  # a breakwater
        start, far = dice.uniform(-0.5, 0.1) * side, -dice.uniform(110, 190) * unit
        plot.land.append(
            ((start, start + dice.uniform(70, 200) * unit), (far, far + dice.uniform(3, 6) * unit))
        )
    _build(dice, canvas, frame, plot)
    fullness = dice.pick((0.0, 0.15, 0.4, 0.6, 0.85))
    _moor(dice, canvas, frame, plot.berths, fullness=fullness, kinds=PORT_KINDS)
    _moor(dice, canvas, frame, plot.slips, fullness=fullness, kinds={"yacht": 2, "fisher": 1})


def add_canal(dice: Dice, canvas: Canvas) -> None:
    """Close in a waterway between two banks, with barges on it."""
    side, unit = canvas.side, canvas.unit
    frame = Frame(
        (dice.uniform(0.3, 0.7) * side, dice.uniform(0.3, 0.7) * side), dice.uniform(0, 2 * math.pi)
    )
    half = dice.uniform(26, 80) * unit
    plot = Plot(land=[((-2 * side, 2 * side), (half, 2 * side)), ((-2 * side, 2 * side), (-2 * side, -half))])
    for bank in (-1.0, 1.0):
        plot.berths.append(Berth((-0.7 * side, bank * half), (0.7 * side, bank * half), (0.0, -bank)))
    _build(dice, canvas, frame, plot)
    _moor(dice, canvas, frame, plot.berths, fullness=dice.uniform(0, 0.35), kinds={"barge": 3, "bulk": 1})


def _quay(dice: Dice, plot: Plot, u: float, unit: float) -> float:
    length = dice.uniform(40, 110) * unit
    plot.berths.append(Berth((u, 0.0), (u + length, 0.0), (0.0, -1.0)))
    return u + length


def _pier(dice: Dice, plot: Plot, u: float, unit: float) -> float:
    width, length = dice.uniform(5, 24) * unit, dice.uniform(40, 120) * unit
    u += dice.uniform(8, 30) * unit
    plot.land.append(((u, u + width), (-length, unit)))
    plot.berths += [
        Berth((u, -length), (u, 0.0), (-1.0, 0.0)),
        Berth((u + width, -length), (u + width, 0.0), (1.0, 0.0)),
    ]
    return u + width + dice.uniform(24, 60) * unit


def _basin(dice: Dice, plot: Plot, u: float, unit: float) -> float:
    width, depth = dice.uniform(36, 80) * unit, dice.uniform(60, 150) * unit
    u += dice.uniform(20, 50) * unit
    plot.cuts.append(((u, u + width), (-unit, depth)))
    plot.berths += [
        Berth((u, 0.0), (u, depth), (1.0, 0.0)),
        Berth((u + width, 0.0), (u + width, depth), (-1.0, 0.0)),
        Berth((u, depth), (u + width, depth), (0.0, -1.0)),
    ]
    return u + width + dice.uniform(20, 50) * unit


def _marina(dice: Dice, plot: Plot, u: float, unit: float) -> float:
    u += dice.uniform(10, 26) * unit
    width = 1.6 * unit
    for _ in range(dice.integer(2, 4)):
        length = dice.uniform(30, 70) * unit
        plot.floats.append(((u, u + width), (-length, unit)))
        plot.slips += [
            Berth((u, -length), (u, -4 * unit), (-1.0, 0.0)),
            Berth((u + width, -length), (u + width, -4 * unit), (1.0, 0.0)),
        ]
        u += dice.uniform(24, 34) * unit
    return u + 10 * unit


def _build(dice: Dice, canvas: Canvas, frame: Frame, plot: Plot) -> None:
    """Paint land, its paving and sheds, and pontoons."""
    side, unit = canvas.side, canvas.unit
    stencil = Stencil(side)
    for u, v in plot.land:
        stencil.polygon(frame.box(u, v))
    for u, v in plot.cuts:
        stencil.polygon(frame.box(u, v), value=0)
    solid = stencil.small()
    low, high = (color(*tone) for tone in dice.pick(GROUNDS))
    rough = fractal(dice, side, 40 * unit, 12 * unit, 4 * unit)
    ground = mix(low, high, np.clip(np.float32(0.5) + np.float32(0.5) * rough, 0, 1))
    inland = cv2.GaussianBlur(solid, (0, 0), 9 * unit).astype(np.float32) / np.float32(255)
    paving = color(*dice.pick(PAVINGS)) * (np.float32(1) + np.float32(0.09) * rough)[..., None]
    depth = dice.uniform(0.8, 1.6)  # how far into the land it is paved
    blend(ground, paving, np.float32(1) - ramp(inland + np.float32(0.25) * rough, depth - 0.1, depth + 0.1))
    wide = cv2.erode(solid, np.ones((2 * round(2.5 * unit) + 1,) * 2, np.uint8))
    _fill_yard(dice, canvas, frame, ground, wide.astype(np.float32) / np.float32(255))
    dx, dy = canvas.sun_xy
    cast = shifted(solid, dx * round(unit), dy * round(unit)).astype(np.float32) / np.float32(255)
    darken(canvas.image, cast, strength=0.4)
    blend(canvas.image, ground, solid.astype(np.float32) / np.float32(255))
    canvas.land |= solid > 90
    stencil = Stencil(side)
    for u, v in plot.floats:
        stencil.polygon(frame.box(u, v))
    planks = stencil.small()
    blend(
        canvas.image,
        color(*dice.pick(((186, 180, 168), (146, 140, 130)))),
        planks.astype(np.float32) / np.float32(255),
    )
    canvas.land |= planks > 90


def _fill_yard(dice: Dice, canvas: Canvas, frame: Frame, ground: np.ndarray, inner: np.ndarray) -> None:
    """Put sheds, stacks of containers and tanks on the land, in rows along the quay."""
    side, unit = canvas.side, canvas.unit
    stencil = Stencil(side, painted=True)
    u_step, v_step = dice.uniform(34, 58) * unit, dice.uniform(20, 34) * unit
    middle = np.array([side / 2, side / 2])
    asphalt = dice.pick(((104, 104, 106), (88, 88, 90), (134, 130, 124)))
    for row in range(1, 12, dice.integer(2, 4)):  # roads between the rows, and some across
        v = 3 * unit + row * v_step
        stencil.polygon(frame.box((-2 * side, 2 * side), (v - 0.2 * v_step, v - 1.2 * unit)), tone=asphalt)
    for column in range(-12, 12, dice.integer(3, 7)):
        u = column * u_step
        stencil.polygon(frame.box((u - 0.13 * u_step, u - 0.6 * unit), (2 * unit, 2 * side)), tone=asphalt)
    for column in range(-round(side / u_step), round(side / u_step) + 1):
        for row in range(-round(160 * unit / v_step), round(side / v_step) + 1):
            u, v = column * u_step, 3 * unit + row * v_step
            at = frame.xy([[u + u_step / 2, v + v_step / 2]])[0]
            if np.abs(at - middle).max() > side / 2 + u_step:
                continue
            kind = dice.pick(("none", "shed", "stack", "tanks"), weights=(0.36, 0.34, 0.2, 0.1))
            if kind == "shed":
                _shed(dice, stencil, frame, (u, u + 0.84 * u_step), (v, v + 0.76 * v_step))
            elif kind == "stack":
                _stack(dice, stencil, frame, (u, u + 0.84 * u_step), (v, v + 0.8 * v_step), unit)
            elif kind == "tanks":
                radius = min(u_step / 4, v_step / 2) * 0.8
                for part in (0.25, 0.75):
                    center = frame.xy([[u + part * u_step, v + v_step / 2]])[0]
                    stencil.disc(center, radius, tone=dice.pick(((226, 226, 220), (190, 186, 176))))
                    stencil.disc(center, 0.8 * radius, tone=(208, 206, 200))
    lay_objects(canvas, ground, stencil, inner)


def _shed(dice: Dice, stencil: Stencil, frame: Frame, u: XY, v: XY) -> None:
    u = (u[0], u[0] + (u[1] - u[0]) * dice.uniform(0.4, 1.0))
    v = (v[0], v[0] + (v[1] - v[0]) * dice.uniform(0.35, 1.0))
    roof = dice.pick(ROOFS)
    stencil.polygon(frame.box(u, v), tone=roof)
    red, green, blue = (round(0.84 * value) for value in roof)
    stencil.polygon(frame.box(u, ((v[0] + v[1]) / 2, v[1])), tone=(red, green, blue))


def _stack(dice: Dice, stencil: Stencil, frame: Frame, u: XY, v: XY, unit: float) -> None:
    place = v[0]
    while place + 2 * unit < v[1]:
        start = u[0]
        while start + 6 * unit < u[1]:
            if not dice.chance(0.25):
                box = frame.box((start, start + 5.6 * unit), (place, place + 1.8 * unit))
                stencil.polygon(box, tone=dice.pick(BOXES))
            start += 6 * unit
        place += (2.0 if not dice.chance(0.3) else 4.5) * unit


def _moor(
    dice: Dice, canvas: Canvas, frame: Frame, berths: list[Berth], *, fullness: float, kinds: dict[str, int]
) -> None:
    """Lay ships along the edges, with gaps, now and then two abreast."""
    unit = canvas.unit
    for berth in berths:
        start, end, normal = (np.array(point) for point in (berth.start, berth.end, berth.normal))
        total = math.dist(berth.start, berth.end)
        ahead = (end - start) / total
        place = dice.uniform(2, 12) * unit
        while place < total - 7 * unit:
            ship = plan(dice, kinds, unit, longest=total - 3 * unit)
            if place + ship.length > total or not dice.chance(fullness):
                place += dice.uniform(10, 40) * unit
                continue
            middle = start + ahead * (place + ship.length / 2)
            off = normal * (ship.width / 2 + dice.uniform(0.8, 1.8) * unit)
            turn = math.atan2(ahead[1], ahead[0]) + (math.pi if dice.chance(0.5) else 0.0)
            ship = _tie(dice, canvas, frame, ship, middle + off, turn)
            if dice.chance(0.15):
                beside = off + normal * (ship.width + dice.uniform(0.6, 1.6) * unit)
                _tie(dice, canvas, frame, ship, middle + beside, turn)
            place += ship.length + dice.uniform(3, 14) * unit


def _tie(dice: Dice, canvas: Canvas, frame: Frame, ship: Plan, at: np.ndarray, turn: float) -> Plan:
    x, y = frame.xy([at])[0].tolist()
    ship = ship.moved((x, y), frame.angle + turn)
    if has_room(ship, canvas, gap=0.4 * canvas.unit):
        put(dice, canvas, ship)
    return ship
