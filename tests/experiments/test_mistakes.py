"""What a config asks for in vain is told in words before training; a bug keeps its traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from mmengine.registry import HOOKS

from segloop.experiments.launch import Options, evaluate, train
from segloop.experiments.mistakes import config_mistakes, require_names, require_parts, require_scores
from segloop.utils.errors import ConfigError, UserError


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train_dataloader.batch_size=0", "IterTrainLoop cannot be built: batch_size should be a positive"),
        ("train_cfg.max_iters=0", "must be a whole number of 1 or more, not 0"),
        ("train_cfg.val_interval=0", "val_interval must be a whole number of 1 or more"),
        ("optim_wrapper.optimizer.betas=0.9", "AdamW cannot be built: 'float' object is not subscriptable"),
        ("optim_wrapper.optimizer.lr=-1", "AdamW cannot be built: Invalid learning rate"),
        ("model.backbone.channels=[4]", "DropoutUNet cannot be built: 1 levels need 1 dropout"),
        ("default_hooks.checkpoint.save_best=mDice_bg", "no such score. Did you mean 'mDice_fg'"),
        ("randomness.seed=-1", "seed is -1"),
        ("auto_scale_lr.enable=True", "takes auto_scale_lr=dict"),
        ("model=None", "no model"),
        ("val_cfg=None", "no val_cfg"),
    ],
)
def test_a_value_that_nothing_can_be_built_with(override: str, message: str, tiny_config: Path) -> None:
    with pytest.raises(UserError, match=message):
        train(Options(config=str(tiny_config), overrides=[override]))


def test_a_test_needs_its_parts_too(tiny_trained: tuple[Path, Path]) -> None:
    with pytest.raises(ConfigError, match="no test_evaluator, which it needs to test"):
        evaluate(Options(config=str(tiny_trained[0]), overrides=["test_evaluator=None"]))


@HOOKS.register_module(force=True)
class BrokenHook:
    """Has a bug of its own, deeper than its constructor."""

    def __init__(self, how: str = "deep") -> None:
        if how == "deep":
            self.fail()
        raise ZeroDivisionError

    def fail(self) -> None:
        raise ValueError("a bug")


@pytest.mark.parametrize(
    ("dataset", "error"),
    [
        (
            "type='ClassBalancedDataset', oversample_thr=0.1, dataset={{_base_.train_dataloader.dataset}}",
            r"ClassBalancedDataset cannot be built: .*get_cat_ids",  # its data set has none
        ),
        (
            "type='CityscapesDataset', metainfo=dict(classes=['raod'])",
            r"CityscapesDataset cannot be built: .*'raod'.* not a subset",
        ),
    ],
)
def test_what_openmmlab_refuses_of_a_data_set(tiny_config: Path, dataset: str, error: str) -> None:
    child = tiny_config.with_name("child.py")
    child.write_text(
        f"_base_ = [{str(tiny_config)!r}]\ntrain_dataloader = dict(dataset=dict(_delete_=True, {dataset}))\n"
    )
    with pytest.raises(ConfigError, match=error):
        train(Options(config=str(child)))


@pytest.mark.parametrize(("how", "error"), [("deep", ValueError), ("other", ZeroDivisionError)])
def test_a_bug_stays_a_bug(how: str, error: type[Exception]) -> None:
    with pytest.raises(error), config_mistakes():
        HOOKS.build(dict(type="BrokenHook", how=how))
    with pytest.raises(ValueError, match="outside"), config_mistakes():
        raise ValueError("outside of any constructor")


def test_monitored_scores_are_known_beforehand() -> None:
    def config(**hooks: Any) -> Config:
        metric = dict(type="SegLoopSemanticMetric", prefix=hooks.pop("prefix", None))
        return Config(dict(val_evaluator=metric, default_hooks=hooks))

    for best in ("auto", "mDice_fg", ["mIoU", "IoU.fish"], "val_loss", None):
        require_scores(config(checkpoint=dict(save_best=best)))
    require_scores(config(checkpoint=None, early_stop=dict(patience=None, monitor="nope")))
    require_scores(config(prefix="a", checkpoint=dict(save_best="a/mIoU")))
    with pytest.raises(ConfigError, match=r"early_stop.monitor='nope'"):
        require_scores(config(early_stop=dict(patience=3, monitor="nope")))
    with pytest.raises(ConfigError, match=r"save_best='mIuo'.*Did you mean 'mIoU'"):
        require_scores(config(checkpoint=dict(save_best=["mDice", "mIuo"])))
    require_scores(
        Config(
            dict(val_evaluator=dict(type="CocoMetric"), default_hooks=dict(checkpoint=dict(save_best="x")))
        )
    )


def test_the_greatest_loss_is_not_the_best() -> None:
    def config(**hooks: Any) -> Config:
        return Config(dict(val_evaluator=dict(type="IoUMetric"), default_hooks=hooks))

    for best, rule in (("val_loss", "greater"), (["mIoU", "val_loss"], "greater"), ("val_loss", ["greater"])):
        with pytest.raises(
            ConfigError, match=r"'val_loss' with rule='greater'.* default_hooks.checkpoint.rule"
        ):
            require_scores(config(checkpoint=dict(save_best=best, rule=rule)))
    for best, rule in (("val_loss", "less"), ("val_loss", None), (["mIoU", "val_loss"], ["greater", "less"])):
        require_scores(config(checkpoint=dict(save_best=best, rule=rule)))
    stopping = dict(monitor="val_loss", rule="greater", patience=None)
    require_scores(config(early_stop=stopping))
    with pytest.raises(ConfigError, match=r"early_stop.monitor='val_loss'"):
        require_scores(config(early_stop=stopping | dict(patience=5)))


def test_monitored_scores_of_objects_are_those_of_the_families() -> None:
    def config(best: str, **metric: Any) -> Config:
        evaluator = dict(type="SegLoopInstanceMetric", **metric)
        return Config(dict(val_evaluator=evaluator, default_hooks=dict(checkpoint=dict(save_best=best))))

    require_scores(config("cells/mAP", scores=["cells", "coco"]))
    require_scores(config("coco/segm_AR@300", max_dets=[100, 300]))
    require_scores(config("coco/segm_mAP.cell"))
    with pytest.raises(ConfigError, match=r"save_best='coco/mAP': .*\nThere are: coco/segm_mAP, .*match/IoU"):
        require_scores(config("coco/mAP"))
    with pytest.raises(ConfigError, match="gives no such score"):
        require_scores(config("cells/mAP", scores=["spacecraft"]))


def test_two_metrics_that_give_scores_of_the_same_names() -> None:
    ours, theirs = dict(type="SegLoopSemanticMetric"), dict(type="mmseg.IoUMetric")
    for metrics in ([ours, theirs], dict(metrics=[theirs, ours])):
        with pytest.raises(ConfigError, match=r"val_evaluator: .* give scores of the same names"):
            require_names(Config(dict(val_evaluator=metrics)), "val_evaluator")
    for metrics in ([ours, theirs | dict(prefix="a")], ours, [ours, dict(type="CityscapesMetric")], None):
        require_names(Config(dict(val_evaluator=metrics)), "val_evaluator")


@pytest.mark.parametrize(("split", "loop"), [("train", "IterTrainLoop"), ("val", "ValLoop")])
def test_several_loaders_for_a_loop_of_one(split: str, loop: str, tiny_config: Path) -> None:
    child = tiny_config.with_name("child.py")
    loader = f"{{{{_base_.{split}_dataloader}}}}"
    child.write_text(f"_base_ = [{str(tiny_config)!r}]\n{split}_dataloader = [{loader}, {loader}]\n")
    with pytest.raises(ConfigError, match=f"{split}_dataloader is a list, and a {loop} goes through one"):
        train(Options(config=str(child)))


def test_a_loader_without_a_batch_size() -> None:
    parts = dict(model=dict(a=1), train_cfg=dict(a=1), optim_wrapper=dict(a=1))
    with pytest.raises(ConfigError, match=r"train_dataloader.batch_size is None"):
        require_parts(parts | dict(train_dataloader=dict(batch_size=None)), "train")
