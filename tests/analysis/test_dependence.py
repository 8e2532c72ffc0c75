"""What the score depends on: planted dependences are found, absent ones are not."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

from segloop.analysis import bootstrap
from segloop.analysis.dependence import by_position, by_size, by_traits


def test_a_planted_dependence_is_found_and_chance_is_not():
    draw = np.random.default_rng(0)
    traits = draw.normal(size=(120, 5))
    dice = 1 / (1 + np.exp(-3 * traits[:, 2])) + draw.normal(0, 0.02, 120)
    told = by_traits(traits, dice)
    assert told[0]["trait"] == "sharpness"
    rho, low, high = told[0]["rho"]
    assert low < rho < high
    assert low > 0.9
    scores = [group["score"][0] for group in told[0]["groups"]]
    assert scores == sorted(scores)
    assert sum(group["images"] for group in told[0]["groups"]) == 120
    assert all(each["rho"][1] < 0 < each["rho"][2] for each in told[1:])


def test_the_correlation_is_spearmans():
    from scipy.stats import spearmanr

    draw = np.random.default_rng(1)
    traits = draw.integers(0, 6, (60, 5)).astype(float)  # with ties
    dice = draw.random(60)
    for each, column in (
        (each, ("brightness", "contrast", "sharpness", "objects", "object_share").index(each["trait"]))
        for each in by_traits(traits, dice)
    ):
        assert each["rho"][0] == pytest.approx(spearmanr(traits[:, column], dice).statistic)


@pytest.mark.parametrize("number", [1, 19])
def test_few_images_say_nothing(number):
    assert by_traits(np.random.default_rng(0).random((number, 5)), np.linspace(0, 1, number)) == []


def test_what_does_not_vary_says_nothing():
    traits = np.random.default_rng(0).random((40, 5))
    traits[:, 0] = 7
    told = by_traits(traits, np.linspace(0, 1, 40))
    assert len(told) == 4
    assert by_traits(traits, np.ones(40)) == []
    assert by_traits(traits, np.full(40, np.nan)) == []


def test_weights_of_all_resamples_are_never_held_at_once(monkeypatch):
    monkeypatch.setattr(bootstrap, "PIECE", 2**16)
    traits = np.zeros((4000, 5))
    traits[:, 0] = np.arange(len(traits))
    tracemalloc.start()
    try:
        assert len(by_traits(traits, traits[:, 0] % 97)) == 1
        assert tracemalloc.get_traced_memory()[1] < 8e6  # they have 16 MB
    finally:
        tracemalloc.stop()


def test_objects_by_size():
    sizes = np.zeros((3, 32, 4), np.int64)
    sizes[1, 4] = 2, 40, 10, 0
    sizes[2, 4] = 1, 20, 20, 1
    sizes[2, 0] = 1, 1, 0, 0
    told = by_size(SimpleNamespace(sizes=sizes), ["ground", "disc", "bar"])
    assert [(each["from"], each["to"], each["objects"]) for each in told] == [(1, 2, 1), (16, 32, 3)]
    assert told[1]["found"] == pytest.approx(0.5)
    assert told[1]["mostly_found"] == pytest.approx(1 / 3)
    assert told[1]["classes"] == {"disc": 0.25, "bar": 1.0}


def test_errors_at_the_rim():
    wrong, counted = np.zeros((24, 24)), np.ones((24, 24))
    wrong[:4] = 0.5
    told = by_position(SimpleNamespace(wrong=wrong, counted=counted))
    assert told["middle"] == 0
    assert told["rim"] == pytest.approx(0.5 * 4 * 24 / (24 * 24 - 16 * 16))
    assert told["wrong"][0][0] == 0.5
