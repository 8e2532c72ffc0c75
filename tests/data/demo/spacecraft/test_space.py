"""Backdrops differ: black with stars, a limb, a ground below; and they are lit by the same sun."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.data.demo.dice import Dice
from segloop.data.demo.spacecraft import space
from segloop.data.demo.spacecraft.solids import unit, vector
from segloop.data.demo.spacecraft.space import draw_space

SUN = unit(vector(-1, -0.3, -0.5))


def test_backdrops_are_of_many_kinds() -> None:
    drawn = [draw_space(Dice(0, "train", index), (72, 96), SUN) for index in range(40)]
    pictures = np.stack([each.picture for each in drawn])
    assert pictures.shape == (40, 72, 96, 3)
    assert pictures.min() >= 0
    assert np.isfinite(pictures).all()
    bright = pictures.mean(axis=(1, 2, 3))
    assert (bright < 0.02).sum() >= 5
    assert (bright > 0.15).sum() >= 5
    assert 5 <= sum(each.planet is None for each in drawn) <= 20


def test_stars_are_few_and_unlike() -> None:
    skies = [space._sky(Dice(0, "train", index), (72, 96)).max(axis=2) for index in range(12)]
    shares = [(sky > 0.1).mean() for sky in skies]
    assert shares.count(0) in range(1, 8)
    assert 0.0003 < max(shares) < 0.02
    bright = np.concatenate([sky[sky > 0.1] for sky in skies])
    assert bright.max() > 2 * np.median(bright)


@pytest.mark.parametrize("paint", [space._earth, space._rock])
def test_a_ball_is_lit_from_where_the_sun_is(paint) -> None:
    picture = np.zeros((100, 120, 3))
    paint(Dice(0, "", 1), picture, np.array([60.0, 50.0]), 30.0, SUN)
    assert picture[40:60, 35:50].mean() > 3 * picture[40:60, 72:88].mean()
    assert picture[:10].max() < 0.2
    assert picture[45:55, 55:65].min() > 0


def test_air_glows_beyond_the_earths_rim_and_not_beyond_a_rocks() -> None:
    rims = []
    for paint in (space._earth, space._rock):
        picture = np.zeros((100, 120, 3))
        paint(Dice(0, "", 1), picture, np.array([60.0, 50.0]), 30.0, SUN)
        rims.append(picture[50, 28])  # two pixels outside, on the day's side
    assert rims[0][2] > rims[0][0] > 0.02
    assert rims[1].max() == 0
