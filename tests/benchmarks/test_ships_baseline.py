"""A threshold finds some of the drawn ships, and far from all."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.ships_baseline import LOOKS, dice_of, f2_of, measure, parts, within_limits


def test_parts_count_by_their_size() -> None:
    heights = np.zeros((8, 12), np.float32)
    heights[1, 1] = heights[1:4, 4:6] = heights[0:8, 9:12] = 50
    found = parts(heights, 20, 2, 10)
    assert sorted(np.unique(found)) == [0, 1]
    assert (found > 0).sum() == 6
    assert not parts(heights, 50, 1, 99).any()


def test_dice_is_of_pixels() -> None:
    found, truth = np.zeros((2, 4, 4), int)
    found[0], truth[:, 0] = 1, 2
    assert dice_of(found, truth) == pytest.approx(2 / 8)


def test_f2_is_the_competitions() -> None:
    truth = np.zeros((10, 20), int)
    truth[:, :10], truth[:, 15:] = 1, 2
    assert f2_of(truth, truth) == 1
    found = np.zeros_like(truth)
    found[:, :8] = 1  # an IoU of .8: a hit at .50 to .75, for it has to be greater
    assert f2_of(found, truth) == pytest.approx(0.6 * 5 / (5 + 4))
    assert f2_of(np.zeros_like(truth), truth) == 0
    assert f2_of(truth, np.zeros_like(truth)) == 0
    assert f2_of(np.zeros_like(truth), np.zeros_like(truth)) == 1


def test_the_setting_is_chosen_on_train_and_scored_on_the_rest() -> None:
    image = np.full((40, 40, 3), 60, np.uint8)
    truth = np.zeros((40, 40), np.uint16)
    image[10:14, 5:25], truth[10:14, 5:25] = 150, 1
    blank = np.full((40, 40, 3), 60, np.uint8)
    score = measure([(image, truth)], [(image, truth), (blank, truth * 0)], look="unlike all")
    assert (score.dice, score.f2, score.f2_ships, score.clean) == (1, 1, 1, 1)
    assert score.threshold < 90


@pytest.mark.slow
def test_the_best_threshold_stays_within_its_limits() -> None:
    from segloop.data.demo.ships import draw_tiles

    tiles = [
        tile for index in range(120) for tile in draw_tiles(seed=0, split="train_v2", index=index, size=192)
    ]
    scores = [measure(tiles[:480], tiles[480:], look=look) for look in LOOKS]
    assert within_limits(max(scores, key=lambda score: score.dice))
