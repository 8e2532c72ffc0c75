"""Resampled instance scores: drawn once each they are the scores themselves."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.analysis import instance_intervals
from segloop.analysis.instance_intervals import InstanceIntervals, ResampledAP, SummedScore
from segloop.analysis.instance_scores import GROUPS, InstanceScorer
from segloop.analysis.matching import match
from tests.analysis.instance_runs_made import NAMES, squares


@pytest.fixture(scope="module")
def images():
    draw = np.random.default_rng(0)
    made = []
    for number in range(12):
        true = [(int(draw.integers(2)), *draw.integers(0, 50, 2).tolist(), 12) for _ in range(number % 4 + 1)]
        seen = [
            (label, top + 1, left, 11 + int(draw.integers(3)))
            for label, top, left, _ in true
            if draw.random() > 0.2
        ]
        seen += [(0, 0, 0, 5)] * int(draw.integers(2))
        scores = draw.random(len(seen)).tolist()
        made.append(match(squares(*true), squares(*seen, scores=scores), image_id=f"{number:02}"))
    return made


@pytest.mark.parametrize("group", ["cells", "ships", "match", "pq", "spacecraft"])
def test_each_image_once_gives_the_score_itself(images, group):
    scorer = InstanceScorer(class_names=NAMES, groups=[group])
    part = SummedScore(lambda: GROUPS[group](NAMES, (100,)))
    for each in images:
        scorer.add(each)
        part.add(each)
    (found,) = part.resampled(np.ones((1, len(images))))
    assert found == pytest.approx(scorer.scores(), nan_ok=True)


def test_an_image_drawn_twice_counts_as_two(images):
    part, ap = SummedScore(lambda: GROUPS["pq"](NAMES, (100,))), ResampledAP(NAMES)
    scorer = InstanceScorer(class_names=NAMES, groups=["pq", "coco/segm"])
    weights = np.zeros((1, len(images)))
    for place, each in enumerate(images):
        part.add(each)
        ap.add(each)
        weights[0, place] = place % 3
        for _ in range(place % 3):
            scorer.add(each)
    wanted = scorer.scores()
    (found,), (precision,) = part.resampled(weights), ap.resampled(weights)
    assert found == pytest.approx({key: wanted[key] for key in found}, nan_ok=True)
    assert precision == pytest.approx({key: wanted[key] for key in precision}, abs=1e-9)


def test_intervals_hold_the_scores(images):
    scorer = InstanceScorer(class_names=NAMES)
    intervals = InstanceIntervals(NAMES, list(scorer.scores()))
    for each in images:
        scorer.add(each)
        intervals.add(each)
    bounds = intervals.bounds(repeats=200, seed=1)
    assert bounds == intervals.bounds(repeats=200, seed=1)
    for key in ("coco/segm_mAP", "cells/mAP", "ships/F2", "match/recall", "pq/PQ", "spacecraft/mIoU"):
        low, high = bounds[key]
        assert low <= scorer.scores()[key] <= high, key
    assert "cityscapes/AP" not in bounds


@pytest.mark.parametrize("seed", range(4))
def test_a_first_resample_without_an_object_takes_no_interval_away(seed):
    intervals = InstanceIntervals(NAMES, ["coco/segm_mAP"])
    intervals.add(match(squares((0, 0, 0, 9)), squares((0, 0, 0, 9), scores=[0.9])))
    intervals.add(match(squares(), squares((0, 0, 0, 9), scores=[0.4])))  # a resample of it alone has no AP
    assert "coco/segm_mAP" in intervals.bounds(repeats=100, seed=seed)


def test_what_was_not_asked_for_is_not_resampled_and_too_many_objects_give_no_ap(images, monkeypatch):
    intervals = InstanceIntervals(NAMES, ["match/recall", "coco/segm_mAP"])
    for each in images:
        intervals.add(each)
    monkeypatch.setattr(instance_intervals, "AP_WORK", 1000)
    assert set(intervals.bounds(repeats=100, seed=0)) == {"match/IoU", "match/recall", "match/precision"}


def test_one_image_and_nothing_found(images):
    one = InstanceIntervals(NAMES, ["match/recall"])
    one.add(images[0])
    assert one.bounds(repeats=100, seed=0) == {}
    nothing = ResampledAP(NAMES)
    nothing.add(match(squares((0, 0, 0, 5)), squares(scores=[])))
    assert nothing.resampled(np.ones((2, 1))) == [{}, {}]


@pytest.mark.parametrize("max_dets", [(1, 2), (1, 10, 1000)])
def test_as_many_found_objects_are_looked_at_as_the_score_looks_at(max_dets):
    places = [(0, top, left, 3) for top in range(0, 60, 5) for left in range(0, 60, 5)]
    crowded = match(squares(*places), squares(*places, scores=np.linspace(0.9, 0.1, len(places)).tolist()))
    scorer = InstanceScorer(class_names=NAMES, groups=["coco/segm"], max_dets=max_dets)
    intervals = InstanceIntervals(NAMES, ["coco/segm_mAP"], max_dets=max_dets)
    for _ in range(2):
        scorer.add(crowded)
        intervals.add(crowded)
    score = scorer.scores()["coco/segm_mAP"]
    assert intervals.bounds(repeats=100, seed=0)["coco/segm_mAP"] == pytest.approx((score, score))
