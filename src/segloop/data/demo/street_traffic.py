"""Who is in a street scene and where: traffic in its lanes, parked cars, people, crowds."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from segloop.data.demo.dice import Dice
from segloop.data.demo.street_backdrop import Street, Style, barrier, clutter, house, pole, tree
from segloop.data.demo.street_board import Board, Outlined, Pen, Pose, Scene, Thing, box, show
from segloop.data.demo.street_people import bicycle, motorcycle, person, rider
from segloop.data.demo.street_vehicles import VEHICLES, car

AWAY = math.pi / 2  # the heading of who drives as the camera does
LANE = 3.2
Drawing = tuple[float, Callable[[], object]]  # how far away, and what draws it
MOVING = {"car": 0.36, "truck": 0.22, "bus": 0.2, "motorcycle": 0.18, "caravan": 0.02, "trailer": 0.02}
CROSSING = {"car": 0.26, "truck": 0.16, "bus": 0.17, "train": 0.15, "motorcycle": 0.13, "bicycle": 0.13}


class Plan:
    """Gathers what stands where, and draws it from the back to the front."""

    def __init__(self, scene: Scene, dice: Dice, street: Street, style: Style) -> None:
        self.scene, self.dice, self.street, self.style = scene, dice, street, style
        self.drawings: list[Drawing] = []

    def put(self, z: float, draw: Callable[[], object]) -> None:
        """Note a drawing at a depth."""
        self.drawings.append((z, draw))

    def draw(self) -> None:
        """Draw all, the farthest first."""
        for _, draw in sorted(self.drawings, key=lambda each: -each[0]):
            draw()

    def thing(self, label: str, thing: Thing, pose: Pose) -> None:
        """Note a thing, with its shadow, and now and then one that an annotator took back."""
        deleted = self.dice.chance(0.012)
        self.put(pose.z, partial(_with_shadow, self.scene, thing, pose, label, deleted))

    def lanes(self) -> None:
        """Fill the lanes: who drives ahead, who comes towards the camera, and the tram."""
        street, dice = self.street, self.dice
        lanes = [(x, AWAY) for x in (0.0, LANE) if x + 1.4 < street.right] + [(street.left + LANE / 2, -AWAY)]
        for x, heading in lanes:
            if street.track is not None and abs(street.track - x) < 2.6:
                self._tram(x, heading)
                continue
            z = dice.uniform(6.5, 24) if x else dice.uniform(9, 28)
            for _ in range(dice.pick((0, 1, 1, 2, 3))):
                if street.crossing is not None and self._in_crossing(z, z + 9):
                    z = street.crossing[1] + 1.5  # who drives here waits while others cross
                z = self._moving(x + dice.uniform(-0.25, 0.25), z, heading) + dice.uniform(2.5, 18)
                if z > 85:
                    break

    def _moving(self, x: float, z: float, heading: float) -> float:
        name = self.dice.pick(tuple(MOVING), weights=tuple(MOVING.values()))
        if name == "motorcycle":
            self.cyclist(x, z + 1, heading + self.dice.uniform(-0.8, 0.8), motor=True)
            return z + 2
        thing = VEHICLES[name](self.dice)
        self.thing(
            name, thing, Pose.heading(x, z + thing.extent[0] / 2, heading + self.dice.uniform(-0.03, 0.03))
        )
        return z + thing.extent[0]

    def _tram(self, x: float, heading: float) -> None:
        if self.dice.chance(0.8):
            thing = VEHICLES["train"](self.dice)
            z = self.dice.uniform(9, 34)
            if self.street.crossing is not None and self._in_crossing(z, z + thing.extent[0]):
                z = self.street.crossing[1] + 1.5
            z += thing.extent[0] / 2
            self.thing("train", thing, Pose.heading(x, z, heading))

    def crossing(self) -> None:
        """Send somebody across, seen from the side."""
        if self.street.crossing is None:
            return
        dice = self.dice
        near, far = self.street.crossing
        z = near + dice.uniform(1.2, 2.0)
        for _ in range(dice.pick((0, 1, 1, 1, 2))):
            if z > far - 1:
                return
            name = dice.pick(tuple(CROSSING), weights=tuple(CROSSING.values()))
            heading = dice.pick((0.0, math.pi)) + dice.uniform(-0.3, 0.3)
            x = dice.uniform(-0.55, 0.55) * z
            if name in ("motorcycle", "bicycle"):
                self.cyclist(x, z, heading, motor=name == "motorcycle")
            else:
                self.thing(name, VEHICLES[name](dice), Pose.heading(x, z + 0.8, heading * 1.0))
            z += dice.uniform(3.2, 4.2)

    def cyclist(self, x: float, z: float, heading: float, *, motor: bool) -> None:
        """Put a rider on two wheels, and the wheels below."""
        dice = self.dice
        wheels = motorcycle(dice) if motor else bicycle(dice)
        sits = rider(dice, motor=motor)
        pose = Pose.heading(x, z, heading)
        cosine = math.copysign(max(abs(pose.cosine), 0.5), pose.cosine)
        self.put(
            z, partial(_with_shadow, self.scene, wheels, pose, "motorcycle" if motor else "bicycle", False)
        )
        seat = Pose(x, z, cosine, round(math.sqrt(1 - cosine**2), 6))
        self.put(z - 0.01, partial(show, self.scene, sits, seat, "rider"))

    def parked(self) -> None:
        """Line up parked cars on either side, a truck now and then."""
        street, dice = self.street, self.dice
        places = [(street.right + street.parking[1] / 2, AWAY, street.parking[1])]
        places += [(street.left - street.parking[0] / 2, -AWAY, street.parking[0])]
        for x, heading, room in places:
            z = dice.uniform(4.2, 10)
            while room and z < 64:
                if dice.chance(0.62) and not self._in_crossing(z, z + 5):
                    thing = car(dice) if dice.chance(0.94) else VEHICLES["truck"](dice)
                    label = "car" if thing.extent[1] < 2 else "truck"
                    pose = Pose.heading(x + dice.uniform(-0.1, 0.1), z + thing.extent[0] / 2, heading)
                    self.thing(label, thing, pose)
                    z += thing.extent[0] - 4.6
                z += dice.uniform(5.2, 6.4)

    def walkers(self) -> None:
        """Put people on the sidewalks and on the crossing, alone and in company."""
        street, dice = self.street, self.dice
        for _ in range(dice.pick((0, 1, 2, 3, 4, 5, 6))):
            side = dice.integer(0, 1)
            low, high = sorted((street.kerbs[side], street.walls[side]))
            x, z = dice.uniform(low + 0.3, high - 0.3), 7 + 34 * dice.uniform(0, 1) ** 1.4
            self._people(x, z, dice.pick((1, 1, 1, 2, 3)))
        if street.crossing is not None:
            for _ in range(dice.pick((0, 0, 1, 2))):
                self._people(
                    dice.uniform(street.left, street.right), street.crossing[0] - dice.uniform(0.8, 3), 1
                )

    def _people(self, x: float, z: float, count: int) -> None:
        dice = self.dice
        for k in range(count):
            turned = Pose.heading(
                x + 0.5 * k, z + dice.uniform(-0.3, 0.3), dice.pick((0.0, math.pi)) + dice.uniform(-0.5, 0.5)
            )
            self.thing("person", person(dice), turned)

    def cyclists(self) -> None:
        """Put riders along the kerb, and bicycles and motorcycles that somebody left there."""
        street, dice = self.street, self.dice
        for _ in range(dice.pick((0, 0, 1, 1, 2))):
            x = dice.pick((street.right - 0.7, street.left + 0.7, street.kerbs[1] + 0.6))
            heading = dice.pick((AWAY, -AWAY)) + dice.uniform(-1.2, 1.2)
            self.cyclist(x, 6 + 22 * dice.uniform(0, 1) ** 1.4, heading, motor=dice.chance(0.4))
        for _ in range(dice.pick((0, 0, 1, 1, 2))):
            side = dice.integer(0, 1)
            x = street.kerbs[side] + dice.uniform(0.3, 1.1) * (1 if side else -1)
            motor = dice.chance(0.45)
            thing = motorcycle(dice) if motor else bicycle(dice)
            heading = dice.pick((0.0, math.pi)) + dice.uniform(-0.9, 0.9)
            self.thing(
                "motorcycle" if motor else "bicycle",
                thing,
                Pose.heading(x, 6 + 14 * dice.uniform(0, 1) ** 1.3, heading),
            )

    def crowds(self) -> None:
        """Put groups that nobody counted: people, cars far away, a rack of bicycles."""
        street, dice = self.street, self.dice
        if dice.chance(0.22):
            side = dice.integer(0, 1)
            x, z = sum((street.kerbs[side], street.walls[side])) / 2, dice.uniform(16, 46)
            poses = [Pose(x + 0.34 * k - 1, z + dice.uniform(-0.3, 0.3)) for k in range(dice.integer(4, 8))]
            self.put(z, partial(_group, self.scene, [(person(dice), pose) for pose in poses], "persongroup"))
        if dice.chance(0.2):
            x, z = street.kerbs[1] + 1.0, dice.uniform(7, 22)
            poses = [
                Pose.heading(x, z + 0.5 * k, dice.uniform(-0.25, 0.25)) for k in range(dice.integer(4, 8))
            ]
            self.put(
                z, partial(_group, self.scene, [(bicycle(dice), pose) for pose in poses], "bicyclegroup")
            )
        if dice.chance(0.25):
            x, z = dice.pick((street.right + 1.2, street.left - 1.2)), dice.uniform(72, 95)
            poses = [
                Pose.heading(x + dice.uniform(-1, 1), z + 6 * k, AWAY) for k in range(dice.integer(3, 6))
            ]
            self.put(z, partial(_group, self.scene, [(car(dice), pose) for pose in poses], "cargroup"))

    def surroundings(self) -> None:
        """Build the houses, and plant and set up what stands along the road."""
        street, dice = self.street, self.dice
        for side in (0, 1):
            wall, kerb = street.walls[side], street.kerbs[side]
            outward = 1.0 if side else -1.0
            built = dice.chance(0.8)
            z = dice.uniform(0, 6)
            while z < 130:
                stop = z + dice.uniform(9, 24)
                if not self._in_crossing(z, stop) and built and dice.chance(0.86):
                    self.put(
                        stop, partial(house, self.scene, dice, self.style, wall + outward * 0.2, z, stop)
                    )
                elif not self._in_crossing(z, stop) and z > 2 and dice.chance(0.6):
                    self.put(stop, partial(barrier, self.scene, dice, wall, z, stop))
                z = stop + (0 if dice.chance(0.7) else dice.uniform(2, 9))
            for _ in range(dice.integer(1, 5) if built else dice.integer(6, 12)):
                x = kerb + outward * (0.8 if built else dice.uniform(0.8, 14))
                z = dice.uniform(7, 70)
                if not self._in_crossing(z, z):
                    self.put(z, partial(tree, self.scene, dice, self.style, x, z))
            for _ in range(dice.integer(1, 3)):
                z = dice.uniform(6, 50)
                self.put(z, partial(pole, self.scene, dice, kerb + outward * 0.45, z))
            for _ in range(dice.pick((0, 0, 1, 2))):
                z = dice.uniform(6, 26)
                self.put(z, partial(clutter, self.scene, dice, wall - outward * dice.uniform(0.4, 1.4), z))

    def _in_crossing(self, near: float, far: float) -> bool:
        crossing = self.street.crossing
        return crossing is not None and near < crossing[1] + 1 and far > crossing[0] - 1


def _with_shadow(scene: Scene, thing: Thing, pose: Pose, label: str, deleted: bool) -> None:
    """Draw a thing and what it keeps the light from, and the number plate of a car that is near."""
    length, width, _ = thing.extent
    ground = box((-length / 2, length / 2), (-width / 2 - 0.1, width / 2 + 0.1), (0.0, 0.0))[[0, 2, 6, 4]]
    if not deleted:
        pixels = scene.camera.pixels(pose.world(ground))
        scene.shade(pixels, strength=0.5, blur=0.3 * scene.camera.focal / max(pose.z, 2) * 0.5)
    board = show(scene, thing, pose, label, deleted=deleted)
    if board is not None and label == "car" and pose.z < 15:
        _plate(scene, thing, pose)


def _plate(scene: Scene, thing: Thing, pose: Pose) -> None:
    """Label the number plate of a car, as annotators did to have it blurred."""
    pen = Pen(scene, pose, (0.1, 0.1, 0.1), base=(0, 0, 0))
    for along in (-thing.extent[0] / 2, thing.extent[0] / 2):
        if pen.end(along):
            corners = [(along, -0.24, 0.46), (along, 0.24, 0.46), (along, 0.24, 0.58), (along, -0.24, 0.58)]
            drawn = np.rint(pen.pixels(corners)).astype(np.int32)
            height, width = scene.camera.size_hw
            if (drawn >= 0).all() and (drawn < [width, height]).all():
                scene.outlines.append(Outlined("license plate", drawn))


def _group(scene: Scene, things: list[tuple[Thing, Pose]], label: str) -> None:
    """Draw several things on one sheet, as one region."""
    corners = [scene.camera.pixels(pose.world(_corners(thing))) for thing, pose in things]
    board = Board(scene.camera, np.concatenate(corners), base=things[0][0].base)
    if 0 in board.size_hw:
        return
    for thing, pose in sorted(things, key=lambda each: -each[1].z):
        pen = Pen(scene, pose, thing.extent, base=thing.base, board=board)
        thing.draw(pen)
    scene.add(board, label, depth=things[0][1].z)


def _corners(thing: Thing) -> np.ndarray:
    length, width, height = thing.extent
    return box((-length / 2, length / 2), (-width / 2, width / 2), (0.0, height))
