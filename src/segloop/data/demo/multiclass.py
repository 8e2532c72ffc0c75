"""The multiclass demo: finds on a shore, told apart by outline and pattern, never by colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from segloop.data.demo.build import Progress, build_semantic, check_wishes
from segloop.data.demo.creatures import CREATURES
from segloop.data.demo.dice import Dice
from segloop.data.demo.shore import CLUTTER, PALETTES, colors_of, ground, mix
from segloop.data.demo.sprites import Sprite
from segloop.data.info import ClassInfo, DatasetInfo, Files

EDITION = 1  # raise it with every change that moves a pixel: old numbers belong to old pictures
COUNTS = {"train": 800, "val": 200, "test": 200}
SIZE = 192  # height and width in pixels

CLASSES = (
    ClassInfo("background", (0, 0, 0)),
    ClassInfo("starfish", (230, 90, 60)),
    ClassInfo("scallop", (245, 190, 65)),
    ClassInfo("nautilus", (150, 95, 200)),
    ClassInfo("fish", (55, 145, 220)),
    ClassInfo("leaf", (75, 180, 95)),
)
_NAMES = tuple(item.name for item in CLASSES)
_FREQUENCIES = {"starfish": 0.23, "scallop": 0.16, "nautilus": 0.16, "fish": 0.24, "leaf": 0.21}


@dataclass
class _Scene:
    """What has been painted so far: the picture, float32, and the class of each pixel."""

    image: np.ndarray
    mask: np.ndarray
    light_xy: tuple[int, int]


def draw_scene(*, seed: int, split: str, index: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return one scene, an RGB image and its index mask; it follows from these four numbers alone."""
    dice = Dice(seed, split, index)
    colors = colors_of(dice.pick(PALETTES))
    light = dice.pick(((-2, -2), (-3, 0), (-2, 2), (2, -2), (0, -3)))
    scene = _Scene(ground(dice, colors, size), np.zeros((size, size), np.uint8), light)
    for _ in range(dice.integer(3, 10)):
        _put_clutter(dice, scene, colors, largest=26)
    _put_finds(dice, scene, colors)
    for _ in range(dice.pick((0, 0, 1, 1, 2, 3))):
        _put_clutter(dice, scene, colors, largest=15)
    return _photograph(dice, scene.image), scene.mask


def _put_finds(dice: Dice, scene: _Scene, colors: np.ndarray) -> None:
    """Lay finds down until they cover the share of the ground that this scene drew."""
    size = len(scene.mask)
    wanted = 0.0 if dice.chance(0.04) else 0.012 + 0.157 * dice.uniform(0, 1) ** 1.5
    last: tuple[float, float, float] | None = None
    while np.count_nonzero(scene.mask) < wanted * size * size:
        name = dice.pick(tuple(_FREQUENCIES), weights=tuple(_FREQUENCIES.values()))
        radius = _reach(dice, 16, 37) * size / 192
        x, y = _place(dice, scene, radius, last=last)
        sprite = CREATURES[name](dice, (x, y), radius)
        _paint(scene, sprite, _coat(dice, colors), label=_NAMES.index(name))
        last = (x, y, radius)


def _reach(dice: Dice, low: float, high: float) -> float:
    """Return a radius; small ones are more frequent than large ones."""
    return low + (high - low) * dice.uniform(0, 1) ** 1.4


def _place(
    dice: Dice, scene: _Scene, radius: float, *, last: tuple[float, float, float] | None
) -> tuple[float, float]:
    """Choose where a find lies: anywhere, a little over the rim too, sometimes against the one before."""
    size = len(scene.mask)
    best, least = (0.0, 0.0), 2.0
    for _ in range(6):
        if last is not None and dice.chance(0.3):
            side = np.array([dice.uniform(-1, 1), dice.uniform(-1, 1)])
            side = side / max(1e-3, float(np.sqrt((side**2).sum()))) * (radius + last[2]) * 0.75
            x, y = last[0] + float(side[0]), last[1] + float(side[1])
        else:
            x, y = dice.uniform(-0.02, 1.02) * size, dice.uniform(-0.02, 1.02) * size
        around = scene.mask[_span(y, radius, size), _span(x, radius, size)]
        hidden = float(np.count_nonzero(around)) / max(1, around.size)
        if hidden < least:
            best, least = (x, y), hidden
        if hidden < 0.12:
            break
    return best


def _span(middle: float, radius: float, size: int) -> slice:
    return slice(max(0, int(middle - radius * 0.7)), max(0, min(size, int(middle + radius * 0.7))))


def _put_clutter(dice: Dice, scene: _Scene, colors: np.ndarray, *, largest: float) -> None:
    size = len(scene.mask)
    center = (dice.uniform(0, size), dice.uniform(0, size))
    sprite = dice.pick(CLUTTER)(dice, center, _reach(dice, 5, largest) * size / 192)
    dull = scene.image.mean(axis=(0, 1), dtype=np.float64).round().astype(np.float32)
    first, second = (color + (dull - color) * np.float32(0.35) for color in _coat(dice, colors))
    _paint(scene, sprite, (first, second), label=0)


