"""Batches are shown as a training of the same seed gets them, semantic and instance."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from segloop.experiments.browse import as_rgb, browse, classes_of, step_text
from segloop.experiments.launch import Options, build_runner, prepare
from segloop.utils.errors import ConfigError, DataError
from tests.experiments.cells import write_cells


def test_training_batches_are_those_that_a_training_begins_with(tiny_config: Path) -> None:
    options = Options(config=str(tiny_config), seed=7, device="cpu")
    browsed = browse(options, count=2)
    first, second = browsed.batches
    assert (browsed.seed, browsed.semantic, browsed.split) == (7, True, "train")
    assert browsed.classes.names[0] == "background"
    assert browsed.classes.background == 0
    runner = build_runner(prepare(options))
    loop = runner.build_train_loop(runner._train_loop)
    batches = iter(loop.dataloader)
    for ours in (first, second):
        theirs = next(batches)
        for mine, image, sample in zip(ours.images, theirs["inputs"], theirs["data_samples"], strict=True):
            assert np.abs(mine.image[..., ::-1].astype(int) - image.permute(1, 2, 0).numpy()).max() <= 1
            assert np.array_equal(mine.mask, sample.gt_sem_seg.data[0].numpy())


def test_the_demo_set_of_a_config_is_made_where_it_is_missing(
    tiny_config: Path, tiny_root: Path, tiny_master: Path
) -> None:
    shutil.rmtree(tiny_root)

    def make_demo(task: str, root: Path | str, *, seed: int) -> None:
        shutil.copytree(tiny_master, root)

    with pytest.raises(DataError, match="which does not exist"):
        browse(Options(config=str(tiny_config), device="cpu"), count=1)
    options = Options(config=str(tiny_config), device="cpu", make_demo=make_demo)
    assert len(list(browse(options, count=1).batches)) == 1


def test_a_seed_that_no_generator_takes_is_told(tiny_config: Path) -> None:
    with pytest.raises(ConfigError, match="The seed is -1"):
        browse(Options(config=str(tiny_config), seed=-1, device="cpu"))


def test_other_splits_are_shown_as_they_are_scored(tiny_config: Path) -> None:
    browsed = browse(Options(config=str(tiny_config), device="cpu"), split="val", count=1)
    (batch,) = browsed.batches
    assert [each.name for each in batch.images] == sorted(each.name for each in batch.images)
    assert len(batch.mean) == 3
    assert batch.shape[1] == 3


def test_objects_come_with_masks_boxes_and_classes(tmp_path: Path) -> None:
    browsed = browse(Options(config=str(write_cells(tmp_path)), device="cpu"), count=1)
    (batch,) = browsed.batches
    assert not browsed.semantic
    assert browsed.classes.names == ("cell", "dust")
    each = batch.images[0]
    assert each.mask is None
    assert each.labels == (0,)
    assert each.boxes_xyxy.round().tolist() == [[16, 16, 48, 40]]
    assert each.masks[0, 20:36, 20:44].all()
    assert each.masks.shape[1:] == each.image.shape[:2]
    inside = each.image[each.masks[0]].mean()
    assert inside > 200 > each.image[~each.masks[0]].mean()


def test_a_split_that_is_not_there_and_data_that_cannot_be_used(tiny_config: Path, tiny_root: Path) -> None:
    text = tiny_config.read_text() + "\ntest_dataloader = None\ntest_cfg = None\ntest_evaluator = None\n"
    tiny_config.write_text(text)
    with pytest.raises(ConfigError, match="no test_dataloader; choose train, val"):
        browse(Options(config=str(tiny_config), device="cpu"), split="test")
    next((tiny_root / "ann_dir" / "val").iterdir()).unlink()
    with pytest.raises(DataError, match="images without a mask"):
        browse(Options(config=str(tiny_config), device="cpu"), split="val")


def test_normalisation_and_channel_order_are_taken_back() -> None:
    mean, std = torch.tensor([10.0, 20, 30]).view(-1, 1, 1), torch.tensor([2.0, 4, 8]).view(-1, 1, 1)
    pixels = torch.tensor([100.0, 150, 200]).view(-1, 1, 1)
    plain = SimpleNamespace(_enable_normalize=True, mean=mean, std=std, _channel_conversion=True)
    assert as_rgb((pixels - mean) / std, plain).ravel().tolist() == [100, 150, 200]
    assert as_rgb(pixels, SimpleNamespace()).ravel().tolist() == [200, 150, 100]
    assert as_rgb(pixels[:1], SimpleNamespace()).ravel().tolist() == [100, 100, 100]


def test_classes_without_colours_get_some() -> None:
    found = classes_of(SimpleNamespace(metainfo={"classes": ("a", "b"), "palette": "random"}))
    assert found.names == ("a", "b")
    assert len(set(found.palette)) == 2


def test_steps_of_the_pipeline_are_told_in_one_line() -> None:
    step = {
        "type": "KeepInMemory",
        "transforms": [{"type": "LoadImageFromFile"}, {"type": "Resize", "scale": (9, 9)}],
    }
    assert step_text(step) == "KeepInMemory(LoadImageFromFile, Resize(scale=(9, 9)))"


def test_a_list_shows_its_images_in_its_order(tiny_config: Path) -> None:
    options = Options(config=str(tiny_config), device="cpu")
    browsed = browse(options, split="train", count=9, only=["train_0002", "train_0000", "train_0001"])
    names = [image.name for batch in browsed.batches for image in batch.images]
    assert names == ["train_0002.png", "train_0000.png", "train_0001.png"]


def test_a_list_of_all_splits_shows_those_of_one_and_tells_the_others(tiny_config: Path) -> None:
    options = Options(config=str(tiny_config), device="cpu")
    browsed = browse(options, split="val", only=["train_0000", "val_0001", "train_0000"])
    assert browsed.elsewhere == ("train_0000",)
    assert [image.name for batch in browsed.batches for image in batch.images] == ["val_0001.png"]
    with pytest.raises(
        DataError, match=r"No image of the LIST is in this split; --split (.|\n)*  train_0000"
    ):
        browse(options, split="val", only=["train_0000"])
