"""Automatic mixed precision on any device: bfloat16 on a CPU, what the card does best on a GPU."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Run forward passes under autocast in bfloat16, which needs no loss scaling.

    mmengine's `AmpOptimWrapper` refuses a CPU. On a GPU without bfloat16 use that one (float16 with scaling).
    """

    def __init__(self, enabled: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.enabled = enabled

    @contextlib.contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast inside mmengine's own context (gradient accumulation)."""
        device = torch.device(get_device()).type
        with (
            super().optim_context(model),
            torch.autocast(device, dtype=torch.bfloat16, enabled=self.enabled),
        ):
            yield
