"""The kinds of mistakes with objects, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.analysis.instance_errors import (
    KINDS,
    RIGHT,
    SPARED,
    ErrorSums,
    break_down,
    confused,
    costs,
    find_errors,
    image_quality,
)
from segloop.analysis.instances import Instances
from segloop.analysis.matching import match
from tests.analysis.cases import random_pair
from tests.analysis.instance_runs_made import squares


def errors_of(truth, found, *, kept=None):
    return find_errors(match(truth, found, image_id="a", kept=kept))


def told(errors):
    names = {RIGHT: "right", SPARED: "spared"} | dict(enumerate(KINDS))
    return [names[kind] for kind in errors.kinds.tolist()]


def test_each_kind_once():
    truth = squares((0, 0, 0, 10), (1, 0, 30, 10), (0, 30, 0, 10), (0, 30, 30, 10), (1, 50, 0, 4))
    found = squares(
        (0, 0, 0, 10),  # right
        (0, 0, 0, 9),  # the same again
        (0, 0, 30, 10),  # of another class
        (0, 30, 5, 10),  # IoU 50 / 150
        (1, 35, 35, 10),  # another class, IoU 25 / 175
        (0, 52, 40, 5),  # nothing near
        scores=[0.9, 0.8, 0.9, 0.7, 0.6, 0.5],
    )
    errors = errors_of(truth, found)
    assert told(errors) == ["right", "double", "class", "place", "both", "invented"]
    assert errors.partners.tolist() == [0, 0, 1, 2, 3, -1]
    assert errors.hit.tolist() == [True, False, False, False, False]
    assert errors.missed.tolist() == [False, False, False, True, True]
    assert image_quality(errors) == pytest.approx(2 * 1 / (6 + 5))


def test_beside_an_object_that_was_found_one_is_missed_though_the_mask_covers_both():
    masks = np.zeros((2, 64, 64), bool)
    masks[0, :10, :10] = masks[1, :10, 10:15] = True
    truth = Instances.of_bitmaps(masks, [0, 0])
    found = Instances.of_bitmaps(masks.any(axis=0)[None], [0], scores=[0.9])  # IoU 2/3 and 1/3
    errors = errors_of(truth, found)
    assert told(errors) == ["right"]
    assert errors.partners.tolist() == [0]
    assert errors.missed.tolist() == [False, True]


def test_what_is_right_is_not_confused_by_another_class_that_fits_better():
    truth = squares((0, 0, 0, 10), (1, 30, 30, 10), (0, 50, 0, 8))
    found = squares((0, 0, 0, 9), (1, 0, 0, 10), (0, 30, 30, 10), (0, 0, 50, 5), scores=[0.9, 0.8, 0.7, 0.6])
    matches = match(truth, found)
    true, pred = confused(matches, find_errors(matches), nothing=2)
    assert sorted(zip(true.tolist(), pred.tolist(), strict=True)) == [
        (0, 0),  # right
        (0, 2),  # missed
        (1, 0),  # in its place, of another class
        (2, 0),  # invented
        (2, 1),  # one more on what was found already
    ]


def test_every_object_that_counts_is_in_one_cell():
    draw = np.random.default_rng(5)
    for _ in range(100):
        matches = match(*random_pair(draw, ignore=True))
        errors = find_errors(matches)
        true, pred = confused(matches, errors, nothing=3)
        assert np.count_nonzero(true < 3) == errors.counted.sum()
        assert np.count_nonzero(pred < 3) == np.count_nonzero(errors.kinds != SPARED)
        assert np.count_nonzero((true == pred) & (true < 3)) == np.count_nonzero(errors.kinds == RIGHT)


def test_what_is_not_kept_and_what_lies_in_crowds_is_spared():
    truth = squares((0, 0, 0, 20), (0, 40, 40, 10))
    truth = Instances(runs=truth.runs, labels=truth.labels, size_hw=(64, 64), crowd=np.array([True, False]))
    found = squares((0, 2, 2, 5), (0, 40, 40, 10), (0, 40, 40, 10), scores=[0.9, 0.9, 0.1])
    errors = errors_of(truth, found, kept=[True, True, False])
    assert told(errors) == ["spared", "right", "spared"]
    assert errors.counted.tolist() == [False, True]
    assert image_quality(errors) == 1


def test_nothing_and_nothing_found_has_no_quality():
    assert np.isnan(image_quality(errors_of(squares(), squares(scores=[]))))
    assert image_quality(errors_of(squares((0, 0, 0, 5)), squares(scores=[]))) == 0
    assert image_quality(errors_of(squares(), squares((0, 0, 0, 5), scores=[1.0]))) == 0


def test_gains_worked_by_hand():
    truth = squares((0, 0, 0, 10), (1, 0, 30, 10), (0, 30, 0, 10), (0, 50, 50, 8))
    found = squares(
        (0, 0, 0, 8),
        (0, 0, 30, 10),
        (0, 30, 5, 10),
        (0, 31, 6, 9),
        (1, 40, 40, 4),
        scores=[0.9, 0.9, 0.8, 0.7, 0.6],
    )
    sums = ErrorSums()
    sums.add(errors_of(truth, found))
    assert told(errors_of(truth, found)) == ["right", "class", "place", "place", "invented"]
    now = 2 * 0.64 / (5 + 4)
    assert sums.quality == pytest.approx(now)
    assert sums.gain("class") == pytest.approx(2 * 1.28 / 9 - now)
    assert sums.gain("place") == pytest.approx(2 * 1.28 / 8 - now)  # two for one object: one goes
    assert sums.gain("invented") == pytest.approx(2 * 0.64 / 8 - now)
    assert sums.gain("missed") == pytest.approx(2 * 0.64 / 8 - now)
    assert sums.gain("outline") == pytest.approx(2 / 9 - now)
    assert sums.gain("double") == sums.gain("both") == 0
    counts = {each["kind"]: each["objects"] for each in break_down(sums)["kinds"]}
    assert counts == {
        "class": 1,
        "place": 2,
        "both": 0,
        "double": 0,
        "invented": 1,
        "missed": 1,
        "outline": 1,
    }


def test_the_cost_of_an_image_is_what_the_set_gains_if_it_is_perfect():
    good = squares((0, 0, 0, 10)), squares((0, 0, 0, 10), scores=[0.9])
    bad = squares((0, 0, 0, 10), (1, 20, 20, 5)), squares((0, 40, 40, 10), scores=[0.9])
    errors = [errors_of(*pair) for pair in (good, bad)]
    sums = ErrorSums()
    for each in errors:
        sums.add(each)
    assert sums.quality == pytest.approx(2 / 5)
    assert costs(errors, sums).tolist() == [0.0, pytest.approx(1 - 2 / 5)]
