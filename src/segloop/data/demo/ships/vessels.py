"""Ships from above: eight kinds, from a yacht to a container ship, and the boxes that stand for them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from segloop.data.demo.dice import Dice
from segloop.data.demo.ships.canvas import RGB, XY
from segloop.data.demo.sprites import SCALE, Easel

BOXES: tuple[RGB, ...] = (
    (152, 74, 62), (62, 96, 132), (176, 128, 74), (112, 116, 118), (74, 112, 88), (206, 204, 198),
    (128, 78, 68), (86, 124, 148), (170, 156, 88), (136, 90, 74), (96, 100, 108), (160, 154, 144),
)  # containers  # fmt: skip
HULLS: tuple[RGB, ...] = (
    (34, 44, 66), (120, 40, 34), (30, 30, 34), (40, 78, 64), (60, 88, 120), (150, 60, 48), (92, 92, 96),
)  # fmt: skip
DECKS: tuple[RGB, ...] = (
    (134, 62, 50), (96, 110, 92), (120, 116, 108), (150, 86, 62), (84, 104, 116), (158, 152, 140),
)  # fmt: skip
WHITE: RGB = (238, 238, 234)


@dataclass(frozen=True)
class Vessel:
    """A drawn ship in a window whose top left corner is `corner_xy` of the scene."""

    corner_xy: tuple[int, int]
    coverage: np.ndarray  # uint8: how much of each pixel the ship covers
    paint: np.ndarray  # HxWx3 uint8
    mask: np.ndarray  # bool: the turned box with a bow that stands for it


class Deck(Easel):
    """A sheet with colours for one ship: bow at x = 1, stern at x = -1, flanks at y = -beam and y = beam."""

    def __init__(self, dice: Dice, center_xy: XY, *, length: float, angle: float, beam: float) -> None:
        super().__init__(center_xy, radius=length / 2, angle=angle)
        self.dice = dice
        self.beam = max(beam, self.units(1.5))  # never narrower than three pixels: it could not be seen
        self.paint = np.zeros((*self.coverage.shape, 3), np.uint8)
        self.outline = np.zeros_like(self.coverage)

    def hull(self, tone: RGB, *, bow: float, stern: float = 0.85) -> None:
        """Fill the hull: flanks run straight up to x = `bow`; the stern is so wide, as a part of the beam."""
        half = np.array(
            [
                [-1.0, 0.6 * stern], [-0.96, stern], [-0.8, 1.0], [bow, 1.0],
                [bow + 0.4 * (1 - bow), 0.86], [bow + 0.75 * (1 - bow), 0.5], [1.0, 0.06],
            ]
        ) * [1.0, self.beam]  # fmt: skip
        whole = np.concatenate([half, half[::-1] * [1, -1]])
        self.fill(self.coverage, whole)
        cv2.fillPoly(self.paint, [self._pixels(whole)], tone, shift=4)
        tip = bow + 0.3 * (1 - bow)
        box = np.array([[-1, -1], [tip, -1], [1, -0.2], [1, 0.2], [tip, 1], [-1, 1]]) * [1.0, self.beam]
        self.fill(self.outline, box)

    def area(self, x: XY, y: float, tone: RGB, *, at: float = 0.0) -> None:
        """Fill a rectangle from x to x, `y` half-beams to both sides of `at`."""
        low, high = (at - y) * self.beam, (at + y) * self.beam
        corners = np.array([[x[0], low], [x[1], low], [x[1], high], [x[0], high]])
        cv2.fillPoly(self.paint, [self._pixels(corners)], tone, shift=4)

    def wedge(self, points: object, tone: RGB) -> None:
        """Fill a polygon whose y is in half-beams."""
        corners = np.asarray(points, float) * [1.0, self.beam]
        cv2.fillPoly(self.paint, [self._pixels(corners)], tone, shift=4)

    def spot(self, x: float, y: float, radius: float, tone: RGB) -> None:
        """Fill a disc; the radius is in half-beams."""
        turns = np.arange(12) * (math.pi / 6)
        ring = np.stack([np.cos(turns), np.sin(turns)], 1) * radius * self.beam + [x, y * self.beam]
        cv2.fillPoly(self.paint, [self._pixels(ring)], tone, shift=4)

    def vessel(self) -> Vessel:
        """Return the finished ship, shrunk to the size of the scene."""
        side = self.coverage.shape[0] // SCALE
        small = [
            cv2.resize(layer, (side, side), interpolation=cv2.INTER_AREA)
            for layer in (self.coverage, self.paint, self.outline)
        ]
        # paint is black outside the hull; divided by what is covered it keeps its colour up to the rim
        share = np.maximum(small[0].astype(np.float32) / np.float32(255), np.float32(1 / 255))
        paint = np.clip(np.rint(small[1] / share[..., None]), 0, 255).astype(np.uint8)
        return Vessel(self._corner, small[0], paint, small[2] >= 128)


def _tone(dice: Dice, tone: RGB, *, spread: float = 18) -> RGB:
    """Return a colour near this one."""
    shade = dice.uniform(-spread, spread)
    red, green, blue = (min(255, max(0, round(value + shade + dice.uniform(-6, 6)))) for value in tone)
    return red, green, blue


def _container(deck: Deck) -> None:
    dice = deck.dice
    deck.hull(_tone(dice, dice.pick(HULLS)), bow=dice.uniform(0.66, 0.78))
    deck.area((-0.95, 0.82), 0.72, _tone(dice, (120, 112, 104)))
    bay = max(0.09, deck.units(2.6))
    rows = dice.integer(2, 4)
    x = -0.6
    while x + bay < 0.76:
        if not dice.chance(0.12):
            for row in range(rows):
                at = (2 * row + 1) / rows - 1
                if not dice.chance(0.1):
                    deck.area((x, x + 0.86 * bay), 0.88 / rows, _tone(dice, dice.pick(BOXES)), at=0.9 * at)
        x += bay
    deck.area((-0.86, -0.66), 0.86, _tone(dice, WHITE, spread=8))
    deck.area((-0.84, -0.78), 0.3, _tone(dice, dice.pick(HULLS)))


def _tanker(deck: Deck) -> None:
    dice = deck.dice
    deck.hull(_tone(dice, dice.pick(HULLS)), bow=dice.uniform(0.7, 0.8))
    floor = _tone(dice, dice.pick(DECKS))
    deck.area((-0.94, 0.78), 0.78, floor)
    deck.wedge([[0.78, -0.78], [0.95, 0.0], [0.78, 0.78]], floor)
    deck.area((-0.6, 0.72), max(0.08, deck.units(1.1) / deck.beam / 2), _tone(dice, (196, 190, 176)))
    for x in (-0.3, 0.08, 0.42):
        deck.area((x, x + 0.03), 0.6, _tone(dice, (186, 180, 168)))
    deck.area((-0.9, -0.66), 0.8, _tone(dice, WHITE, spread=8))
    deck.spot(-0.83, 0.0, 0.25, _tone(dice, (60, 60, 66)))


def _bulk(deck: Deck) -> None:
    dice = deck.dice
    deck.hull(_tone(dice, dice.pick(HULLS)), bow=dice.uniform(0.68, 0.8))
    deck.area((-0.95, 0.8), 0.76, _tone(dice, dice.pick(DECKS)))
    lid = _tone(dice, dice.pick(((176, 168, 150), (150, 90, 70), (110, 130, 120), (200, 196, 186))))
    count = dice.integer(4, 7)
    step = 1.3 / count
    for number in range(count):
        x = -0.56 + number * step
        deck.area((x, x + 0.68 * step), 0.5, lid)
    deck.area((-0.9, -0.68), 0.78, _tone(dice, WHITE, spread=8))


def _ferry(deck: Deck) -> None:
    dice = deck.dice
    deck.hull(_tone(dice, WHITE, spread=10), bow=dice.uniform(0.5, 0.66), stern=0.95)
    floor = _tone(dice, dice.pick(((196, 200, 200), (160, 176, 186), (210, 204, 190))))
    deck.area((-0.9, 0.55), 0.68, floor)
    deck.area((-0.7, 0.4), 0.4, _tone(dice, WHITE, spread=8))
    for x in (-0.5, -0.2, 0.1):
        for side in (-0.84, 0.84):
            deck.area((x, x + 0.14), 0.1, _tone(dice, (220, 120, 50)), at=side)
    deck.area((-0.5, -0.36), 0.26, _tone(dice, dice.pick(HULLS)))
    deck.spot(0.3, 0.0, 0.3, _tone(dice, (90, 150, 180)))


def _fisher(deck: Deck) -> None:
    dice = deck.dice
    hulls = ((52, 88, 136), (226, 226, 220), (164, 56, 44), (52, 104, 84), (70, 74, 80))
    deck.hull(_tone(dice, dice.pick(hulls)), bow=dice.uniform(0.25, 0.45), stern=0.8)
    deck.area((-0.82, 0.4), 0.62, _tone(dice, dice.pick(((150, 128, 100), (176, 170, 156), (110, 120, 120)))))
    house = dice.pick((-0.6, -0.1, 0.25))
    deck.area((house - 0.18, house + 0.2), 0.58, _tone(dice, WHITE, spread=8))


def _yacht(deck: Deck) -> None:
    dice = deck.dice
    deck.hull(_tone(dice, WHITE, spread=8), bow=dice.uniform(0.0, 0.25), stern=0.9)
    deck.area((-0.9, -0.5), 0.66, _tone(dice, (168, 134, 96)))
    deck.wedge(
        [[-0.3, -0.5], [0.16, -0.45], [0.34, 0.0], [0.16, 0.45], [-0.3, 0.5]], _tone(dice, (58, 70, 84))
    )
    deck.area((-0.36, 0.0), 0.36, _tone(dice, WHITE, spread=6))


def _barge(deck: Deck) -> None:
    dice = deck.dice
    deck.hull(_tone(dice, dice.pick(HULLS)), bow=0.88, stern=0.96)
    cargo = dice.pick(((42, 42, 44), (196, 170, 120), (120, 84, 62), (150, 150, 146), (98, 60, 50)))
    deck.area((-0.62, 0.82), 0.74, _tone(dice, cargo))
    if dice.chance(0.5):
        for x in (-0.3, 0.1, 0.48):
            deck.area((x, x + 0.05), 0.74, _tone(dice, (104, 100, 96)))
    deck.area((-0.9, -0.68), 0.66, _tone(dice, WHITE, spread=10))


def _navy(deck: Deck) -> None:
    dice = deck.dice
    grey = _tone(dice, (120, 126, 132))
    deck.hull(grey, bow=dice.uniform(0.3, 0.5))
    deck.area((-0.92, -0.55), 0.6, _tone(dice, (92, 98, 102)))
    deck.spot(-0.74, 0.0, 0.42, _tone(dice, (150, 152, 152)))
    for x, length, width in ((-0.45, 0.2, 0.6), (-0.15, 0.16, 0.5), (0.08, 0.26, 0.66), (0.5, 0.08, 0.24)):
        deck.area((x, x + length), width, _tone(dice, (158, 164, 168)))


@dataclass(frozen=True)
class Kind:
    """How a kind of ship is drawn, its length over its beam, and its lengths in units."""

    draw: Callable[[Deck], None]
    slim: XY
    lengths: XY


KINDS: dict[str, Kind] = {
    "container": Kind(_container, (5.4, 7.2), (34, 76)),
    "tanker": Kind(_tanker, (5.0, 6.4), (30, 70)),
    "bulk": Kind(_bulk, (5.0, 6.6), (24, 62)),
    "ferry": Kind(_ferry, (4.2, 6.0), (18, 56)),
    "fisher": Kind(_fisher, (2.7, 3.6), (9, 20)),
    "yacht": Kind(_yacht, (2.8, 3.8), (8, 18)),
    "barge": Kind(_barge, (4.2, 7.0), (20, 50)),
    "navy": Kind(_navy, (6.6, 8.4), (28, 54)),
}


def draw_vessel(dice: Dice, kind: str, center_xy: XY, *, length: float, angle: float, beam: float) -> Vessel:
    """Draw a ship of a length in pixels; `beam` is its width over its length."""
    deck = Deck(dice, center_xy, length=length, angle=angle, beam=beam)
    KINDS[kind].draw(deck)
    return deck.vessel()
