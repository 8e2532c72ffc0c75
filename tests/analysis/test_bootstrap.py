"""The bootstrap draws what it says, and its intervals hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.analysis import bootstrap
from segloop.analysis.bootstrap import interval, notes, resamples, rule, weighted_means


def test_every_resample_draws_as_many_images_as_there_are(monkeypatch):
    whole = np.concatenate(list(resamples(7, repeats=50, seed=3)))
    assert whole.shape == (50, 7)
    assert (whole.sum(axis=1) == 7).all()
    monkeypatch.setattr(bootstrap, "PIECE", 70)
    assert [len(part) for part in resamples(7, repeats=25)] == [10, 10, 5]


def test_the_seed_decides():
    first, again, other = (next(resamples(9, repeats=5, seed=seed)) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


def test_means_leave_out_images_without_a_value():
    weights = np.array([[1.0, 1.0, 1.0], [2.0, 1.0, 0.0], [0.0, 0.0, 3.0]])
    values = np.array([[0.2, 1.0], [0.8, np.nan], [np.nan, np.nan]])
    found = weighted_means(weights, values)
    assert found[0].tolist() == [pytest.approx(0.5), 1.0]
    assert found[1, 0] == pytest.approx((2 * 0.2 + 0.8) / 3)
    assert np.isnan(found[2]).all()


def test_an_interval_is_that_of_numpy_without_nan():
    values = np.random.default_rng(0).normal(size=(401, 3))
    values[::3, 1] = np.nan
    values[:, 2] = np.nan
    low, high = interval(values)
    assert [low[0], high[0]] == pytest.approx(np.quantile(values[:, 0], [0.025, 0.975]).tolist())
    assert [low[1], high[1]] == pytest.approx(np.nanquantile(values[:, 1], [0.025, 0.975]).tolist())
    assert np.isnan([low[2], high[2]]).all()


def test_an_interval_of_a_mean_is_as_wide_as_theory_says():
    values = np.random.default_rng(1).normal(0.5, 0.1, 400)[:, None]
    means = np.concatenate([weighted_means(weights, values) for weights in resamples(400, repeats=2000)])
    low, high = interval(means)
    assert high[0] - low[0] == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.08)


def test_groups_are_drawn_with_all_their_images():
    groups = ["b", "a", "b", "c", "b"]
    whole = np.concatenate(list(resamples(5, repeats=200, groups=groups)))
    assert (whole[:, [0]] == whole[:, [2, 4]]).all()
    assert (whole[:, 0] + whole[:, 1] + whole[:, 3] == 3).all()
    assert (whole[:, 0] != whole[:, 1]).any()
    alone = np.concatenate(list(resamples(5, repeats=200, groups=list("abcde"))))
    assert (alone == np.concatenate(list(resamples(5, repeats=200)))).all(), "groups of one are images"


def test_copies_of_an_image_make_an_interval_no_narrower():
    values = np.random.default_rng(2).normal(0.5, 0.1, 50)
    tiles, scenes = np.repeat(values, 9)[:, None], [f"{place:02}" for place in range(50) for _ in range(9)]

    def width(column, groups=None):
        means = [weighted_means(each, column) for each in resamples(len(column), groups=groups)]
        low, high = interval(np.concatenate(means))
        return (high - low).item()

    assert width(tiles, scenes) == pytest.approx(width(values[:, None]))
    assert width(tiles) < 0.4 * width(tiles, scenes)


@pytest.mark.parametrize(("images", "groups"), [(0, None), (1, None), (3, ["a", "a", "a"])])
def test_of_one_nothing_is_drawn(images, groups):
    assert list(resamples(images, groups=groups)) == []


def test_what_is_drawn_is_said():
    assert "groups" not in rule(repeats=1000, seed=0)
    assert rule(repeats=1000, seed=0, groups=["a", "a", "b"], by="folder=1").endswith(
        "(folder=1), so groups are drawn with all their images: 2 of them."
    )
    assert notes(1)[0].startswith("One image")
    assert notes(3, ["a", "a", "a"])[0].startswith("All images are of one group")
    assert notes(3, ["a", "a", "b"]) == [
        "2 groups are few: intervals of fewer than 20 tend to be too narrow."
    ]
    assert notes(40) == notes(40, [str(place) for place in range(40)]) == []
