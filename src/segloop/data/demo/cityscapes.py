"""The street scenes of the Cityscapes demo: drives through made-up towns, labelled as Cityscapes is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from segloop.data.cityscapes import BY_NAME, LABELS, OBJECTS, label_ids, resolve
from segloop.data.demo.build import Progress, check_wishes, new_folder
from segloop.data.demo.dice import Dice
from segloop.data.demo.street_backdrop import Street, Style, bonnet, far_end, ground, sky
from segloop.data.demo.street_board import Camera, Outlined, Scene
from segloop.data.demo.street_traffic import LANE, Plan
from segloop.data.png import encode_grey, encode_rgb
from segloop.utils.workers import map_ordered

EDITION = 1  # raise it with every change that moves a pixel: old numbers belong to old pictures
COUNTS = {"train": 800, "val": 200, "test": 200}
SIZE = 224  # height in pixels; pictures are twice as wide
SCENES_IN_TOWN = 80
TOWNS = {  # no town is in two splits
    "train": (
        *("alderbrunn", "birkenau", "calmstadt", "dornhafen", "eschtal"),
        *("falkensee", "grauwald", "hohenried", "ilmenbach", "jagdfeld"),
    ),
    "val": ("kaltenmoor", "lindental", "moorburg"),
    "test": ("neuwied", "ostheim", "pappelau"),
}
_STYLES = (
    Style(
        ((196, 178, 150), (208, 200, 184), (170, 128, 104), (150, 152, 150)),
        (88, 88, 92),
        (138, 134, 130),
        (86, 108, 58),
    ),
    Style(
        ((150, 92, 74), (176, 116, 90), (128, 84, 70), (200, 186, 168)),
        (78, 80, 84),
        (150, 142, 134),
        (70, 98, 54),
    ),
    Style(
        ((214, 210, 200), (190, 196, 198), (222, 204, 160), (164, 170, 160)),
        (104, 104, 106),
        (160, 158, 154),
        (98, 118, 62),
    ),
    Style(
        ((128, 132, 138), (160, 160, 164), (108, 112, 118), (186, 176, 166)),
        (70, 72, 78),
        (124, 122, 122),
        (78, 96, 60),
    ),
    Style(
        ((206, 160, 110), (186, 140, 96), (218, 196, 150), (150, 118, 90)),
        (96, 92, 90),
        (152, 144, 132),
        (112, 112, 52),
    ),
)
_SKIES = (
    ((108, 150, 204), (206, 222, 236)),
    ((150, 164, 178), (206, 210, 212)),
    ((176, 180, 184), (214, 212, 208)),
    ((120, 136, 168), (238, 206, 170)),
    ((84, 128, 190), (190, 210, 228)),
)


def draw_scene(*, seed: int, split: str, index: int, size: int) -> tuple[np.ndarray, list[Outlined]]:
    """Return one scene, an RGB image [size, 2 size, 3] and its outlines.

    They follow from these four numbers alone; a town, which has many scenes, gives them style and camera.
    """
    dice = Dice(seed, split, index)
    town = Dice(seed, f"{split} town", index // SCENES_IN_TOWN)
    style = town.pick(_STYLES)
    focal = size * town.uniform(1.4, 1.55)
    camera = Camera(
        size_hw=(size, 2 * size),
        horizon=size * (town.uniform(0.4, 0.44) + dice.uniform(-0.015, 0.015)),
        middle=size * (1 + dice.uniform(-0.12, 0.12)),
        focal=focal,
    )
    colors = dice.pick(_SKIES)
    bright = colors[1]
    haze = np.array([0.5 * (a + b) for a, b in zip(*colors, strict=True)], np.float32)
    sun = (dice.uniform(-1, 1), dice.uniform(-0.8, 0.8))
    scene = Scene(camera, np.zeros((size, 2 * size, 3), np.float32), haze, sun)
    sky(scene, dice, (colors[0], bright))
    far_end(scene, dice, style)
    street = _street(dice)
    ground(scene, dice, street, style)
    _roughen(scene, dice)
    plan = Plan(scene, dice, street, style)
    plan.surroundings()
    plan.lanes()
    plan.walkers()
    if dice.chance(0.88):  # else it is early in the morning
        plan.crossing()
        plan.parked()
        plan.cyclists()
        plan.crowds()
    plan.draw()
    bonnet(scene, town)
    _rims(scene)
    return _photograph(dice, scene.image), scene.outlines


def _street(dice: Dice) -> Street:
    """Lay out a street: lanes, parking, sidewalks, perhaps a track and a street that crosses."""
    wide = dice.chance(0.4)
    left, right = -1.5 * LANE, (1.5 if wide else 0.5) * LANE + 0.4
    track = left + LANE / 2 if dice.chance(0.2) else None
    near = dice.uniform(9, 21)
    return Street(
        left=left,
        right=right,
        parking=tuple(2.2 if dice.chance(0.6) else 0.0 for _ in range(2)),  # type: ignore[arg-type]
        walk=tuple(dice.uniform(2.4, 4.5) for _ in range(2)),  # type: ignore[arg-type]
        crossing=(near, near + dice.uniform(7, 10)) if dice.chance(0.62) else None,
        track=track,
    )


def _roughen(scene: Scene, dice: Dice) -> None:
    """Give the ground grain and stains."""
    height, width = scene.camera.size_hw
    below = max(0, int(scene.camera.horizon))
    stains = dice.clouds(width, cell=width / 12)[: height - below]
    grain = dice.clouds(width, cell=1.6)[: height - below]
    factor = np.float32(1) + np.float32(0.07) * stains + np.float32(0.05) * grain
    scene.image[below:] *= factor[..., None]


def _rims(scene: Scene) -> None:
    """Label the rims that no evaluation looks at, and blacken the columns that rectifying left empty."""
    height, width = scene.camera.size_hw
    rim = max(1, round(height * 5 / 1024))
    strips = {
        "rectification border": ((0, 0, rim - 1, height - 1), (width - rim, 0, width - 1, height - 1)),
        "out of roi": ((0, 0, width - 1, rim - 1), (0, height - rim, width - 1, height - 1)),
    }
    for label, boxes in strips.items():
        for left, top, right, bottom in boxes:
            corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
            scene.outlines.append(Outlined(label, corners))
    scene.image[:, :rim] = scene.image[:, -rim:] = 0


def _photograph(dice: Dice, image: np.ndarray) -> np.ndarray:
    """Expose the scene, blur it a little and add noise, as a camera behind a windscreen would."""
    height, width = image.shape[:2]
    exposure = np.float32(dice.uniform(0.78, 1.1))
    warmth = np.array([dice.uniform(0.93, 1.07), 1.0, dice.uniform(0.93, 1.07)], np.float32)
    rows = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    columns = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None]
    tilt = np.float32(dice.uniform(-0.25, 0.25)) * columns + np.float32(dice.uniform(-0.15, 0.15)) * rows
    seen = np.clip(np.rint(image * (exposure * (np.float32(1) + tilt))[..., None] * warmth), 0, 255).astype(
        np.uint8
    )
    blur = dice.uniform(0.2, 0.8)
    if blur > 0.35:
        seen = cv2.GaussianBlur(seen, (0, 0), blur)
    strength = dice.uniform(2, 8)
    # the sum of two uniform bytes is a triangle: close enough to a normal, and exact
    noise = dice.bytes(height, width, 3).astype(np.int16) + dice.bytes(height, width, 3) - np.int16(255)
    return np.clip(np.rint(seen + noise * np.float32(strength / 104)), 0, 255).astype(np.uint8)


def instance_ids(outlines: list[Outlined], size_hw: tuple[int, int]) -> np.ndarray:
    """Return the map of ids [H, W], uint16, that outlines draw; `draw_instances` makes the same of them.

    Edges of these outlines are level, upright or diagonal, and so no two ways to draw them differ.
    """
    ids = np.zeros(size_hw, np.uint16)
    numbers = dict.fromkeys(BY_NAME, 0)
    for each in outlines:
        found = resolve(each.label, BY_NAME)
        if each.deleted or found is None:
            continue
        label, group = found
        value = label.id
        if label.instances and not group:
            value = value * OBJECTS + numbers[label.name]
            numbers[label.name] += 1
        if value >= 0:
            cv2.fillPoly(ids, [each.points.astype(np.int32)], value)
    return ids


def scene_name(split: str, index: int) -> str:
    """Return a scene's path below its split, up to the kinds of its files: town, sequence and frame."""
    names = TOWNS.get(split, (split,))
    again, place = divmod(index // SCENES_IN_TOWN, len(names))
    town = names[place] + (str(again + 1) if again else "")
    return f"{town}/{town}_{index:06d}_000019"


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
    """Draw the set into `root` as Cityscapes' zips unpack: leftImg8bit and gtFine, split by split, by town.

    An existing `root` is refused, or with `replace` exchanged once the new set is whole. Unlike Cityscapes'
    own, the truth of the test split is no dummy.
    """
    check_wishes(seed=seed, counts=counts, size=size)
    scenes = [(split, index) for split, count in counts.items() for index in range(count)]
    with new_folder(root, replace=replace) as folder:
        write = partial(_write_scene, folder=folder, seed=seed, size=size)
        for done, _ in enumerate(map_ordered(write, scenes, workers=workers), start=1):
            if progress:
                progress(done, len(scenes))


def _write_scene(scene: tuple[str, int], *, folder: Path, seed: int, size: int) -> None:
    split, index = scene
    image, outlines = draw_scene(seed=seed, split=split, index=index, size=size)
    ids = instance_ids(outlines, (size, 2 * size))
    name = scene_name(split, index)
    picture = folder / "leftImg8bit" / split / f"{name}_leftImg8bit.png"
    truth = folder / "gtFine" / split / f"{name}_gtFine"
    for place in (picture, truth):
        place.parent.mkdir(parents=True, exist_ok=True)
    picture.write_bytes(encode_rgb(image))
    classes = label_ids(ids)
    palette = np.zeros((256, 3), np.uint8)
    for label in LABELS:
        if label.id >= 0 and label.color is not None:
            palette[label.id] = label.color
    files = {
        "instanceIds.png": encode_grey(ids),
        "labelIds.png": encode_grey(classes),
        "color.png": encode_rgb(palette[classes]),
        "polygons.json": _polygons(outlines, (size, 2 * size)).encode(),
    }
    for kind, data in files.items():
        truth.with_name(f"{truth.name}_{kind}").write_bytes(data)


def _polygons(outlines: list[Outlined], size_hw: tuple[int, int]) -> str:
    """Return the text of `polygons.json`."""
    objects = []
    for each in outlines:
        item: dict[str, object] = {"label": each.label, "polygon": each.points.astype(int).tolist()}
        if each.deleted:
            item["deleted"] = 1
        objects.append(item)
    return json.dumps({"imgHeight": size_hw[0], "imgWidth": size_hw[1], "objects": objects})
