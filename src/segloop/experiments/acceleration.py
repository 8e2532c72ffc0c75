"""Brings a model into the form in which this machine computes it fastest; results stay the same."""

from __future__ import annotations

from typing import Literal

import torch
from mmengine.device import get_device
from torch import nn

from segloop.experiments.models.depthwise import use_dilated_depthwise
from segloop.utils.errors import ConfigError

MemoryFormat = Literal["channels_last", "contiguous"]
FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}


def accelerate(model: nn.Module, *, memory_format: MemoryFormat = "contiguous") -> nn.Module:
    """Lay out the weights as `memory_format` says, and on a CPU replace slow layers; return the model.

    Activations follow the weights' layout through convolutions, so inputs need no conversion.
    """
    if memory_format not in FORMATS:
        raise ConfigError(
            f"env_cfg.memory_format is {memory_format!r}; choose one of {', '.join(map(repr, FORMATS))}."
        )
    if get_device() == "cpu":
        use_dilated_depthwise(model)
    return model.to(memory_format=FORMATS[memory_format])  # type: ignore[call-overload]
