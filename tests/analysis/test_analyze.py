"""A whole analysis: everything that is told of a RUN, and each RUN that cannot be analysed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from segloop.analysis.analyze import analyze, plain
from segloop.data.png import encode_grey
from segloop.utils.errors import DataError, UserError
from tests.analysis.runs_made import NAMES, scene, write_run


def made(tmp_path, *, number=6, **options):
    images = {str(place): (scene(place), np.roll(scene(place), place, axis=0)) for place in range(number)}
    sure = {name: np.where(truth == pred, 95, 60) for name, (truth, pred) in images.items()}
    return write_run(tmp_path, images, sure=sure, **options)


def test_all_of_it_is_json(tmp_path):
    found = analyze(made(tmp_path), repeats=100, topk=3)
    numbers = json.loads(json.dumps(found.numbers, allow_nan=False))
    assert numbers["rankings"]["best"][0]["image_id"] == "0"
    assert all(len(each) <= 3 for each in numbers["rankings"].values())
    assert {"class:disc", "class:bar"} <= set(numbers["rankings"])
    assert "class:ground" not in numbers["rankings"]
    assert numbers["confusion"] == [list(map(int, row)) for row in np.array(numbers["confusion"])]
    assert numbers["calibration"]["accuracy"] == pytest.approx(numbers["scores"]["set"]["aAcc"][0], abs=1e-6)
    assert numbers["notes"] == []
    assert found.images["image_id"] == [str(place) for place in range(6)]
    assert found.images["cost"][0] == pytest.approx(0)
    assert {"intervals", "boundary", "suspicion", "set", "image"} <= set(numbers["rules"])


def test_an_image_that_is_right_costs_and_surprises_nothing_and_is_not_named(tmp_path):
    numbers = analyze(made(tmp_path), repeats=100).numbers
    for key in ("costly", "surprising"):
        assert "0" not in [each["image_id"] for each in numbers["rankings"][key]]


def test_the_same_numbers_again(tmp_path):
    run = made(tmp_path)
    assert analyze(run, repeats=100, seed=4).numbers == analyze(run, repeats=100, seed=4).numbers


@pytest.mark.parametrize("kind", ["other", "instance"])
def test_another_kind_of_run(tmp_path, kind):
    with pytest.raises(UserError, match=f"RUN of kind '{kind}'"):
        analyze(made(tmp_path, kind=kind))


def test_a_run_without_classes(tmp_path):
    with pytest.raises(DataError, match="names no classes"):
        analyze(made(tmp_path, classes=[]))


def test_changed_labels_are_scored_as_they_are_now_and_told(tmp_path):
    run = made(tmp_path)
    before = analyze(run, repeats=100).numbers
    (tmp_path / "data/ann/3.png").write_bytes(encode_grey(np.roll(scene(3), 3, axis=0)))
    after = analyze(run, repeats=100).numbers
    assert "The labels of 1 images are not those of the test" in after["notes"][0]
    assert after["scores"]["set"]["mDice_fg"][0] > before["scores"]["set"]["mDice_fg"][0]


def test_calibration_is_of_the_labels_of_the_test(tmp_path):
    run = made(tmp_path)
    before = analyze(run, repeats=100).numbers["calibration"]
    for name in ("0", "1", "2"):
        (tmp_path / f"data/ann/{name}.png").write_bytes(encode_grey(np.zeros((48, 48), np.uint8)))
    after = analyze(run, repeats=100).numbers["calibration"]
    assert after == before
    assert max(after["thresholds"]["recall"]) <= 1


def test_predictions_that_are_not_those_of_the_test_are_refused(tmp_path):
    run = made(tmp_path)
    run.prediction_file("3").write_bytes(encode_grey(scene(3)))
    with pytest.raises(DataError, match="do not give the counts that the test recorded"):
        analyze(run, repeats=100)


def test_notes_of_what_a_reader_must_know(tmp_path):
    images = {"1": (scene(1), scene(2)), "2": (None, scene(2))}
    notes = " ".join(analyze(write_run(tmp_path, images, split="train"), repeats=100).numbers["notes"])
    assert "trained on these images" in notes
    assert "1 images have no labels" in notes
    assert "no confidence (the model gives no logits)" in notes
    assert "One image gives no intervals" in notes


def test_an_empty_foreground_everywhere(tmp_path):
    empty = np.zeros((8, 8), np.uint8)
    run = write_run(tmp_path, {"1": (empty, empty), "2": (empty, empty)})
    numbers = analyze(run, repeats=100).numbers
    assert any("truth of all images is empty" in note for note in numbers["notes"])
    assert numbers["scores"]["set"]["mDice_fg"] == [None, None, None]
    assert numbers["rankings"]["worst"] == []


def test_a_class_that_is_missing_everywhere_is_in_no_mean(tmp_path):
    images = {str(place): (np.where(scene(place) == 1, 1, 0).astype(np.uint8),) * 2 for place in range(3)}
    numbers = analyze(write_run(tmp_path, images), repeats=100).numbers
    assert numbers["scores"]["set"]["mDice_fg"][0] == 1
    assert numbers["scores"]["classes"][2]["set"]["dice"] == [None, None, None]
    assert numbers["rankings"]["class:bar"] == []


def test_a_thousand_classes(tmp_path):
    names = [f"kind {number}" for number in range(1000)]
    draw = np.random.default_rng(0)
    truth = np.kron(draw.integers(0, 1000, (4, 4)), np.ones((8, 8))).astype(np.uint16)
    numbers = analyze(
        write_run(
            tmp_path, {"a": (truth, np.roll(truth, 2)), "b": (truth, truth)}, names=names, background=None
        ),
        repeats=100,
    ).numbers
    assert "confusion" not in numbers
    assert not any(key.startswith("class:") for key in numbers["rankings"])
    assert numbers["scores"]["set"]["mDice"][0] is not None


def test_nan_is_null():
    assert plain({"a": (float("nan"), 1 / 3, 2, "x", None)}) == {"a": [None, 0.333333, 2, "x", None]}
    assert NAMES[0] == "ground"
