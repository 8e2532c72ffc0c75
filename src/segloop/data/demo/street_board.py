"""Draw the things of a street scene where a camera in a car would see them, and their outlines with them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import cv2
import numpy as np

RGB: TypeAlias = tuple[int, int, int]
SHIFT = 4  # vertices are rounded to 1/16 of a drawn pixel, so that a libm's last bit cannot matter
FINE, COARSE = 4, 2  # things are drawn this many times larger and averaged
SMALLEST = 8  # pixels that a thing must show to be there at all
NEAREST = 1.6  # metres before the camera: what is nearer is not seen


@dataclass(frozen=True)
class Camera:
    """Where the camera looks: `horizon` and `middle` in pixels, `height` over the ground in metres."""

    size_hw: tuple[int, int]
    horizon: float
    middle: float
    focal: float
    height: float = 1.35

    def pixels(self, world: np.ndarray) -> np.ndarray:
        """Return where points [N, 3] (metres to the right, up, ahead) are seen, [N, 2], x and y."""
        depth = np.maximum(world[:, 2], NEAREST)
        seen = np.empty((len(world), 2))
        seen[:, 0] = self.middle + self.focal * world[:, 0] / depth
        seen[:, 1] = self.horizon + self.focal * (self.height - world[:, 1]) / depth
        return seen


class Board:
    """A sheet over a part of the picture: colours, what they cover, and what belongs to the thing."""

    def __init__(self, camera: Camera, around: np.ndarray, *, base: RGB, scale: int = FINE) -> None:
        height, width = camera.size_hw
        left, top = (math.floor(edge) - 2 for edge in around.min(axis=0).tolist())
        right, bottom = (math.ceil(edge) + 3 for edge in around.max(axis=0).tolist())
        self.left, self.top = min(max(left, 0), width), min(max(top, 0), height)
        self.size_hw = max(min(bottom, height) - self.top, 0), max(min(right, width) - self.left, 0)
        self.scale = scale
        drawn = self.size_hw[0] * scale, self.size_hw[1] * scale
        self.colors = np.empty((*drawn, 3), np.uint8)
        self.colors[:] = np.full((1, drawn[1], 3), base, np.uint8)  # row by row: five times as fast
        self.cover = np.zeros(drawn, np.uint8)
        self.solid = np.zeros(drawn, np.uint8)

    @property
    def window(self) -> tuple[slice, slice]:
        """The part of the picture that the sheet lies over."""
        return (
            slice(self.top, self.top + self.size_hw[0]),
            slice(self.left, self.left + self.size_hw[1]),
        )

    def fill(self, points: np.ndarray, color: RGB, *, covers: bool = True) -> None:
        """Fill an outline of pixels [N, 2]; with `covers` what is under it is the thing's."""
        drawn = self._drawn(points)
        cv2.fillPoly(self.colors, [drawn], color, shift=SHIFT)
        if covers:
            cv2.fillPoly(self.cover, [drawn], 255, shift=SHIFT)

    def line(self, points: np.ndarray, color: RGB, *, width: float, covers: bool = True) -> None:
        """Draw an open line, `width` pixels wide, and never under 0.7, so that it stays visible."""
        drawn = self._drawn(points)
        thickness = max(round(width * self.scale), round(0.7 * self.scale), 1)
        cv2.polylines(self.colors, [drawn], False, color, thickness, shift=SHIFT)
        if covers:
            cv2.polylines(self.cover, [drawn], False, 255, thickness, shift=SHIFT)

    def enclose(self, points: np.ndarray) -> None:
        """Count what an outline holds as the thing's, though the ground shows through, as in a wheel."""
        cv2.fillPoly(self.solid, [self._drawn(points)], 255, shift=SHIFT)

    def _drawn(self, points: np.ndarray) -> np.ndarray:
        moved = (points - np.array([self.left, self.top])) * self.scale - 0.5
        return np.rint(np.clip(moved, -40_000, 40_000) * (1 << SHIFT)).astype(np.int32)

    def shrunk(self, layer: np.ndarray) -> np.ndarray:
        """Return a layer in the size of the picture."""
        return cv2.resize(layer, self.size_hw[::-1], interpolation=cv2.INTER_AREA)


