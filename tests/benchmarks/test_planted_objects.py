"""Mistakes are planted among objects where they are said to be, and suspects are held against them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.planted_objects import (
    KINDS,
    Planted,
    TrueObject,
    box_of,
    is_hit,
    loss,
    measured,
    plant,
    runs_of,
)
from segloop.analysis.instance_gathering import Candidate
from segloop.data.masks import decode, encode
from tests.analysis.instance_runs_made import squares, write_instance_run

SIZE = (60, 100)


def square(top: int, left: int, side: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def objects() -> list[TrueObject]:
    return [TrueObject(encode(square(10, 10, 15)), 0), TrueObject(encode(square(50, 50, 3)), 1)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_mistake_is_made_with_the_large_object(kind: str) -> None:
    own = objects()
    boxes = plant(own, kind, size_hw=SIZE, num_classes=3, draw=np.random.default_rng(3))
    assert boxes is not None
    masks = [decode(each.runs, SIZE).astype(bool) for each in own]
    assert (masks[0 if kind == "left out" else 1] == square(50, 50, 3)).all(), "the small one is left alone"
    if kind == "left out":
        assert (len(own), boxes) == (1, ((10, 10, 25, 25),))
    elif kind == "wrong class":
        assert own[0].label in (1, 2)
    elif kind == "moved":
        assert boxes == ((10, 10, 25, 25), box_of(masks[0]))
        assert boxes[0] != boxes[1]
    else:
        assert boxes == (box_of(masks[2]),)
        assert not (masks[2] & masks[0]).any()


def test_without_a_large_object_there_is_no_mistake() -> None:
    own = objects()[1:]
    assert plant(own, "left out", size_hw=SIZE, num_classes=2, draw=np.random.default_rng(0)) is None
    assert len(own) == 1


def test_polygons_are_read_too() -> None:
    mask = decode(runs_of({"segmentation": [[10, 10, 20, 10, 20, 20, 10, 20]]}, SIZE), SIZE)
    assert mask.sum() == pytest.approx(100, abs=25)


def test_a_hit_is_of_the_same_image_and_half_of_both() -> None:
    planted = [Planted("a", "moved", ((10, 10, 20, 20), (40, 40, 50, 50)))]
    assert is_hit("a", (10, 10, 20, 18), planted)
    assert is_hit("a", (41, 40, 50, 50), planted)
    assert not is_hit("a", (10, 10, 40, 20), planted)
    assert not is_hit("b", (10, 10, 20, 20), planted)
    assert loss(Candidate("a", "invented", 0, -1, 0, -1, 0.9, 9)) == pytest.approx(9 * np.log(10))


def test_a_model_that_is_always_right_is_contradicted_by_the_mistakes_alone(tmp_path: Path) -> None:
    images = {
        str(place): (squares((0, 4, 4, 12)), squares((0, 4, 4, 12), scores=[0.99])) for place in range(12)
    }
    told = measured(write_instance_run(tmp_path, images), share=1, seed=0, at=3)
    assert told["objects by suspicion"] == told["images by suspicion"] == 1
