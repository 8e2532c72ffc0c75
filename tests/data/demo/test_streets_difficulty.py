"""Pixels, patches and connected parts alone do not solve the street scenes."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.demo_difficulty import QUICK
from benchmarks.streets_baseline import (
    AP_LIMIT,
    IGNORED,
    LIMITS,
    NAMED,
    PARTS,
    SCENES,
    Cut,
    class_map,
    crops,
    cut_objects,
    draw_pair,
    draw_pairs,
    forest_scores,
    found_by_parts,
    instance_scores,
    named_right,
    true_objects,
)


def test_groups_and_void_are_not_scored() -> None:
    ids = np.array([[7, 24, 24000, 33001, 3, 29000, 23]], np.uint16)
    assert class_map(ids).tolist() == [[0, IGNORED, 1, 8, IGNORED, IGNORED, 0]]


def test_parts_find_what_stands_alone_and_miss_what_touches_its_like() -> None:
    ids = np.full((40, 60), 7, np.uint16)
    ids[2:14, 2:14] = 26000
    ids[20:32, 2:14], ids[20:32, 14:26] = 26001, 26002
    ids[20:32, 40:52] = 24000
    ids[2:6, 40:44] = 24001  # too small to count
    assert found_by_parts(ids) == (2, 4)


def test_crops_are_of_the_objects_that_count() -> None:
    ids = np.full((40, 60), 7, np.uint16)
    ids[2:14, 2:22], ids[20:32, 40:52], ids[35:38, 2:5] = 26000, 33000, 24000
    image = np.zeros((40, 60, 3), np.uint8)
    image[2:14, 2:12] = 200
    looks, classes = crops([(image, ids)])
    assert classes.tolist() == [2, 7]
    assert looks.shape == (2, 16 * 16 + 3)
    assert looks[0][0] > 0 > looks[0][15]


def test_truth_has_objects_groups_and_what_is_never_scored() -> None:
    truth = true_objects(np.array([[7, 24, 24000, 33001, 3, 29000, 23]], np.uint16))
    assert truth.labels.tolist() == [0, 0, 7]
    assert truth.crowd is not None
    assert truth.crowd.tolist() == [True, False, False]
    assert truth.ignore is not None
    assert truth.ignore.tolist() == [4, 2, 1]


def test_objects_are_connected_parts_as_sure_as_their_pixels() -> None:
    chances = np.zeros((8, 20, 9), np.float32)
    chances[..., 0] = 0.5
    chances[1:7, 1:7, 3] = 0.8
    chances[1:7, 10:16, 3] = chances[1:7, 16:19, 8] = 0.6
    chances[0, 8, 3] = 0.9
    chances[..., 0] = 1 - np.maximum(0.5, chances[..., 1:].max(axis=2))

    def name(runs: list) -> np.ndarray:
        return np.eye(8)[[4] * len(runs)] / 2

    found = cut_objects(chances, Cut(blur=0, level=None, least=10), name)
    assert found.labels.tolist() == [2, 2, 7]
    assert found.scores is not None
    assert found.scores.round(6).tolist() == [0.8, 0.6, 0.6]
    found = cut_objects(chances, Cut(blur=0, level=0.55, least=10), name)
    assert found.labels.tolist() == [4, 4]
    assert found.scores is not None
    assert found.scores.round(6).tolist() == [0.4, 0.3]


def test_scenes_come_from_the_generator() -> None:
    image, ids = draw_pair(1, split="val", size=64)
    assert image.shape == (64, 128, 3)
    assert ids.shape == (64, 128)


@pytest.mark.slow
def test_forests_and_parts_stay_within_their_limits() -> None:
    pytest.importorskip("sklearn", reason="pip install segloop[bench]")
    train, val = (draw_pairs(split, count) for split, count in SCENES.items())
    for side, limit in LIMITS.items():
        assert max(forest_scores(train, val, side=side, **QUICK).values()) < limit
    found, total = np.array([found_by_parts(ids) for _, ids in val]).sum(axis=0)
    assert PARTS[0] < found / total < PARTS[1]
    assert NAMED[0] < named_right(train, val) < NAMED[1]
    assert instance_scores(train, val, **QUICK)[1]["cityscapes/AP"] < AP_LIMIT