@dataclass
class Outlined:
    """A thing as it is labelled: its label, its outline in pixels [N, 2], and whether somebody deleted it."""

    label: str
    points: np.ndarray
    deleted: bool = False


@dataclass
class Scene:
    """What has been drawn so far: the picture, float32, and the outlines, the farthest first."""

    camera: Camera
    image: np.ndarray
    haze: np.ndarray
    sun: tuple[float, float]  # to the right and ahead; its length is how hard the light is
    outlines: list[Outlined] = field(default_factory=list)

    def add(self, board: Board, label: str | None, *, depth: float, deleted: bool = False) -> bool:
        """Put a sheet into the picture, paler the farther away; return whether there is enough of it to see.

        Without a label it is only painted. A deleted thing is only labelled.
        """
        if 0 in board.size_hw:
            return False
        cover = board.shrunk(board.cover)
        outline = outline_of(np.maximum(cover, board.shrunk(board.solid)) >= 128) if label else None
        if label and outline is None:
            return False
        if not deleted:
            colors = board.shrunk(board.colors).astype(np.float32)
            colors += (self.haze - colors) * np.float32(min(0.55, depth / 170))
            under = self.image[board.window]
            under += (colors - under) * (cover.astype(np.float32) / np.float32(255))[..., None]
        if label and outline is not None:
            self.outlines.append(Outlined(label, outline + np.array([board.left, board.top]), deleted))
        return True

    def shade(self, points: np.ndarray, *, strength: float, blur: float) -> None:
        """Darken what an outline of pixels [N, 2] lies on."""
        board = Board(self.camera, points, base=(0, 0, 0), scale=COARSE)
        if 0 in board.size_hw:
            return
        board.fill(points, (0, 0, 0))
        cover = cv2.GaussianBlur(board.shrunk(board.cover), (0, 0), max(blur, 0.6))
        self.image[board.window] *= (1 - cover.astype(np.float32) * np.float32(strength / 255))[..., None]


def outline_of(mask: np.ndarray) -> np.ndarray | None:
    """Return the outline [N, 2] of the largest part of a mask, through its outermost pixels, without holes.

    All its edges are level, upright or diagonal: whoever draws it, edges included, gets the same pixels.
    """
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not found:
        return None
    best = max(found, key=cv2.contourArea)
    filled = np.zeros(mask.shape, np.uint8)
    cv2.fillPoly(filled, [best], 1)
    return best[:, 0] if np.count_nonzero(filled) >= SMALLEST else None


@dataclass(frozen=True)
class Pose:
    """Where a thing stands, `x` metres to the right and `z` ahead, and which way it heads.

    A thing has coordinates of its own, in metres: along (forward), across (to its left), up.
    """

    x: float
    z: float
    cosine: float = 1.0
    sine: float = 0.0

    @classmethod
    def heading(cls, x: float, z: float, angle: float) -> Pose:
        """Return a pose; angle 0 heads to the right, a quarter turn (pi / 2) away from the camera."""
        return cls(x, z, round(math.cos(angle), 6), round(math.sin(angle), 6))

    def world(self, points: np.ndarray) -> np.ndarray:
        """Return points [N, 3] of the thing as metres to the right, up, ahead."""
        along, across, up = points.T
        world = np.empty(points.shape)
        world[:, 0] = self.x + along * self.cosine - across * self.sine
        world[:, 1] = up
        world[:, 2] = self.z + along * self.sine + across * self.cosine
        return world

    def faces(self, along: float, across: float, at: tuple[float, float]) -> bool:
        """Tell whether a face at a point of the thing that looks (along, across) is seen by the camera."""
        x, _, z = self.world(np.array([[at[0], at[1], 0.0]]))[0].tolist()
        out_x = along * self.cosine - across * self.sine
        out_z = along * self.sine + across * self.cosine
        return out_x * x + out_z * z < 0


