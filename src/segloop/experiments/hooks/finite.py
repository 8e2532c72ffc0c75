"""A run that went to nan or infinity stops at once, and what it saves is always finite."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from segloop.utils.checkpoint_files import noted_checkpoint
from segloop.utils.errors import UserError


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stop the training when its loss is nan or infinite; name the iteration and the last good checkpoint."""

    priority = "NORMAL"  # before the checkpoint hook

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Look at the loss."""
        loss = outputs.get("loss") if isinstance(outputs, dict) else None
        if loss is None or math.isfinite(value := _number(loss)):
            return
        parts = [f"{name} {_number(part):.4g}" for name, part in outputs.items() if _is_part(name, part)]
        told = f" ({', '.join(parts)})" if parts else ""
        _stop(runner, f"The loss became {value} in iteration {runner.iter + 1}{told}.")


def require_finite_weights(runner: Any, *, reached: int) -> None:
    """Refuse to save weights that are not finite: the loss tells of them one iteration too late."""
    for name, value in runner.model.named_parameters():
        if not bool(torch.isfinite(value.detach()).all()):
            _stop(runner, f"The weights of {name} became nan or infinite in iteration {reached}.")


def _stop(runner: Any, what: str) -> NoReturn:
    good = noted_checkpoint(runner.work_dir)
    saved = f"The last good checkpoint is {good}." if good else "No checkpoint was saved before."
    start = f" load_from={good}" if good else ""
    raise UserError(
        f"{what} {saved}\nA resumed run would arrive here again; start another one that learns more slowly:\n"
        f"  --cfg-options optim_wrapper.optimizer.lr=…{start}"
    )


def _number(value: Any) -> float:
    return float(value.detach() if isinstance(value, torch.Tensor) else value)


def _is_part(name: str, value: Any) -> bool:
    return name != "loss" and "loss" in name and getattr(value, "numel", lambda: 1)() == 1
