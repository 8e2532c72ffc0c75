"""A toy experiment for tests of the loops: a few noisy numbers, a net with dropout, mmengine's own parts."""

from __future__ import annotations

import itertools
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from torch import nn
from torch.utils.data import Dataset

from segloop.data import sampling  # noqa: F401 (registers the sampler)
from segloop.experiments.runner import ExperimentRunner

NAMES = (f"toy{number}" for number in itertools.count())
WORKERS = [0, 1, 2]


class Numbers(Dataset):
    """Eleven numbers; each time one is asked for, all three global generators change it."""

    metainfo = {"classes": ("number",)}  # noqa: RUF012

    def __len__(self) -> int:
        return 11

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        noise = random.random() + 2 * np.random.rand() + 4 * torch.rand(())  # noqa: NPY002
        return {"inputs": torch.full((2,), index / 11) + noise}


class Net(BaseModel):
    """Two layers and dropout, and batch norm for a state besides the weights."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))

    def forward(self, inputs: Any, data_samples: Any = None, mode: str = "tensor") -> Any:
        output = self.layers(torch.stack(inputs))
        return {"loss_toy": (output - 1).square().mean()} if mode == "loss" else list(output)


class Score(BaseMetric):
    """The mean output: a score that tells one set of weights from another."""

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results += [float(output) for output in data_samples]

    def compute_metrics(self, results: list) -> dict[str, float]:
        return {"mIoU": float(np.mean(results))}


class Notes(Hook):
    """Keeps what the log says of each iteration and each validation, but for times."""

    priority = "LOW"

    def __init__(self) -> None:
        self.lines: dict[tuple[str, int], dict[str, float]] = {}

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        tag, _ = runner.log_processor.get_log_after_iter(runner, batch_idx, "train")
        self.lines["train", runner.iter + 1] = {name: v for name, v in tag.items() if "time" not in name}

    def after_val_epoch(self, runner: Any, metrics: Any = None) -> None:
        self.lines["val", runner.iter] = dict(metrics)


class Killed(BaseException):
    """Ends a training as abruptly as the process that runs it survives."""


class Call(Hook):
    """Calls something at a point of the training: `Call("after_train_iter", 5, action)`."""

    def __init__(self, point: str, iteration: int, action: Any, priority: str = "HIGHEST") -> None:
        def act(runner: Any, *args: Any, **kwargs: Any) -> None:
            if runner.iter == iteration:
                action(runner)

        self.priority = priority
        setattr(self, point, act)


def kill(runner: Any) -> None:
    """Raise `Killed`."""
    raise Killed


def toy(
    folder: Path,
    *hooks: Hook,
    workers: int = 0,
    resume: bool | str = False,
    epochs: bool = False,
    foreign: bool = False,
    checkpoint: dict | None = None,
    optim_wrapper: dict | None = None,
    default_hooks: dict | None = None,
) -> ExperimentRunner:
    """Build a runner: 9 iterations, or 3 epochs of 4; saved every 2 iterations, scored every 4."""
    loader = dict(
        batch_size=3,
        num_workers=workers,
        persistent_workers=workers > 0,
        sampler=dict(type="SegLoopSampler", endless=not epochs),
        dataset=Numbers(),
    )
    loop: dict = (
        dict(by_epoch=True, max_epochs=3) if epochs else dict(by_epoch=False, max_iters=9, val_interval=4)
    )
    if foreign:
        loader["sampler"] = dict(type="DefaultSampler" if epochs else "InfiniteSampler", shuffle=True)
    elif not epochs:
        loop = dict(type="IterTrainLoop", max_iters=9, val_interval=4)
    saving = dict(type="CheckpointHook" if foreign else "SegLoopCheckpointHook", by_epoch=False, interval=2)
    torch.manual_seed(0)  # the same weights at the beginning
    return ExperimentRunner(
        model=Net(),
        work_dir=str(folder),
        train_dataloader=loader,
        train_cfg=loop,
        val_dataloader=dict(
            batch_size=4, sampler=dict(type="DefaultSampler", shuffle=False), dataset=Numbers()
        ),
        val_cfg=dict(),
        val_evaluator=Evaluator(Score()),
        optim_wrapper=optim_wrapper
        or dict(optimizer=dict(type="AdamW", lr=0.01), clip_grad=dict(max_norm=1.0)),
        param_scheduler=[
            dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=5),
            dict(type="ExponentialLR", gamma=0.5, by_epoch=epochs),
        ],
        default_hooks=dict(checkpoint=saving | (checkpoint or {}), record=None) | (default_hooks or {}),
        custom_hooks=list(hooks),
        log_processor=dict(by_epoch=epochs, window_size=4),
        randomness=dict(seed=3),
        experiment_name=next(NAMES),
        resume=bool(resume),
        load_from=resume if isinstance(resume, str) else None,
        log_level="WARNING",
    )


def outcome(folder: Path, *hooks: Hook, **kwargs: Any) -> tuple[dict[str, torch.Tensor], dict]:
    """Train; return the final weights and what was logged."""
    notes = Notes()
    runner = toy(folder, *hooks, notes, **kwargs)
    runner.train()
    return {name: value.clone() for name, value in runner.model.state_dict().items()}, notes.lines


def disturbed(
    folder: Path, disturbance: Hook, *, hooks: Any = tuple, ended_by: Any = Killed, **kwargs: Any
) -> Any:
    """Train until the disturbance ends it, go on; return the outcome with what was logged in both parts.

    `hooks` makes the hooks that both parts run with.
    """
    notes = Notes()
    try:
        toy(folder, *hooks(), disturbance, notes, **kwargs).train()
    except ended_by:
        pass
    else:
        raise AssertionError("the training was not disturbed")
    weights, lines = outcome(folder, *hooks(), resume=True, **kwargs)
    assert min(step for _, step in lines) > 1, "it began anew"
    for key in notes.lines.keys() & lines.keys():
        assert notes.lines[key] == lines[key]
    return weights, notes.lines | lines


def assert_same(one: Any, other: Any) -> None:
    """Compare two outcomes bit by bit."""
    assert one[1] == other[1]
    assert one[0].keys() == other[0].keys()
    assert all(torch.equal(value, other[0][name]) for name, value in one[0].items())


if __name__ == "__main__":  # for tests that signal: iterations take long enough to be signalled in
    import sys

    def rest(runner: Any) -> None:
        time.sleep(0.2)

    def await_stop(runner: Any) -> None:
        """Say by a file that a signal is awaited, and go on once it came."""
        (folder / "waits").touch()
        while not any(getattr(hook, "stop_asked", False) for hook in runner.hooks):
            time.sleep(0.02)

    def stop(runner: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    folder = Path(sys.argv[1])
    if sys.argv[2:] == ["one-of-two"]:  # as torchrun starts them
        torch.distributed.init_process_group("gloo")
        hooks = [Call("before_train_iter", 4, stop)] if torch.distributed.get_rank() else []
    elif sys.argv[2:] == ["await-stop"]:
        hooks = [Call("before_train_iter", 4, await_stop)]
    else:
        hooks = [Call("after_train_iter", step, rest) for step in range(9)]
    toy(folder, *hooks, workers=1).train()
