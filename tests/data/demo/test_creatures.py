"""Each find is one solid thing of the size that was asked for, with a pattern of its own."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from segloop.data.demo.creatures import CREATURES
from segloop.data.demo.dice import Dice


@pytest.mark.parametrize("name", CREATURES)
def test_a_find_fills_its_radius_and_is_solid(name: str) -> None:
    for index in range(5):
        sprite = CREATURES[name](Dice(0, name, index), (50.0, 50.0), 25.0)
        solid = (sprite.coverage >= 128).astype(np.uint8)
        assert cv2.connectedComponents(solid)[0] == 2
        height, width = (extent.max() - extent.min() + 1 for extent in np.nonzero(solid))
        assert 38 <= max(height, width) <= 64
        assert not any(edge.any() for edge in (solid[0], solid[-1], solid[:, 0], solid[:, -1]))


@pytest.mark.parametrize("name", CREATURES)
def test_a_find_shows_its_pattern(name: str) -> None:
    sprite = CREATURES[name](Dice(0, name, 0), (50.0, 50.0), 30.0)
    solid = sprite.coverage == 255
    inked = (sprite.ink[solid] > 128).mean()
    assert 0.1 < inked < 0.75
    assert not sprite.ink[sprite.coverage == 0].any()


def test_patterns_keep_their_grain_when_finds_grow() -> None:
    def knobs(radius: float) -> int:
        sprite = CREATURES["starfish"](Dice(0, "", 1), (60.0, 60.0), radius)
        return cv2.connectedComponents((sprite.ink > 128).astype(np.uint8))[0]

    assert knobs(36) > 3 * knobs(16)
