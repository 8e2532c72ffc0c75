"""Index masks reach a pipeline as they are, samples are kept while memory lasts, and rare classes are met."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from PIL import Image

from segloop.data import transforms
from segloop.data.patch_masks import PatchMasks
from segloop.data.transforms import KeepInMemory, LoadIndexMask, QuarterTurn, RareClassCrop
from segloop.utils.errors import ConfigError


def test_loads_into_a_pipelines_results(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 1, 2]], np.uint8)).save(tmp_path / "m.png")
    results = {"seg_map_path": str(tmp_path / "m.png"), "seg_fields": [], "label_map": {1: 2, 2: 1}}
    loaded = LoadIndexMask().transform(results)
    np.testing.assert_array_equal(loaded["gt_seg_map"], [[0, 2, 1]])
    assert loaded["seg_fields"] == ["gt_seg_map"]


def crops(mask: np.ndarray, count: int = 200, **options: object) -> list[np.ndarray]:
    """Crop one mask many times."""
    np.random.seed(0)
    image = np.repeat(mask[..., None], 3, axis=2)
    cropped = []
    for _ in range(count):
        results = {"img": image, "gt_seg_map": mask}
        results = RareClassCrop(**options).transform(results)
        np.testing.assert_array_equal(results["img"][..., 0], results["gt_seg_map"])
        cropped.append(results["gt_seg_map"])
    return cropped


def test_crops_show_a_rare_class_as_often_as_asked() -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[60, 3] = 2
    mask[:40, 40:] = 1
    assert all((crop == 2).any() or (crop == 1).any() for crop in crops(mask, size=16, prob=1.0))
    shown = np.mean([(crop == 2).any() for crop in crops(mask, size=16, prob=1.0)])
    assert 0.4 < shown < 0.6  # each of two classes equally likely, though one has a single pixel
    assert np.mean([(crop == 2).any() for crop in crops(mask, size=16, prob=0.0)]) < 0.15


@pytest.mark.parametrize("value", [0, 255])
def test_crops_anywhere_when_there_is_nothing_to_look_for(value: int) -> None:
    mask = np.full((20, 30), value, np.uint8)
    assert {crop.shape for crop in crops(mask, count=5, size=(16, 24))} == {(16, 24)}


def test_a_small_image_is_left_whole() -> None:
    assert crops(np.ones((10, 12), np.uint8), count=1, size=16)[0].shape == (10, 12)


def test_a_small_object_is_met_as_often_as_a_large_one_if_asked() -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[60, 3] = 1
    mask[:30, 30:] = 1
    by_object = np.mean([crop.sum() == 1 for crop in crops(mask, size=12, prob=1.0, by_object=True)])
    by_pixel = np.mean([crop.sum() == 1 for crop in crops(mask, size=12, prob=1.0)])
    assert 0.35 < by_object < 0.65
    assert by_pixel < 0.05


def test_quarter_turns_lay_image_and_mask_alike_and_reach_all_four() -> None:
    np.random.seed(0)
    mask = np.arange(6, dtype=np.uint8).reshape(2, 3)
    seen = set()
    for _ in range(30):
        results = {
            "img": np.repeat(mask[..., None], 3, axis=2),
            "gt_seg_map": mask,
            "seg_fields": ["gt_seg_map"],
        }
        turned = QuarterTurn().transform(results)
        np.testing.assert_array_equal(turned["img"][..., 1], turned["gt_seg_map"])
        assert turned.get("img_shape", (2, 3)) == turned["gt_seg_map"].shape
        seen.add(turned["gt_seg_map"].tobytes() + bytes(turned["gt_seg_map"].shape))
    assert len(seen) == 4


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_objects_turn_with_their_image(turns: int) -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    image[2:5, 21:29] = 1  # an object, and another one beside it
    image[9:17, 4:6] = 2
    masks = PatchMasks.of_bitmaps(np.stack([image[..., 0] == 1, image[..., 0] == 2]).astype(np.uint8))
    sample = {"img": image, "gt_masks": masks, "gt_bboxes": masks.get_bboxes("hbox")}
    turned = QuarterTurn(turns=turns).transform(sample)
    for number, mask in enumerate(turned["gt_masks"].to_ndarray(), start=1):
        np.testing.assert_array_equal(mask, turned["img"][..., 0] == number)
    assert torch.equal(turned["gt_bboxes"].tensor, turned["gt_masks"].get_bboxes("hbox").tensor)


def test_objects_that_cannot_be_turned_are_refused() -> None:
    sample = {"img": np.zeros((4, 6, 3), np.uint8), "gt_masks": object(), "gt_bboxes": None}
    with pytest.raises(ConfigError, match="LoadInstances"):
        QuarterTurn(turns=1).transform(sample)


def test_a_view_turned_by_a_fixed_amount_says_how_it_lies() -> None:
    mask = np.arange(6, dtype=np.uint8).reshape(2, 3)
    results = {"img": np.repeat(mask[..., None], 3, axis=2), "ori_shape": (2, 3), "seg_fields": []}
    turned = QuarterTurn(turns=1).transform(dict(results))
    assert np.array_equal(turned["img"][..., 0], np.rot90(mask))
    assert (turned["quarter_turns"], turned["ori_shape"], turned["img_shape"]) == (1, (3, 2), (3, 2))
    assert QuarterTurn(turns=2).transform(dict(results))["ori_shape"] == (2, 3)
    with pytest.raises(ConfigError, match="before RandomFlip"):
        QuarterTurn(turns=1).transform({**results, "flip": True})


class Loading(BaseTransform):
    """Counts how often it loads; a test's stand-in for a file's decoding."""

    def __init__(self) -> None:
        self.loads = 0

    def transform(self, results: dict) -> dict:
        self.loads += 1
        return {**results, "img": np.zeros((10, 10, 3), np.uint8)}


def test_a_sample_is_loaded_once_and_handed_out_untouched() -> None:
    loading = Loading()
    keep = KeepInMemory([loading])
    first = keep({"img_path": "a.png"})
    first["img"] += 7
    assert keep({"img_path": "a.png"})["img"].max() == 0
    keep({"img_path": "b.png"})
    assert loading.loads == 2


def test_what_does_not_fit_is_loaded_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transforms, "available_memory", lambda: 1000)
    loading = Loading()
    keep = KeepInMemory([loading], share=0.5)  # 500 bytes: one of the images of 300 fits
    for name in ("a.png", "b.png", "a.png", "b.png"):
        assert keep({"img_path": name})["img"].shape == (10, 10, 3)
    assert loading.loads == 3
    assert not pickle.loads(pickle.dumps(keep)).kept, "a spawned process must not get what this one keeps"


@pytest.mark.parametrize("variable", ["LOCAL_WORLD_SIZE", "WORLD_SIZE"])
def test_trainers_on_one_machine_share_its_memory(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transforms, "available_memory", lambda: 1000)
    monkeypatch.setenv(variable, "2")
    loading = Loading()
    keep = KeepInMemory([loading], share=0.5)  # 250 bytes for each of both: the image of 300 does not fit
    for _ in range(2):
        keep({"img_path": "a.png"})
    assert loading.loads == 2
