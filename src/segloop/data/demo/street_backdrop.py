"""What street scenes play in: sky, houses, trees, the road and what stands along it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segloop.data.demo.dice import Dice
from segloop.data.demo.sprites import polar, smooth_closed
from segloop.data.demo.street_board import COARSE, FINE, RGB, Board, Scene, tone

FAR = 240.0  # metres: where streets end
NEAR = 1.7


@dataclass(frozen=True)
class Street:
    """The ground plan, in metres to the right of the camera: the road from `left` to `right`, then the rest.

    `parking` and `walk` are widths on either side, left first; `crossing` is where a street crosses, from and
    to, or None; `track` is where the middle of a tram's track is, or None.
    """

    left: float
    right: float
    parking: tuple[float, float]
    walk: tuple[float, float]
    crossing: tuple[float, float] | None
    track: float | None

    @property
    def kerbs(self) -> tuple[float, float]:
        """Where the sidewalks begin."""
        return self.left - self.parking[0], self.right + self.parking[1]

    @property
    def walls(self) -> tuple[float, float]:
        """Where the sidewalks end."""
        return self.kerbs[0] - self.walk[0], self.kerbs[1] + self.walk[1]


@dataclass(frozen=True)
class Style:
    """The colours of a town."""

    houses: tuple[RGB, ...]
    asphalt: RGB
    paving: RGB
    leaves: RGB


def _spread(scene: Scene, *points: Sequence[float]) -> np.ndarray:
    """Return where points (to the right, ahead, up) are seen."""
    return scene.camera.pixels(np.array([(x, up, z) for x, z, up in points], np.float64))


def _patch(scene: Scene, outline: np.ndarray, color: RGB, label: str | None, *, depth: float = 0.0) -> Board:
    """Put a plain outline of pixels into the scene."""
    board = Board(scene.camera, outline, base=color, scale=COARSE)
    board.fill(outline, color)
    scene.add(board, label, depth=depth)
    return board


def _strip(
    scene: Scene, left: float, right: float, near: float, far: float, color: RGB, label: str | None
) -> None:
    """Lay a strip of ground."""
    outline = _spread(scene, (left, near, 0), (right, near, 0), (right, far, 0), (left, far, 0))
    _patch(scene, outline, color, label)


def sky(scene: Scene, dice: Dice, colors: tuple[RGB, RGB]) -> None:
    """Paint the sky over all, lighter towards the horizon, with clouds."""
    height, width = scene.camera.size_hw
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    top, low = (np.array(color, np.float32) for color in colors)
    share = np.minimum(rows * np.float32(height / max(scene.camera.horizon, 1)), 1)
    scene.image[:] = top + (low - top) * share
    wide, fine = (dice.clouds(width, cell=width / part)[: 2 * height : 2] for part in (6, 22))
    clouds = wide + np.float32(0.5) * fine  # every second row: clouds are wider than tall
    cover = np.clip(clouds * np.float32(1.3) - np.float32(dice.uniform(0.1, 0.9)), 0, 0.8)[..., None]
    scene.image += (np.float32(244) - scene.image) * cover
    whole = np.array([[-4, -4], [width + 4, -4], [width + 4, height + 4], [-4, height + 4]], np.float64)
    board = Board(scene.camera, whole, base=(0, 0, 0), scale=1)
    board.solid[:] = 255
    scene.add(board, "sky", depth=0.0)


def far_end(scene: Scene, dice: Dice, style: Style) -> None:
    """Close the street far away: trees, a house across, or the open horizon."""
    kind = dice.pick(("trees", "house", "open"))
    reach = 60.0
    if kind == "open":
        return
    if kind == "house":
        tall = dice.uniform(9, 26)
        outline = _spread(
            scene, (-reach, 170, 0), (reach, 170, 0), (reach, 170, tall), (-reach, 170, tall * 0.8)
        )
        _patch(scene, outline, dice.pick(style.houses), "building", depth=120)
        return
    edge = np.linspace(-reach, reach, 60)
    tops = 7 + 6 * dice.grid(60)
    crown = [(x, 160.0, float(up)) for x, up in zip(edge.tolist(), tops.tolist(), strict=True)]
    outline = _spread(scene, (-reach, 160, 0), *crown, (reach, 160, 0))
    _patch(scene, outline, style.leaves, "vegetation", depth=110)


def ground(scene: Scene, dice: Dice, street: Street, style: Style) -> None:
    """Lay the ground: land, sidewalks, parking, the road and its markings, a track."""
    reach = 120.0
    land = dice.pick(("terrain", "terrain", "ground"))
    green = tone((112, 132, 74), dice.uniform(0.8, 1.15))
    _strip(scene, -reach, reach, NEAR, FAR, green if land == "terrain" else tone(style.paving, 0.85), land)
    for inner, outer in zip(street.kerbs, street.walls, strict=True):
        _strip(scene, min(inner, outer), max(inner, outer), NEAR, FAR, style.paving, "sidewalk")
    for inner, outer in zip((street.left, street.right), street.kerbs, strict=True):
        if inner != outer:
            _strip(
                scene, min(inner, outer), max(inner, outer), NEAR, FAR, tone(style.asphalt, 1.22), "parking"
            )
    _strip(scene, street.left, street.right, NEAR, FAR, style.asphalt, "road")
    if street.crossing is not None:
        _strip(scene, -reach, reach, *street.crossing, style.asphalt, "road")
    white = tone((206, 206, 200), dice.uniform(0.85, 1.1))
    middle = street.left + 3.2
    for k in range(9):
        begin = 4.0 + 6.5 * k
        _strip(scene, middle - 0.07, middle + 0.07, begin, begin + 3.2, white, None)
    for edge in (street.left + 0.15, street.right - 0.15):
        _strip(scene, edge - 0.06, edge + 0.06, NEAR, 80.0, white, None)
    if street.crossing is not None and dice.chance(0.6):
        begin = street.crossing[0] - 3.6
        for x in np.arange(street.left + 0.4, street.right - 0.4, 1.0).tolist():
            _strip(scene, x, x + 0.5, begin, begin + 2.8, white, None)
    if street.track is not None:
        _strip(
            scene, street.track - 1.3, street.track + 1.3, NEAR, FAR, tone(style.asphalt, 1.12), "rail track"
        )
        for rail in (-0.72, 0.72):
            _strip(
                scene, street.track + rail - 0.05, street.track + rail + 0.05, NEAR, 120.0, (74, 72, 72), None
            )


def house(scene: Scene, dice: Dice, style: Style, wall: float, near: float, far: float) -> None:
    """Build a house along the street between two depths: its long side, windows, shops, and its end."""
    color = tone(dice.pick(style.houses), dice.uniform(0.85, 1.1))
    floors = dice.integer(2, 6)
    height = floors * dice.uniform(2.9, 3.4) + 0.8
    deep = 11.0 if wall > 0 else -11.0
    near = max(near, NEAR)
    side = _spread(scene, (wall, near, 0), (wall, far, 0), (wall, far, height), (wall, near, height))
    end = _spread(
        scene, (wall, near, 0), (wall + deep, near, 0), (wall + deep, near, height), (wall, near, height)
    )
    board = Board(scene.camera, np.concatenate([side, end]), base=color, scale=COARSE)
    if 0 in board.size_hw:
        return
    lit = tone(color, 1.08 if (wall > 0) == (scene.sun[0] < 0) else 0.78)
    board.fill(end, tone(color, 0.92))
    board.fill(side, lit)
    pane = tone(dice.pick(((58, 66, 76), (84, 92, 100), (120, 128, 132))), 1.0)
    step = (height - 0.8) / floors
    columns = max(2, round((far - near) / dice.uniform(2.4, 3.6)))
    pitch = (far - near) / columns
    shops = dice.chance(0.45)
    for floor in range(floors):
        low = floor * step + (0.9 if floor else 0.5)
        high = low + step * (0.55 if floor or not shops else 0.68)
        wide = 0.24 if floor or not shops else 0.42
        if shops and not floor:
            sign = _spread(
                scene,
                (wall, near, high + 0.1),
                (wall, far, high + 0.1),
                (wall, far, step),
                (wall, near, step),
            )
            board.fill(sign, tone(dice.pick(style.houses), 0.6), covers=False)
        for column in range(columns):
            begin = near + (column + 0.5 - wide) * pitch
            stop = near + (column + 0.5 + wide) * pitch
            if begin > 70:
                break  # too far away to be told from the wall
            glass = _spread(
                scene, (wall, begin, low), (wall, stop, low), (wall, stop, high), (wall, begin, high)
            )
            board.fill(glass, tone(pane, 0.8 + 0.3 * ((floor * 7 + column * 3) % 5) / 4), covers=False)
    eaves = _spread(
        scene,
        (wall, near, height - 0.4),
        (wall, far, height - 0.4),
        (wall, far, height),
        (wall, near, height),
    )
    board.fill(eaves, tone(color, 0.6), covers=False)
    scene.add(board, "building", depth=near)


def barrier(scene: Scene, dice: Dice, wall: float, near: float, far: float) -> None:
    """Put a low wall or a fence along the street."""
    solid = dice.chance(0.5)
    height = dice.uniform(1.0, 1.8)
    color = tone((150, 132, 112) if solid else (92, 96, 92), dice.uniform(0.8, 1.15))
    outline = _spread(scene, (wall, near, 0), (wall, far, 0), (wall, far, height), (wall, near, height))
    board = Board(scene.camera, outline, base=color, scale=COARSE)
    if 0 in board.size_hw:
        return
    if solid:
        board.fill(outline, color)
    else:
        board.enclose(outline)
        for z in np.arange(near, min(far, near + 24), 0.9).tolist():
            board.line(
                _spread(scene, (wall, z, 0), (wall, z, height)), color, width=scene.camera.focal * 0.06 / z
            )
        for up in (0.25, height):
            board.line(_spread(scene, (wall, near, up), (wall, far, up)), color, width=1.2)
    scene.add(board, "wall" if solid else "fence", depth=near)


def tree(scene: Scene, dice: Dice, style: Style, x: float, z: float) -> None:
    """Plant a tree, trunk and crown, or a bush."""
    bush = dice.chance(0.25)
    height = dice.uniform(0.9, 1.8) if bush else dice.uniform(4.5, 9.0)
    reach = height * dice.uniform(0.3, 0.42)
    stem = 0.0 if bush else height * dice.uniform(0.28, 0.42)
    leaves = tone(style.leaves, dice.uniform(0.75, 1.2))
    around = _spread(scene, (x - reach * 1.35, z, -0.1), (x + reach * 1.35, z, height * 1.15))
    board = Board(scene.camera, around, base=leaves, scale=COARSE)
    if 0 in board.size_hw:
        return
    if stem:
        trunk = _spread(scene, (x, z, 0), (x, z, stem + 0.4 * reach))
        board.line(trunk, (78, 62, 48), width=scene.camera.focal * 0.3 / z)
    middle = np.array([x, stem + (height - stem) / 2])
    corners = np.linspace(0, 2 * math.pi, 12)[:-1]
    crown = (
        smooth_closed(polar(corners, 0.8 + 0.4 * dice.grid(11)) * [reach, (height - stem) / 2], rounds=2)
        + middle
    )
    board.fill(_spread(scene, *((across, z, up) for across, up in crown.tolist())), leaves)
    for spot in dice.grid(26, 3):
        angle, part = float(spot[0]) * 2 * math.pi, float(spot[1]) ** 0.5 * 0.9
        place = middle + np.array([math.cos(angle) * reach, math.sin(angle) * (height - stem) / 2]) * part
        blob = polar(corners, 0.13 * reach + 0.1 * reach * float(spot[2])) + place
        shade = tone(leaves, 0.72 + 0.5 * float(spot[2]) + 0.12 * (math.sin(angle) > 0))
        board.fill(_spread(scene, *((across, z, up) for across, up in blob.tolist())), shade, covers=False)
    scene.add(board, "vegetation", depth=z)


def pole(scene: Scene, dice: Dice, x: float, z: float) -> None:
    """Put up a pole, with a lamp, a traffic sign or traffic lights."""
    kind = dice.pick(("sign", "sign", "light", "lamp"))
    height = {"sign": dice.uniform(2.3, 3.2), "light": dice.uniform(3.0, 3.6), "lamp": dice.uniform(5, 8)}[
        kind
    ]
    scale = scene.camera.focal / z
    around = _spread(scene, (x - 1.2, z, 0), (x + 1.2, z, height + 0.5))
    board = Board(scene.camera, around, base=(120, 122, 124), scale=FINE)
    if 0 in board.size_hw:
        return
    grey = tone((116, 120, 122), dice.uniform(0.6, 1.2))
    board.line(_spread(scene, (x, z, 0), (x, z, height)), grey, width=0.11 * scale)
    if kind == "lamp":
        inward = -1.0 if x > 0 else 1.0
        board.line(_spread(scene, (x, z, height), (x + inward, z, height + 0.2)), grey, width=0.12 * scale)
    scene.add(board, "pole", depth=z)
    if kind == "lamp":
        return
    board = Board(scene.camera, around, base=(230, 230, 226), scale=FINE)
    low, half = height - (0.7 if kind == "sign" else 0.95), 0.33 if kind == "sign" else 0.17
    turn = np.linspace(0, 2 * math.pi, 13)[:-1]
    if kind == "light":
        case = _spread(
            scene, (x - half, z, low), (x + half, z, low), (x + half, z, height), (x - half, z, height)
        )
        board.fill(case, (30, 32, 32))
        shines = dice.integer(0, 2)
        for place, color in enumerate(((60, 190, 90), (226, 180, 50), (206, 44, 36))):
            lamp = polar(turn, 0.1) + np.array([x, low + 0.18 + 0.29 * place])
            seen = color if place == shines else tone(color, 0.35)
            board.fill(_spread(scene, *((across, z, up) for across, up in lamp.tolist())), seen, covers=False)
    else:
        _sign(scene, dice, board, (x, z, low + half), half)
    scene.add(board, f"traffic {kind}", depth=z)


def _sign(scene: Scene, dice: Dice, board: Board, at: tuple[float, float, float], half: float) -> None:
    """Draw a traffic sign's plate: round, triangular or square."""
    x, z, up = at
    shape = dice.pick(("round", "triangle", "square"))
    count, start = {"round": (16, 0.0), "triangle": (3, math.pi / 2), "square": (4, math.pi / 4)}[shape]
    turn = start + np.arange(count) * (2 * math.pi / count)
    rim, face = dice.pick(
        (((190, 30, 34), (236, 236, 232)), ((36, 78, 160), (36, 78, 160)), ((220, 180, 40), (240, 238, 230)))
    )
    for part, color in ((1.1, rim), (0.76, face)):
        plate = polar(turn, half * part) + np.array([x, up])
        board.fill(
            _spread(scene, *((across, z, high) for across, high in plate.tolist())), color, covers=part > 1
        )
    mark = _spread(scene, (x - 0.4 * half, z, up), (x + 0.4 * half, z, up))
    board.line(
        mark,
        (30, 30, 34) if face != rim else (240, 240, 240),
        width=scene.camera.focal * 0.09 / z,
        covers=False,
    )


