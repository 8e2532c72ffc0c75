"""The bootstrap draws what it says, and its intervals hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.analysis import bootstrap
from segloop.analysis.bootstrap import interval, resamples, weighted_means


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
