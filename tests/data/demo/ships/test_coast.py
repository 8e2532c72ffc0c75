"""Land keeps ships away, rocks and works are no ships, and what stands on land does not reach the water."""

from __future__ import annotations

import numpy as np

from segloop.data.demo.dice import Dice
from segloop.data.demo.ships import coast
from segloop.data.demo.ships.canvas import Stencil
from tests.data.demo.ships.canvases import canvas

SIDE = 192


def test_a_coast_leaves_water_and_land() -> None:
    shares = []
    for index in range(8):
        scene = canvas(SIDE)
        coast.add_coast(Dice(0, "coast", index), scene)
        shares.append(scene.land.mean())
        assert scene.image.min() >= 0
        assert scene.image.max() < 260
        if 0.05 < shares[-1] < 0.95:
            land, water = scene.image[scene.land].mean(axis=0), scene.image[~scene.land].mean(axis=0)
            assert np.abs(land - water).max() > 8
    assert 0.1 < np.mean(shares) < 0.8
    assert np.ptp(shares) > 0.2


def test_rocks_keep_off_land_and_ships() -> None:
    scene = canvas(SIDE)
    scene.land[:, :96] = True
    scene.ships[:, 96:130] = 1
    before = scene.image.copy()
    coast.add_rocks(Dice(0, "rocks", 0), scene, 30)
    assert (scene.image[:, :130] == before[:, :130]).all()
    assert scene.land[:, 130:].any()


def test_each_kind_of_works_is_seen_and_kept_clear_of_ships() -> None:
    pictures = set()
    for index in range(12):
        scene = canvas(SIDE)
        coast.add_works(Dice(0, "works", index), scene)
        seen = np.abs(scene.image - 60).max(axis=2) > 40
        assert (seen & ~scene.land).mean() < 0.02
        if seen.any():
            pictures.add(scene.image.tobytes())
    assert len(pictures) > 8
    scene = canvas(SIDE)
    scene.land[:] = True
    coast.add_works(Dice(0, "works", 0), scene)
    assert (scene.image == 60).all(), "nothing is set down on land"


def test_objects_lie_only_where_they_may_and_cast_shadows() -> None:
    scene, stencil = canvas(SIDE), Stencil(SIDE, painted=True)
    stencil.polygon(np.array([[20, 20], [60, 20], [60, 40], [20, 40]]), tone=(200, 30, 30))
    inner = np.zeros((SIDE, SIDE), np.float32)
    inner[:, :40] = 1
    coast.lay_objects(scene, scene.image, stencil, inner)
    assert scene.image[30, 30].tolist() == [200, 30, 30]
    assert scene.image[30, 50].tolist() == [60, 60, 60]
    assert scene.image[41, 30].max() < 60
