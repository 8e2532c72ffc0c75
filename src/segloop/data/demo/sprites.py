"""Draw one thing of a demo scene, large and with whole numbers, then shrink it to what a camera sees."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

SCALE = 4  # things are drawn at four times the size and averaged: smooth edges from integer drawing
_SHIFT = 4  # vertices are rounded to 1/16 of a drawn pixel, so that a libm's last bit cannot matter

Points = np.ndarray


@dataclass(frozen=True)
class Sprite:
    """A drawn thing: uint8 layers of one window whose top left corner is `corner_xy` of the scene."""

    corner_xy: tuple[int, int]
    coverage: np.ndarray  # how much of each pixel the thing covers
    ink: np.ndarray  # where its second colour shows
    dark: np.ndarray  # where its dark lines run


class Easel:
    """A square sheet in unit coordinates: the thing lies in [-1, 1] x [-1, 1], `radius` pixels large."""

    def __init__(
        self, center_xy: tuple[float, float], *, radius: float, angle: float, bend: float = 0.0
    ) -> None:
        self.radius = radius
        self._bend = bend
        self._rotation = (math.cos(angle), math.sin(angle))
        half = math.ceil(radius * 1.3) + 2
        self._corner = (math.floor(center_xy[0]) - half, math.floor(center_xy[1]) - half)
        self._origin = (center_xy[0] - self._corner[0], center_xy[1] - self._corner[1])
        side = 2 * half * SCALE
        self.coverage = np.zeros((side, side), np.uint8)
        self.ink = np.zeros((side, side), np.uint8)
        self.dark = np.zeros((side, side), np.uint8)

    def units(self, pixels: float) -> float:
        """Return how long so many pixels are in units: patterns keep their grain, whatever the size."""
        return pixels / self.radius

    def fill(self, layer: np.ndarray, points: Points, *, value: int = 255) -> None:
        """Fill a polygon."""
        cv2.fillPoly(layer, [self._pixels(points)], value, shift=_SHIFT)

    def line(self, layer: np.ndarray, points: Points, *, width: float, value: int = 255) -> None:
        """Draw an open line; `width` is in units, and never under 1.3 pixels, so that it stays visible."""
        thickness = max(round(width * self.radius * SCALE), round(1.3 * SCALE))
        cv2.polylines(layer, [self._pixels(points)], False, value, thickness, shift=_SHIFT)

    def dot(self, layer: np.ndarray, point: Points, *, radius: float, value: int = 255) -> None:
        """Draw a disc; `radius` is in units, and never under 1.1 pixels."""
        reach = max(radius * self.radius, 1.1) * SCALE
        center = self._pixels(np.asarray(point, float).reshape(1, 2))[0]
        cv2.circle(layer, center.tolist(), round(reach * (1 << _SHIFT)), value, -1, shift=_SHIFT)

    def sprite(self) -> Sprite:
        """Return the finished thing, shrunk to the size of the scene."""
        self.ink[self.coverage == 0] = 0
        self.dark[self.coverage == 0] = 0
        side = self.coverage.shape[0] // SCALE
        layers = (self.coverage, self.ink, self.dark)
        small = [cv2.resize(layer, (side, side), interpolation=cv2.INTER_AREA) for layer in layers]
        return Sprite(self._corner, *small)

    def _pixels(self, points: Points) -> np.ndarray:
        x, y = np.asarray(points, float).T
        if self._bend:
            turn = self._bend * x
            sine, cosine = np.sin(turn), np.cos(turn)
            x, y = sine / self._bend - y * sine, (1 - cosine) / self._bend + y * cosine
        cosine, sine = self._rotation
        across = self._origin[0] + self.radius * (cosine * x - sine * y)
        down = self._origin[1] + self.radius * (sine * x + cosine * y)
        drawn = np.stack([across, down], axis=1) * SCALE - 0.5
        return np.rint(drawn * (1 << _SHIFT)).astype(np.int32)


def polar(angles: np.ndarray, radii: np.ndarray | float) -> Points:
    """Return points at these angles and distances from the origin."""
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)


def smooth_closed(points: Points, *, rounds: int = 3) -> Points:
    """Round the corners of a closed polygon by cutting them, each round finer than the last."""
    for _ in range(rounds):
        after = np.roll(points, -1, axis=0)
        points = np.stack([0.75 * points + 0.25 * after, 0.25 * points + 0.75 * after], axis=1).reshape(-1, 2)
    return points
