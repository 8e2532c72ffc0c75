"""Checkpoints of tensors and plain types only, so that torch's guard reads them without exceptions."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer, print_log
from mmengine.registry import HOOKS
from torch import Tensor

PLAIN = (type(None), bool, int, float, complex, str, bytes, Tensor, torch.Size, torch.device, torch.dtype)

# What subclasses of plain types, such as the members of an enumeration, are saved as.
BARE: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (int, int),
    (float, float),
    (str, str.__str__),
    (PurePath, str),
)


@HOOKS.register_module()
class PlainCheckpointHook(Hook):
    """Turn what is about to be saved into tensors, numbers, texts and containers of them.

    mmengine puts `HistoryBuffer` objects and numpy numbers beside the weights, and its own guard against
    hostile files therefore lets `getattr` pass. `segloop.experiments.loading` makes histories of them again.
    """

    priority = "LOWEST"  # after the hooks that put something in

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Change the checkpoint in place; what has no plain form is left out, and said."""
        for name in list(checkpoint):
            if name not in (
                "state_dict",
                "ema_state_dict",
            ):  # tensors by name, with torch's notes on versions
                checkpoint[name] = plain(checkpoint[name], place=name)


def plain(value: Any, *, place: str = "") -> Any:
    """Return a value with numpy arrays as tensors, numpy numbers as Python's, histories as dicts.

    >>> plain({"best": np.float64(0.5), "shape": (np.int64(2), [])})
    {'best': 0.5, 'shape': (2, [])}
    """
    if type(value) in PLAIN or isinstance(value, Tensor):
        return value
    if isinstance(value, np.generic):
        return plain(value.item(), place=place)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        return torch.from_numpy(np.ascontiguousarray(value).reshape(value.shape).copy())
    if isinstance(value, HistoryBuffer):
        logs, counts = value.data
        history = {"log_history": logs, "count_history": counts, "max_length": value.max_length}
        return plain(history, place=place)
    if isinstance(value, dict):
        kind = OrderedDict if isinstance(value, OrderedDict) else dict
        return kind((plain(key), plain(item, place=f"{place}.{key}")) for key, item in value.items())
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        items = [plain(item, place=f"{place}.{number}") for number, item in enumerate(value)]
        return tuple(items) if isinstance(value, tuple) else set(items) if isinstance(value, set) else items
    for bare, make in BARE:
        if isinstance(value, bare):
            return make(value)
    print_log(
        f"{place} is a {type(value).__name__}, which a checkpoint has no plain form for; it was not saved.",
        logger="current",
        level=30,
    )
    return None
