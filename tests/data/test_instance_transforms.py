"""Steps for objects: they are loaded whole, cut with the window, and covered by what is pasted on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segloop.experiments.components  # noqa: F401 (registers the steps)
from segloop.data.instance_dataset import InstanceDataset
from segloop.data.instance_transforms import InstanceCrop, LoadInstances, PasteInstances
from segloop.data.sampling import Place, SeededDataset
from segloop.utils.errors import ConfigError, DataError
from tests.experiments.objects import change, write_objects

LOAD = [dict(type="mmdet.LoadImageFromFile"), dict(type="LoadInstances")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_objects(tmp_path / "data")


def sample(root: Path, index: int, *steps: dict) -> dict[str, Any]:
    return InstanceDataset(str(root), "train", pipeline=[*LOAD, *steps])[index]


def test_objects_come_with_boxes_around_their_masks(root: Path) -> None:
    loaded = sample(root, 2)
    assert loaded["gt_bboxes"].tensor.tolist() == [[4, 2, 14, 14], [13, 17, 23, 29]]
    assert loaded["gt_masks"].areas.tolist() == [120, 120]
    assert loaded["gt_bboxes_labels"].tolist() == [0, 1]
    empty = sample(root, 0)
    assert (len(empty["gt_masks"]), len(empty["gt_bboxes"])) == (0, 0)


@pytest.mark.parametrize("given", [{}, {"join": "thing"}])
def test_sizes_may_be_written_with_a_point(root: Path, given: dict[str, str]) -> None:
    def masks() -> np.ndarray:
        return InstanceDataset(str(root), **given, pipeline=LOAD)[3]["gt_masks"].to_ndarray()

    before = masks()
    images = json.loads(change(root).read_text())["images"]
    change(
        root,
        images=[{**each, "height": float(each["height"]), "width": float(each["width"])} for each in images],
    )
    assert (masks() == before).all()
    assert before.any()


def test_an_object_without_a_pixel_has_no_box_without_a_side(root: Path) -> None:
    change(root, segmentation=[[500, 500, 520, 500, 520, 520]])
    loaded = sample(root, 3)
    assert loaded["gt_masks"].areas.tolist() == [120, 120]
    assert len(loaded["gt_bboxes"]) == len(loaded["gt_bboxes_labels"]) == len(loaded["gt_ignore_flags"]) == 2


def test_can_report_an_image_of_another_size_than_its_masks(root: Path) -> None:
    results = {"height": 9, "width": 5, "ori_shape": (5, 9), "img_path": "a.png", "instances": []}
    with pytest.raises(DataError, match=r"a\.png is 9x5, and its annotations are of an image of 5x9"):
        LoadInstances()(results)


@pytest.mark.parametrize("kept", [False, True])
def test_a_training_loads_objects_before_images_are_resized(kept: bool, root: Path) -> None:
    resize = dict(type="mmdet.Resize", scale_factor=0.5)
    steps: list[dict] = [LOAD[0], resize, LOAD[1]]
    late = InstanceDataset(
        str(root), pipeline=[dict(type="KeepInMemory", transforms=steps)] if kept else steps
    )
    with pytest.raises(ConfigError, match="LoadInstances stands behind a step that resizes"):
        late[2]
    tested = InstanceDataset(str(root), pipeline=steps, test_mode=True)[2]
    assert (tested["gt_masks"].height, tested["gt_masks"].width) == tested["ori_shape"]
    early = InstanceDataset(str(root), pipeline=[*LOAD, resize])[2]
    assert (early["gt_masks"].height, early["gt_masks"].width) == early["img"].shape[:2]


def test_what_is_kept_in_memory_counts_the_masks(root: Path) -> None:
    data = InstanceDataset(str(root), "train", pipeline=[dict(type="KeepInMemory", transforms=LOAD)])
    keep = data.pipeline.transforms[0]
    first, again = data[3], data[3]
    assert keep.kept
    assert first["img"] is not again["img"]
    room = keep.room
    data[2]
    assert room - keep.room > 64 * 48 * 3  # the image, and the masks


def test_a_window_cuts_objects_and_drops_slivers(root: Path) -> None:
    crop = InstanceCrop(size=(16, 20), min_area=4, min_share=0.1)
    for seed in range(30):
        np.random.seed(seed)
        cut = crop(sample(root, 3))
        assert cut["img"].shape[:2] == cut["img_shape"] == (16, 20)
        masks = cut["gt_masks"]
        assert (masks.height, masks.width) == (16, 20)
        assert (masks.areas >= 12).all()
        boxes = cut["gt_bboxes"].tensor.numpy()
        assert ((boxes[:, 2:] - boxes[:, :2]) >= 1).all()
        # the objects are the bright pixels
        assert (cut["img"][masks.union()] == 220).all()
        assert len(cut["gt_bboxes_labels"]) == len(cut["gt_ignore_flags"]) == len(masks)
    whole = InstanceCrop(size=200)(sample(root, 3))
    assert whole["img"].shape[:2] == (64, 48)
    assert len(whole["gt_masks"]) == 3


class Two:
    """A set of one other sample: a bright square over what the first one shows."""

    def __init__(self, other: dict[str, Any]) -> None:
        self.other = other

    def __len__(self) -> int:
        return 1

    def get_data_info(self, index: int) -> dict[str, Any]:
        return self.other


def test_what_is_pasted_cuts_what_it_covers_and_buries_what_it_hides(root: Path) -> None:
    under, other = sample(root, 3), sample(root, 1)  # image 1 has one object, where image 3 has its first
    under["img"][:] = 7
    paste = PasteInstances(prob=1.0, share=1.0)
    paste.attach(Two(other), ())
    pasted = paste(under)
    assert pasted["gt_bboxes_labels"].tolist() == [
        1,
        0,
        0,
    ]  # the first was hidden, and its double put in its place
    assert pasted["gt_masks"].areas.tolist() == [120, 120, 120]
    assert (pasted["img"] == 220).sum() == 120 * 3

    half = sample(root, 3)
    other = sample(root, 1)
    other["gt_masks"] = other["gt_masks"].without(np.arange(48)[None, :].repeat(64, axis=0) >= 9)
    paste.attach(Two(other), ())
    cut = paste(half)
    assert cut["gt_masks"].areas.tolist() == [60, 120, 120, 60]
    assert cut["gt_bboxes"].tensor[0].tolist() == [9, 2, 14, 14]
    assert not (cut["gt_masks"].to_ndarray().sum(axis=0) > 1).any()


def test_crowds_are_not_pasted_and_nothing_may_be(root: Path) -> None:
    other = sample(root, 1)
    other["gt_ignore_flags"][:] = True
    paste = PasteInstances(prob=1.0, share=1.0)
    paste.attach(Two(other), ())
    assert len(paste(sample(root, 2))["gt_masks"]) == 2
    paste.attach(Two(sample(root, 0)), ())
    assert len(paste(sample(root, 2))["gt_masks"]) == 2
    with pytest.raises(ConfigError, match="in the pipeline of an InstanceDataset only"):
        PasteInstances()(sample(root, 2))


def test_the_seed_of_a_sample_decides_what_is_pasted(root: Path) -> None:
    steps = (dict(type="InstanceCrop", size=40), dict(type="PasteInstances", prob=0.9, share=0.7))
    data = SeededDataset(InstanceDataset(str(root), "train", pipeline=[*LOAD, *steps]))
    first = [data[Place(3, seed << 32)] for seed in range(8)]
    again = [data[Place(3, seed << 32)] for seed in reversed(range(8))][::-1]
    assert len({each["img"].tobytes() for each in first}) > 4
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one["img"], other["img"])
        assert np.array_equal(one["gt_masks"].to_ndarray(), other["gt_masks"].to_ndarray())
        assert one["gt_bboxes_labels"].tolist() == other["gt_bboxes_labels"].tolist()
