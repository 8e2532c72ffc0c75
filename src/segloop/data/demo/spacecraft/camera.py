"""A camera for flat faces: perspective, who hides whom, and whom the sun cannot see."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from segloop.data.demo.spacecraft.solids import Face, Mesh, Vector, cross, turned, unit

_SHIFT = 4  # corners are rounded to 1/16 of a drawn pixel, so that a libm's last bit cannot matter
_NEAREST = 0.05  # what comes nearer to the camera is not drawn
_EDGE_ON = 1e-3  # the least sine between a face and the line of sight
_GRAIN = 150  # pixels of the sun's view for each radius of a craft


@dataclass(frozen=True)
class Placed:
    """A craft before the camera: its mesh, its radius, how it is turned and where its origin is.

    x goes to the right, y down and z away from the camera. `first_material` is where its materials begin in
    the list of all. `fronts` is 1 where panels show their cells to the front of their faces, else -1.
    """

    mesh: Mesh
    rotation: np.ndarray
    position: Vector
    first_material: int
    fronts: float = 1.0

    def corners(self, face: Face) -> np.ndarray:
        """Return a face's corners before the camera, Nx3."""
        return turned(face.corners, self.rotation) + self.position


@dataclass(frozen=True)
class Camera:
    """`size_hw` in drawn pixels, and the focal length in them; it looks along z through the middle."""

    size_hw: tuple[int, int]
    focal: float

    @property
    def middle_xy(self) -> tuple[float, float]:
        """Where the axis meets the picture."""
        return self.size_hw[1] / 2, self.size_hw[0] / 2


@dataclass(frozen=True)
class Surface:
    """What the camera sees at N pixels, in the order of rows.

    `index` is each pixel's place in the flat picture, `points` Nx3 where it is before the camera, `normals`
    Nx3 the way its face looks (towards the camera), `pattern` Nx2 the place in its face's pattern, `lit`
    whether nothing stands between it and the sun.
    """

    index: np.ndarray
    points: np.ndarray
    normals: np.ndarray
    pattern: np.ndarray
    material: np.ndarray
    part: np.ndarray
    craft: np.ndarray
    lit: np.ndarray


@dataclass
class _Table:
    """One row for each face that was drawn."""

    origin: list[Vector]
    normal: list[Vector]
    across: list[Vector]
    along: list[Vector]
    material: list[int]
    part: list[int]
    craft: list[int]


def look(camera: Camera, craft: Sequence[Placed], sun: Vector) -> Surface:
    """Return what the camera sees of these craft; `sun` is the direction to the sun, of length 1."""
    near = np.zeros(camera.size_hw)  # 1 / z, and 0 for nothing
    seen = np.full(camera.size_hw, -1, np.int32)
    table = _Table([], [], [], [], [], [], [])
    for number, placed in enumerate(craft):
        for face in placed.mesh.faces:
            _draw(camera, placed, face, number, table, near, seen)
    index = np.flatnonzero(seen >= 0)
    which = seen.ravel()[index]
    rows, columns = np.divmod(index, camera.size_hw[1])
    z = 1 / near.ravel()[index]
    cx, cy = camera.middle_xy
    x, y = (columns + 0.5 - cx) * z / camera.focal, (rows + 0.5 - cy) * z / camera.focal
    points = np.stack([x, y, z], axis=1)
    if not len(index):
        nothing = np.zeros(0, np.intp)
        empty = np.zeros((0, 3))
        return Surface(index, empty, empty, empty[:, :2], nothing, nothing, nothing, nothing.astype(bool))
    offset = points - np.stack(table.origin)[which]
    pattern = np.stack([dot(offset, np.stack(each)[which]) for each in (table.across, table.along)], axis=1)
    owner = np.array(table.craft)[which]
    lit = np.zeros(len(index), bool)
    for number, placed in enumerate(craft):
        mine = owner == number
        lit[mine] = _sees_sun(placed, sun, points[mine])
    return Surface(
        index,
        points,
        np.stack(table.normal)[which],
        pattern,
        np.array(table.material)[which],
        np.array(table.part)[which],
        owner,
        lit,
    )


