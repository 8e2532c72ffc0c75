"""Harbours have quays with water before them, and ships that lie along them without touching the land."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from segloop.data.demo.dice import Dice
from segloop.data.demo.ships import harbour
from tests.data.demo.ships.canvases import canvas

SIDE = 224


@pytest.mark.parametrize("build", [harbour.add_harbour, harbour.add_canal])
def test_ships_lie_in_the_water_along_the_quays(build) -> None:
    moored = 0
    for index in range(4):
        scene = canvas(SIDE)
        build(Dice(0, build.__name__, index), scene)
        assert 0.1 < scene.land.mean() < 0.95
        afloat = scene.ships > 0
        assert (afloat & scene.land).sum() < 0.02 * max(1, afloat.sum())
        near = cv2.dilate(scene.land.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        moored += sum((near & (scene.ships == number)).any() for number in np.unique(scene.ships[afloat]))
    assert moored > 3


def test_the_yard_has_colours_and_stays_on_land() -> None:
    scene = canvas(SIDE)
    harbour.add_harbour(Dice(0, "yard", 1), scene)
    water = ~(scene.land | (scene.ships > 0))
    far = cv2.erode(water.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert np.abs(scene.image[far] - 60).max() < 1, "all that is built stays on land"
    assert scene.image[scene.land].std(axis=0).max() > 15
