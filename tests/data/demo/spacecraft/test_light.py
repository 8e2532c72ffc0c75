"""Lit faces are bright, shadows are deep, mirrors flash, and patterns show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from segloop.data.demo.dice import Dice
from segloop.data.demo.spacecraft.camera import Surface
from segloop.data.demo.spacecraft.craft import CELLS, FOIL, METAL, Material
from segloop.data.demo.spacecraft.light import Light, choose_light, shade
from segloop.data.demo.spacecraft.solids import unit, vector

SUN = vector(0, 0, -1)
LIGHT = Light(SUN, vector(0, 1, 0), bright=0.8, shine=0.0, ambient=0.02, tint=(1.0, 1.0, 1.0))
GREY = Material(METAL, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 0.0)


def surface(count: int = 400, *, normal: tuple[float, float, float] = (0, 0, -1)) -> Surface:
    whole = np.zeros(count, np.intp)
    grid = np.stack(np.divmod(np.arange(count), 20), axis=1) / 7.3
    return Surface(
        index=np.arange(count),
        points=np.tile([0.0, 0, 10], (count, 1)),
        normals=np.tile(unit(np.array(normal)), (count, 1)),
        pattern=grid,
        material=whole,
        part=whole + 1,
        craft=whole,
        lit=np.ones(count, bool),
    )


def test_shadows_are_deep_but_not_black() -> None:
    seen = surface()
    half = replace(seen, lit=np.arange(400) < 200)
    colors = shade(Dice(0, "", 0), half, [GREY], LIGHT)
    assert colors[:200].mean() > 10 * colors[200:].mean() > 0


def test_a_face_that_looks_aside_gets_less() -> None:
    both = surface()
    normals = both.normals.copy()
    normals[200:] = unit(vector(0.9, 0, -0.3))
    colors = shade(Dice(0, "", 0), replace(both, normals=normals), [GREY], LIGHT)
    assert colors[:200].mean() > 2.5 * colors[200:].mean()


def test_the_camera_exposes_for_the_lit_side() -> None:
    for bright in (0.4, 0.9):
        colors = shade(Dice(0, "", 0), surface(), [GREY], replace(LIGHT, bright=bright))
        np.testing.assert_allclose(colors, bright, rtol=0.05)


def test_a_planet_softens_what_the_sun_does_not_reach() -> None:
    dark = replace(surface(normal=(0, 1, 0)), lit=np.zeros(400, bool))
    colors = [shade(Dice(0, "", 0), dark, [GREY], replace(LIGHT, shine=shine)) for shine in (0.0, 0.03)]
    assert colors[1].mean() > 1.5 * colors[0].mean()


def test_shiny_things_flash_where_they_mirror_the_sun() -> None:
    dull, shiny = (replace(GREY, gloss=gloss) for gloss in (0.0, 1.0))
    both = surface()
    materials = (np.arange(400) >= 200).astype(np.intp)
    colors = shade(Dice(0, "", 0), replace(both, material=materials), [dull, shiny], LIGHT)
    assert colors[200:].mean() > 1.5 * colors[:200].mean()


def test_cells_have_a_grid_and_foil_has_wrinkles() -> None:
    for pattern in (CELLS, FOIL):
        material = Material(pattern, (0.1, 0.1, 0.3), (0.9, 0.9, 0.9), 0.0)
        colors = shade(Dice(0, "", 0), surface(), [material], LIGHT)
        plain = shade(Dice(0, "", 0), surface(), [GREY], LIGHT)
        assert colors.std() > 0.05 > plain.std()


def test_light_without_a_planet_is_harder() -> None:
    lights = {
        there: [
            choose_light(Dice(0, "", index), SUN, planet=SUN if there else None, tint=(1, 1, 1)).shine
            for index in range(50)
        ]
        for there in (True, False)
    }
    assert np.mean(lights[True]) > 2 * np.mean(lights[False])


def test_nothing_seen_is_nothing_lit() -> None:
    assert shade(Dice(0, "", 0), surface(0), [GREY], LIGHT).shape == (0, 3)
