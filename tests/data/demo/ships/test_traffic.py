"""Ships lie where there is room, cover no other ship, and leave a wake behind them when they sail."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from segloop.data.demo.dice import Dice
from segloop.data.demo.ships.traffic import PORT_KINDS, SEA_KINDS, Plan, add_wake, has_room, plan, put, sail
from segloop.data.demo.ships.vessels import KINDS
from tests.data.demo.ships.canvases import canvas

SIDE = 160
SHIP = Plan("tanker", (80.0, 80.0), 40.0, 0.0, 0.2)


def test_plans_keep_to_the_lengths_of_their_kind() -> None:
    dice = Dice(0, "plans", 0)
    for kinds in (SEA_KINDS, PORT_KINDS):
        for _ in range(60):
            ship = plan(dice, kinds, 2.0)
            low, high = KINDS[ship.kind].lengths
            assert 2 * low <= ship.length <= 2 * high
            assert ship.width >= 3.2
    assert plan(dice, {"container": 1}, 1.0, longest=12.0).length == 12.0


def test_a_ship_is_painted_and_numbered_once() -> None:
    scene = canvas(SIDE)
    assert put(Dice(0, "", 0), scene, SHIP)
    assert (scene.ships == 1).sum() == pytest.approx(40 * 8, rel=0.1)
    assert np.abs(scene.image[80, 65:95] - 60).max() > 10
    assert not put(Dice(0, "", 1), scene, SHIP.moved((90.0, 82.0), 1.0))
    assert set(np.unique(scene.ships)) == {0, 1}
    assert put(Dice(0, "", 2), scene, SHIP.moved((80.0, 120.0), 0.3))
    assert set(np.unique(scene.ships)) == {0, 1, 2}


def test_a_ship_that_lies_outside_is_not_painted() -> None:
    scene = canvas(SIDE)
    assert not put(Dice(0, "", 0), scene, SHIP.moved((400.0, 80.0), 0.0))
    assert scene.lengths == []


def test_there_is_no_room_on_land_near_ships_and_under_clouds() -> None:
    scene = canvas(SIDE)
    assert has_room(SHIP, scene, gap=2)
    scene.land[:, 102:] = True
    assert has_room(SHIP, scene, gap=1)
    assert not has_room(SHIP, scene, gap=3)
    scene = canvas(SIDE)
    put(Dice(0, "", 0), scene, SHIP.moved((80.0, 91.0), 0.0))
    assert has_room(SHIP, scene, gap=1)
    assert not has_room(SHIP, scene, gap=5)
    scene = canvas(SIDE)
    scene.clouds[:, :62] = 1
    assert has_room(SHIP, scene, gap=1), "a ship may look out from under a cloud"
    scene.clouds[:, :90] = 1
    assert not has_room(SHIP, scene, gap=1)


def test_a_wake_lies_behind_the_ship_and_not_on_land() -> None:
    scene = canvas(SIDE)
    add_wake(Dice(0, "", 0), scene, SHIP, speed=1.0)
    foam = scene.image.mean(axis=2) - 60
    assert foam[70:90, 20:58].mean() > 10
    assert np.abs(foam[:, 105:]).max() < 1
    scene = canvas(SIDE)
    scene.land[:] = True
    add_wake(Dice(0, "", 0), scene, SHIP, speed=1.0)
    assert (scene.image == 60).all()
    add_wake(Dice(0, "", 0), scene, SHIP.moved((4000.0, 0.0), 0.0), speed=1.0)  # far outside: nothing


def test_sailing_ships_keep_apart() -> None:
    scene = canvas(SIDE)
    sail(Dice(0, "", 3), scene, 8, kinds={"fisher": 1}, anchored=0.5)
    assert 5 <= len(scene.lengths) <= 8
    assert len(np.unique(scene.ships)) - 1 >= 5
    scene.land[:] = True
    before = scene.image.copy()
    sail(Dice(0, "", 4), scene, 3, kinds={"fisher": 1})
    assert (scene.image == before).all()


def test_a_plan_is_moved_as_a_whole() -> None:
    assert SHIP.moved((1.0, 2.0), math.pi) == dataclasses.replace(SHIP, center_xy=(1.0, 2.0), angle=math.pi)
