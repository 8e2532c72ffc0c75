"""Training loops that end with a validation as soon as enough steps were timed."""

from __future__ import annotations

from typing import Any

from mmengine.registry import LOOPS
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from torch.utils.data import DataLoader

from segloop.experiments.dry_run.stopwatch import Stopwatch
from segloop.experiments.dry_run.trial import Untried
from segloop.experiments.loops import EpochTrainLoop, IterTrainLoop, exact_loop


class _Trial:
    """What both loops share: they begin with the first batch, also where a run goes on in the middle."""

    runner: Any
    watch: Stopwatch
    stop_training: bool

    def _begin(self, *, skip: int) -> None:
        super()._begin(skip=0)  # type: ignore[misc]

    def _missed(self) -> bool:
        return False

    def _due(self) -> bool:
        return self.runner.val_loop is not None


class TrialIterLoop(_Trial, IterTrainLoop):
    """A few iterations, and the validation."""

    def run_iter(self, *args: Any) -> None:
        """Run an iteration, perhaps the last one."""
        super().run_iter(*args)
        self.stop_training = self.watch.enough

    def _due(self) -> bool:
        return super()._due() and (self.watch.enough or self._iter >= self._max_iters)


class TrialEpochLoop(_Trial, EpochTrainLoop):
    """A short epoch, and the validation."""

    def run_epoch(self) -> None:
        """Run an epoch that ends early."""
        self._begin(skip=0)
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        for idx, data_batch in enumerate(self.dataloader):
            self.run_iter(idx, data_batch)
            if self.watch.enough:
                break
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1
        self.stop_training = True


def trial_loop(runner: Any, config: dict, loader: DataLoader, *, watch: Stopwatch) -> Any:
    """Return the loop that tries what a `train_cfg` asks for."""
    settings = exact_loop(dict(config))
    kind = settings.pop("type")
    kind = kind if isinstance(kind, type) else LOOPS.get(kind)
    known = ("max_iters", "max_epochs", "val_begin", "val_interval", "dynamic_intervals")
    settings = {name: settings[name] for name in known if name in settings}
    loop: TrialIterLoop | TrialEpochLoop
    if issubclass(kind, EpochBasedTrainLoop):
        loop = TrialEpochLoop(runner, loader, **settings)
    elif issubclass(kind, IterBasedTrainLoop):
        loop = TrialIterLoop(runner, loader, **settings)
    else:
        raise Untried(f"only loops by iterations and by epochs can be tried, and this is a {kind.__name__}")
    loop.watch = watch
    return loop