def dot(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Return the scalar products of rows; summed in one order, unlike BLAS on different machines."""
    return one[..., 0] * two[..., 0] + one[..., 1] * two[..., 1] + one[..., 2] * two[..., 2]


def _draw(
    camera: Camera,
    placed: Placed,
    face: Face,
    number: int,
    table: _Table,
    near: np.ndarray,
    seen: np.ndarray,
) -> None:
    corners = placed.corners(face)
    if corners[:, 2].min() < _NEAREST:
        return
    normal = unit(cross(corners[1] - corners[0], corners[-1] - corners[0]))
    distance = float(dot(normal, corners[0]))
    if abs(distance) < _EDGE_ON * math.sqrt(float(dot(corners[0], corners[0]))):
        return
    cx, cy = camera.middle_xy
    focal = camera.focal
    slope_x, slope_y = normal[0] / (distance * focal), normal[1] / (distance * focal)
    plane = (slope_x, slope_y, normal[2] / distance - slope_x * cx - slope_y * cy)
    spots = corners[:, :2] / corners[:, 2:] * focal + np.array([cx, cy])
    nearness = 1 / corners[:, 2]
    away = distance > 0
    if not _fill(spots, plane, (float(nearness.min()), float(nearness.max())), len(table.part), near, seen):
        return
    backside = away if placed.fronts > 0 or face.part != 1 else not away
    material = face.back if backside and face.back is not None else face.material
    table.origin.append(corners[0])
    table.normal.append(-normal if away else normal)
    for arm, repeats, column in (
        (face.across, face.repeats[0], table.across),
        (face.along, face.repeats[1], table.along),
    ):
        column.append(turned((arm * (repeats / float(dot(arm, arm))))[None], placed.rotation)[0])
    table.material.append(material + placed.first_material)
    table.part.append(face.part)
    table.craft.append(number)


def _fill(
    spots: np.ndarray,
    plane: tuple[float, float, float],
    limits: tuple[float, float],
    value: int,
    near: np.ndarray,
    seen: np.ndarray,
) -> bool:
    """Draw a convex face where it is nearer than what is there; tell whether it is in the picture at all.

    `spots` are its corners in pixels, `plane` gives its nearness at x and y, which stays within `limits`.
    """
    height, width = near.shape
    left, top = (max(0, math.floor(float(each)) - 1) for each in spots.min(axis=0))
    right = min(width, math.ceil(float(spots[:, 0].max())) + 2)
    bottom = min(height, math.ceil(float(spots[:, 1].max())) + 2)
    if left >= right or top >= bottom:
        return False
    inside = np.zeros((bottom - top, right - left), np.uint8)
    drawn = np.rint((spots - np.array([left, top]) - 0.5) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillConvexPoly(inside, drawn, 1, shift=_SHIFT)
    x, y = np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5
    value_here = np.clip(x * plane[0] + (y * plane[1] + plane[2])[:, None], *limits)
    window = near[top:bottom, left:right]
    closer = (inside != 0) & (value_here > window)
    window[closer] = value_here[closer]
    seen[top:bottom, left:right][closer] = value
    return True


def _sees_sun(placed: Placed, sun: Vector, points: np.ndarray) -> np.ndarray:
    """Tell which points of a craft the sun sees: those that nothing lies before, in the sun's own view."""
    radius = placed.mesh.radius
    lean = np.array([1.0, 0, 0]) if abs(sun[0]) < 0.8 else np.array([0, 1.0, 0])
    one = unit(cross(sun, lean))
    two = cross(sun, one)
    scale = _GRAIN / radius
    side = 2 * _GRAIN + 8
    height = np.full((side, side), -np.inf)
    seen = np.zeros((side, side), np.int32)
    for face in placed.mesh.faces:
        corners = placed.corners(face) - placed.position
        normal = unit(cross(corners[1] - corners[0], corners[-1] - corners[0]))
        upright = float(dot(normal, sun))
        if abs(upright) < 0.02:
            continue
        slope_x, slope_y = (-float(dot(normal, each)) / (upright * scale) for each in (one, two))
        level = float(dot(normal, corners[0])) / upright
        plane = (slope_x, slope_y, level - (slope_x + slope_y) * side / 2)
        spots = np.stack([dot(corners, one), dot(corners, two)], axis=1) * scale + side / 2
        levels = dot(corners, sun)
        _fill(spots, plane, (float(levels.min()), float(levels.max())), 0, height, seen)
    offset = points - placed.position
    columns, rows = (
        np.clip(np.floor(dot(offset, each) * scale + side / 2).astype(np.intp), 0, side - 1)
        for each in (one, two)
    )
    return height[rows, columns] <= dot(offset, sun) + 0.035 * radius
