"""The demo's random numbers are pinned: they are the root of everything that is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.data.demo.dice import Dice


def test_draws_are_pinned() -> None:
    dice = Dice(0, "train", 0)
    drawn = [dice.integer(0, 99) for _ in range(6)], round(dice.uniform(0, 1), 9), dice.bytes(5).tolist()
    assert drawn == ([11, 15, 17, 9, 34, 64], 0.822576266, [10, 95, 148, 106, 248])


def test_each_of_seed_split_and_index_matters() -> None:
    first = {
        Dice(*key).uniform(0, 1) for key in ((0, "train", 0), (1, "train", 0), (0, "val", 0), (0, "train", 1))
    }
    assert len(first) == 4


def test_integers_reach_both_ends_and_chances_keep_their_share() -> None:
    dice = Dice(0, "train", 0)
    assert {dice.integer(2, 4) for _ in range(100)} == {2, 3, 4}
    assert 0.2 < np.mean([dice.chance(0.3) for _ in range(500)]) < 0.4


def test_weights_steer_the_pick() -> None:
    dice = Dice(0, "train", 0)
    picks = [dice.pick("ab", weights=(9.0, 1.0)) for _ in range(500)]
    assert 0.85 < picks.count("a") / 500 < 0.95


@pytest.mark.parametrize("cell", [1.5, 10, 64])
def test_clouds_are_smooth_at_their_grain(cell: float) -> None:
    clouds = Dice(0, "train", 0).clouds(128, cell=cell)
    assert clouds.shape == (128, 128)
    assert clouds.dtype == np.float32
    assert -1 <= clouds.min() < -0.1 < 0.1 < clouds.max() <= 1
    assert np.abs(np.diff(clouds, axis=0)).mean() < 1.2 / cell
