"""The grid of thresholds and sizes agrees with cutting and scoring each setting anew."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.analysis.ship_scores import score_image
from segloop.analysis.thresholds import ComponentRule, cut_components
from segloop.analysis.tuning_components import Grid, GridSums, Truth, _with_neighbours, score_grid
from segloop.data.masks import components, decode

SMALL = Grid((64, 128, 191), areas=(0, 2, 6, 1000), connectivities=(4, 8), means=(0.0, 0.3, 0.6, 0.8, 1.0))


def image(seed: int, *, empty: bool = False) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Probabilities with some blobs that agree roughly with the truth, the true mask, the true objects."""
    generator = np.random.default_rng(seed)
    truth = np.zeros((24, 30), bool)
    for _ in range(0 if empty else 3):
        row, column = generator.integers(0, 20, 2)
        truth[row : row + 4, column : column + 3] = True
    noise = generator.random(truth.shape)
    chances = np.where(truth, 0.75, 0.05) + 0.45 * (noise - 0.5) + 0.5 * (noise > 0.985)
    return (chances.clip(0, 1) * 255).astype(np.uint8), truth, components(truth)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("empty", [False, True])
def test_each_setting_scores_as_a_test_would(seed: int, empty: bool) -> None:
    chances, truth, objects = image(seed, empty=empty)
    ignored = np.zeros(truth.shape, bool)
    ignored[:, 8:14] = ~truth[:, 8:14] & (seed > 2)
    f2, dice = score_grid(chances, Truth.of(objects, truth, ignored), SMALL)
    for place in np.ndindex(SMALL.shape):
        parts = cut_components(chances, rule=SMALL.rule(place))
        mask = sum((decode(part, truth.shape) for part in parts), np.zeros(truth.shape, bool))
        expected = score_image(mask & ~ignored, truth, parts=parts, truth=objects, ignored=ignored)
        assert f2[place] == pytest.approx(expected.f2)
        assert dice[place] == pytest.approx(expected.dice, nan_ok=True)
    assert empty or len(np.unique(f2[0, 0, 0])) > 1  # sure enough is a question here


def test_an_image_in_which_nothing_is_found_at_any_setting() -> None:
    nothing = np.zeros((24, 30), np.uint8)
    _, truth, objects = image(0)
    f2, dice = score_grid(nothing, Truth.of(objects, truth), SMALL)
    assert (f2 == 0).all()
    assert (dice == 0).all()
    f2, dice = score_grid(nothing, Truth.of([], np.zeros((24, 30), bool)), SMALL)
    assert (f2 == 1).all()
    assert np.isnan(dice).all()


def test_a_setting_in_force_is_in_the_grid_and_reads_back() -> None:
    rule = ComponentRule(0.3, min_area=7, connectivity=8, min_mean=0.6)
    grid = Grid((128,), (0,), (4,), (0.0,)).with_rule(rule)
    assert grid.shape == (2, 2, 2, 2)
    assert grid.rule(grid.place(rule)) == ComponentRule(round(76 / 255, 4), 7, 8, 0.6)
    assert grid.place(grid.rule((1, 1, 1, 1))) == (1, 1, 1, 1)


def test_the_best_setting_of_a_set_and_the_tamest_of_equal_ones() -> None:
    grid = Grid((25, 128, 230), (0, 5), (4, 8), (0.0, 0.6))
    sums = GridSums(grid)
    ones, tie = np.ones(grid.shape), np.zeros(grid.shape)
    tie[:, 1:] = 1.0
    sums.add((ones, np.full(grid.shape, np.nan)), full=False)
    sums.add((tie, tie / 2), full=True)
    assert grid.rule(sums.best("ships/F2")) == ComponentRule(0.502, 0, 8)
    means = sums.means()
    assert means["ships/F2"].max() == 1.0
    assert means["ships/F2"].min() == 0.5
    assert means["ships/Dice"].max() == 0.5  # empty images have no part in it


def test_a_lone_peak_of_dice_is_chance_and_a_plateau_is_taken() -> None:
    grid = Grid((50, 100, 150, 200), (0, 5, 10, 20, 40, 80), (4, 8), (0.0, 0.3, 0.5, 0.7, 0.9))
    scores = np.full(grid.shape, 0.5)
    scores[:, :2, :2, :2] = 0.7
    peak = (1, 3, 5, 4)
    scores[peak] = 0.8
    sums = GridSums(grid)
    sums.add((scores, scores), full=True)
    assert sums.best("ships/F2") == peak
    assert grid.rule(sums.best("ships/Dice")) == ComponentRule(round(50 / 255, 4), 0, 8, 0.0)


def test_the_mean_with_neighbours_is_that_of_a_window_whose_rim_is_repeated() -> None:
    scores = np.random.default_rng(0).random((2, 4, 1, 6))
    found = _with_neighbours(scores, reach=2)
    for place in np.ndindex(scores.shape):
        window = [
            scores[place[0], min(max(place[1] + a, 0), 3), 0, min(max(place[3] + b, 0), 5)]
            for a in range(-2, 3)
            for b in range(-2, 3)
        ]
        assert found[place] == pytest.approx(np.mean(window))
    assert (_with_neighbours(scores, reach=0) == scores).all()
