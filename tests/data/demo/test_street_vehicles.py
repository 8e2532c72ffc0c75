"""Vehicles are as large as their kind, whatever way they stand, and no paint belongs to a kind."""

from __future__ import annotations

import math

import numpy as np
import pytest

from segloop.data.demo.dice import Dice
from segloop.data.demo.street_board import Camera, Pose, Scene, show
from segloop.data.demo.street_vehicles import PAINTS, VEHICLES, coat

CAMERA = Camera(size_hw=(160, 320), horizon=64.0, middle=160.0, focal=220.0)


def pixels_of(name: str, angle: float, *, index: int = 0, z: float = 16.0) -> np.ndarray:
    """Return the mask of a vehicle that is drawn alone."""
    image = np.zeros((160, 320, 3), np.float32)
    scene = Scene(CAMERA, image, np.zeros(3, np.float32), (0.3, 0.3))
    thing = VEHICLES[name](Dice(0, name, index))
    board = show(scene, thing, Pose.heading(-3.0, z + thing.extent[0] / 2, angle), name)
    assert board is not None
    mask = np.zeros((160, 320), bool)
    mask[board.window] = board.shrunk(board.cover) >= 128
    return mask


@pytest.mark.parametrize("angle", [0.0, math.pi / 2, -math.pi / 2, 0.5])
@pytest.mark.parametrize("name", VEHICLES)
def test_a_vehicle_stands_on_the_ground_and_is_of_one_piece(name: str, angle: float) -> None:
    import cv2

    mask = pixels_of(name, angle)
    assert mask.sum() > 100
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    assert stats[1:, 4].max() > 0.97 * mask.sum(), count
    lowest = np.flatnonzero(mask.any(axis=1)).max()
    assert lowest > CAMERA.horizon + 8


def test_kinds_differ_in_size() -> None:
    heights = {
        name: np.mean([VEHICLES[name](Dice(0, name, k)).extent[2] for k in range(8)]) for name in VEHICLES
    }
    lengths = {
        name: np.mean([VEHICLES[name](Dice(0, name, k)).extent[0] for k in range(8)]) for name in VEHICLES
    }
    assert heights["car"] < 2 < heights["bus"] < heights["train"]
    assert lengths["car"] < lengths["truck"] < lengths["bus"] < lengths["train"]


def test_paint_tells_no_kind() -> None:
    bases = {
        name: {VEHICLES[name](Dice(0, "paint", k)).base for k in range(60)}
        for name in ("car", "bus", "truck")
    }
    middle = {name: np.mean(list(colors), axis=0) for name, colors in bases.items()}
    for name in ("bus", "truck"):
        assert np.abs(middle[name] - middle["car"]).max() < 45
    assert {coat(Dice(0, "coat", k)) for k in range(5)} != set(PAINTS)


def test_the_two_ends_of_a_vehicle_differ() -> None:
    for name in ("car", "truck", "bus", "train"):
        pictures = []
        for angle in (math.pi / 2, -math.pi / 2):
            scene = Scene(CAMERA, np.zeros((160, 320, 3), np.float32), np.zeros(3, np.float32), (0.0, 0.0))
            show(scene, VEHICLES[name](Dice(0, name, 1)), Pose.heading(-3.0, 22.0, angle), name)
            pictures.append(scene.image)
        assert np.abs(pictures[0] - pictures[1]).max() > 40
