"""Things are drawn where, as large and as turned as they were asked for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from segloop.data.demo.sprites import Easel, polar, smooth_closed

SQUARE = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


def center_of(layer: np.ndarray, corner_xy: tuple[int, int]) -> tuple[float, float]:
    rows, columns = np.nonzero(layer >= 128)
    return columns.mean() + 0.5 + corner_xy[0], rows.mean() + 0.5 + corner_xy[1]


@pytest.mark.parametrize("center_xy", [(30.0, 40.0), (30.4, -3.7)])
def test_a_square_lies_where_it_should_and_covers_its_area(center_xy: tuple[float, float]) -> None:
    easel = Easel(center_xy, radius=10, angle=0.0)
    easel.fill(easel.coverage, SQUARE)
    sprite = easel.sprite()
    assert center_of(sprite.coverage, sprite.corner_xy) == pytest.approx(center_xy, abs=0.6)
    assert sprite.coverage.sum() / 255 == pytest.approx(400, rel=0.03)


def test_turning_by_a_quarter_swaps_length_and_width() -> None:
    def extent(angle: float) -> tuple[int, int]:
        easel = Easel((20.0, 20.0), radius=12, angle=angle)
        easel.fill(easel.coverage, SQUARE * [1.0, 0.4])
        rows, columns = np.nonzero(easel.sprite().coverage >= 128)
        return int(np.ptp(rows)), int(np.ptp(columns))

    assert extent(0.0) == extent(math.pi / 2)[::-1]
    assert extent(0.0)[1] > 2 * extent(0.0)[0]


def test_a_bend_curves_a_line_and_keeps_its_length() -> None:
    along = np.stack([np.linspace(-1, 1, 50), np.zeros(50)], 1)
    areas = []
    for bend in (0.0, 0.8):
        easel = Easel((30.0, 30.0), radius=20, angle=0.0, bend=bend)
        easel.line(easel.coverage, along, width=0.15)
        sprite = easel.sprite()
        areas.append(sprite.coverage.sum() / 255)
        bent = np.ptp(np.nonzero(sprite.coverage >= 128)[0])
        assert bent < 5 if bend == 0 else bent > 8
    assert areas[1] == pytest.approx(areas[0], rel=0.1)


def test_patterns_stay_inside_the_thing() -> None:
    easel = Easel((20.0, 20.0), radius=10, angle=0.3)
    easel.fill(easel.coverage, SQUARE * 0.5)
    easel.line(easel.ink, np.array([[-1.0, 0.0], [1.0, 0.0]]), width=0.2)
    easel.dot(easel.dark, np.array([0.9, 0.9]), radius=0.05)
    sprite = easel.sprite()
    assert sprite.ink.any()
    assert not sprite.dark.any()
    assert not sprite.ink[sprite.coverage == 0].any()


def test_units_turn_pixels_into_parts_of_the_radius() -> None:
    assert Easel((0.0, 0.0), radius=20, angle=0.0).units(5) == 0.25


def test_smoothing_cuts_corners_inside_the_outline() -> None:
    round_square = smooth_closed(SQUARE, rounds=3)
    assert len(round_square) == 32
    assert np.abs(round_square).max() <= 1
    assert np.hypot(*round_square.T).max() < 1.3


def test_polar_points_have_their_angles_and_distances() -> None:
    np.testing.assert_allclose(polar(np.array([0.0, math.pi / 2]), 2.0), [[2, 0], [0, 2]], atol=1e-12)
