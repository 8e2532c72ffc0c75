"""mmengine's training loops, able to begin in the middle: the same batches, draws and validations follow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.registry import LOOPS
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from torch import nn

from segloop.data.sampling import PlacedBatches, placed
from segloop.data.seeds import ITERATION, VALIDATION, seed_devices, seed_generators, seed_of
from segloop.utils.errors import ConfigError

# The hub's note of the last validation, which every checkpoint keeps. mmengine logs what begins with `val` as
# a score.
VALIDATED = "iter_of_last_val"
NOTHING = (
    "There is nothing to train on: train_dataloader gives no batch. Its data set has no image left, or, with "
    "drop_last, fewer than batch_size."
)
NO_END = (
    "train_dataloader.sampler is an InfiniteSampler, and train_cfg counts epochs, of which the first would "
    "never end. Take sampler=dict(type='SegLoopSampler'), or count iterations (type='IterBasedTrainLoop')."
)


def _require_lengths(*, last: Any, val_interval: Any) -> None:
    """Refuse a loop that would do nothing, or divide by nothing."""
    for name, number in (("The number of iterations or epochs", last), ("val_interval", val_interval)):
        if not isinstance(number, int) or number < 1:
            raise ConfigError(f"{name} must be a whole number of 1 or more, not {number!r}")


class _ExactLoop:
    """What both loops share: seeds by iteration, and a validation that was missed is made up for."""

    runner: Any
    dataloader: Any
    _iter: int

    def run_iter(self, *args: Any) -> None:
        """Run an iteration; what the model draws in it is a function of seed, iteration and process."""
        self._seed(ITERATION)
        super().run_iter(*args)  # type: ignore[misc]

    def _begin(self, *, skip: int) -> None:
        batches = self.dataloader.batch_sampler
        if isinstance(batches, PlacedBatches):
            batches.begin(seed=self.runner.seed, iteration=self._iter, skip=skip)

    def _seed(self, purpose: int) -> None:
        seed = seed_of(self.runner.seed, purpose, self._iter, self.runner.rank)
        seed_generators(seed)
        seed_devices(seed)

    def _validate(self) -> None:
        self._seed(VALIDATION)
        self.runner.val_loop.run()

    def _before_train(self) -> None:
        self.runner.call_hook("before_train")
        if self._iter:  # mmengine notes an iteration as it begins, and this one has ended
            self.runner.message_hub.update_info("iter", self._iter - 1)

    def _missed(self) -> bool:
        """Return whether the run was killed between a checkpoint and the end of the validation after it."""
        return self._iter > 0 and self.runner.message_hub.runtime_info.get(VALIDATED) != self._iter


@LOOPS.register_module()
class IterTrainLoop(_ExactLoop, IterBasedTrainLoop):
    """Train by iterations; takes what mmengine's `IterBasedTrainLoop` takes.

    Its `fast_forward_on_resume` changes nothing here: nothing is replayed, and nothing is lost by it.
    """

    def __init__(self, runner: Any, dataloader: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(runner, dataloader, *args, **kwargs)
        _require_lengths(last=self._max_iters, val_interval=self.val_interval)
        self.dataloader = placed(self.dataloader, seed=runner.seed, endless=True)

    def run(self) -> nn.Module:
        """Train from the iteration that was reached to the last."""
        self._before_train()
        self.runner.call_hook("before_train_epoch")  # the whole training counts as one epoch
        self._decide_current_val_interval()
        if self._due() and self._missed():
            self._validate()
        self._begin(skip=self._iter)
        batches = self._batches()
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            self.run_iter(next(batches))
            self._decide_current_val_interval()
            if self._due():
                self._validate()
        self.runner.call_hook("after_train_epoch")
        self.runner.call_hook("after_train")
        return self.runner.model

    def _batches(self) -> Iterator[Any]:
        while True:  # one turn, unless the loader is of a stream
            some = False
            for batch in self.dataloader:
                some = True
                yield batch
            if not some:  # or the wait for one would never end
                raise ConfigError(NOTHING)

    def _due(self) -> bool:
        if self.runner.val_loop is None or self._iter < self.val_begin:
            return False
        return self._iter % self.val_interval == 0 or self._iter == self._max_iters


@LOOPS.register_module()
class EpochTrainLoop(_ExactLoop, EpochBasedTrainLoop):
    """Train by epochs, from the middle of one if need be; takes what `EpochBasedTrainLoop` takes."""

    def __init__(self, runner: Any, dataloader: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(runner, dataloader, *args, **kwargs)
        _require_lengths(last=self._max_epochs, val_interval=self.val_interval)
        if isinstance(getattr(self.dataloader.batch_sampler, "sampler", None), InfiniteSampler):
            raise ConfigError(NO_END)
        self.dataloader = placed(self.dataloader, seed=runner.seed, endless=False)
        if not len(self.dataloader):
            raise ConfigError(NOTHING)

    def run(self) -> nn.Module:
        """Train from the iteration that was reached to the end of the last epoch."""
        self._before_train()
        self._decide_current_val_interval()
        if self._done_of_epoch() == 0 and self._due() and self._missed():
            self.runner.message_hub.update_info("epoch", self._epoch - 1)
            self._validate()
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            self._decide_current_val_interval()
            if self._due():
                self._validate()
        self.runner.call_hook("after_train")
        return self.runner.model

    def run_epoch(self) -> None:
        """Train for what is left of the epoch."""
        done = self._done_of_epoch()
        self._begin(skip=done)
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        for idx, data_batch in enumerate(self.dataloader, start=done):
            self.run_iter(idx, data_batch)
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1

    def _done_of_epoch(self) -> int:
        done = self._iter - self._epoch * len(self.dataloader)
        return done if 0 <= done <= len(self.dataloader) else 0  # the data set is not what it was

    def _due(self) -> bool:
        if self.runner.val_loop is None or self._epoch < self.val_begin:
            return False
        return self._epoch % self.val_interval == 0 or self._epoch == self._max_epochs


EXACT = {"IterBasedTrainLoop": IterTrainLoop, "EpochBasedTrainLoop": EpochTrainLoop}


def exact_loop(loop: Any) -> Any:
    """Return a training loop's config with mmengine's own kinds replaced by ours; other kinds stay."""
    if not isinstance(loop, dict):
        return loop
    loop = dict(loop)
    if "by_epoch" in loop and "type" not in loop:
        loop["type"] = "EpochBasedTrainLoop" if loop.pop("by_epoch") else "IterBasedTrainLoop"
    kind = loop.get("type")
    name = kind.__name__ if isinstance(kind, type) else str(kind).rpartition(".")[2]
    if name in EXACT:
        loop["type"] = EXACT[name]
    return loop
