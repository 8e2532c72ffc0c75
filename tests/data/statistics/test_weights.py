"""Weights by three schemes, worked out by hand."""

from __future__ import annotations

import pytest

from segloop.data.statistics.weights import BETA, SCHEMES, class_weights, object_weights


def test_inverse_frequency_has_mean_one() -> None:
    found = class_weights([800, 150, 50], [1000, 1000, 1000])["inverse"]
    assert sum(found) / 3 == pytest.approx(1, abs=1e-3)
    assert found[2] / found[0] == pytest.approx(16, rel=1e-3)


def test_median_frequency_counts_only_the_images_that_hold_a_class() -> None:
    # shares .8, .3 (of half the images), .05: the median is .3
    assert class_weights([800, 150, 50], [1000, 500, 1000])["median_frequency"] == [0.375, 1.0, 6.0]


def test_effective_number_lies_between_none_and_inverse() -> None:
    found = class_weights([10_000_000, 10_000], [10**8, 10**8], patch=100)
    numbers = [(1 - BETA**count) / (1 - BETA) for count in (100_000, 100)]
    weights = [1 / number for number in numbers]
    mean = sum(weights) / 2
    assert found["effective_number"] == pytest.approx([weight / mean for weight in weights], rel=1e-3)
    ratio = {scheme: weights[1] / weights[0] for scheme, weights in found.items()}
    assert 1 < ratio["effective_number"] < ratio["inverse"]


def test_classes_that_nobody_has_weigh_one_and_do_not_count() -> None:
    for scheme in SCHEMES:
        assert class_weights([90, 0, 10], [100, 0, 100])[scheme][1] == 1.0
        assert class_weights([0, 0], [0, 0])[scheme] == [1.0, 1.0]
    with_it, without = class_weights([90, 0, 10], [100, 0, 100]), class_weights([90, 10], [100, 100])
    assert [with_it["inverse"][place] for place in (0, 2)] == without["inverse"]


def test_detectors_are_weighed_by_objects() -> None:
    assert object_weights([30, 10, 20])["median_frequency"] == [0.6667, 2.0, 1.0]
