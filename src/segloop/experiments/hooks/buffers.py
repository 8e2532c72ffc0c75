"""One model in all processes: what batch norm counted is the main process's wherever the model is scored."""

from __future__ import annotations

from typing import Any

from mmengine.dist import broadcast
from mmengine.hooks import EMAHook, Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class SameBuffersHook(Hook):
    """Copy the main process's buffers to the others before a validation.

    Each process keeps running means of its own share of the images, but the checkpoint holds those of the
    main process; without this the score would be of several models, none of them the one that is saved. An
    `EMAHook` that averages buffers puts its own in their place for the validation.
    """

    def before_val(self, runner: Any) -> None:
        """Copy the buffers."""
        averages = [hook.ema_model for hook in runner.hooks if isinstance(hook, EMAHook)]
        for model in (runner.model, *averages):
            for buffer in model.buffers():
                broadcast(buffer)
