"""Automatic mixed precision on any device: bfloat16 wherever the hardware computes in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Literal

import torch
from mmengine.device import get_device
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Run forward passes under autocast in bfloat16, which needs no loss scaling.

    mmengine's `AmpOptimWrapper` refuses a CPU. `enabled='auto'` turns it on where the hardware computes in
    bfloat16; elsewhere it would be emulated and slow.
    """

    def __init__(self, enabled: bool | Literal["auto"] = "auto", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.enabled = fast_bfloat16() if enabled == "auto" else enabled

    @contextlib.contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast inside mmengine's own context (gradient accumulation)."""
        with (
            super().optim_context(model),
            torch.autocast(torch.device(get_device()).type, dtype=torch.bfloat16, enabled=self.enabled),
        ):
            yield


@contextlib.contextmanager
def validating_in_bfloat16() -> Iterator[None]:
    """Within the block, let autocast on a GPU take bfloat16 where nobody names a type.

    mmengine's validation and test name none, and torch's own default is float16 there: not what was trained
    in, and too narrow for what bfloat16 holds.
    """
    before = torch.get_autocast_dtype("cuda")
    torch.set_autocast_dtype("cuda", torch.bfloat16)
    try:
        yield
    finally:
        torch.set_autocast_dtype("cuda", before)


def fast_bfloat16(device: str | None = None) -> bool:
    """Return whether a device, by default the one in use, computes in bfloat16 itself."""
    kind = torch.device(device or get_device()).type
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if kind != "cpu":
        return False
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # private names, so ask carefully
    return any(getattr(torch.cpu, name, bool)() for name in probes)
