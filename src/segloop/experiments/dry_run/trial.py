"""Runs the first steps of a training or a test with all its hooks, in a folder that is thrown away."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segloop.data.image_files import ImageFacts
from segloop.experiments.config import last_checkpoint

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner

    from segloop.experiments.dry_run.samples import Demand
    from segloop.experiments.dry_run.stopwatch import Stopwatch

DONE = "the end"
USUAL_BATCHES = 2  # of a validation or test, besides the demanding ones
Facts = Mapping[Path, ImageFacts]


class Untried(Exception):
    """What keeps a trial from being made at all; its text says why."""


@dataclass
class Loading:
    """A loader of the run: the demand of its samples, its batches, and how it works."""

    demand: Demand
    batch_size: int
    batches: int  # of a pass over the data
    workers: int
    dataset: Any
    tried: int = 0  # samples that the trial loads


@dataclass
class Trial:
    """A runner that was built in `work_dir`, a folder to throw away, and what was measured on it."""

    runner: Runner
    watch: Stopwatch
    work_dir: Path
    loaders: dict[str, Loading] = field(default_factory=dict)
    start_iter: int = 0
    max_iters: int = 0
    checkpoint_bytes: int = 0
    best_bytes: int = 0
    save_s: float = 0.0


def build_training(config: Config, work_dir: Path, *, facts: Mapping[str, Facts], watch: Stopwatch) -> Trial:
    """Build a training, with loaders that begin with the samples that ask most of the machine."""
    from segloop.experiments.dry_run import samples, stopwatch
    from segloop.experiments.dry_run.loops import trial_loop
    from segloop.experiments.launch import build_runner

    watch.at("building")
    runner = build_runner(config)
    trial = Trial(runner, watch, work_dir)
    loader, loading = _loader(runner, "train", facts.get("train", {}))
    trial.loaders["train"] = loading
    chosen = loading.demand.batches(loading.batch_size)
    watch.chosen = len(chosen)
    loader = samples.with_batches(loader, [*chosen, *samples.as_they_come(loader, stopwatch.MOST + 2)])
    settings = runner._train_loop
    trial.max_iters = int(settings.get("max_iters") or settings.get("max_epochs", 1) * loading.batches)
    runner._train_loop = trial_loop(runner, settings, loader, watch=watch)
    if runner._val_loop is not None:
        _choose(trial, "val", facts.get("val", {}))
    runner.register_hook(watch, priority="VERY_HIGH")
    return trial


def run_training(trial: Trial) -> None:
    """Train a few steps, validate on a few batches, save a checkpoint."""
    from mmengine.runner import Runner

    Runner.train(trial.runner)  # ours would catch signals, to save a checkpoint at Ctrl-C
    trial.start_iter = trial.runner.iter - len(trial.watch.steps)
    _weigh(trial)
    trial.watch.at(DONE)


def build_test(config: Config, work_dir: Path, *, facts: Facts, watch: Stopwatch) -> Trial:
    """Build a test whose loader begins with the largest images."""
    from segloop.experiments.launch import build_runner

    watch.at("building")
    runner = build_runner(config)
    trial = Trial(runner, watch, work_dir)
    _choose(trial, "test", facts)
    runner.register_hook(watch, priority="VERY_HIGH")
    return trial


def _choose(trial: Trial, split: str, facts: Facts) -> None:
    """Let an evaluation of the runner see a few batches only, the demanding ones first."""
    from segloop.experiments.dry_run import samples

    loader, loading = _loader(trial.runner, split, facts)
    trial.loaders[split] = loading
    chosen = loading.demand.batches(loading.batch_size)
    batches = [*({*batch} for batch in chosen), *samples.as_they_come(loader, USUAL_BATCHES)]
    loading.tried = sum(map(len, batches))
    chosen_loader = samples.with_batches(loader, [sorted(batch) for batch in batches])
    setattr(trial.runner, f"_{split}_dataloader", chosen_loader)


def _loader(runner: Runner, split: str, facts: Facts) -> tuple[Any, Loading]:
    """Build a loader of the runner as the run would; find what its samples ask for."""
    from segloop.experiments.dry_run import samples

    settings = getattr(runner, f"_{split}_dataloader")
    loader = runner.build_dataloader(settings, seed=runner.seed)
    if not samples.has_places(loader):
        raise Untried(f"{split}_dataloader reads a stream, of which no batch can be chosen")
    if not len(loader.dataset):
        raise Untried(f"{split}: no image is left after loading")
    if not len(loader):
        raise Untried(
            f"{split}: there is no whole batch: {len(loader.dataset)} images, "
            f"{split}_dataloader.batch_size is {settings['batch_size']}, and drop_last is set"
        )
    loading = Loading(
        demand=samples.demand(loader.dataset, facts),
        batch_size=settings.get("batch_size") or 1,
        batches=len(loader),
        workers=loader.num_workers,
        dataset=loader.dataset,
    )
    return loader, loading


def _weigh(trial: Trial) -> None:
    """Save a checkpoint as the run would, if the trial has not come to it; note sizes and time."""
    from segloop.experiments.dry_run.stopwatch import SAVING
    from segloop.experiments.hooks.checkpoint import SegLoopCheckpointHook

    hook = next((hook for hook in trial.runner.hooks if isinstance(hook, SegLoopCheckpointHook)), None)
    if hook is None:
        return
    trial.watch.at(SAVING)
    start = time.perf_counter()
    hook._save_checkpoint(trial.runner)
    trial.save_s = time.perf_counter() - start
    saved = last_checkpoint(trial.work_dir)
    trial.checkpoint_bytes = saved.stat().st_size if saved else 0
    trial.best_bytes = max((file.stat().st_size for file in trial.work_dir.glob("best_*.pth")), default=0)
