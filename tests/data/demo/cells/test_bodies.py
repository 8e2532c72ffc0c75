"""The three types of cells differ in size, outline and in how they delay the light."""

from __future__ import annotations

import cv2
import numpy as np

from segloop.data.demo.cells.bodies import KINDS, Body
from segloop.data.demo.dice import Dice


def bodies(cell_type: str, count: int = 40) -> list[Body]:
    """Return cells of one type, of a usual size."""
    kind = KINDS[cell_type]
    radius = sum(kind.radius) / 2
    return [kind.draw(Dice(0, cell_type, k), (50.0, 50.0), radius, 0.15 * k) for k in range(count)]


def drawn(body: Body) -> np.ndarray:
    return (body.sprite.coverage >= 128).astype(np.uint8)


def solidity(body: Body) -> float:
    """Return the share of the convex hull that a body fills."""
    (outline, *_), _ = cv2.findContours(drawn(body), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.contourArea(outline) / cv2.contourArea(cv2.convexHull(outline))


def test_astrocytes_are_large_and_the_others_small() -> None:
    areas = {name: np.mean([drawn(body).sum() for body in bodies(name)]) for name in KINDS}
    assert areas["astro"] > 4 * areas["shsy5y"]
    assert areas["astro"] > 4 * areas["cort"]


def test_shsy5y_are_hollow_between_their_arms_and_cort_are_round() -> None:
    solid = {name: np.mean([solidity(body) for body in bodies(name)]) for name in KINDS}
    assert solid["shsy5y"] < 0.88 < 0.94 < solid["cort"]


def test_astrocytes_are_flat_and_cort_are_thick() -> None:
    thickest = {name: [body.phase for body in bodies(name)] for name in KINDS}
    assert max(thickest["astro"]) < min(thickest["cort"])


def test_a_cell_is_one_piece_and_its_spots_lie_on_it() -> None:
    for name in KINDS:
        for body in bodies(name, 12):
            assert cv2.connectedComponents(drawn(body))[0] == 2
            outside = body.sprite.coverage == 0
            assert not body.sprite.ink[outside].any()
            assert not body.sprite.dark[outside].any()


def test_neurites_begin_at_the_body_and_have_a_density_for_each_step() -> None:
    for name in ("shsy5y", "cort"):
        neurites = [(body, each) for body in bodies(name) for each in body.neurites]
        assert len(neurites) > 20
        for _, neurite in neurites:
            assert len(neurite.densities) == len(neurite.points_xy) - 1
            assert all(0 < density < 256 for density in neurite.densities)
    assert not any(body.neurites for body in bodies("astro"))
