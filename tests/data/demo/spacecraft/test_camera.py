"""Perspective is right, the nearer face hides the farther one, and the sun sees what nothing shades."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.data.demo.spacecraft.camera import Camera, Placed, Surface, dot, look
from segloop.data.demo.spacecraft.solids import BODY, PANEL, Mesh, vector

CAMERA = Camera((120, 160), focal=100.0)
AHEAD = vector(0, 0, -1)  # the sun, behind the camera


def sheet(half: float, z: float, *, part: int = BODY, material: int = 0, x: float = 0.0) -> Mesh:
    """Return a square whose front looks at the camera."""
    mesh = Mesh()
    mesh.quad(
        vector(x + half, -half, z),
        vector(-2 * half, 0, 0),
        vector(0, 2 * half, 0),
        part=part,
        material=material,
        repeats=(4.0, 2.0),
        back=7,
    )
    return mesh


def placed(*meshes: Mesh, z: float = 10.0, first: int = 0, fronts: float = 1.0) -> Placed:
    mesh = Mesh([face for each in meshes for face in each.faces])
    return Placed(mesh, np.eye(3), vector(0, 0, z), first, fronts)


def extent(surface: Surface) -> tuple[int, int, int, int]:
    rows, columns = np.divmod(surface.index, 160)
    return columns.min(), columns.max(), rows.min(), rows.max()


def test_twice_as_far_is_half_as_large() -> None:
    near = extent(look(CAMERA, [placed(sheet(2, 0))], AHEAD))
    far = extent(look(CAMERA, [placed(sheet(2, 0), z=20.0)], AHEAD))
    assert near == pytest.approx((60, 100, 40, 80), abs=1)  # 100 * 2 / 10 to each side of the middle
    assert far == pytest.approx((70, 90, 50, 70), abs=1)


def test_points_and_patterns_are_where_the_face_is() -> None:
    surface = look(CAMERA, [placed(sheet(2, 0))], AHEAD)
    np.testing.assert_allclose(surface.points[:, 2], 10)
    np.testing.assert_allclose(surface.normals, np.tile([0, 0, -1.0], (len(surface.index), 1)), atol=1e-12)
    np.testing.assert_allclose(surface.pattern[:, 0], 2 - surface.points[:, 0], atol=1e-9)
    np.testing.assert_allclose(surface.pattern[:, 1], (surface.points[:, 1] + 2) / 2, atol=1e-9)


def test_the_nearer_face_is_seen_and_in_whatever_order_they_come() -> None:
    for order in ((sheet(1, -2, material=1), sheet(2, 0)), (sheet(2, 0), sheet(1, -2, material=1))):
        surface = look(CAMERA, [placed(*order)], AHEAD)
        middle = surface.index == 60 * 160 + 80
        assert surface.material[middle].tolist() == [1]
        assert set(surface.material.tolist()) == {0, 1}


def test_craft_keep_their_numbers_and_materials() -> None:
    near, far = placed(sheet(1, 0, x=-2)), placed(sheet(2, 0, x=4), z=20.0, first=10)
    surface = look(CAMERA, [near, far], AHEAD)
    assert set(zip(surface.craft.tolist(), surface.material.tolist(), strict=True)) == {(0, 0), (1, 10)}


def test_what_lies_between_a_face_and_the_sun_shades_it() -> None:
    craft = placed(sheet(1, -2, material=1), sheet(2, 0))
    assert look(CAMERA, [craft], AHEAD).lit.all()  # seen from the sun, a thing hides its shadow
    surface = look(CAMERA, [craft], vector(0.8, 0, -0.6))
    assert surface.lit[surface.material == 1].all()
    large = surface.material == 0
    dark = surface.points[large & ~surface.lit]
    # The shadow of [-1, 1] moves by 2 * 0.8 / 0.6 to the left, and most of it off the sheet.
    assert (dark[:, 0].max(), dark[:, 1].min(), dark[:, 1].max()) == pytest.approx((-1.67, -1, 1), abs=0.12)
    assert surface.lit[large & (surface.points[:, 0] > -1.5)].all()


def test_panels_show_their_backs_and_cells_as_they_are_turned() -> None:
    def shown(z_axis: float, fronts: float) -> int:
        turn = np.diag([1.0, z_axis, z_axis])
        mesh = sheet(2, 0, part=PANEL, material=3)
        surface = look(CAMERA, [Placed(mesh, turn, vector(0, 0, 10), 0, fronts)], AHEAD)
        return int(surface.material[0])

    assert shown(1, 1.0) != shown(-1, 1.0)
    assert shown(1, 1.0) == shown(-1, -1.0)
    assert {shown(1, 1.0), shown(1, -1.0)} == {3, 7}


def test_an_empty_view_is_empty() -> None:
    surface = look(CAMERA, [placed(sheet(1, 0, x=500))], AHEAD)
    assert (len(surface.index), surface.points.shape) == (0, (0, 3))
    behind = look(CAMERA, [placed(sheet(1, 0), z=-10.0)], AHEAD)
    assert len(behind.index) == 0


def test_scalar_products_of_rows() -> None:
    assert dot(np.array([[1.0, 2, 3], [0, 1, 0]]), np.array([1.0, 1, 2])).tolist() == [9, 1]
