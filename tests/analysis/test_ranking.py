"""Rankings of images: stable, without those that have no value, and what an image costs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from segloop.analysis.counts import ClassCounts
from segloop.analysis.gathering import gather
from segloop.analysis.measures import measure_run
from segloop.analysis.ranking import (
    band_recall,
    class_dice,
    gains,
    image_dice,
    mean_loss,
    order,
    size_bands,
    surprise,
    wrong_pixels,
)
from segloop.analysis.scores import set_scores
from tests.analysis.runs_made import NAMES, scene, write_run


def made(tmp_path, images, **options):
    return gather(measure_run(write_run(tmp_path, images, **options)), num_classes=3, background=0)


def test_ties_are_settled_by_wrong_pixels_and_then_by_id():
    values, ids = np.array([0.0, 0.0, np.nan, 1.0, 0.0]), ["c", "b", "x", "a", "d"]
    assert order(values, ids).tolist() == [1, 0, 4, 3]
    assert order(values, ids, wrong=np.array([5, 5, 0, 0, 9])).tolist() == [4, 1, 0, 3]
    assert order(values, ids, descending=True, wrong=np.array([5, 5, 0, 0, 9])).tolist() == [3, 1, 0, 4]


def test_the_cost_of_an_image_is_what_the_set_gains_if_it_is_mended(tmp_path):
    images = {str(place): (scene(place), np.roll(scene(place), 2 * place, axis=0)) for place in range(3)}
    gathered = made(tmp_path, images)
    found = gains(gathered)
    assert found[0] == pytest.approx(0)
    now = set_scores(gathered.totals()[0], class_names=NAMES, background=0)["mDice_fg"]
    for place in (1, 2):
        mended = images | {str(place): (scene(place), scene(place))}
        after = made(tmp_path / str(place), mended)
        better = set_scores(after.totals()[0], class_names=NAMES, background=0)["mDice_fg"]
        assert found[place] == pytest.approx(better - now)


def test_a_class_that_only_one_image_invents_costs_what_it_takes_from_the_mean():
    # disc is invented in the first image alone; of bar the second finds 3 of 5 pixels
    rows = np.array([[0, 0, 90, 0, 4, 0, 0, 0, 0], [0, 1, 0, 4, 0, 0, 0, 0, 0], [1, 2, 3, 0, 2, 0, 0, 0, 0]])
    totals = ClassCounts(np.array([90, 0, 3]), np.array([2, 4, 0]), np.array([4, 0, 2]))
    counts = ClassCounts(
        np.array([[90, 0, 0], [0, 0, 3]]),
        np.array([[0, 4, 0], [2, 0, 0]]),
        np.array([[4, 0, 0], [0, 0, 2]]),
    )
    fake = SimpleNamespace(
        rows=rows,
        background=0,
        num_classes=3,
        totals=lambda: (totals, None),
        pieces=lambda: iter([(slice(0, 2), counts, None)]),
    )
    assert gains(fake).tolist() == pytest.approx([0.75 - 0.375, 0.125])


def test_scores_of_a_class_and_of_images(tmp_path):
    alone = np.where(scene(1) == 1, 1, 0).astype(np.uint8)
    gathered = made(
        tmp_path, {"a": (scene(0), scene(0)), "b": (alone, np.zeros_like(alone)), "c": (alone * 0, alone * 0)}
    )
    dice, wrong = class_dice(gathered, 1)
    assert dice.tolist()[:2] == [1.0, 0.0]
    assert wrong.tolist() == [0, alone.sum(), 0]
    assert np.isnan(dice[2])
    assert np.isnan(image_dice(gathered)[2])
    assert wrong_pixels(gathered).tolist() == [0, alone.sum(), 0]


def test_size_bands_hold_a_third_of_the_objects_each(tmp_path):
    truth = np.zeros((16, 64), np.uint8)
    for place, side in enumerate((2, 2, 4, 4, 8, 8)):
        truth[1 : 1 + side, 10 * place : 10 * place + side] = 1
    gathered = made(tmp_path, {"a": (truth, np.zeros_like(truth)), "b": (truth, truth)})
    bands = size_bands(gathered)
    assert [band.name for band in bands] == ["small", "medium", "large"]
    assert [(band.low, band.high) for band in bands] == [(1, 8), (8, 32), (32, None)]
    for band in bands:
        assert band_recall(gathered, band).tolist() == [0.0, 1.0]


def test_objects_of_one_size_are_one_band(tmp_path):
    truth = np.zeros((16, 16), np.uint8)
    truth[2:6, 2:6] = 1
    bands = size_bands(made(tmp_path, {"a": (truth, truth)}))
    assert [(band.name, band.low, band.high) for band in bands] == [("all", 1, None)]


def test_without_objects_there_are_no_bands(tmp_path):
    empty = np.zeros((8, 8), np.uint8)
    assert size_bands(made(tmp_path, {"a": (empty, empty)})) == []


def test_surprise_and_loss_are_found_by_id():
    confidence = {
        "image_ids": np.array(["a", "b"]),
        "pixels": np.array([10, 20]),
        "wrong_confidence_sum": np.array([1.0, 5.0]),
        "loss_sum": np.array([2.0, 2.0]),
    }
    assert surprise(["b", "a"], confidence).tolist() == [0.25, 0.1]
    assert mean_loss(["a", "z"], confidence)[0] == 0.2
    assert np.isnan(mean_loss(["a", "z"], confidence)[1])
    assert np.isnan(surprise(["a"], None)).all()
    confidence.pop("loss_sum")  # of a RUN that was written before
    assert np.isnan(mean_loss(["a"], confidence)).all()
