"""What a scene of ships is painted on, and the brushes that all its painters share."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np

from segloop.data.demo.dice import Dice

RGB = tuple[int, int, int]
XY = tuple[float, float]
FINE = 2  # polygons are drawn at twice the size and averaged
_SHIFT = 4  # and their corners rounded to 1/16 of that


@dataclass
class Canvas:
    """A scene so far: its picture, which ship each pixel belongs to, and where no ship may go."""

    image: np.ndarray  # HxWx3 float32, RGB
    ships: np.ndarray  # HxW uint16: 0 where there is none, else the number of the ship
    land: np.ndarray  # HxW bool
    clouds: np.ndarray  # HxW float32: how thick they will lie over it; what nobody sees nobody labels
    unit: float  # pixels; 1 where a tile has 192 a side
    sun_xy: tuple[int, int]  # where shadows fall
    lengths: list[float] = field(default_factory=list)  # of the ships, in pixels

    @property
    def side(self) -> int:
        """Return height and width in pixels."""
        return len(self.image)


def color(*values: float) -> np.ndarray:
    """Return a colour as float32."""
    return np.array(values, np.float32)


def blend(image: np.ndarray, paint: np.ndarray, alpha: np.ndarray) -> None:
    """Lay paint, one colour or a picture, over an image in place; `alpha` is HxW in [0, 1]."""
    image += (paint - image) * alpha[..., None]


def darken(image: np.ndarray, shade: np.ndarray, *, strength: float) -> None:
    """Darken an image in place where `shade`, HxW in [0, 1], lies."""
    image *= (np.float32(1) - np.float32(strength) * shade)[..., None]


def ramp(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 below `low`, 1 above `high`, and a smooth step between them."""
    share = np.clip((values - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    return share * share * (np.float32(3) - np.float32(2) * share)


def shifted(layer: np.ndarray, dx: int, dy: int) -> np.ndarray:
    """Move a layer by whole pixels; what comes in at the rims repeats them."""
    height, width = layer.shape[:2]
    rows = np.clip(np.arange(height) - dy, 0, height - 1)
    columns = np.clip(np.arange(width) - dx, 0, width - 1)
    return layer[rows[:, None], columns[None]]


def axes(angle: float) -> tuple[np.float32, np.float32]:
    """Return cosine and sine, rounded so that a libm's last bit cannot matter."""
    return np.float32(round(math.cos(angle), 6)), np.float32(round(math.sin(angle), 6))


def turned(window: tuple[slice, slice], center_xy: XY, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Return how far each pixel of a window lies along a direction, and across it, from a point."""
    rows = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None] - np.float32(center_xy[1])
    columns = np.arange(window[1].start, window[1].stop, dtype=np.float32)[None] - np.float32(center_xy[0])
    cosine, sine = axes(angle)
    return columns * cosine + rows * sine, rows * cosine - columns * sine


def whole(side: int) -> tuple[slice, slice]:
    """Return the window that is all of a square scene."""
    return slice(0, side), slice(0, side)


def grain(dice: Dice, along: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Return smooth noise in [-1, 1] that is one unit coarse in both coordinates."""
    table = dice.bytes(64, 64).astype(np.float32) / np.float32(127.5) - np.float32(1)
    floor_a, floor_c = np.floor(along), np.floor(across)
    part_a, part_c = along - floor_a, across - floor_c
    a, c = floor_a.astype(np.int32), floor_c.astype(np.int32)
    first = table[a & 63, c & 63]
    first = first + (table[(a + 1) & 63, c & 63] - first) * part_a
    second = table[a & 63, (c + 1) & 63]
    second = second + (table[(a + 1) & 63, (c + 1) & 63] - second) * part_a
    return first + (second - first) * part_c


def fractal(dice: Dice, side: int, *cells: float) -> np.ndarray:
    """Return noise of several grains in about [-1, 1], each finer one weaker than the one before."""
    total = np.zeros((side, side), np.float32)
    weight = np.float32(1)
    for cell in cells:
        total += weight * dice.clouds(side, cell=cell)
        weight *= np.float32(0.55)
    return total


class Stencil:
    """Polygons of the scene, drawn at twice the size: how much of a pixel they cover, and their colours."""

    def __init__(self, side: int, *, painted: bool = False) -> None:
        self.cover = np.zeros((side * FINE, side * FINE), np.uint8)
        self.paint = np.zeros((side * FINE, side * FINE, 3), np.uint8) if painted else None

    def polygon(self, points: np.ndarray, *, value: int = 255, tone: RGB | None = None) -> None:
        """Fill a polygon, given in pixels of the scene."""
        corners = np.rint((np.asarray(points, float) * FINE - 0.5) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(self.cover, [corners], value, shift=_SHIFT)
        if tone is not None and self.paint is not None:
            cv2.fillPoly(self.paint, [corners], tone, shift=_SHIFT)

    def disc(self, center: np.ndarray, radius: float, *, tone: RGB) -> None:
        """Fill a disc, given in pixels of the scene."""
        turns = np.arange(16) * (math.pi / 8)
        self.polygon(np.asarray(center) + radius * np.stack([np.cos(turns), np.sin(turns)], 1), tone=tone)

    def small(self) -> np.ndarray:
        """Return how much of each pixel is covered, uint8."""
        side = len(self.cover) // FINE
        return cv2.resize(self.cover, (side, side), interpolation=cv2.INTER_AREA)

    def colors(self) -> np.ndarray:
        """Return the colours as float32."""
        assert self.paint is not None, "a stencil that is not painted has no colours"
        side = len(self.cover) // FINE
        return cv2.resize(self.paint, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)


@dataclass(frozen=True)
class Frame:
    """A turned system of coordinates: `u` along, `v` across to the right of it."""

    origin: XY
    angle: float

    def xy(self, points: object) -> np.ndarray:
        """Return points in pixels of the scene."""
        u, v = np.asarray(points, float).reshape(-1, 2).T
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        return np.stack(
            [self.origin[0] + u * cosine - v * sine, self.origin[1] + u * sine + v * cosine], axis=1
        )

    def box(self, u: XY, v: XY) -> np.ndarray:
        """Return the corners of a rectangle."""
        return self.xy([[u[0], v[0]], [u[1], v[0]], [u[1], v[1]], [u[0], v[1]]])
