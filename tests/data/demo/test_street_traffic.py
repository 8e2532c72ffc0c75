"""Traffic keeps to its lanes, riders sit on their wheels, and the near is drawn after the far."""

from __future__ import annotations

from collections import Counter

import numpy as np

from segloop.data.demo.dice import Dice
from segloop.data.demo.street_backdrop import Street, Style
from segloop.data.demo.street_board import Camera, Scene
from segloop.data.demo.street_traffic import Plan

CAMERA = Camera(size_hw=(96, 192), horizon=40.0, middle=96.0, focal=140.0)
STYLE = Style(((196, 178, 150), (150, 92, 74)), (88, 88, 92), (138, 134, 130), (86, 108, 58))


def plan(index: int, street: Street) -> Plan:
    scene = Scene(CAMERA, np.zeros((96, 192, 3), np.float32), np.zeros(3, np.float32), (0.2, 0.2))
    return Plan(scene, Dice(0, "plan", index), street, STYLE)


STREET = Street(-4.8, 2.0, (2.2, 2.2), (3.0, 3.0), (12.0, 20.0), None)


def test_the_near_is_drawn_after_the_far() -> None:
    made = plan(0, STREET)
    order: list[float] = []
    for z in (5.0, 40.0, 12.0):
        made.put(z, lambda z=z: order.append(z))
    made.draw()
    assert order == [40.0, 12.0, 5.0]


def test_a_rider_comes_with_wheels_that_lie_behind() -> None:
    for motor, wheels in ((True, "motorcycle"), (False, "bicycle")):
        made = plan(1, STREET)
        made.cyclist(0.0, 9.0, 0.2, motor=motor)
        made.draw()
        assert [each.label for each in made.scene.outlines] == [wheels, "rider"]


def test_nobody_parks_in_a_crossing() -> None:
    for index in range(12):
        made = plan(index, STREET)
        made.parked()
        assert made.drawings or index
        for z, _ in made.drawings:
            assert not 12.0 < z < 19.0


def test_a_tram_runs_only_where_there_is_a_track() -> None:
    def seen(track: float | None) -> Counter[str]:
        found: Counter[str] = Counter()
        for index in range(16):
            made = plan(index, Street(-4.8, 2.0, (0.0, 0.0), (3.0, 3.0), None, track))
            made.lanes()
            made.draw()
            found.update(each.label for each in made.scene.outlines)
        return found

    assert seen(None)["train"] == 0
    assert seen(-3.2)["train"] > 5


def test_groups_are_single_regions() -> None:
    found: Counter[str] = Counter()
    for index in range(40):
        made = plan(index, STREET)
        made.crowds()
        made.draw()
        assert len(made.scene.outlines) <= 3
        found.update(each.label for each in made.scene.outlines)
    assert set(found) == {"persongroup", "bicyclegroup", "cargroup"}
