"""One scene of the spacecraft demo: which craft, where, in what light; the photograph, and who is where."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from segloop.data.demo.dice import Dice
from segloop.data.demo.spacecraft.camera import Camera, Placed, Surface, dot, look
from segloop.data.demo.spacecraft.craft import Material, build_craft
from segloop.data.demo.spacecraft.light import choose_light, shade
from segloop.data.demo.spacecraft.solids import PANEL, Vector, any_rotation, cross, turned, unit, vector
from segloop.data.demo.spacecraft.space import draw_space

SCALE = 3  # craft are drawn at three times the size and averaged
PARTS = 4  # nothing, solar panel, body, antenna
_FIELD = 1.5  # focal length by the height of the picture: 37 degrees from top to bottom


@dataclass(frozen=True)
class Scene:
    """An RGB image, the part of each pixel (0 is none), and the craft that it is of (from 1)."""

    image: np.ndarray
    parts: np.ndarray
    craft: np.ndarray


def size_hw_of(size: int) -> tuple[int, int]:
    """Return height and width of a scene whose longer side is `size`: four to three.

    >>> size_hw_of(192)
    (144, 192)
    """
    return round(size * 0.75), size


def draw_scene(*, seed: int, split: str, index: int, size: int) -> Scene:
    """Return one scene; it follows from these four alone."""
    dice = Dice(seed, split, index)
    height, width = size_hw_of(size)
    camera = Camera((height * SCALE, width * SCALE), focal=_FIELD * height * SCALE)
    placed, materials = _place_craft(dice, camera)
    sun = _choose_sun(dice, placed[0])
    placed = [_face_sun(dice, each, sun) for each in placed]
    backdrop = draw_space(dice, (height, width), sun)
    light = choose_light(dice, sun, planet=backdrop.planet, tint=backdrop.tint)
    surface = look(camera, placed, sun)
    colors = shade(dice, surface, materials, light)
    image = _compose(backdrop.picture, surface, colors, (height, width))
    parts, craft = _labels(surface, (height, width), len(placed))
    return Scene(_photograph(dice, image), parts, craft)


def _place_craft(dice: Dice, camera: Camera) -> tuple[list[Placed], list[Material]]:
    """Put one craft before the camera, seldom two or three; the first is the nearest and largest."""
    count = dice.pick((1, 2, 3), weights=(0.82, 0.15, 0.03))
    placed: list[Placed] = []
    materials: list[Material] = []
    spot: np.ndarray = np.zeros(2)
    for number in range(count):
        mesh, own = build_craft(dice)
        radius = mesh.radius
        reach = _reach(dice, first=number == 0) * camera.size_hw[0]  # on the picture
        distance = radius * camera.focal / reach
        if number:
            away = unit(vector(dice.uniform(-1, 1), dice.uniform(-1, 1), 1e-6))[:2]
            spot = spot + away * camera.size_hw[0] * dice.uniform(0.35, 0.6)
            distance *= 1.5  # behind the first, and so farther
        else:
            spot = np.array([dice.uniform(-0.28, 0.28), dice.uniform(-0.2, 0.2)]) * camera.size_hw[0]
        x, y = spot * distance / camera.focal
        placed.append(Placed(mesh, any_rotation(dice), vector(x, y, distance), len(materials)))
        materials += own
    return placed, materials


def _reach(dice: Dice, *, first: bool) -> float:
    """Return a craft's radius on the picture, by the picture's height; some are close."""
    if not first:
        return dice.uniform(0.25, 0.45)
    return dice.uniform(0.36, 0.62) if dice.chance(0.8) else dice.uniform(0.62, 0.95)


def _choose_sun(dice: Dice, placed: Placed) -> Vector:
    """Choose where the sun is: more often behind the camera than before it, and before the panels."""
    rotation = any_rotation(dice)
    anywhere = rotation[0]
    panels = [face for face in placed.mesh.faces if face.part == PANEL]
    aim = vector(0, 0, -0.75)
    if panels:
        normal = unit(turned(cross(panels[0].across, panels[0].along)[None], placed.rotation)[0])
        side = -1.0 if float(dot(normal, placed.position)) > 0 else 1.0  # that which the camera sees
        aim = aim + normal * side * dice.uniform(-0.3, 0.9)
    return unit(anywhere + aim)


def _face_sun(dice: Dice, placed: Placed, sun: Vector) -> Placed:
    """Turn the cells of the panels to the sun, as they are in flight; a few are turned away."""
    panels = [face for face in placed.mesh.faces if face.part == PANEL]
    if not panels:
        return placed
    normal = turned(cross(panels[0].across, panels[0].along)[None], placed.rotation)[0]
    fronts = 1.0 if float(dot(normal, sun)) > 0 else -1.0
    if dice.chance(0.08):
        fronts = -fronts
    return Placed(placed.mesh, placed.rotation, placed.position, placed.first_material, fronts)


def _compose(
    backdrop: np.ndarray, surface: Surface, colors: np.ndarray, size_hw: tuple[int, int]
) -> np.ndarray:
    """Return the backdrop with the craft before it, HxWx3 float64, 1 being white."""
    height, width = size_hw
    drawn = np.zeros((height * width * SCALE * SCALE, 4))
    drawn[surface.index, :3] = np.clip(colors, 0, 1.6)
    drawn[surface.index, 3] = 1
    fine = drawn.reshape(height * SCALE, width * SCALE, 4)
    small = np.zeros((height, width, 4))
    for down in range(SCALE):
        for right in range(SCALE):
            small += fine[down::SCALE, right::SCALE]
    small /= SCALE * SCALE
    return small[..., :3] + backdrop * (1 - small[..., 3:])


def _labels(surface: Surface, size_hw: tuple[int, int], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the part that has most of each pixel, and the craft that has most of it there."""
    height, width = size_hw
    rows, columns = np.divmod(surface.index, width * SCALE)
    pixel = rows // SCALE * width + columns // SCALE

    def most(values: np.ndarray, kinds: int) -> np.ndarray:
        votes = np.bincount(pixel * kinds + values, minlength=height * width * kinds)
        votes = votes.reshape(height * width, kinds)
        votes[:, 0] = SCALE * SCALE - votes.sum(axis=1)
        return votes.argmax(axis=1).astype(np.uint8).reshape(height, width)

    parts, craft = most(surface.part, PARTS), most(surface.craft + 1, count + 1)
    both = (parts > 0) & (craft > 0)  # a pixel that two share by thirds may be of one and of none
    return np.where(both, parts, 0).astype(np.uint8), np.where(both, craft, 0).astype(np.uint8)


def _photograph(dice: Dice, image: np.ndarray) -> np.ndarray:
    """Expose, blur and add noise, as a camera would; what is too bright glows."""
    bright = np.clip((image - 0.9) * 255, 0, 255).astype(np.uint8)
    glow = cv2.GaussianBlur(bright, (0, 0), max(1.5, len(image) / 60)).astype(np.float64) / 255
    tone = np.clip(image + 0.8 * glow, 0, 1)
    tone = tone * (1.45 - 0.45 * tone)  # a film's curve lifts what is dim
    seen: np.ndarray = np.rint(tone * 255).astype(np.uint8)
    blur = dice.uniform(-0.6, 0.8)
    if blur > 0.3:
        seen = cv2.GaussianBlur(seen, (0, 0), blur)
    strength = dice.uniform(0.5, 5)
    # the sum of two uniform bytes is a triangle: close enough to a normal, and exact
    noise = dice.bytes(*seen.shape).astype(np.int16) + dice.bytes(*seen.shape) - np.int16(255)
    return np.clip(np.rint(seen + noise * np.float32(strength / 104)), 0, 255).astype(np.uint8)
