"""Proposals for index masks."""

from dataclasses import replace
from pathlib import Path

import pytest
from mmengine.config import Config

from segloop.experiments.proposal import semantic
from tests.experiments.proposal.sets import seen


@pytest.mark.parametrize(
    ("size_hw", "side", "window", "batch"),
    [
        ((64, 64), 12, None, 16),
        ((400, 600), 60, 96, 16),
        ((3000, 2000), 900, 256, 4),
        ((300, 300), 290, 256, 4),
    ],
)
def test_crop_and_batch_follow_from_sizes(
    size_hw: tuple[int, int], side: int, window: int | None, batch: int
) -> None:
    found = seen(size_hw=size_hw, side=side, images=400)
    assert semantic.window(found) == window
    assert semantic.batch_size(found) == batch


def test_few_images_make_small_batches() -> None:
    assert semantic.batch_size(seen(images=6)) == 3
    assert semantic.batch_size(seen(images=1)) == 2


def test_a_set_without_a_background_has_neither_its_prior_nor_its_loss() -> None:
    text = "\n".join(semantic.config_lines(seen(names=("a", "b"), background=None, pixels=(50, 50)), batch=4))
    assert "init_cfg=None" in text
    assert "background=None" in text
    usual = "\n".join(semantic.config_lines(seen(), batch=4))
    assert "background_share=0.9" in usual
    assert "loss_decode" not in usual


@pytest.mark.parametrize("gpu", [False, True])
def test_another_value_than_255_is_ignored_everywhere(gpu: bool, tmp_path: Path) -> None:
    usual = seen(gpu=gpu, size_hw=(600, 600))
    assert "ignore_index" not in "".join(semantic.config_lines(usual, batch=4))
    other = replace(usual, labels=replace(usual.labels, ignore_index=254))
    lines = [line for line in semantic.config_lines(other, batch=4) if "_base_" not in line]
    (tmp_path / "config.py").write_text("\n".join(lines), encoding="utf-8")
    config = Config.fromfile(tmp_path / "config.py")
    assert config.model.decode_head.ignore_index == config.model.data_preprocessor.seg_pad_val == 254
    assert config.val_evaluator.ignore_index == config.test_evaluator.ignore_index == 254
    assert config.train_pipeline[0].ignore_index == 254


def test_large_images_are_predicted_in_windows_and_a_missing_test_split_is_val() -> None:
    large = seen(size_hw=(3000, 2000), splits={"train": 40, "val": 4})
    text = "\n".join(semantic.config_lines(large, batch=4))
    assert "mode='slide'" in text
    assert "test_dataloader = dict(batch_size=1, dataset=dict(split='val', **data))" in text


def test_the_reasons_name_the_rarest_class() -> None:
    whys = " ".join(each.why for each in semantic.choices(seen()))
    assert "the rarest class, rust, has 10 % of the pixels" in whys
