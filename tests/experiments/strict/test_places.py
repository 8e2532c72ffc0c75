"""What stands under a top-level key is checked with what mmengine's runner adds to it and takes out of it."""

from __future__ import annotations

from typing import Any

import pytest

from segloop.experiments.strict.places import READ, visit
from segloop.experiments.strict.walk import Walk


@pytest.mark.parametrize(
    ("key", "value", "wrong"),
    [
        ("train_cfg", dict(by_epoch=True, max_epochs=3), []),
        ("train_cfg", dict(by_epoch=True, max_epoch=3), ["train_cfg.max_epoch", "train_cfg"]),
        ("val_cfg", dict(), []),
        ("val_cfg", dict(fp61=True), ["val_cfg.fp61"]),
        ("param_scheduler", dict(type="MultiStepLR", milestones=[1], convert_to_iter_based=True), []),
        ("param_scheduler", dict(lr=[dict(type="MultiStepLR", milestnes=[1])]), None),
        ("optim_wrapper", dict(optimizer=dict(type="SGD", lr=0.1)), []),
        ("optim_wrapper", dict(a=dict(optimizer=dict(type="SGD", lrr=1))), None),
        ("optim_wrapper", dict(type="OptimWrapper"), ["optim_wrapper"]),
        ("custom_hooks", [dict(type="EMAHook", priority=49)], []),
        ("default_hooks", dict(timer=None, checkpoint_2=dict(type="CheckpointHook")), []),
        ("default_hooks", dict(finite_los=dict(type="FiniteLossHook")), ["default_hooks.finite_los"]),
        ("log_level", "INFOO", ["log_level"]),
        ("log_level", 20, []),
        ("train_dataloader", dict(sampler=dict(type="DefaultSampler")), ["train_dataloader"]),
        ("val_evaluator", dict(metrics=[dict(type="DumpResults", out_file_path="a.pkl")]), []),
        ("model_wrapper_cfg", dict(type="MMDistributedDataParallel", find_unused_parameters=True), []),
    ],
)
def test_checks_each_place(key: str, value: Any, wrong: list[str] | None) -> None:
    assert key in READ
    walk = Walk({key: value})
    visit(walk)
    found = [".".join(map(str, fault.keys)) for fault in walk.faults]
    if wrong is None:
        assert found
    else:
        assert found == wrong


@pytest.mark.parametrize(
    ("loop", "scheduler", "doubtful"),
    [
        (dict(by_epoch=False, max_iters=3), dict(type="LinearLR"), True),
        (dict(type="IterTrainLoop", max_iters=3), dict(type="PolyLR", by_epoch=True), True),
        (dict(type="IterTrainLoop", max_iters=3), dict(type="LinearLR", convert_to_iter_based=True), False),
        (dict(type="IterTrainLoop", max_iters=3), dict(type="LinearLR", by_epoch=False), False),
        (dict(type="IterTrainLoop", max_iters=3), dict(type="ReduceOnPlateauLR"), False),
        (dict(type="EpochBasedTrainLoop", max_epochs=3), dict(type="LinearLR"), False),
        (None, dict(type="LinearLR"), False),
    ],
)
def test_doubts_a_schedule_by_epochs_of_a_training_by_iterations(
    loop: Any, scheduler: dict, doubtful: bool
) -> None:
    walk = Walk(dict(train_cfg=loop, param_scheduler=[scheduler]))
    visit(walk)
    assert [fault.keys for fault in walk.doubts] == [("param_scheduler", 0)] * doubtful
