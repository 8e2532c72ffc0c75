"""Which samples there are, when each was photographed, and where its cells lie at that time."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

from segloop.data.demo.cells.bodies import BASE, KINDS, Kind
from segloop.data.demo.dice import Dice

# The plates of the competition's samples, by cell type.
PLATES: Mapping[str, tuple[str, ...]] = {
    "shsy5y": ("shsy5y[diff]",),
    "astro": ("astro[hippo]", "astros[cereb]"),
    "cort": (
        "cort[6-OHDA]",
        "cort[debris]",
        "cort[density]",
        "cort[oka-high]",
        "cort[oka-low]",
        "cort[pre-treat]",
    ),
}
_SHARES = {"shsy5y": 0.3, "astro": 0.26, "cort": 0.44}  # of the wells; small sets have all types too
_ROWS, _COLUMNS = "ABCDEFGH", 12  # of a plate of 96 wells


@dataclass(frozen=True)
class Sample:
    """One field of view of a well: what all its pictures have in common."""

    split: str
    number: int
    cell_type: str
    sample_id: str
    date: str


@dataclass(frozen=True)
class Shot:
    """One picture of a sample, so many minutes after the first look at its plate."""

    image_id: str
    sample: Sample
    index: int  # of the picture in its split
    first_minutes: int
    minutes: int


@dataclass(frozen=True)
class Resident:
    """Where a cell lies at one time; lengths are in pixels of a scene of `BASE`."""

    number: int
    x: float
    y: float
    radius: float
    angle: float


def plan(seed: int, split: str, count: int) -> list[Shot]:
    """Return the pictures of a split: wells of one or two samples, samples of two to four pictures.

    The first pictures are the same, however many there are.
    """
    shots: list[Shot] = []
    wells: dict[str, int] = {}
    grown = dict.fromkeys(_SHARES, 0)
    number = well = 0
    while len(shots) < count:
        dice = Dice(seed, f"{split}/well", well)
        well += 1
        kind = max(_SHARES, key=lambda kind: _SHARES[kind] * well - grown[kind])
        grown[kind] += 1
        plate = dice.pick(PLATES[kind])
        date = f"20{19 + dice.integer(0, 1)}-{dice.integer(1, 12):02d}-{dice.integer(1, 28):02d}"
        place = wells[plate] = wells.get(plate, -1) + 1
        name = f"{plate}_{_well_name(place)}"
        for site in range(1, dice.pick((1, 1, 2)) + 1):
            vessel = f"Vessel-{350 + place // (len(_ROWS) * _COLUMNS)}_Ph_{dice.integer(1, 3)}"
            sample = Sample(split, number, kind, f"{name}-{site}_{vessel}", date)
            number += 1
            first, step = 30 * dice.integer(0, 15), 30 * dice.pick((6, 8, 10))
            for moment in range(dice.integer(2, 4)):
                index = len(shots)
                shots.append(Shot(image_id(seed, split, index), sample, index, first, first + step * moment))
    return shots[:count]


def _well_name(place: int) -> str:
    spread = place * 37 % (len(_ROWS) * _COLUMNS)  # 37 and 96 have no divisor in common: each well comes once
    return f"{_ROWS[spread // _COLUMNS]}{spread % _COLUMNS + 1}"


def image_id(seed: int, split: str, index: int) -> str:
    """Return the twelve digits that name a picture, in no order that tells its sample."""
    return hashlib.sha256(f"{seed}/{split}/{index}".encode()).hexdigest()[:12]


def residents(seed: int, shot: Shot) -> list[Resident]:
    """Return the cells that lie in a field of view at the time of a picture.

    They settle once for a sample; in the time between two pictures each drifts and turns a little, and in a
    growing culture some come in.
    """
    sample = shot.sample
    kind = KINDS[sample.cell_type]
    dice = Dice(seed, f"{sample.split}/sample", sample.number)
    settled = _settle(dice, kind)
    hours = (shot.minutes - shot.first_minutes) / 60
    grown = dice.uniform(0.0, 0.014) * hours
    there = round(len(settled) * min(1.0, dice.uniform(0.78, 1.0) + grown))
    found = []
    for cell in settled[:there]:
        way, turn, swelling = dice.grid(2) - 0.5, dice.uniform(-0.5, 0.5), dice.uniform(-0.5, 0.5)
        speed = 0.07 * cell.radius * hours
        found.append(
            Resident(
                cell.number,
                cell.x + speed * float(way[0]),
                cell.y + speed * float(way[1]),
                cell.radius * (1 + 0.01 * hours * swelling),
                cell.angle + 0.12 * hours * turn,
            )
        )
    return found


def _settle(dice: Dice, kind: Kind) -> list[Resident]:
    """Let cells settle one after the other, some against another one, none on top of another one."""
    found: list[Resident] = []
    crowd = dice.uniform(0.0, 1.0)
    wanted = round(kind.count[0] + (kind.count[1] - kind.count[0]) * crowd)
    for number in range(wanted):
        low, high = kind.radius
        radius = low + (high - low) * dice.uniform(0.0, 1.0) ** 1.5
        best, most = (0.0, 0.0), -math.inf
        for _ in range(10):
            x, y = _candidate(dice, kind, found, radius)
            room = min((_room(kind, x, y, radius, other) for other in found), default=1.0)
            if room > most:
                best, most = (x, y), room
            if room > 0:
                break
        if most > -0.12:
            found.append(Resident(number, *best, radius, dice.uniform(0, 2 * math.pi)))
    return found


def _candidate(dice: Dice, kind: Kind, found: list[Resident], radius: float) -> tuple[float, float]:
    if found and dice.chance(kind.clump):
        other = dice.pick(found)
        way = dice.grid(2) - 0.5
        length = max(1e-3, math.sqrt(float((way**2).sum())))
        reach = (radius + other.radius) * kind.gap * dice.uniform(1.0, 1.35) / length
        return other.x + reach * float(way[0]), other.y + reach * float(way[1])
    return dice.uniform(-0.03, 1.03) * BASE, dice.uniform(-0.03, 1.03) * BASE


def _room(kind: Kind, x: float, y: float, radius: float, other: Resident) -> float:
    """Return how much farther than it must a place is from another cell, as a share of that distance."""
    if not (-0.06 * BASE < x < 1.06 * BASE and -0.06 * BASE < y < 1.06 * BASE):
        return -math.inf
    least = (radius + other.radius) * kind.gap
    return math.sqrt((x - other.x) ** 2 + (y - other.y) ** 2) / least - 1
