"""Grounds and clutter vary, stay in their palette's range, and look like no find."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.data.demo import shore
from segloop.data.demo.dice import Dice
from segloop.data.demo.shore import CLUTTER, PALETTES, colors_of, ground, mix, triangle


def test_palettes_hold_six_colours_that_can_stand_apart() -> None:
    for palette in PALETTES:
        luma = colors_of(palette) @ [0.3, 0.59, 0.11]
        assert luma.shape == (6,)
        assert np.ptp(luma) > 100


@pytest.mark.parametrize("draw", shore._GROUNDS[1:], ids=lambda draw: draw.__name__.strip("_"))
def test_every_ground_has_structure_and_ordinary_values(draw) -> None:
    picture = draw(Dice(0, "train", 3), colors_of(PALETTES[0]), 96)
    assert picture.shape == (96, 96, 3)
    assert np.issubdtype(picture.dtype, np.floating)
    assert picture.min() >= 0
    assert picture.max() <= 290
    assert picture.std(axis=(0, 1)).max() > 4


def test_grounds_differ_from_scene_to_scene() -> None:
    colors = colors_of(PALETTES[1])
    pictures = [ground(Dice(0, "train", index), colors, 64) for index in range(6)]
    for index, picture in enumerate(pictures):
        assert all(np.abs(picture - other).mean() > 3 for other in pictures[:index])


@pytest.mark.parametrize("draw", sorted(set(CLUTTER), key=lambda draw: draw.__name__))
def test_clutter_covers_something(draw) -> None:
    sprites = [draw(Dice(0, "train", index), (40.0, 40.0), 20.0) for index in range(8)]
    assert all(np.count_nonzero(sprite.coverage) > 40 for sprite in sprites)
    assert len({sprite.coverage.tobytes() for sprite in sprites}) == 8


def test_triangle_is_a_wave_of_period_one() -> None:
    phase = np.array([0.0, 0.25, 0.5, 1.0, -1.0, 7.5], np.float32)
    np.testing.assert_allclose(triangle(phase), [1, 0.5, 0, 1, 1, 0], atol=1e-6)


def test_mix_blends_by_share() -> None:
    blended = mix(
        np.zeros(3, np.float32), np.full(3, 100, np.float32), np.array([[0.0, 0.25, 1.0]], np.float32)
    )
    np.testing.assert_array_equal(blended[0, :, 0], [0, 25, 100])
