"""Solids have the extent that was asked for, and their faces look outwards."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.data.demo.dice import Dice
from segloop.data.demo.spacecraft.solids import (
    ANTENNA,
    BODY,
    Mesh,
    any_rotation,
    around,
    cross,
    turned,
    unit,
    vector,
)

ORIGIN = vector(0, 0, 0)


def corners_of(mesh: Mesh) -> np.ndarray:
    return np.concatenate([face.corners for face in mesh.faces])


def assert_flat(mesh: Mesh) -> None:
    for face in mesh.faces:
        normal = unit(cross(face.corners[1] - face.corners[0], face.corners[-1] - face.corners[0]))
        assert np.abs((face.corners - face.corners[0]) @ normal).max() < 1e-6


def test_a_box_has_six_sides_and_its_materials_in_turn() -> None:
    mesh = Mesh()
    mesh.box(vector(1, 2, 3), (0.5, 1.0, 1.5), part=BODY, materials=(4, 5))
    np.testing.assert_allclose(corners_of(mesh).min(axis=0), [0.5, 1, 1.5])
    np.testing.assert_allclose(corners_of(mesh).max(axis=0), [1.5, 3, 4.5])
    assert [face.material for face in mesh.faces] == [4, 5] * 3
    assert len({tuple(face.corners.mean(axis=0)) for face in mesh.faces}) == 6
    assert_flat(mesh)


def test_a_tube_is_round_as_far_as_its_sides_go() -> None:
    mesh = Mesh()
    mesh.tube(ORIGIN, vector(0, 0, 2), radii=(1.0, 0.5), sides=12, part=BODY, material=1, cap=2)
    assert [face.material for face in mesh.faces] == [1] * 12 + [2] * 2
    for height, radius in ((0, 1.0), (2, 0.5)):
        ring = corners_of(mesh)[corners_of(mesh)[:, 2] == height]
        np.testing.assert_allclose(np.hypot(ring[:, 0], ring[:, 1]), radius)
    assert_flat(mesh)


def test_a_beam_is_thin_and_as_long_as_it_should_be() -> None:
    mesh = Mesh()
    mesh.beam(vector(1, 0, 0), vector(1, 3, 0), width=0.1, part=BODY, material=0)
    low, high = corners_of(mesh).min(axis=0), corners_of(mesh).max(axis=0)
    np.testing.assert_allclose(high - low, [0.1, 3, 0.1], atol=0.05)


def test_a_dish_is_a_bowl_whose_front_is_its_open_side() -> None:
    mesh = Mesh()
    mesh.dish(ORIGIN, vector(0, 0, 3), radius=1.0, depth=0.4, material=1, back=2, feed=3)
    assert {face.part for face in mesh.faces} == {ANTENNA}
    bowl = [face for face in mesh.faces if face.back == 2]
    ring = np.concatenate([face.corners for face in bowl])
    assert np.hypot(ring[:, 0], ring[:, 1]).max() == pytest.approx(1)
    assert ring[:, 2].max() == pytest.approx(0.4)
    for face in bowl:
        assert cross(face.across, face.along)[2] > 0
    assert_flat(mesh)


def test_the_radius_is_the_farthest_corner() -> None:
    mesh = Mesh()
    mesh.box(vector(3, 0, 0), (1.0, 0.0, 0.0), part=BODY, materials=(0,))
    assert mesh.radius == 4


def test_rotations_keep_lengths_and_hands_and_go_everywhere() -> None:
    points = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 2, 3]])
    seen = []
    for index in range(200):
        rotation = any_rotation(Dice(0, "", index))
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1)
        np.testing.assert_allclose(turned(points, rotation), points @ rotation.T, atol=1e-12)
        seen.append(rotation[0])
    assert np.abs(np.mean(seen, axis=0)).max() < 0.2


def test_directions_go_around() -> None:
    x, y = vector(1, 0, 0), vector(0, 1, 0)
    for share, wanted in ((0.0, x), (0.25, y), (0.5, -x)):
        np.testing.assert_allclose(around(share, x, y), wanted, atol=1e-9)
