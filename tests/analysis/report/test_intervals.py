"""Intervals come from the counts of the test, and hold the score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segloop.analysis.report.intervals import headline, rule_in_words, scores_with_intervals
from tests.analysis.instance_runs_made import squares, write_instance_run
from tests.analysis.runs_made import scene, write_run


def test_semantic_scores_lie_in_their_intervals(tmp_path: Path) -> None:
    images = {str(place): (scene(place), np.roll(scene(place), place, axis=0)) for place in range(6)}
    run = write_run(tmp_path, images)
    found = scores_with_intervals(run, repeats=200)
    assert set(found) == set(run.scores)
    for key, (value, low, high) in found.items():
        assert value == pytest.approx(run.scores[key])
        assert low is not None
        assert high is not None
        assert low <= value <= high
        assert low < high, key
    assert found == scores_with_intervals(run, repeats=200), "the same seed, the same bounds"


def test_two_images_by_hand(tmp_path: Path) -> None:
    """Half of the resamples hold both images, a quarter each one of them twice."""
    whole, half = np.ones((2, 2), np.uint8), np.array([[1, 1], [0, 0]], np.uint8)
    run = write_run(tmp_path, {"a": (whole, whole), "b": (whole, half)})
    value, low, high = scores_with_intervals(run, repeats=400)["IoU.disc"]
    assert (value, low, high) == (0.75, 0.5, 1.0)


def test_one_image_has_no_interval(tmp_path: Path) -> None:
    run = write_run(tmp_path, {"a": (scene(0), scene(1))})
    assert {triple[1:] for triple in scores_with_intervals(run).values()} == {(None, None)}


def test_images_without_labels_have_neither_scores_nor_intervals(tmp_path: Path) -> None:
    run = write_run(tmp_path, {name: (None, scene(0)) for name in "ab"})
    assert {triple[1:] for triple in scores_with_intervals(run, group={"folder": 1}).values()} == {
        (None, None)
    }
    assert "groups" not in rule_in_words(run, group={"folder": 1}, repeats=100, seed=0)


def test_scores_of_objects_have_intervals_too(tmp_path: Path) -> None:
    images = {
        str(place): (squares((0, 4, 4, 12)), squares((0, 4 + place, 4, 12), scores=[0.9]))
        for place in range(4)
    }
    run = write_instance_run(tmp_path, images)
    value, low, high = scores_with_intervals(run, repeats=100)["spacecraft/mIoU"]
    assert low is not None
    assert high is not None
    assert low < value < high


def test_the_headline_leaves_single_classes_out() -> None:
    assert headline(["mIoU", "IoU.disc", "pq/PQ.disc", "pq/PQ"], ["disc"]) == ["mIoU", "pq/PQ"]


def test_groups_are_drawn_whole(tmp_path: Path) -> None:
    images = {f"{part}/{place}": (scene(place), scene(place + 1)) for part in "ab" for place in range(3)}
    run = write_run(tmp_path, images)
    value, low, high = scores_with_intervals(run, group={"folder": 1}, repeats=200)["mIoU"]
    assert (low, high) == (pytest.approx(value), pytest.approx(value)), "both scenes are alike"
    assert rule_in_words(run, group={"folder": 1}, repeats=200, seed=0).endswith("2 of them.")
    assert "groups" not in rule_in_words(run, group=None, repeats=200, seed=0)