def _coat(dice: Dice, colors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Choose a darker colour for a thing and a lighter one for its pattern, well apart."""
    choices = tuple(colors)
    first = second = colors[0]
    for _ in range(20):
        first, second = sorted((dice.pick(choices), dice.pick(choices)), key=_luma)
        if _luma(second) - _luma(first) > 75:
            break
    tint = (0.88 + 0.24 * dice.grid(2, 3)).astype(np.float32)
    return np.clip(first * tint[0], 8, 250), np.clip(second * tint[1], 8, 250)


def _luma(color: np.ndarray) -> float:
    return 0.3 * float(color[0]) + 0.59 * float(color[1]) + 0.11 * float(color[2])


def _paint(scene: _Scene, sprite: Sprite, coat: tuple[np.ndarray, np.ndarray], *, label: int) -> None:
    """Paint a thing over the scene: its shadow, its colours, its rounded light; then its label."""
    reach = max(2, round(len(sprite.coverage) / 26))
    soft = cv2.GaussianBlur(sprite.coverage, (0, 0), reach)
    window, inner = _clip(sprite.corner_xy, soft.shape, scene.mask.shape)
    if window is None:
        return
    dx, dy = scene.light_xy
    shadow = np.roll(soft, (-dy * reach // 2, -dx * reach // 2), (0, 1))[inner].astype(np.float32)
    under = scene.image[window] * (1 - shadow * np.float32(0.42 / 255))[..., None]
    slope = soft.astype(np.int16) - np.roll(soft, (dy, dx), (0, 1))
    ink = sprite.ink[inner].astype(np.float32) / np.float32(255)
    dark = sprite.dark[inner].astype(np.float32) / np.float32(255)
    relief = sprite.ink.astype(np.int16) - np.roll(sprite.ink, (dy // 2, dx // 2), (0, 1))
    light = np.float32(1) + slope[inner].astype(np.float32) * np.float32(-0.0045)
    light = light + relief[inner].astype(np.float32) * np.float32(0.0006)
    skin = mix(coat[0], coat[1], ink) * ((np.float32(1) - np.float32(0.65) * dark) * light)[..., None]
    alpha = sprite.coverage[inner].astype(np.float32) / np.float32(255)
    scene.image[window] = under + (skin - under) * alpha[..., None]
    scene.mask[window][sprite.coverage[inner] >= 128] = label


def _clip(
    corner_xy: tuple[int, int], shape: tuple[int, ...], frame: tuple[int, ...]
) -> tuple[tuple[slice, slice] | None, tuple[slice, slice]]:
    """Return the window of the frame that a sprite touches, and the matching part of the sprite."""
    outer, inner = [], []
    for start, length, limit in zip(corner_xy[::-1], shape, frame, strict=True):
        low, high = max(0, start), min(limit, start + length)
        if low >= high:
            return None, (slice(0), slice(0))
        outer.append(slice(low, high))
        inner.append(slice(low - start, high - start))
    return (outer[0], outer[1]), (inner[0], inner[1])


def _photograph(dice: Dice, image: np.ndarray) -> np.ndarray:
    """Light the scene unevenly, blur it and add noise, as a camera would."""
    size = len(image)
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32) / np.float32(size) - np.float32(0.5)
    tilt = np.float32(dice.uniform(-0.45, 0.45)) * rows + np.float32(dice.uniform(-0.45, 0.45)) * columns
    patches = dice.clouds(size, cell=size / 2.5) * np.float32(dice.uniform(0, 0.3))
    exposure = np.float32(dice.uniform(0.82, 1.12))
    warmth = np.array([dice.uniform(0.92, 1.08), 1.0, dice.uniform(0.92, 1.08)], np.float32)
    lit = image * (exposure * (np.float32(1) + tilt + patches))[..., None] * warmth
    seen = np.clip(np.rint(lit), 0, 255).astype(np.uint8)
    blur = dice.uniform(-0.5, 1.0)
    if blur > 0.3:
        seen = cv2.GaussianBlur(seen, (0, 0), blur)
    strength = dice.uniform(1, 7)
    # the sum of two uniform bytes is a triangle: close enough to a normal, and exact
    noise = dice.bytes(size, size, 3).astype(np.int16) + dice.bytes(size, size, 3) - np.int16(255)
    return np.clip(np.rint(seen + noise * np.float32(strength / 104)), 0, 255).astype(np.uint8)


def draw_native(
    root: Path | str,
    *,
    seed: int = 0,
    counts: Mapping[str, int] = COUNTS,
    size: int = SIZE,
    workers: int | None = None,
    progress: Progress | None = None,
    replace: bool = False,
) -> None:
    """Draw the set into `root` as its author would give it away: mmseg's folders and their dataset.json.

    An existing `root` is refused, or with `replace` exchanged once the new set is whole.
    """
    info = DatasetInfo(
        name="shore finds",
        task="multiclass",
        classes=CLASSES,
        splits=dict(counts),
        images=Files("img_dir/{split}", ".png"),
        masks=Files("ann_dir/{split}", ".png"),
        background=0,
        source="drawn by SegLoop",
        generator=f"segloop.data.demo.multiclass, edition {EDITION}, size {size}",
        seed=seed,
    )
    check_wishes(seed=seed, counts=counts, size=size)
    scene = partial(draw_scene, seed=seed, size=size)
    build_semantic(root, info, scene, replace=replace, workers=workers, progress=progress)
