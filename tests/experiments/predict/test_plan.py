"""Batches hold images of one size, whatever is asked for first."""

from __future__ import annotations

from pathlib import Path

import mmcv.transforms
import numpy as np
import pytest
from PIL import Image

from segloop.data.annotations import ImageRecord
from segloop.experiments.predict.plan import file_stamp, network_size, plan_batches

LOAD, PACK = dict(type="LoadImageFromFile"), dict(type="PackSegInputs")


def images(folder: Path, sizes: list[tuple[int, int]]) -> list[ImageRecord]:
    found = []
    for number, (height, width) in enumerate(sizes):
        file = folder / f"{number}.png"
        Image.fromarray(np.zeros((height, width), np.uint8)).save(file)
        found.append(ImageRecord(image_id=str(number), name=file.name, file=file))
    return found


def ids(batches: list) -> list[list[str]]:
    return [[image.image_id for image in batch.images] for batch in batches]


def test_only_images_of_one_size_share_a_batch_and_the_first_comes_first(tmp_path: Path) -> None:
    found = images(tmp_path, [(8, 8), (8, 9), (8, 8), (8, 8), (8, 9)])
    assert ids(plan_batches(found, batch_size=2, most_pixels=1)) == [["0", "2"], ["1", "4"], ["3"]]
    assert ids(plan_batches(found, batch_size=None, most_pixels=200)) == [["0", "2", "3"], ["1", "4"]]
    assert len(plan_batches(found, batch_size=9, most_pixels=1, input_size=lambda size_hw: None)) == 5


def test_small_images_do_not_go_together_by_hundreds_unasked(tmp_path: Path) -> None:
    found = images(tmp_path, [(8, 8)] * 33)
    assert [len(each.images) for each in plan_batches(found, batch_size=None, most_pixels=1 << 23)] == [32, 1]
    assert [len(each.images) for each in plan_batches(found, batch_size=33, most_pixels=1)] == [33]


def test_what_has_many_pixels_is_large_and_what_nobody_knows(tmp_path: Path) -> None:
    found = images(tmp_path, [(8, 8), (16, 16), (16, 17)])
    batches = plan_batches(found, batch_size=None, most_pixels=64)
    assert [batch.large for batch in batches] == [False, False, True]
    batches = plan_batches(found[:1], batch_size=None, most_pixels=64, input_size=lambda size_hw: None)
    assert [batch.large for batch in batches] == [True]


def test_as_many_go_together_as_come_nearest(tmp_path: Path) -> None:
    found = images(tmp_path, [(8, 8)] * 4)
    assert [len(each.images) for each in plan_batches(found, batch_size=None, most_pixels=100)] == [2, 2]


def test_a_broken_image_is_alone(tmp_path: Path) -> None:
    found = images(tmp_path, [(8, 8), (8, 8), (8, 8)])
    (tmp_path / "1.png").write_bytes(b"no image")
    batches = plan_batches(found, batch_size=9, most_pixels=1)
    assert ids(batches) == [["0", "2"], ["1"]]
    before = batches[1].stamps["1"]
    (tmp_path / "1.png").unlink()
    assert file_stamp(tmp_path / "1.png") == "missing" != before


@pytest.mark.parametrize("size_hw", [(3, 5), (97, 203), (720, 1280), (1024, 2048), (333, 77)])
@pytest.mark.parametrize(
    "step",
    [
        dict(scale=(1333, 800), keep_ratio=True),
        dict(scale=(64, 48)),
        dict(scale=96),
        dict(scale_factor=0.37),
        dict(scale_factor=1.0),
    ],
)
def test_sizes_are_those_that_mmcv_makes(size_hw: tuple[int, int], step: dict) -> None:
    picture = np.zeros((*size_hw, 3), np.uint8)
    made = mmcv.transforms.Resize(**step).transform({"img": picture})["img"].shape[:2]
    assert network_size(size_hw, [LOAD, dict(type="Resize", **step), PACK]) == made


def test_padding_counts_and_unknown_steps_are_not_guessed() -> None:
    assert network_size((50, 65), [LOAD, PACK], divisor=32) == (64, 96)
    assert network_size((50, 65), [LOAD, dict(type="CenterCrop", crop_size=8), PACK]) is None
