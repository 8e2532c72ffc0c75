"""A whole analysis of an instance RUN, its pictures, and the RUNs that cannot be analysed."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from segloop.analysis.analysis_folder import write_analysis
from segloop.analysis.instance_analysis import analyze_instances
from segloop.analysis.summary import summary
from segloop.analysis.tuning import tune
from segloop.utils.errors import DataError, UserError
from tests.analysis.instance_runs_made import squares, write_instance_run


def pairs(number=6):
    draw = np.random.default_rng(0)
    made = {}
    for place in range(number):
        left = int(draw.integers(0, 20))
        truth = squares((0, 2, left, 10), (1, 40, left, 8 + place % 3))
        seen = [(0, 2 + place % 3, left, 10), (place % 2, 40, left, 9), (1, 20, 50, 5)]
        made[f"a/{place}"] = truth, squares(*seen, scores=[0.9, 0.8, 0.2 + 0.1 * place])
    return made


def test_all_of_it_is_json_and_a_page(tmp_path):
    run = write_instance_run(tmp_path, pairs())
    analysis = analyze_instances(run, repeats=100, topk=3)
    numbers = json.loads(json.dumps(analysis.numbers, allow_nan=False))
    assert numbers["scores"]["pq/PQ"][0] == pytest.approx(run.scores["pq/PQ"], abs=1e-6)
    low, high = numbers["scores"]["match/recall"][1:]
    assert low <= run.scores["match/recall"] <= high
    assert numbers["mistakes"]["true"] == 12
    assert sum(each["true"] for each in numbers["classes"]) == 12
    assert [len(each) for each in numbers["rankings"].values()][:4] == [3, 3, 3, 3]
    page = write_analysis(analysis, topk=3)
    assert "quality of all objects" in page.read_text()
    rows = list(csv.DictReader((page.parent / "images.csv").read_text().splitlines()))
    qualities = [float(row["quality"]) for row in rows]
    assert qualities == sorted(qualities)
    suspects = list(csv.DictReader((page.parent / "suspects.csv").read_text().splitlines()))
    assert all(int(row["right"]) > int(row["left"]) for row in suspects)
    assert (page.parent / "lists/class-disc.txt").is_file()
    text = summary(numbers)
    assert "match/recall" in text
    assert "wrong place" in text


def test_intervals_look_at_as_many_found_objects_as_the_test(tmp_path):
    places = [(0, 0, 0, 10), (0, 30, 30, 10)]
    image = squares(*places), squares(*places, scores=[0.9, 0.8])
    run = write_instance_run(tmp_path, {"a": image, "b": image}, max_dets=[1])
    low, high = analyze_instances(run, repeats=100).numbers["scores"]["coco/segm_mAP"][1:]
    assert (low, high) == pytest.approx((51 / 101, 51 / 101), abs=1e-6)


def test_the_box_of_a_suspect_is_that_of_its_object(tmp_path):
    images = {str(n): (squares((0, 0, 0, 10)), squares((0, 0, 0, 10), scores=[0.9])) for n in range(4)}
    images["9"] = squares((0, 0, 0, 10)), squares((0, 0, 0, 10), (1, 30, 40, 12), scores=[0.9, 0.95])
    analysis = analyze_instances(write_instance_run(tmp_path, images), repeats=100)
    page = write_analysis(analysis, topk=1)
    row = next(csv.DictReader((page.parent / "suspects.csv").read_text().splitlines()))
    assert (row["image_id"], row["kind"], row["labelled"], row["predicted"]) == ("9", "missing", "", "bar")
    assert [int(row[side]) for side in ("left", "top", "right", "bottom")] == [40, 30, 52, 42]


def test_a_moved_data_set(tmp_path):
    run = write_instance_run(tmp_path, pairs(2))
    (tmp_path / "data").rename(tmp_path / "moved")
    with pytest.raises(
        DataError, match=r"2 of 2 pictures of rcnn/test-last cannot be used(?s:.*)--data-root"
    ):
        analyze_instances(run, repeats=100)
    analysis = analyze_instances(run, repeats=100, data_root=tmp_path / "moved")
    assert write_analysis(analysis, topk=1).is_file()


def test_labels_that_were_changed_since_the_test_are_refused(tmp_path):
    run = write_instance_run(tmp_path, pairs(2))
    file = tmp_path / "data/annotations/test.json"
    file.write_text(file.read_text() + " ")
    with pytest.raises(DataError, match=r"test\.json was changed since .* was tested.*Test again"):
        analyze_instances(run, repeats=100)
    with pytest.raises(DataError, match=r"test\.json was changed since"):
        tune(run, metric="spacecraft/mIoU")


def test_other_pictures_are_refused(tmp_path):
    run = write_instance_run(tmp_path, pairs(2))
    (tmp_path / "data/img/a/0.png").write_bytes(b"another")
    with pytest.raises(DataError, match=r"a/0.png is not the picture that was tested"):
        analyze_instances(run, repeats=100)


def test_a_run_without_matches(tmp_path):
    run = write_instance_run(tmp_path, pairs(1), no_matches="the samples have no truth")
    with pytest.raises(UserError, match="there are no matches: the samples have no truth"):
        analyze_instances(run, repeats=100)


def test_nothing_true_and_nothing_found_anywhere(tmp_path):
    empty = {str(n): (squares(), squares(scores=[])) for n in range(3)}
    analysis = analyze_instances(write_instance_run(tmp_path, empty), repeats=100)
    assert analysis.numbers["mistakes"]["quality"] is None
    assert any("no true object in any image" in note for note in analysis.numbers["notes"])
    assert write_analysis(analysis, topk=2).is_file()


def test_one_image_gives_no_intervals(tmp_path):
    numbers = analyze_instances(write_instance_run(tmp_path, pairs(1)), repeats=100).numbers
    assert all(triple[1:] == [None, None] for triple in numbers["scores"].values())
    assert "One image gives no intervals." in numbers["notes"]