class Pen:
    """Draws on a sheet in a thing's own metres."""

    def __init__(
        self, scene: Scene, pose: Pose, extent: Sequence[float], *, base: RGB, board: Board | None = None
    ) -> None:
        self.scene, self.pose = scene, pose
        length, width, height = extent
        corners = box((-length / 2, length / 2), (-width / 2, width / 2), (0.0, height))
        self.board = board or Board(scene.camera, self.pixels(corners), base=base)

    def pixels(self, points: np.ndarray | Sequence[Sequence[float]]) -> np.ndarray:
        """Return where points [N, 3] of the thing are seen."""
        return self.scene.camera.pixels(self.pose.world(np.asarray(points, np.float64)))

    def lit(self, color: RGB, along: float, across: float) -> RGB:
        """Return a colour as light falls on a face that looks (along, across)."""
        out_x = along * self.pose.cosine - across * self.pose.sine
        out_z = along * self.pose.sine + across * self.pose.cosine
        factor = 0.86 + 0.3 * (out_x * self.scene.sun[0] + out_z * self.scene.sun[1])
        return tone(color, factor)

    def fill(
        self, points: Sequence[Sequence[float]] | np.ndarray, color: RGB, *, covers: bool = True
    ) -> None:
        """Fill a flat outline [N, 3]."""
        self.board.fill(self.pixels(points), color, covers=covers)

    def hull(self, points: np.ndarray, color: RGB) -> None:
        """Fill the whole that points [N, 3] span, as a solid body is seen."""
        drawn = np.rint(self.pixels(points) * (1 << 8)).astype(np.int32)  # whole numbers: no rounding later
        self.board.fill(cv2.convexHull(drawn)[:, 0] / (1 << 8), color)

    def line(
        self, points: Sequence[Sequence[float]] | np.ndarray, color: RGB, *, width: float, covers: bool = True
    ) -> None:
        """Draw a line; `width` is in metres."""
        scale = self.scene.camera.focal / max(self.pose.z, NEAREST)
        self.board.line(self.pixels(points), color, width=width * scale, covers=covers)

    def disc(
        self,
        center: tuple[float, float],
        radius: float,
        color: RGB,
        *,
        across: float = 0.0,
        ring: float | None = None,
    ) -> None:
        """Draw a disc around (along, up), or with `ring` its rim of that width and what it encloses."""
        turn = np.arange(24) * (math.pi / 12)
        outer = np.stack(
            [center[0] + radius * np.cos(turn), np.full(24, across), center[1] + radius * np.sin(turn)],
            axis=1,
        )
        if ring is None:
            self.fill(outer, color)
        else:
            self.line(np.concatenate([outer, outer[:1]]), color, width=ring)
            self.board.enclose(self.pixels(outer))

    def side(self, across: float) -> bool:
        """Tell whether the long side at `across` is seen."""
        return self.pose.faces(0.0, 1.0 if across > 0 else -1.0, (0.0, across))

    def end(self, along: float) -> bool:
        """Tell whether the end at `along` is seen."""
        return self.pose.faces(1.0 if along > 0 else -1.0, 0.0, (along, 0.0))


Draw: TypeAlias = Callable[[Pen], None]


@dataclass(frozen=True)
class Thing:
    """A thing that can stand somewhere: length, width and height in metres, its main colour, its drawing."""

    extent: tuple[float, float, float]
    base: RGB
    draw: Draw


def show(scene: Scene, thing: Thing, pose: Pose, label: str, *, deleted: bool = False) -> Board | None:
    """Draw a thing into a scene; return its sheet, or None if too little of it is seen."""
    pen = Pen(scene, pose, thing.extent, base=thing.base)
    if 0 in pen.board.size_hw:
        return None
    thing.draw(pen)
    return pen.board if scene.add(pen.board, label, depth=pose.z, deleted=deleted) else None


def box(along: tuple[float, float], across: tuple[float, float], up: tuple[float, float]) -> np.ndarray:
    """Return the eight corners of a box."""
    return np.array([(a, b, c) for a in along for b in across for c in up], np.float64)


def tone(color: RGB, factor: float) -> RGB:
    """Return a colour made lighter or darker."""
    red, green, blue = (min(255, max(0, round(part * factor))) for part in color)
    return red, green, blue
