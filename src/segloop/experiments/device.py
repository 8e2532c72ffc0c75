"""The device that a run uses, chosen before torch looks for cards."""

from __future__ import annotations

import os
from functools import cache

from segloop.utils.errors import ConfigError


def choose_device(device: str | None) -> None:
    """Make mmengine use `cpu`, `cuda`, `cuda:N` or `mps`; by default a card of NVIDIA's, else the CPU.

    mmengine would take Apple's GPU by itself, on which nobody has tried us, and which has no float64.
    """
    if device is None:
        import mmengine.device.utils

        if mmengine.device.utils.DEVICE == "mps":
            mmengine.device.utils.DEVICE = "cpu"
        return
    kind, _, index = device.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and not index.isdigit()):
        raise ConfigError(f"--device {device!r} is not known; choose cpu, cuda, cuda:N or mps.")
    visible = _visible()
    if kind == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before torch looks for cards
    elif index:
        os.environ["CUDA_VISIBLE_DEVICES"] = index if visible is None else _nth(visible, int(index))
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[kind]:
        able = ", ".join(name for name, found in there.items() if found)
        raise ConfigError(f"--device {device}: this machine (or this build of torch) offers only: {able}.")
    import mmengine.device.utils

    mmengine.device.utils.DEVICE = kind


@cache
def _visible() -> str | None:
    """Return which cards this process was given when it was started; what is chosen later is one of them."""
    return os.environ.get("CUDA_VISIBLE_DEVICES")


def _nth(visible: str, index: int) -> str:
    cards = [card.strip() for card in visible.split(",") if card.strip()]
    if index >= len(cards):
        raise ConfigError(
            f"--device cuda:{index}: cards are counted from 0, among those that CUDA_VISIBLE_DEVICES names: "
            f"{visible or 'none'}."
        )
    return cards[index]
