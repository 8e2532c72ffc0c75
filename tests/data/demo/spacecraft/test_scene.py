"""A scene is pinned to the pixel, follows from its numbers alone, and holds what the task needs."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from segloop.data.demo.spacecraft.scene import PARTS, Scene, draw_scene, size_hw_of


def digest(*arrays: np.ndarray) -> str:
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()[:16]


def scene(index: int = 4, *, split: str = "val", seed: int = 0, size: int = 64) -> Scene:
    return draw_scene(seed=seed, split=split, index=index, size=size)


def test_scenes_are_pinned_to_the_pixel() -> None:
    """These pixels are what the documented results were measured on: a change needs a new EDITION."""
    scenes = [scene(index, split="train", size=192) for index in range(4)]
    assert digest(*(each.parts for each in scenes), *(each.craft for each in scenes)) == "0153a525fa1a08c6"
    assert digest(*(each.image for each in scenes)) == "a8946d6e9a8fe646"


def test_a_scene_depends_on_nothing_but_its_own_numbers() -> None:
    first = digest(scene().image)
    scene(5)
    assert digest(scene().image) == first
    others = (scene(5), scene(split="train"), scene(seed=1))
    assert len({first, *(digest(each.image) for each in others)}) == 4


def test_a_scene_is_wider_than_high() -> None:
    drawn = scene(size=128)
    assert size_hw_of(128) == drawn.parts.shape == drawn.craft.shape == (96, 128)
    assert drawn.image.shape == (96, 128, 3)
    assert drawn.image.dtype == drawn.parts.dtype == np.uint8


def test_parts_and_craft_cover_the_same_pixels() -> None:
    for index in range(5):
        drawn = scene(index)
        np.testing.assert_array_equal(drawn.parts > 0, drawn.craft > 0)
        assert drawn.parts.max() < PARTS


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [scene(index, split="train") for index in range(16)]


def test_statistics_of_scenes(scenes: list[Scene]) -> None:
    """Most have one craft, all have some; each part is there often, and space takes the most."""
    shares = np.array([np.bincount(each.parts.ravel(), minlength=PARTS) / each.parts.size for each in scenes])
    assert 0.75 < shares[:, 0].mean() < 0.92
    assert (shares[:, 1:].mean(axis=0) > 0.012).all()
    assert ((shares[:, 1:] > 0).mean(axis=0) > [0.75, 0.97, 0.5]).all()
    assert 0 < np.mean([each.craft.max() > 1 for each in scenes]) < 0.5


def test_craft_stand_out_from_some_backdrops_and_sink_into_others(scenes: list[Scene]) -> None:
    steps = []
    for each in scenes:
        grey = each.image.mean(axis=2)
        steps.append(grey[each.parts > 0].mean() - grey[each.parts == 0].mean())
    assert np.mean(np.array(steps) > 30) > 0.25
    assert np.min(steps) < 15
