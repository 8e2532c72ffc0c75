"""Measures of the images of a RUN, and every way in which its files may not fit."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from segloop.analysis.measures import GRID, MOST_REGIONS, list_tasks, measure_looks, measure_run
from segloop.data.png import encode_grey
from segloop.utils.errors import DataError, UserError
from tests.analysis.runs_made import scene, write_run


@pytest.fixture
def run(tmp_path):
    truth = {f"{folder}/{number}": scene(number) for number, folder in enumerate("abc")}
    pred = {name: np.roll(mask, 2, axis=1) for name, mask in truth.items()}
    sure = {name: np.full(mask.shape, 90) for name, mask in truth.items()}
    return write_run(tmp_path, {name: (truth[name], pred[name]) for name in truth}, sure=sure)


def test_counts_are_those_of_the_test(run):
    measures = list(measure_run(run))
    assert [each.image_id for each in measures] == ["a/0", "b/1", "c/2"]
    total = np.zeros((3, 3), np.int64)
    for each in measures:
        np.add.at(total, tuple(each.pairs[:2]), each.pairs[2])
    assert (total == run.confusion.total()).all()
    assert not any(each.relabelled for each in measures)


def test_what_is_kept_of_an_image(run):
    measure = next(iter(measure_run(run)))
    truth, pred = scene(0), np.roll(scene(0), 2, axis=1)
    wrong = int((truth != pred).sum())
    assert measure.mistakes[3].sum() == wrong
    parts = sum(cv2.connectedComponents((truth == label).astype(np.uint8))[0] - 1 for label in (1, 2))
    assert measure.sizes[2].sum() == measure.traits[3] == parts
    assert measure.sizes[3].sum() == (truth > 0).sum()
    assert measure.traits[4] == pytest.approx((truth > 0).mean())
    assert measure.traits[0] == pytest.approx(127, abs=3)
    assert measure.wrong.shape == (GRID, GRID)
    assert measure.wrong.mean() == pytest.approx(wrong / truth.size)
    assert measure.regions is not None
    assert measure.regions.confidence.tolist() == pytest.approx([0.9] * len(measure.regions))


def test_an_image_keeps_few_regions_however_many_there_are(tmp_path):
    truth = np.zeros((64, 64), np.uint8)
    pred = truth.copy()
    pred[::4, ::4] = 1
    measure = next(iter(measure_run(write_run(tmp_path, {"1": (truth, pred)}))))
    assert measure.regions is not None
    assert len(measure.regions) == MOST_REGIONS
    assert measure.mistakes[3].sum() == 256


def test_in_other_processes_the_same_comes_out(run):
    alone, pool = list(measure_run(run, workers=1)), list(measure_run(run, workers=2))
    for one, other in zip(alone, pool, strict=True):
        for name, value in vars(one).items():
            if isinstance(value, np.ndarray):
                assert np.array_equal(value, getattr(other, name)), name


def test_labels_that_were_changed_since_are_noticed(run, tmp_path):
    (tmp_path / "data/ann/b/1.png").write_bytes(encode_grey(np.zeros((48, 48), np.uint8)))
    measures = list(measure_run(run))
    assert [each.relabelled for each in measures] == [False, True, False]
    assert measures[1].sizes.shape == (6, 0)


def test_images_without_labels_are_left_out(tmp_path):
    run = write_run(tmp_path, {"1": (scene(0), scene(0)), "2": (None, scene(1))})
    assert [task.image_id for task in list_tasks(run)] == ["1"]


def test_a_run_without_any_label(tmp_path):
    with pytest.raises(UserError, match="none of its images has labels"):
        list_tasks(write_run(tmp_path, {"1": (None, scene(0))}))


def test_lost_predictions_are_named_together(run):
    for name in ("a/0", "c/2"):
        run.prediction_file(name).unlink()
    with pytest.raises(
        DataError, match=r"2 files of net/test-last are missing\.\n(?s:.*)a/0(?s:.*)c/2"
    ) as caught:
        list_tasks(run)
    assert "--data-root" not in str(caught.value)


def test_a_moved_data_set_is_found_by_its_root(run, tmp_path):
    (tmp_path / "data").rename(tmp_path / "moved")
    with pytest.raises(DataError, match=r"6 files of net/test-last are missing\..*--data-root"):
        list_tasks(run)
    assert len(list(measure_run(run, data_root=tmp_path / "moved"))) == 3


def test_other_pictures_of_the_same_names_are_refused(run, tmp_path):
    for name in ("a/0", "b/1"):
        (tmp_path / f"data/img/{name}.png").write_bytes(b"another")
    with pytest.raises(DataError, match=r"2 of 3 images do not fit this RUN:\n.*a/0.png is not the picture"):
        list(measure_run(run))


@pytest.mark.parametrize(
    ("place", "mask", "message"),
    [
        ("predictions/a/0.png", np.zeros((5, 5), np.uint8), "the prediction is 5x5 and the truth 48x48"),
        ("predictions/a/0.png", np.full((48, 48), 7, np.uint8), "holds values outside the classes"),
        ("confidence/a/0.png", np.zeros((5, 5), np.uint8), "has another size than the prediction"),
    ],
)
def test_files_that_do_not_fit_are_told_with_their_image(run, place, mask, message):
    (run.folder / place).write_bytes(encode_grey(mask))
    with pytest.raises(DataError, match=rf"1 of 3 images do not fit(?s:.*)a/0(?s:.*){message}|{message}"):
        list(measure_run(run))


def test_a_mask_that_is_cut_off(run):
    file = run.prediction_file("b/1")
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(DataError, match=r"1 of 3 images(?s:.*)b/1.png cannot be read"):
        list(measure_run(run))


def test_a_picture_that_opencv_cannot_decode_is_named(run):
    file = run.image_file("b/1")
    file.write_bytes(b"eight bands")
    run.images["sha256"] = ""
    with pytest.raises(DataError, match=r"1 of 3 images(?s:.*)b/1.png is no picture"):
        list(measure_run(run))
    with pytest.raises(DataError, match=r"1 of 3 pictures(?s:.*)b/1.png is no picture"):
        measure_looks(run)


def test_class_zero_is_dropped_as_in_the_test(tmp_path):
    truth = np.array([[0, 1], [2, 3]], np.uint8)  # read as ignored, 0, 1, 2
    run = write_run(tmp_path, {"1": (truth % 3, np.array([[0, 0], [1, 2]], np.uint8))}, background=None)
    (tmp_path / "data/ann/1.png").write_bytes(encode_grey(truth))
    run.meta["reduce_zero_label"] = True
    measure = next(iter(measure_run(run)))
    assert measure.pairs.tolist() == [[0, 1, 2], [0, 1, 2], [1, 1, 1]]
