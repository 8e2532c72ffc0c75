"""The craft of the spacecraft demo: relay satellites, probes, telescopes, stations, small cubes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from segloop.data.demo.dice import Dice
from segloop.data.demo.spacecraft.solids import (
    ANTENNA,
    BODY,
    PANEL,
    Mesh,
    Vector,
    around,
    unit,
    vector,
)

CELLS, FOIL, PAINT, MESH, METAL = range(5)  # patterns


@dataclass(frozen=True)
class Material:
    """A pattern, its two colours (RGB, 0 to 1) and how much it shines."""

    pattern: int
    color: tuple[float, float, float]
    second: tuple[float, float, float]
    gloss: float


Rgb = tuple[float, float, float]
# What panels and bodies are made of overlaps in colour: patterns and places tell them apart.
_CELLS: tuple[tuple[Rgb, Rgb], ...] = (
    ((0.05, 0.08, 0.26), (0.30, 0.34, 0.48)),
    ((0.03, 0.04, 0.10), (0.28, 0.28, 0.30)),
    ((0.10, 0.14, 0.40), (0.55, 0.58, 0.66)),
    ((0.16, 0.08, 0.14), (0.42, 0.34, 0.30)),
    ((0.34, 0.20, 0.07), (0.55, 0.42, 0.22)),
)
_BACKS: tuple[Rgb, ...] = ((0.50, 0.48, 0.44), (0.16, 0.15, 0.15), (0.46, 0.30, 0.14), (0.66, 0.66, 0.68))
_FOILS: tuple[Rgb, ...] = ((0.78, 0.56, 0.20), (0.62, 0.62, 0.64), (0.10, 0.10, 0.11), (0.56, 0.38, 0.18))
_PAINTS: tuple[Rgb, ...] = ((0.82, 0.82, 0.80), (0.55, 0.56, 0.58), (0.20, 0.22, 0.30), (0.70, 0.66, 0.56))
_DISHES: tuple[Rgb, ...] = ((0.85, 0.85, 0.84), (0.60, 0.60, 0.60), (0.66, 0.52, 0.26), (0.24, 0.24, 0.26))


@dataclass
class Yard:
    """What a craft is built in: dice, the mesh so far, and the materials that were chosen for it."""

    dice: Dice
    mesh: Mesh
    materials: list[Material]

    @property
    def cells(self) -> int:
        """The front of panels."""
        return 0

    @property
    def back(self) -> int:
        """The back of panels."""
        return 1

    @property
    def hull(self) -> tuple[int, ...]:
        """The sides of the body."""
        return (2, 2, 3, 2, 3, 2) if self._mixed else (2,)

    @property
    def _mixed(self) -> bool:
        return self.materials[2].gloss > 0.5

    dish, shell, metal, trim = 4, 5, 6, 3

    def wing(
        self, root: Vector, out: Vector, wide: Vector, *, segments: int, length: float, width: float
    ) -> None:
        """Add a wing of panels that begins at `root` and goes `out`, on a yoke."""
        gap = 0.08 * length
        half = wide * (width / 2)
        start = root + out * (0.45 * length)
        if self.dice.chance(0.5):
            for side in (-0.7, 0.7):
                self.mesh.beam(root, start + half * side, width=0.03, part=BODY, material=self.metal)
        else:
            self.mesh.beam(root, start, width=0.05, part=BODY, material=self.metal)
        columns = max(2.0, round(width * 9))
        rows = max(2.0, round(length * 9))
        step = length + (0.0 if self.dice.chance(0.6) else gap)
        for number in range(segments):
            corner = start + out * (number * step) - half
            self.mesh.quad(
                corner,
                half * 2,
                out * length,
                part=PANEL,
                material=self.cells,
                repeats=(columns, rows),
                back=self.back,
            )
            if number and step > length:  # a hinge
                end = start + out * (number * step)
                self.mesh.beam(end - out * gap, end, width=0.06, part=BODY, material=self.metal)


def build_craft(dice: Dice) -> tuple[Mesh, list[Material]]:
    """Return a craft of a kind that the dice choose, and its materials."""
    builders = tuple(_BUILDERS)
    build = dice.pick(builders, weights=[_BUILDERS[each] for each in builders])
    yard = Yard(dice, Mesh(), _choose_materials(dice))
    build(yard)
    return yard.mesh, yard.materials


def _choose_materials(dice: Dice) -> list[Material]:
    cells, grid = dice.pick(_CELLS)
    foil = dice.chance(0.55)
    hull = dice.pick(_FOILS if foil else _PAINTS)
    trim = dice.pick(_PAINTS)
    dish = dice.pick(_DISHES)
    return [
        Material(CELLS, cells, grid, 1.0),
        Material(PAINT, dice.pick(_BACKS), (0.3, 0.3, 0.3), 0.25),
        Material(FOIL if foil else PAINT, hull, _faded(hull, 0.45), 0.9 if foil else 0.3),
        Material(PAINT, trim, _faded(trim, 0.5), 0.3),
        Material(MESH, dish, _faded(dish, 0.6), 0.4),
        Material(MESH, _faded(dish, 0.75), _faded(dish, 0.45), 0.2),
        Material(METAL, (0.5, 0.5, 0.5), (0.4, 0.4, 0.4), 0.6),
    ]


def _faded(color: Rgb, share: float) -> Rgb:
    return color[0] * share, color[1] * share, color[2] * share


def _tilted(dice: Dice, along: Vector, normal: Vector, *, most: float = 0.25) -> Vector:
    """Return `along` turned a little towards `normal`."""
    share = dice.uniform(-most, most)
    return unit(along + normal * share)


def _pair_of_wings(yard: Yard, reach: float, *, tall: float, segments: tuple[int, int] = (1, 4)) -> None:
    """Add two wings on opposite sides, of the same length and tilt."""
    dice = yard.dice
    tilt = _tilted(dice, vector(0, 1, 0), vector(0, 0, 1), most=1.5)
    count = dice.integer(*segments)
    length, width = dice.uniform(0.38, 0.62), dice.uniform(0.4, 0.72) * tall
    height = dice.uniform(-0.15, 0.15)
    for side in (-1.0, 1.0):
        root = vector(side * reach, 0, height)
        yard.wing(root, vector(side, 0, 0), tilt * side, segments=count, length=length, width=width)


def relay(yard: Yard) -> None:
    """Build a box with two long wings, dishes at its sides and a horn."""
    dice, mesh = yard.dice, yard.mesh
    half = (dice.uniform(0.24, 0.34), dice.uniform(0.24, 0.36), dice.uniform(0.3, 0.46))
    mesh.box(vector(0, 0, 0), half, part=BODY, materials=yard.hull)
    _pair_of_wings(yard, half[0], tall=1.0)
    dishes = dice.pick((0, 1, 1, 2, 2))
    for number in range(dishes):
        side = -1.0 if number else 1.0
        radius = dice.uniform(0.28, 0.42)
        foot = vector(0, side * (half[1] + 0.1 + radius * 0.5), half[2] * 0.3)
        mesh.beam(vector(0, side * half[1], 0), foot, width=0.06, part=BODY, material=yard.metal)
        axis = vector(0, side * dice.uniform(0.2, 0.8), 1)
        mesh.dish(
            foot,
            axis,
            radius=radius,
            depth=0.35 * radius,
            material=yard.dish,
            back=yard.shell,
            feed=yard.metal,
        )
    if dice.chance(0.5):
        top = vector(dice.uniform(-0.1, 0.1), dice.uniform(-0.1, 0.1), half[2])
        mesh.tube(
            top,
            top + vector(0, 0, 0.22),
            radii=(0.06, 0.19),
            sides=10,
            part=ANTENNA,
            material=yard.shell,
            cap=None,
        )
    nozzle = vector(0, 0, -half[2])
    mesh.tube(
        nozzle - vector(0, 0, 0.14),
        nozzle,
        radii=(0.12, 0.05),
        sides=10,
        part=BODY,
        material=yard.metal,
        cap=None,
    )


def probe(yard: Yard) -> None:
    """Build a many-sided bus under a large dish, with wings or bare, and a boom."""
    dice, mesh = yard.dice, yard.mesh
    sides = dice.pick((6, 8, 10))
    wide, tall = dice.uniform(0.3, 0.42), dice.uniform(0.22, 0.4)
    low, high = vector(0, 0, -tall / 2), vector(0, 0, tall / 2)
    mesh.tube(low, high, radii=(wide, wide), sides=sides, part=BODY, material=2, cap=yard.trim)
    radius = dice.uniform(0.42, 0.72)
    mesh.tube(
        high,
        high + vector(0, 0, 0.12),
        radii=(0.16, 0.16),
        sides=8,
        part=BODY,
        material=yard.metal,
        cap=yard.metal,
    )
    mesh.dish(
        high + vector(0, 0, 0.12),
        vector(0, 0, 1),
        radius=radius,
        depth=0.34 * radius,
        material=yard.dish,
        back=yard.shell,
        feed=yard.metal,
        sectors=18,
    )
    wings = dice.pick((0, 2, 2, 3, 4))
    tilt = dice.uniform(-0.6, 0.6)
    for number in range(wings):
        out = around(number / wings, vector(1, 0, 0), vector(0, 1, 0))
        aside = around(number / wings + 0.25, vector(1, 0, 0), vector(0, 1, 0))
        across = unit(aside + vector(0, 0, tilt))
        yard.wing(
            out * wide,
            out,
            across,
            segments=dice.pick((1, 2)) if not number else 1 + (wings == 2),
            length=dice.uniform(0.4, 0.5),
            width=dice.uniform(0.42, 0.5),
        )
    if wings in (0, 2):
        end = vector(0, dice.uniform(1.0, 1.5), dice.uniform(-0.4, 0))
        mesh.beam(vector(0, wide * 0.9, 0), end, width=0.045, part=BODY, material=yard.metal)
        mesh.box(end, (0.06, 0.06, 0.1), part=BODY, materials=(yard.trim,))


def telescope(yard: Yard) -> None:
    """Build a long tube with an open door, two wings and small dishes on arms."""
    dice, mesh = yard.dice, yard.mesh
    radius, length = dice.uniform(0.26, 0.36), dice.uniform(1.0, 1.5)
    low, waist, high = (vector(0, 0, z * length) for z in (-0.5, -0.12, 0.5))
    slim = radius * dice.uniform(0.68, 0.9)
    mesh.tube(low, waist, radii=(radius, radius), sides=14, part=BODY, material=2, cap=yard.trim)
    mesh.tube(
        waist, high, radii=(slim, slim), sides=14, part=BODY, material=dice.pick((2, 3)), cap=yard.metal
    )
    if dice.chance(0.7):
        hinge = high + vector(-slim, 0, 0)
        lid = unit(vector(-dice.uniform(0.1, 1.0), 0, 1))
        corner = hinge + vector(0, -slim, 0)
        mesh.quad(corner, vector(0, 2 * slim, 0), lid * 2 * slim, part=BODY, material=3, back=2)
    _pair_of_wings(yard, radius, tall=1.3, segments=(1, 2))
    for side in (-1.0, 1.0):
        if dice.chance(0.55):
            size = dice.uniform(0.2, 0.3)
            foot = vector(0, side * (radius + 0.16), dice.uniform(-0.3, 0.3) * length)
            mesh.beam(
                vector(0, side * radius * 0.9, foot[2]), foot, width=0.04, part=BODY, material=yard.metal
            )
            mesh.dish(
                foot,
                vector(dice.uniform(-0.5, 0.5), side, dice.uniform(-0.5, 0.5)),
                radius=size,
                depth=0.32 * size,
                material=yard.dish,
                back=yard.shell,
                feed=yard.metal,
            )


def station(yard: Yard) -> None:
    """Build modules in a row with branches, and large wings in pairs on a truss."""
    dice, mesh = yard.dice, yard.mesh
    radius, place = dice.uniform(0.15, 0.22), -0.9
    for _ in range(dice.integer(3, 4)):
        long = dice.uniform(0.4, 0.6)
        a, b = vector(0, 0, place), vector(0, 0, place + long)
        material = dice.pick((2, 3))
        mesh.tube(a, b, radii=(radius, radius), sides=12, part=BODY, material=material, cap=yard.trim)
        if dice.chance(0.45):
            out = vector(0, dice.pick((-1.0, 1.0)) * dice.uniform(0.4, 0.7), 0)
            middle = (a + b) / 2
            mesh.tube(
                middle,
                middle + out,
                radii=(radius * 0.85,) * 2,
                sides=10,
                part=BODY,
                material=2,
                cap=yard.trim,
            )
        place += long + 0.05
        mesh.tube(
            b, b + vector(0, 0, 0.05), radii=(radius * 0.6,) * 2, sides=8, part=BODY, material=yard.metal
        )
    reach = dice.uniform(0.55, 0.8)
    at = dice.uniform(-0.4, 0.2)
    mesh.box(vector(0, 0, at), (reach + 0.5, 0.045, 0.045), part=BODY, materials=(yard.metal, yard.trim))
    tilt = _tilted(dice, vector(1, 0, 0), vector(0, 0, 1), most=1.0)
    length, width = dice.uniform(0.75, 1.1), dice.uniform(0.26, 0.34)
    for side in (-1.0, 1.0):
        for step in (0.0, 0.42):
            root = vector(side * (reach + step), 0, at)
            for up in (-1.0, 1.0):
                yard.wing(root, vector(0, up, 0), tilt * up, segments=1, length=length, width=width)
    if dice.chance(0.5):
        foot = vector(0, 0, place + 0.02)
        size = dice.uniform(0.2, 0.3)
        mesh.dish(
            foot,
            vector(0.4, 0.3, 1),
            radius=size,
            depth=0.3 * size,
            material=yard.dish,
            back=yard.shell,
            feed=yard.metal,
        )


def cube(yard: Yard) -> None:
    """Build a small oblong box with panels that fold out from an edge, and broad blades as antennas."""
    dice, mesh = yard.dice, yard.mesh
    wide, tall = 0.24, dice.pick((0.24, 0.5, 0.7))
    mesh.box(vector(0, 0, 0), (wide, wide, tall), part=BODY, materials=(3, 2, 3), repeats=4.0)
    lean = dice.uniform(-0.4, 0.4)
    for side in (-1.0, 1.0):
        out = unit(vector(side, 0, lean))
        corner = vector(side * wide, -wide * side, tall * dice.pick((-0.95, 0.95)))
        for number in range(dice.pick((1, 1, 2))):
            across = vector(0, 2 * wide * side, 0)
            mesh.quad(
                corner + out * (0.03 + number * 2 * wide),
                across,
                out * (2 * wide * 0.96) if tall < 0.3 else out * (2 * wide),
                part=PANEL,
                material=yard.cells,
                repeats=(4.0, 4.0),
                back=yard.back,
            )
    for side in (-1.0, 1.0):
        if dice.chance(0.6):
            root = vector(0, side * wide, tall * dice.uniform(-0.9, 0.9))
            out = unit(vector(dice.uniform(-0.4, 0.4), side, dice.uniform(-0.5, 0.5)))
            mesh.quad(
                root - vector(0.06, 0, 0),
                vector(0.12, 0, 0),
                out * dice.uniform(0.5, 0.8),
                part=ANTENNA,
                material=yard.dish,
                back=yard.shell,
            )


_BUILDERS: dict[Callable[[Yard], None], float] = {
    relay: 0.36,
    probe: 0.24,
    telescope: 0.18,
    station: 0.12,
    cube: 0.10,
}
