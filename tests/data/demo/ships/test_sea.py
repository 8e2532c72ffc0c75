"""Water is water-coloured, wind and sun show on it, and clouds cover as much as their kind says."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.data.demo.dice import Dice
from segloop.data.demo.ships import sea
from segloop.data.demo.ships.canvas import Canvas

SIDE = 128


def canvas(index: int = 0, *, roughness: float = 0.2) -> Canvas:
    return Canvas(
        image=sea.water(Dice(0, "sea", index), SIDE, 1.0, roughness=roughness),
        ships=np.zeros((SIDE, SIDE), np.uint16),
        land=np.zeros((SIDE, SIDE), bool),
        clouds=np.zeros((SIDE, SIDE), np.float32),
        unit=1.0,
        sun_xy=(2, 1),
    )


def test_water_has_ordinary_values_and_seas_differ() -> None:
    seas = [canvas(index).image for index in range(8)]
    for image in seas:
        assert image.dtype == np.float32
        assert image.shape == (SIDE, SIDE, 3)
        assert image.min() > -20
        assert image.max() < 200
    assert max(image.mean() for image in seas) > 2 * min(image.mean() for image in seas)


def test_a_gale_is_rougher_than_a_mirror() -> None:
    calm, rough = (canvas(3, roughness=roughness).image for roughness in (0.0, 1.0))
    assert np.abs(np.diff(rough, axis=0)).mean() > 2 * np.abs(np.diff(calm, axis=0)).mean()


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_whitecaps_are_few_bright_and_small(strength: float) -> None:
    scene = canvas()
    before = scene.image.copy()
    sea.add_whitecaps(Dice(0, "caps", 1), scene, strength=strength)
    brighter = (scene.image - before).mean(axis=2) > 30
    assert 0.0003 < brighter.mean() < 0.06


def test_the_sun_glitters_in_a_part_of_the_water() -> None:
    scene = canvas()
    before = scene.image.copy()
    sea.add_glint(Dice(0, "glint", 0), scene)
    gain = (scene.image - before).mean(axis=2)
    assert gain.max() > 80
    assert 0.02 < (gain > 20).mean() < 0.9


@pytest.mark.parametrize("kind", ["puffs", "bank", "veil"])
def test_clouds_cover_a_part_and_cast_shadows(kind: str) -> None:
    cover = [sea.clouds(Dice(0, kind, index), SIDE, 1.0, kind=kind) for index in range(12)]
    assert all(each.min() >= 0 and each.max() <= 1 for each in cover)
    shares = [(each > 0.5).mean() for each in cover]
    assert {"puffs": 0.002, "bank": 0.1, "veil": 0.0}[kind] <= np.mean(shares) < 0.6
    scene = canvas()
    scene.clouds = max(cover, key=np.std)
    before = scene.image.copy()
    sea.add_clouds(Dice(0, kind, 0), scene)
    change = (scene.image - before).mean(axis=2)
    assert change.max() > 30
    assert change.min() < -3
