"""Brushes and coordinates do what their names say, in exactly rounded arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest

from segloop.data.demo.dice import Dice
from segloop.data.demo.ships.canvas import (
    Frame,
    Stencil,
    blend,
    color,
    darken,
    fractal,
    grain,
    ramp,
    shifted,
    turned,
    whole,
)


def test_blend_lays_paint_by_its_share_and_darken_takes_light_away() -> None:
    image = np.zeros((1, 3, 3), np.float32)
    blend(image, color(100, 50, 0), np.array([[0, 0.5, 1]], np.float32))
    assert image[0].tolist() == [[0, 0, 0], [50, 25, 0], [100, 50, 0]]
    darken(image, np.array([[1, 0.5, 0]], np.float32), strength=0.5)
    assert image[0, :, 0].tolist() == [0, 37.5, 100]


def test_a_ramp_is_flat_at_both_ends() -> None:
    values = np.array([-5, 0, 1, 2, 9], np.float32)
    assert ramp(values, 0, 2).tolist() == [0, 0, 0.5, 1, 1]


def test_shifting_repeats_the_rim_and_never_wraps() -> None:
    layer = np.arange(12).reshape(3, 4)
    assert shifted(layer, 1, 0).tolist() == [[0, 0, 1, 2], [4, 4, 5, 6], [8, 8, 9, 10]]
    assert shifted(layer, 0, -2).tolist() == [[8, 9, 10, 11]] * 3
    assert shifted(layer, 99, 99).tolist() == [[0] * 4] * 3


def test_turned_coordinates_run_along_and_to_the_right() -> None:
    along, across = turned(whole(11), (5, 5), math.pi / 2)  # downwards
    assert along[8, 5] == pytest.approx(3)
    assert across[5, 2] == pytest.approx(3)
    assert along[5, 5] == across[5, 5] == 0


def test_a_frame_turns_and_moves() -> None:
    frame = Frame((10, 20), math.pi / 2)
    np.testing.assert_allclose(frame.xy([[3, 0], [0, 4]]), [[10, 23], [6, 20]], atol=1e-12)
    assert frame.box((0, 1), (0, 1)).shape == (4, 2)


def test_noise_is_smooth_and_goes_both_ways() -> None:
    along, across = turned(whole(64), (0, 0), 0.3)
    noise = grain(Dice(0, "", 0), along / 8, across / 8)
    assert -1 <= noise.min() < -0.2 < 0.2 < noise.max() <= 1
    assert np.abs(np.diff(noise, axis=0)).max() < 0.5
    layered = fractal(Dice(0, "", 1), 64, 16, 4)
    assert np.abs(layered).max() <= 1.55
    assert np.abs(layered).max() > 0.5


def test_a_stencil_covers_areas_and_keeps_their_colours() -> None:
    stencil = Stencil(20, painted=True)
    stencil.polygon(np.array([[2, 2], [12, 2], [12, 7], [2, 7]]), tone=(200, 100, 0))
    assert stencil.small().sum() / 255 == pytest.approx(50, rel=0.2)  # OpenCV fills the rim too
    assert stencil.colors()[4, 6].tolist() == [200, 100, 0]
    stencil.polygon(np.array([[2, 2], [7, 2], [7, 7], [2, 7]]), value=0)
    assert stencil.small().sum() / 255 == pytest.approx(25, rel=0.2)
    stencil = Stencil(20, painted=True)
    stencil.disc(np.array([10, 10]), 5, tone=(1, 2, 3))
    assert stencil.small().sum() / 255 == pytest.approx(math.pi * 25, rel=0.15)
