"""Data and config that do not fit are told before a run starts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segloop.data.info import DatasetInfo
from segloop.data.png import encode_grey
from segloop.experiments.config import load_config
from segloop.experiments.data_checks import draw_demo, require_data
from segloop.utils.errors import ConfigError

PLACES = (
    "model.decode_head.ignore_index",
    "model.data_preprocessor.seg_pad_val",
    "val_evaluator.ignore_index",
    "test_evaluator.ignore_index",
)


def ignore(root: Path, value: int) -> None:
    """Let a set call a value ignored, and one of its masks hold it."""
    replace(DatasetInfo.read(root), ignore_index=value).write(root)
    mask = np.zeros((64, 64), np.uint8)
    mask[:9] = value
    next((root / "ann_dir/train").iterdir()).write_bytes(encode_grey(mask))


def test_what_the_data_call_ignored_is_ignored_by_the_config_too(tiny_config: Path, tiny_root: Path) -> None:
    ignore(tiny_root, 254)
    with pytest.raises(ConfigError, match=r"Masks hold 254, which the data call ignored") as told:
        require_data(load_config(tiny_config), ["train", "val"])
    assert [place for place in PLACES if f"{place} is 255" in str(told.value)] == list(PLACES)
    config = load_config(tiny_config, overrides=[f"{place}=254" for place in PLACES])
    assert set(require_data(config, ["train", "val"])) == {"train", "val"}


def test_a_value_that_no_mask_holds_need_not_be_ignored(tiny_config: Path, tiny_root: Path) -> None:
    replace(DatasetInfo.read(tiny_root), ignore_index=254).write(tiny_root)
    assert set(require_data(load_config(tiny_config), ["train", "val"])) == {"train", "val"}


def test_the_usual_value_of_sets_that_drop_the_zero_label_is_ignored(
    tiny_config: Path, tiny_root: Path
) -> None:
    ignore(tiny_root, 255)
    config = load_config(tiny_config, overrides=["train_dataloader.dataset.reduce_zero_label=True"])
    assert set(require_data(config, ["train"])) == {"train"}


def test_a_semantic_model_has_two_classes_to_tell_apart(tiny_config: Path) -> None:
    words = ["metainfo.classes=[leaf]", "metainfo.palette=[[1,2,3]]"]
    overrides = [f"train_dataloader.dataset.{word}" for word in words]
    config = load_config(tiny_config, overrides=[*overrides, "model.decode_head.num_classes=1"])
    with pytest.raises(ConfigError, match=r"The data have one class, leaf: with nothing to tell it from"):
        require_data(config, ["train"])


@pytest.mark.parametrize("wrapper", ["ConcatDataset", "RepeatDataset"])
def test_a_demo_set_inside_a_wrapper_is_drawn(tiny_config: Path, tmp_path: Path, wrapper: str) -> None:
    config = load_config(tiny_config)
    root = str(tmp_path / "drawn")
    config.demo = {"task": "multiclass", "root": root, "seed": 3}
    drawn: list[tuple[str, str, int]] = []

    def draw(task: str, root: str, *, seed: int, count: int | None = None) -> dict[str, int]:
        drawn.append((task, root, seed))
        return {}

    draw_demo(config, draw)
    assert not drawn  # nothing reads it
    inner = {**config.train_dataloader.dataset, "data_root": root}
    parts = {"datasets": [inner]} if wrapper == "ConcatDataset" else {"dataset": inner, "times": 2}
    config.train_dataloader.dataset = {"type": wrapper, **parts}
    draw_demo(config, draw)
    assert drawn == [("multiclass", root, 3)]
