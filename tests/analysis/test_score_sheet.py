"""Scores of a sheet are those of the test, on any images, and resamples are the same for every RUN."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.analysis.bootstrap import resamples
from segloop.analysis.score_sheet import read_sheet, true_objects
from segloop.utils.atomic import open_gzip
from segloop.utils.errors import DataError
from tests.analysis.instance_runs_made import squares, write_instance_run
from tests.analysis.runs_compared import write_shifted
from tests.analysis.runs_made import scene, write_run


def test_scores_over_the_set_are_those_of_the_test(tmp_path):
    run = write_shifted(tmp_path, 2, number=5)
    sheet = read_sheet(run, run.images["image_id"].tolist(), repeats=20, seed=0)
    for key, value in run.scores.items():
        assert sheet.scores[key] == pytest.approx(value), key
    assert sheet.scores["mDice_fg of images"] == pytest.approx(run.metrics["image_means"]["mDice_fg"])
    assert set(sheet.drawn) == set(sheet.scores)
    assert all(len(values) == 20 for values in sheet.drawn.values())


def test_a_resample_by_hand(tmp_path):
    # a class of 4 pixels an image: found in the first, half found in the second
    truth = np.zeros((4, 4), np.uint8)
    truth[0] = 1
    half = truth.copy()
    half[0, 2:] = 0
    run = write_run(tmp_path, {"a": (truth, truth), "b": (truth, half)}, names=("ground", "disc"))
    sheet = read_sheet(run, ["a", "b"], repeats=8, seed=0)
    np.testing.assert_allclose(sheet.per_image, [1, 2 * 2 / (2 * 2 + 2)])
    for weights, dice in zip(
        np.concatenate(list(resamples(2, repeats=8))), sheet.drawn["Dice.disc"], strict=True
    ):
        hit, missed = 4 * weights[0] + 2 * weights[1], 2 * weights[1]
        assert dice == pytest.approx(2 * hit / (2 * hit + missed))


def test_only_the_images_that_are_asked_for_count(tmp_path):
    images = {"a": (scene(1), scene(1)), "b": (scene(2), np.zeros_like(scene(2)))}
    run = write_run(tmp_path, images)
    sheet = read_sheet(run, ["a"], repeats=10, seed=0)
    assert sheet.scores["mDice_fg"] == 1
    assert sheet.drawn == {}  # one image gives no interval
    with pytest.raises(DataError, match="no counts of 1 of its images, 'c'"):
        read_sheet(run, ["a", "c"], repeats=10, seed=0)


def test_scores_of_ships_come_with_their_resamples(tmp_path):
    run = write_shifted(tmp_path, 2, number=3)
    with open_gzip(run.folder / "ships.csv.gz") as file:
        # Dice 2 x 3 / (6 + 2), an empty image left empty, a false alarm
        file.write("image_id,tp,fp,fn,f2,true,found\n0,3,1,1,0.5,1,1\n1,0,0,0,1,0,0\n2,0,4,0,0,0,1\n")
    sheet = read_sheet(run, ["0", "1", "2"], repeats=50, seed=0)
    assert sheet.scores["ships/Dice"] == 0.75
    assert sheet.scores["ships/Dice_all"] == pytest.approx(1.75 / 3)
    assert sheet.scores["ships/F2"] == 0.5
    (weights,) = resamples(3, repeats=50)
    np.testing.assert_allclose(sheet.drawn["ships/F2"], weights @ [0.5, 1, 0] / 3)
    # without the image with a ship there is no Dice of ships
    assert np.isnan(sheet.drawn["ships/Dice"][weights[:, 0] == 0]).all()
    assert read_sheet(run, ["1"], repeats=50, seed=0).scores["ships/F2"] == 1
    with open_gzip(run.folder / "ships.csv.gz") as file:
        file.write("image_id,tp,fp,fn,f2,true,found\n0,3,1,1,0.5,1,1\n")
    with pytest.raises(DataError, match="lacks 2 of its images, '1'"):
        read_sheet(run, ["0", "1", "2"], repeats=50, seed=0)


def objects(tmp_path, **options):
    truth = squares((0, 0, 0, 10), (1, 30, 30, 10))
    images = {
        "a": (truth, squares((0, 0, 0, 10), (1, 30, 30, 10), scores=[0.9, 0.8])),
        "b": (truth, squares((0, 0, 0, 10), (1, 0, 40, 10), scores=[0.7, 0.9])),
        "c": (squares(), squares()),
    }
    return write_instance_run(tmp_path, images, **options)


def test_scores_of_objects_are_those_of_the_test(tmp_path):
    run = objects(tmp_path)
    sheet = read_sheet(run, ["a", "b", "c"], repeats=100, seed=0)
    for key, value in run.scores.items():
        assert sheet.scores[key] == pytest.approx(value, nan_ok=True), key
    assert sheet.per_image_key == "quality"
    # in b one of two is found: 1 / (1 + 1/2 + 1/2)
    np.testing.assert_allclose(sheet.per_image, [1, 0.5, np.nan])
    assert {"coco/segm_mAP", "pq/PQ", "cells/mAP"} <= set(sheet.drawn)
    assert not np.isnan(sheet.drawn["coco/segm_mAP"]).all()


def test_resamples_look_at_as_many_found_objects_as_the_test(tmp_path):
    places = [(0, 0, 0, 10), (0, 30, 30, 10)]
    image = squares(*places), squares(*places, scores=[0.9, 0.8])
    run = write_instance_run(tmp_path, {"a": image, "b": image}, max_dets=[1])
    sheet = read_sheet(run, ["a", "b"], repeats=100, seed=0)
    assert sheet.scores["coco/segm_mAP"] == pytest.approx(51 / 101)  # one of two is looked at
    np.testing.assert_allclose(sheet.drawn["coco/segm_mAP"], 51 / 101)


def test_objects_of_some_images(tmp_path):
    run = objects(tmp_path)
    assert read_sheet(run, ["a"], repeats=100, seed=0).scores["pq/PQ"] == pytest.approx(1)
    with pytest.raises(DataError, match="no matches of 1 of its images, 'z'"):
        read_sheet(run, ["a", "z"], repeats=100, seed=0)


def test_the_digest_of_objects_sees_class_area_and_crowd(tmp_path):
    def digest(name, truth):
        return true_objects(write_instance_run(tmp_path / name, {"x": (truth, squares(scores=[]))}))["x"]

    seen = {
        digest("one", squares((0, 0, 0, 10))),
        digest("class", squares((1, 0, 0, 10))),
        digest("area", squares((0, 0, 0, 11))),
    }
    assert len(seen) == 3
    assert digest("again", squares((0, 0, 0, 10))) in seen
