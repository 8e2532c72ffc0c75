"""Mistakes are planted among objects where they are said to be, and suspects are held against them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.planted_errors import Planted
from benchmarks.planted_objects import KINDS, box_of, is_hit, labelled, loss, plant, runs_of, spoil
from segloop.analysis.suspects import Suspect
from segloop.data.masks import decode

SIZE = (60, 100)
SEED = 3  # with it there is room to make one up


def square(top: int, left: int, side: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def annotations() -> list[dict]:
    large, small = square(10, 10, 15), square(50, 50, 3)
    return [
        {"id": number, "image_id": 1, "category_id": number, "iscrowd": 0, **labelled(mask)}
        for number, mask in ((1, large), (2, small))
    ]


def painted(each: dict) -> np.ndarray:
    return decode(runs_of(each, SIZE), SIZE).astype(bool)


@pytest.mark.parametrize("kind", KINDS)
def test_a_mistake_is_made_with_the_large_object(kind: str) -> None:
    own, before = annotations(), annotations()
    draw = np.random.default_rng(SEED)
    box = plant(own, kind, size_hw=SIZE, categories=[1, 2, 3], draw=draw)
    assert box is not None
    small = next(each for each in own if each["id"] == 2)
    assert small == before[1]
    large = [each for each in own if each["id"] == 1]
    if kind == "left out":
        assert (large, box) == ([], (10, 10, 25, 25))
    elif kind == "wrong class":
        assert large[0]["category_id"] in (2, 3)
    elif kind == "moved":
        moved = painted(large[0])
        assert box == box_of(moved | painted(before[0]))
        assert large[0]["area"] == moved.sum()
        assert large[0]["bbox"][:2] == list(box_of(moved)[:2])
    else:
        assert len(large) == 2
        assert not (painted(large[0]) & painted(large[1])).any()


def test_without_a_large_object_there_is_no_mistake() -> None:
    small = annotations()[1:]
    draw = np.random.default_rng(0)
    assert plant(small, "left out", size_hw=SIZE, categories=[1, 2], draw=draw) is None
    assert len(small) == 1


def test_polygons_are_read_too() -> None:
    mask = decode(runs_of({"segmentation": [[10, 10, 20, 10, 20, 20, 10, 20]]}, SIZE), SIZE)
    assert mask.sum() == pytest.approx(100, abs=25)


def test_a_split_is_spoiled_and_its_ids_stay_apart(tmp_path: Path) -> None:
    from tests.analysis.report.made import write_data

    root = write_data(tmp_path)
    told = json.loads((root / "dataset.json").read_text()) | {"coco": {"test": "test.json"}}
    (root / "dataset.json").write_text(json.dumps(told))
    content = {
        "images": [{"id": at, "file_name": f"{at}.png", "height": 60, "width": 100} for at in range(20)],
        "categories": [{"id": 1, "name": "a"}],
        "annotations": [each | {"image_id": at} for at in range(20) for each in annotations()],
    }
    (root / "test.json").write_text(json.dumps(content))
    planted = spoil(root, "test", share=1, seed=0)
    assert {each.kind for each in planted} == {"left out", "moved", "made up"}, "one class is never wrong"
    written = json.loads((root / "test.json").read_text())["annotations"]
    assert len({each["id"] for each in written}) == len(written)
    out, made = (sum(each.kind == kind for each in planted) for kind in ("left out", "made up"))
    assert len(written) == 40 - out + made


def test_a_hit_is_of_the_same_image_and_half_of_both() -> None:
    planted = [Planted("a", "moved", (10, 10, 20, 20))]

    def suspect(image_id: str) -> Suspect:
        return Suspect(image_id, 1.0, "missing", 0, 1, 9, 0.9, (0, 0, 0, 0), (0, 1))

    assert is_hit(suspect("a"), (10, 10, 20, 18), planted)
    assert not is_hit(suspect("a"), (10, 10, 40, 20), planted)
    assert not is_hit(suspect("b"), (10, 10, 20, 20), planted)
    assert loss(suspect("a")) == pytest.approx(9 * np.log(10))
