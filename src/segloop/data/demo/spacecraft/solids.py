"""Flat faces in space, and the solids that spacecraft are built of: boxes, prisms, dishes, panels, beams."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from segloop.data.demo.dice import Dice

NOTHING, PANEL, BODY, ANTENNA = range(4)
Vector = np.ndarray  # three float64


@dataclass(frozen=True)
class Face:
    """A convex flat polygon: corners Nx3, which part it is of, and what it is made of, front and back.

    Patterns run along `across` and `along`, two vectors from the first corner, over which they repeat
    `repeats` times.
    """

    corners: np.ndarray
    part: int
    material: int
    across: Vector
    along: Vector
    repeats: tuple[float, float] = (1.0, 1.0)
    back: int | None = None


@dataclass
class Mesh:
    """The faces of one craft, in units of its own."""

    faces: list[Face] = field(default_factory=list)

    def quad(
        self,
        corner: Vector,
        across: Vector,
        along: Vector,
        *,
        part: int,
        material: int,
        repeats: tuple[float, float] = (1.0, 1.0),
        back: int | None = None,
    ) -> None:
        """Add a parallelogram."""
        corners = np.stack([corner, corner + across, corner + across + along, corner + along])
        self.faces.append(Face(corners, part, material, across, along, repeats, back))

    def polygon(self, corners: np.ndarray, *, part: int, material: int) -> None:
        """Add a flat convex polygon; its pattern runs along two of its diameters."""
        half = len(corners) // 2
        across, along = (
            corners[half] - corners[0],
            corners[(half + half // 2) % len(corners)] - corners[half // 2],
        )
        self.faces.append(Face(corners, part, material, across, along))

    def box(
        self,
        center: Vector,
        half: tuple[float, float, float],
        *,
        part: int,
        materials: tuple[int, ...],
        axes: np.ndarray | None = None,
        repeats: float = 3.0,
    ) -> None:
        """Add a box; its sides take the materials in turn. `axes` are three rows, unit vectors."""
        axes = np.eye(3) if axes is None else axes
        arms = [axes[k] * half[k] for k in range(3)]
        for side in range(6):
            k, sign = divmod(side, 2)
            out = arms[k] * (1.0 if sign else -1.0)
            one, two = arms[(k + 1) % 3], arms[(k + 2) % 3]
            counts = (
                max(1.0, round(repeats * half[(k + 1) % 3] * 2)),
                max(1.0, round(repeats * half[(k + 2) % 3] * 2)),
            )
            self.quad(
                center + out - one - two,
                2 * one,
                2 * two,
                part=part,
                material=materials[side % len(materials)],
                repeats=counts,
            )

    def tube(
        self,
        start: Vector,
        end: Vector,
        *,
        radii: tuple[float, float],
        sides: int,
        part: int,
        material: int,
        cap: int | None = None,
        repeats: float = 3.0,
    ) -> None:
        """Add a prism or a cone between two points, closed by flat caps where `cap` names a material."""
        one, two = _square_to(end - start)
        ring = [around(k / sides, one, two) for k in range(sides)]
        low, high = (
            [middle + radius * each for each in ring]
            for middle, radius in ((start, radii[0]), (end, radii[1]))
        )
        length = float(np.sqrt(((end - start) ** 2).sum()))
        for k in range(sides):
            after = (k + 1) % sides
            corners = np.stack([low[k], low[after], high[after], high[k]])
            self.faces.append(
                Face(
                    corners,
                    part,
                    material,
                    low[after] - low[k] if radii[0] >= radii[1] else high[after] - high[k],
                    high[k] - low[k],
                    (1.0, max(1.0, round(repeats * length))),
                )
            )
        if cap is not None:
            self.polygon(np.stack(low), part=part, material=cap)
            self.polygon(np.stack(high), part=part, material=cap)

    def beam(self, start: Vector, end: Vector, *, width: float, part: int, material: int) -> None:
        """Add a thin bar between two points."""
        half = width / math.sqrt(2)
        self.tube(start, end, radii=(half, half), sides=4, part=part, material=material)

    def dish(
        self,
        foot: Vector,
        axis: Vector,
        *,
        radius: float,
        depth: float,
        material: int,
        back: int,
        feed: int,
        sectors: int = 14,
    ) -> None:
        """Add a bowl that opens along `axis`, with a feed on three struts before it. All of it is antenna."""
        axis = unit(axis)
        one, two = _square_to(axis)
        ring = [around(k / sectors, one, two) for k in range(sectors)]
        steps = (0.12, 0.6, 1.0)
        rims = [[foot + axis * (depth * s * s) + radius * s * each for each in ring] for s in steps]
        self.polygon(np.stack(rims[0]), part=ANTENNA, material=feed)
        for low, high in pairwise(rims):
            for k in range(sectors):
                after = (k + 1) % sectors
                corners = np.stack([low[after], low[k], high[k], high[after]])  # seen from the open side
                across, along = high[k] - high[after], high[after] - low[after]
                self.faces.append(Face(corners, ANTENNA, material, across, along, (1.0, 2.0), back))
        focus = foot + axis * (radius * radius / (4 * depth)) * 0.8
        for k in range(3):
            rim = rims[1][(k * sectors) // 3]
            self.beam(rim, focus, width=0.035 * radius, part=ANTENNA, material=feed)
        self.tube(
            focus - axis * 0.06 * radius,
            focus + axis * 0.14 * radius,
            radii=(0.13 * radius, 0.09 * radius),
            sides=6,
            part=ANTENNA,
            material=feed,
            cap=feed,
        )

    @property
    def radius(self) -> float:
        """How far the farthest corner is from the origin."""
        return math.sqrt(max(float((face.corners**2).sum(axis=1).max()) for face in self.faces))


def around(share: float, one: Vector, two: Vector) -> Vector:
    """Return the direction at a share of the full turn from `one` over `two`."""
    angle = 2 * math.pi * share
    # a libm may differ in the last bit, and pixels may not
    return one * round(math.cos(angle), 9) + two * round(math.sin(angle), 9)


def unit(vector: Vector) -> Vector:
    """Return the vector of length 1 in the same direction."""
    return vector / math.sqrt(float((vector * vector).sum()))


def vector(x: float, y: float, z: float) -> Vector:
    """Return a vector."""
    return np.array([x, y, z], np.float64)


def any_rotation(dice: Dice) -> np.ndarray:
    """Return a rotation, 3x3, all alike: by a quaternion, for which no sine is needed."""
    while True:
        w, x, y, z = (dice.uniform(-1, 1) for _ in range(4))
        size = w * w + x * x + y * y + z * z
        if 0.01 < size < 1:
            break
    s = 2 / size
    return np.array(
        [
            [1 - s * (y * y + z * z), s * (x * y - w * z), s * (x * z + w * y)],
            [s * (x * y + w * z), 1 - s * (x * x + z * z), s * (y * z - w * x)],
            [s * (x * z - w * y), s * (y * z + w * x), 1 - s * (x * x + y * y)],
        ]
    )


def turned(points: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Return points, Nx3, after a rotation; without BLAS, whose rounding differs from machine to machine."""
    columns = points[:, 0:1] * rotation[:, 0] + points[:, 1:2] * rotation[:, 1]
    return columns + points[:, 2:3] * rotation[:, 2]


def _square_to(direction: Vector) -> tuple[Vector, Vector]:
    """Return two unit vectors that are square to a direction and to each other."""
    direction = unit(direction)
    lean = vector(1, 0, 0) if abs(direction[0]) < 0.8 else vector(0, 1, 0)
    one = unit(cross(direction, lean))
    return one, cross(direction, one)


def cross(a: Vector, b: Vector) -> Vector:
    """Return the cross product."""
    return vector(a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
