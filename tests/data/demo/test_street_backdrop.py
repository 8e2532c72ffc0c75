"""The backdrop labels what it paints, lies where the street is, and leaves no pixel without a label."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.data.demo import street_backdrop as backdrop
from segloop.data.demo.cityscapes import instance_ids
from segloop.data.demo.dice import Dice
from segloop.data.demo.street_backdrop import Street, Style
from segloop.data.demo.street_board import Camera, Scene

CAMERA = Camera(size_hw=(96, 192), horizon=40.0, middle=96.0, focal=140.0)
STYLE = Style(((196, 178, 150), (150, 92, 74)), (88, 88, 92), (138, 134, 130), (86, 108, 58))
STREET = Street(-4.8, 2.0, (2.2, 0.0), (3.0, 3.0), (12.0, 20.0), -3.2)


def scene() -> Scene:
    return Scene(CAMERA, np.zeros((96, 192, 3), np.float32), np.zeros(3, np.float32), (0.2, 0.2))


def labels(drawn: Scene) -> set[str]:
    return {each.label for each in drawn.outlines}


def test_a_street_is_kerb_to_wall_on_either_side() -> None:
    assert STREET.kerbs == (-7.0, 2.0)
    assert STREET.walls == (-10.0, 5.0)


def test_sky_and_ground_cover_the_picture() -> None:
    for index in range(4):
        drawn = scene()
        backdrop.sky(drawn, Dice(0, "s", index), ((108, 150, 204), (206, 222, 236)))
        backdrop.ground(drawn, Dice(0, "g", index), STREET, STYLE)
        ids = instance_ids(drawn.outlines, CAMERA.size_hw)
        assert (ids > 0).all()
        assert ids[90, 96] == 7  # road before the camera
        assert ids[5, 96] == 23
        assert {"road", "sidewalk", "parking", "rail track", "sky"} <= labels(drawn)


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (lambda s, d: backdrop.house(s, d, STYLE, 5.0, 8.0, 20.0), {"building"}),
        (lambda s, d: backdrop.tree(s, d, STYLE, 3.0, 12.0), {"vegetation"}),
        (lambda s, d: backdrop.barrier(s, d, 5.0, 8.0, 20.0), {"wall", "fence"}),
        (lambda s, d: backdrop.pole(s, d, 2.5, 9.0), {"pole", "traffic sign", "traffic light"}),
        (lambda s, d: backdrop.clutter(s, d, 3.0, 9.0), {"static", "dynamic"}),
        (lambda s, d: backdrop.bonnet(s, d), {"ego vehicle"}),
    ],
    ids=["house", "tree", "barrier", "pole", "clutter", "bonnet"],
)
def test_what_stands_there_is_painted_and_labelled(draw, expected: set[str]) -> None:
    found: set[str] = set()
    for index in range(16):
        drawn = scene()
        draw(drawn, Dice(0, "x", index))
        assert drawn.image.max() > 0
        found |= labels(drawn)
    assert found == expected


def test_streets_end_in_trees_a_house_or_the_open() -> None:
    found = set()
    for index in range(20):
        drawn = scene()
        backdrop.far_end(drawn, Dice(0, "e", index), STYLE)
        found.add(tuple(sorted(labels(drawn))))
    assert found == {(), ("building",), ("vegetation",)}
