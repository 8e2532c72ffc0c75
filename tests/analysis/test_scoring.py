"""Scores with intervals: those of training, and those added here, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.analysis.boundaries import BoundaryCounts
from segloop.analysis.counts import ClassCounts
from segloop.analysis.gathering import gather
from segloop.analysis.measures import measure_run
from segloop.analysis.scoring import headline, score, scores_by_class
from tests.analysis.runs_made import NAMES, scene, write_run


def test_scores_worked_by_hand():
    counts = ClassCounts(np.array([80, 6, 0, 0]), np.array([4, 0, 2, 0]), np.array([0, 6, 0, 0]))
    outlines = BoundaryCounts(*np.array([[10, 10, 10, 10], [8, 4, 4, 4], [0, 0, 3, 0], [0, 0, 0, 0]]).T)
    found = scores_by_class(counts, outlines)
    assert found["precision"].tolist()[:3] == [pytest.approx(80 / 84), 1.0, 0.0]
    assert found["recall"].tolist()[:2] == [1.0, 0.5]
    assert np.isnan(found["recall"][2])  # invented alone: no recall, a precision and a Dice of 0
    assert found["dice"].tolist()[1:3] == [pytest.approx(12 / 18), 0.0]
    assert found["boundary_f"].tolist()[:3] == [1.0, pytest.approx(2 * 0.5 / 1.5), 0.0]
    assert all(np.isnan(found[name][3]) for name in found)  # absent
    means = headline(counts, outlines, background=0)
    assert means["mDice_fg"] == pytest.approx((12 / 18 + 0) / 2)
    assert means["mPrecision_fg"] == pytest.approx(0.5)
    assert means["mRecall_fg"] == pytest.approx(0.5)
    assert means["mBF_fg"] == pytest.approx((2 * 0.5 / 1.5 + 0) / 2)


def made(tmp_path, number=8):
    images = {str(place): (scene(place), np.roll(scene(place), place % 4, axis=0)) for place in range(number)}
    run = write_run(tmp_path, images)
    return run, gather(measure_run(run), num_classes=3, background=0)


def test_scores_are_those_that_the_test_recorded(tmp_path):
    run, gathered = made(tmp_path)
    told, per_image = score(gathered, NAMES, repeats=100)
    for name in ("aAcc", "mIoU", "mAcc", "mDice", "mIoU_fg", "mDice_fg"):
        assert told["set"][name][0] == pytest.approx(run.scores[name])
        assert told["image"][name][0] == pytest.approx(run.metrics["image_means"][name])
    for each in told["classes"]:
        assert each["set"]["dice"][0] == pytest.approx(run.scores[f"Dice.{each['name']}"])
        assert each["image"]["dice"][0] == pytest.approx(run.metrics["image_means"][f"Dice.{each['name']}"])
    assert len(per_image["mDice_fg"]) == 8
    assert [each["images"] for each in told["classes"]] == [8, 8, 8]


def test_intervals_hold_their_scores_and_come_again_with_the_seed(tmp_path):
    _, gathered = made(tmp_path)
    told, _ = score(gathered, NAMES, repeats=300, seed=5)
    again, _ = score(gathered, NAMES, repeats=300, seed=5)
    assert told == again
    for where in ("set", "image"):
        value, low, high = told[where]["mDice_fg"]
        assert low < value < high


def test_one_image_gives_no_interval(tmp_path):
    _, gathered = made(tmp_path, 1)
    told, _ = score(gathered, NAMES, repeats=100)
    assert told["set"]["mDice_fg"][0] == 1
    assert np.isnan(told["set"]["mDice_fg"][1:]).all()


def test_an_empty_foreground_everywhere_has_no_foreground_score(tmp_path):
    empty = np.zeros((8, 8), np.uint8)
    run = write_run(tmp_path, {"1": (empty, empty), "2": (empty, empty)})
    told, per_image = score(gather(measure_run(run), num_classes=3, background=0), NAMES, repeats=100)
    assert np.isnan(told["set"]["mDice_fg"]).all()
    assert np.isnan(per_image["mDice_fg"]).all()
    assert told["set"]["aAcc"] == [1, 1, 1]
