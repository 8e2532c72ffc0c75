"""What true and found objects share: worked by hand, and against bitmaps."""

from __future__ import annotations

import pickle
import tracemalloc

import numpy as np
import pytest

from segloop.analysis.instances import Instances
from segloop.analysis.matching import FOREGROUND, match
from segloop.utils.errors import DataError
from tests.analysis.cases import nothing, objects, random_pair, same


def test_pairs_areas_and_pixels_worked_by_hand() -> None:
    truth = objects("aab. aab. ..cc", labels=[0, 1, 1])
    found = objects(".xx. .xx. ...y", labels=[0, 1], scores=[0.9, 0.3])
    found_out = match(truth, found, image_id="i")
    assert found_out.truth.areas.tolist() == [4, 2, 2]
    assert found_out.found.areas.tolist() == [4, 1]
    assert found_out.pairs.truth.tolist() == [0, 1, 2]
    assert found_out.pairs.found.tolist() == [0, 0, 1]
    assert found_out.pairs.shared.tolist() == [2, 2, 1]
    assert found_out.ious().tolist() == [2 / 6, 2 / 4, 1 / 2]
    pixels = found_out.pixels
    assert pixels is not None
    assert pixels.labels.tolist() == [0, 1, FOREGROUND]
    assert (pixels.tp.tolist(), pixels.fp.tolist(), pixels.fn.tolist()) == ([2, 1, 5], [2, 0, 0], [2, 3, 3])


def test_kept_objects_alone_make_pixels_and_all_make_pairs() -> None:
    truth, found = objects("aa.bb"), objects("xx.yy", scores=[0.9, 0.1])
    found_out = match(truth, found, kept=[True, False])
    assert len(found_out.pairs) == 2
    assert found_out.pixels is not None
    assert (found_out.pixels.tp.tolist(), found_out.pixels.fn.tolist()) == ([2, 2], [2, 2])
    other = found_out.keeping([True, True])
    assert (other.found.kept.tolist(), other.pixels) == ([True, True], None)


def test_crowds_and_ignored_pixels_are_not_counted() -> None:
    truth = objects("aacc..vv", "ac", crowd="c", ignore="v")
    found_out = match(truth, objects(".xxxxxxx"))
    assert found_out.found.ignored.tolist() == [2]
    assert found_out.pixels is not None
    assert [each.tolist() for each in vars(found_out.pixels).values()] == [[0, -1], [1, 1], [2, 2], [1, 1]]


def test_boxes_that_overlap_without_their_masks_are_pairs_of_one_class() -> None:
    truth = objects("aaa a.. a..", labels=[0])
    found = objects("... .xx .xx", labels=[0], scores=[1])
    assert len(match(truth, found).pairs) == 0  # 4 of 9 pixels
    found = Instances.of_bitmaps([[[0, 0, 0], [0, 1, 1], [0, 1, 1]]], [0], scores=[1])
    object.__setattr__(found, "boxes_xyxy", np.array([[0.0, 0.0, 3.0, 2.0]]))
    pairs = match(truth, found).pairs
    assert (pairs.shared.tolist(), pairs.box_ious.tolist()) == ([0], [6 / 9])
    object.__setattr__(truth, "labels", np.array([1]))
    assert len(match(truth, found).pairs) == 0


def test_a_crowds_box_counts_the_share_of_the_found_one() -> None:
    pairs = match(objects("cccc.", crowd="c"), objects("..xxx")).pairs
    assert pairs.box_ious.tolist() == [2 / 3]


def test_areas_of_the_file_are_kept() -> None:
    truth = objects("aa")
    object.__setattr__(truth, "coco_areas", np.array([7.5]))
    assert match(truth, nothing((1, 2))).truth.coco_areas.tolist() == [7.5]
    assert match(objects("aa"), nothing((1, 2))).truth.coco_areas.tolist() == [2.0]


def test_images_without_objects() -> None:
    for truth, found in (
        (nothing(), nothing()),
        (nothing((1, 2)), objects("xx")),
        (objects("aa"), nothing((1, 2))),
    ):
        found_out = match(truth, found)
        assert len(found_out.pairs) == 0
        assert found_out.pixels is not None
        assert found_out.pixels.labels[-1] == FOREGROUND


def test_sizes_that_differ_are_told_with_the_image() -> None:
    with pytest.raises(DataError, match=r"a/1: the masks found are 1x3 and the true ones 1x2") as caught:
        match(objects("aa"), objects("xxx", scores=[1]), image_id="a/1")
    assert caught.value.image_id == "a/1"
    with pytest.raises(ValueError, match="kept has shape"):
        match(objects("aa"), objects("xx", scores=[1]), kept=[True, True])


def test_matches_can_be_sent_to_another_process() -> None:
    found_out = match(*random_pair(np.random.default_rng(5), ignore=True), image_id="x")
    assert same(pickle.loads(pickle.dumps(found_out)), found_out)


def test_found_objects_without_scores_are_equally_sure() -> None:
    assert match(objects("aabb"), objects("xxyy")).found.scores.tolist() == [1, 1]


def test_two_thousand_objects_in_one_image_take_little_memory() -> None:
    numbers = np.kron(np.arange(1, 2001).reshape(40, 50), np.ones((8, 8), int))
    numbers[::8] = numbers[:, ::8] = 0
    side = Instances.of_numbers(numbers)
    tracemalloc.start()
    found_out = match(side, side)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found_out.pairs) == 2000
    assert set(found_out.ious().tolist()) == {1.0}
    assert peak < 12e6  # 2,000 bitmaps of this image would be 256 MB