def clutter(scene: Scene, dice: Dice, x: float, z: float) -> None:
    """Put something on the sidewalk that no class stands for: a bin, a box, a billboard."""
    wide, tall = dice.uniform(0.25, 0.7), dice.uniform(0.6, 1.6)
    color = tone(
        dice.pick(((70, 80, 74), (96, 92, 88), (150, 120, 60), (60, 70, 96))), dice.uniform(0.8, 1.2)
    )
    outline = _spread(
        scene, (x - wide, z, 0), (x + wide, z, 0), (x + 0.9 * wide, z, tall), (x - 0.9 * wide, z, tall)
    )
    board = Board(scene.camera, outline, base=color)
    if 0 in board.size_hw:
        return
    board.fill(outline, color)
    lid = _spread(
        scene,
        (x - wide, z, tall * 0.84),
        (x + wide, z, tall * 0.84),
        (x + wide, z, tall),
        (x - wide, z, tall),
    )
    board.fill(lid, tone(color, 0.7), covers=False)
    scene.add(board, dice.pick(("static", "static", "dynamic")), depth=z)


def bonnet(scene: Scene, dice: Dice) -> None:
    """Draw the bonnet of the camera's own car along the lower edge, and the rims that are not looked at."""
    height, width = scene.camera.size_hw
    across = np.linspace(0, width, 40)
    rise = height * dice.uniform(0.05, 0.1)
    curve = height - rise * (1 - ((across - scene.camera.middle) / (0.62 * width)) ** 4)
    outline = np.concatenate([np.stack([across, curve], 1), [[width, height + 4], [0, height + 4]]])
    color = tone((58, 62, 68), dice.uniform(0.6, 1.5))
    _patch(scene, outline, color, "ego vehicle")
    shine = np.stack([across, curve + 1.5], 1)
    board = Board(scene.camera, outline, base=tone(color, 1.5), scale=COARSE)
    board.line(shine, tone(color, 1.5), width=1.2)
    scene.add(board, None, depth=0.0)
