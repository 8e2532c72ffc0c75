"""Weights come as a list or a file, and what is wrong with them is told before anything is built."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mmengine.config import Config

from segloop.experiments.class_weights import read_class_weights, settle_class_weights
from segloop.utils.errors import ConfigError


def config(loss: dict, *, head: str = "decode_head", classes: int = 3) -> Config:
    return Config(dict(model={head: dict(num_classes=classes, loss_decode=[loss])}))


def test_a_file_becomes_the_list_that_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "weights.json"
    file.write_text("[1, 2.5, 0]")
    settled = config(dict(type="CrossEntropyLoss", class_weight=str(file), avg_non_ignore=False))
    settle_class_weights(settled)
    assert settled.model.decode_head.loss_decode[0].class_weight == [1.0, 2.5, 0.0]


@pytest.mark.parametrize(
    "content", ['{"a": 1}', "[]", "[1, null]", "[1, -2]", "[1, true]", "3", "[NaN]", "no"]
)
def test_what_is_no_plain_list_of_numbers_is_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "weights.json"
    file.write_text(content)
    with pytest.raises(ConfigError, match=r"weights\.json"):
        read_class_weights(str(file))


def test_a_missing_file_is_told_with_the_command_that_makes_it() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.json cannot be read.*tools/eda\.py"):
        settle_class_weights(config(dict(type="BatchDiceLoss", class_weight="nowhere.json")))


def test_all_that_is_wrong_is_told_together() -> None:
    wrong = config(dict(type="CrossEntropyLoss", class_weight=[1.0, 2.0], avg_non_ignore=True))
    with pytest.raises(ConfigError) as error:
        settle_class_weights(wrong)
    assert "loss_decode.0.class_weight has 2 weights for 3 classes" in str(error.value)
    assert "avg_non_ignore=False" in str(error.value)


def test_a_detector_weighs_the_background_too() -> None:
    for weights in ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 1.0]):
        settle_class_weights(config(dict(type="CrossEntropyLoss", class_weight=weights), head="bbox_head"))
    with pytest.raises(ConfigError, match="2 weights for 3 classes"):
        settle_class_weights(config(dict(type="CrossEntropyLoss", class_weight=[1.0, 2.0]), head="bbox_head"))


def test_weights_that_a_mask_head_cannot_use_are_told() -> None:
    dice = dict(type="BatchDiceLoss", class_weight=[1.0, 2.0, 3.0])
    head = dict(num_classes=3, loss_mask=dict(type="InstanceMaskLoss", losses=[dice]))
    settle_class_weights(Config(dict(model=dict(mask_head=head))))
    with pytest.raises(ConfigError, match=r"loss_mask\.losses\.0\.class_weight does nothing.*class-agnostic"):
        settle_class_weights(Config(dict(model=dict(mask_head=dict(head, class_agnostic=True)))))
    plain = dict(type="CrossEntropyLoss", use_mask=True, class_weight=[1.0, 2.0, 3.0])
    with pytest.raises(ConfigError, match="CrossEntropyLoss fails with class weights on masks"):
        settle_class_weights(Config(dict(model=dict(mask_head=dict(num_classes=3, loss_mask=plain)))))


def test_configs_without_weights_are_left_alone() -> None:
    plain = config(dict(type="CrossEntropyLoss", avg_non_ignore=True, class_weight=None))
    before = json.dumps(plain.to_dict())
    settle_class_weights(plain)
    assert json.dumps(plain.to_dict()) == before
