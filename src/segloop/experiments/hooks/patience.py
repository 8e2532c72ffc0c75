"""Early stopping that is off until a config or the command line gives it patience."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import EarlyStoppingHook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class PatienceHook(EarlyStoppingHook):
    """Stop when `monitor` has not improved for `patience` validations; `patience=None` never stops.

    Turn it on with `--cfg-options default_hooks.early_stop.patience=5`.
    """

    def __init__(self, monitor: str, patience: int | None = None, **kwargs: Any) -> None:
        super().__init__(monitor=monitor, patience=patience or 1, **kwargs)
        self.enabled = patience is not None

    def before_run(self, runner: Any) -> None:
        """Look at nothing: mmengine's hook builds the training loop here, and its data, for a test too."""

    def before_train(self, runner: Any) -> None:
        """Stop a resumed run that had run out of patience already."""
        if self.enabled and self.wait_count >= self.patience:
            runner.train_loop.stop_training = True

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Keep the count in the checkpoint."""
        checkpoint["patience"] = {"wait_count": self.wait_count, "best_score": float(self.best_score)}

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Take the count back, if the run goes on."""
        if runner._resume:
            for name, value in checkpoint.get("patience", {}).items():
                setattr(self, name, value)

    def after_val_epoch(self, runner: Any, metrics: dict[str, float]) -> None:
        """Count validations without improvement, if patience was given."""
        if self.enabled:
            super().after_val_epoch(runner, metrics)
