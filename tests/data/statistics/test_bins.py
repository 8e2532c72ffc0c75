"""Histograms in logarithms and in steps, and what is read from them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segloop.data.statistics.bins import LEVELS, SIZES, Octaves, Steps, quantile


@given(st.lists(st.floats(1, 8000), min_size=1, max_size=50))
def test_a_median_is_half_a_step_off_at_most(values: list[float]) -> None:
    counts = SIZES.tally(np.array(values))
    exact = np.sort(values)[(len(values) - 1) // 2]
    found = quantile(counts, SIZES.values, 0.5)
    assert found is not None
    assert abs(np.log2(found / exact)) <= 0.5 / SIZES.steps + 1e-9
    assert counts.sum() == len(values)


def test_what_lies_beyond_joins_the_ends() -> None:
    bins = Octaves(steps=2, low=1, high=4)
    assert bins.tally(np.array([0, -1, 0.1, 1e9])).tolist() == [3, 0, 0, 0, 1]
    assert Steps(0, 10, 5).tally(np.array([-3, 0, 9.9, 99])).tolist() == [2, 0, 0, 0, 2]


def test_steps_are_named_by_their_middle() -> None:
    assert LEVELS.values[0] == 2.0
    assert LEVELS.place(np.array([255])).tolist() == [63]


def test_nothing_has_no_quantile() -> None:
    assert quantile(np.zeros(4), np.arange(4.0), 0.5) is None
    assert quantile(np.array([3, 0, 1]), np.array([1.0, 2.0, 3.0]), 0.95) == pytest.approx(3.0)
