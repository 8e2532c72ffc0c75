"""People and two-wheelers have outlines of their own, and wheels hold what shows through them."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.data.demo.dice import Dice
from segloop.data.demo.street_board import Camera, Pose, Scene, Thing, outline_of, show
from segloop.data.demo.street_people import PEOPLE, bicycle, motorcycle, person, rider

CAMERA = Camera(size_hw=(160, 200), horizon=50.0, middle=100.0, focal=240.0)


def drawn(thing: Thing, *, z: float = 6.0) -> tuple[np.ndarray, np.ndarray]:
    """Return what a thing covers and what it encloses besides."""
    scene = Scene(CAMERA, np.zeros((160, 200, 3), np.float32), np.zeros(3, np.float32), (0.0, 0.0))
    board = show(scene, thing, Pose(0.0, z), "person")
    assert board is not None
    return board.shrunk(board.cover) >= 128, board.shrunk(board.solid) >= 128


@pytest.mark.parametrize("name", PEOPLE)
def test_they_are_large_enough_and_hold_together(name: str) -> None:
    for index in range(6):
        cover, solid = drawn(PEOPLE[name](Dice(0, name, index)))
        outline = outline_of(cover | solid)
        assert outline is not None
        height = np.ptp(outline[:, 1]) / (CAMERA.focal / 6.0)
        assert (0.9 if name != "person" else 0.95) < height < 2.0


def test_a_bicycle_is_more_air_than_metal_and_a_motorcycle_is_not() -> None:
    cover, solid = drawn(bicycle(Dice(0, "b", 1)))
    assert solid.sum() > 1.4 * (solid & cover).sum()
    cover, solid = drawn(motorcycle(Dice(0, "m", 1)))
    assert not solid.any()


def test_who_walks_is_taller_than_wide_and_who_rides_sits_above_the_ground() -> None:
    for index in range(5):
        cover, _ = drawn(person(Dice(0, "p", index)))
        rows, columns = np.flatnonzero(cover.any(axis=1)), np.flatnonzero(cover.any(axis=0))
        assert np.ptp(rows) > 1.5 * np.ptp(columns)
    ground = CAMERA.horizon + CAMERA.focal * CAMERA.height / 6.0
    for motor in (False, True):
        cover, _ = drawn(rider(Dice(0, "r", 2), motor=motor))
        assert np.flatnonzero(cover.any(axis=1)).max() < ground - 3


def test_children_are_among_the_people() -> None:
    heights = [person(Dice(0, "p", index)).extent[2] for index in range(60)]
    assert min(heights) < 1.4
    assert max(heights) > 1.8
