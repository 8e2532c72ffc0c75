"""Images opened to be drawn: the right maps, and in words what cannot be drawn."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest

from segloop.analysis.analyze import analyze
from segloop.analysis.cases import open_case
from segloop.analysis.instance_analysis import analyze_instances
from segloop.utils.errors import DataError, FormatError
from tests.analysis.instance_runs_made import squares, write_instance_run
from tests.analysis.runs_made import scene, write_run


def test_masks_are_those_of_the_files(tmp_path):
    analysis = analyze(write_run(tmp_path, {"a/1": (scene(1), scene(2))}), repeats=100)
    case = open_case(analysis, "a/1")
    assert np.array_equal(case.truth, scene(1))
    assert np.array_equal(case.pred, scene(2))
    assert case.image.shape == (48, 48, 3)
    cv2.imwrite(str(analysis.run.image_file("a/1")), np.zeros((5, 5, 3), np.uint8))
    with pytest.raises(DataError, match="different sizes"):
        open_case(analysis, "a/1")
    analysis.run.image_file("a/1").write_bytes(b"no picture")
    with pytest.raises(DataError, match="cannot be read"):
        open_case(analysis, "a/1")


def test_objects_lie_on_one_another_the_smaller_on_top(tmp_path):
    truth = squares((0, 0, 0, 5), (1, 0, 0, 20))
    found = squares((1, 0, 0, 20), (0, 30, 30, 5), (0, 50, 50, 5), scores=[0.9, 0.8, 0.1])
    analysis = analyze_instances(write_instance_run(tmp_path, {"1": (truth, found)}), repeats=100)
    case = open_case(analysis, "1")
    assert (case.truth[2, 2], case.truth[10, 10], case.truth[40, 40]) == (0, 1, 2)
    assert case.background == 2
    assert (case.pred[2, 2], case.pred[32, 32]) == (1, 0)
    assert case.pred[52, 52] == 2  # its score is below the threshold
    assert case.objects is not None
    assert len(np.unique(case.objects[0])) == 3
    results = analysis.run.results.path
    lines = results.read_text().splitlines(keepends=True)
    results.write_text("".join([lines[0], *lines[2:]]))
    del analysis.run.__dict__["results"]  # read once, and now anew
    with pytest.raises(FormatError, match=r"results\.json: 1 has 2 objects here and 3 in matches\.csv\.gz"):
        open_case(analysis, "1")
    results.write_text("".join(lines))
    del analysis.run.__dict__["results"]
    cv2.imwrite(str(analysis.run.image_file("1")), np.zeros((5, 5, 3), np.uint8))
    with pytest.raises(DataError, match="not as large as its labels"):
        open_case(analysis, "1")


def test_objects_that_were_drawn_anew_and_tested_again_are_those_that_are_shown(tmp_path):
    for place in (0, 30):
        truth = squares((0, place, place, 20))
        run = write_instance_run(tmp_path, {"1": (truth, squares((0, place, place, 20), scores=[0.9]))})
        case = open_case(analyze_instances(run, repeats=100), "1")
        assert np.array_equal(case.truth, case.pred)
        for folder in ("data", "work_dirs"):
            shutil.rmtree(tmp_path / folder)
