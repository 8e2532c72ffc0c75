"""Each kind of craft is whole: a body, parts that belong to it, materials for all of them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from segloop.data.demo.dice import Dice
from segloop.data.demo.spacecraft import craft
from segloop.data.demo.spacecraft.craft import CELLS, build_craft
from segloop.data.demo.spacecraft.solids import ANTENNA, BODY, PANEL, Mesh, cross, unit


def built(kind: str, index: int) -> Mesh:
    dice = Dice(0, kind, index)
    yard = craft.Yard(dice, Mesh(), craft._choose_materials(dice))
    getattr(craft, kind)(yard)
    return yard.mesh


@pytest.mark.parametrize("kind", ["relay", "probe", "telescope", "station", "cube"])
def test_a_craft_has_a_body_and_mostly_the_rest(kind: str) -> None:
    parts = [Counter(face.part for face in built(kind, index).faces) for index in range(30)]
    assert all(each[BODY] > 3 for each in parts)
    assert sum(each[PANEL] > 0 for each in parts) >= 20
    assert sum(each[ANTENNA] > 0 for each in parts) >= 8
    assert all(0.5 < built(kind, index).radius < 3.5 for index in range(10))


@pytest.mark.parametrize("kind", ["relay", "telescope", "station", "cube"])
def test_all_panels_of_a_craft_turn_their_cells_one_way(kind: str) -> None:
    for index in range(10):
        panels = [face for face in built(kind, index).faces if face.part == PANEL]
        normals = np.array([unit(cross(face.across, face.along)) for face in panels])
        assert (normals @ normals[0] > 0).all()


def test_every_face_has_a_material() -> None:
    kinds = set()
    for index in range(40):
        mesh, materials = build_craft(Dice(0, "train", index))
        used = {face.material for face in mesh.faces} | {face.back for face in mesh.faces} - {None}
        assert used <= set(range(len(materials)))
        for face in mesh.faces:
            if face.part == PANEL:
                assert materials[face.material].pattern == CELLS
        kinds.add(len(mesh.faces))
    assert len(kinds) > 15
