"""Brings a model into the form in which this machine computes it fastest; results stay the same."""

from __future__ import annotations

from typing import Any, Literal

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
    return lay_out(model, FORMATS[memory_format])


def lay_out(model: nn.Module, layout: torch.memory_format) -> nn.Module:
    """Lay out weights of four dimensions; torch's own `to` asks for the same layout of five, and fails."""
    for value in (*model.parameters(), *model.buffers()):
        if value.dim() == 4:
            value.data = value.data.contiguous(memory_format=layout)
    return model


def compile_networks(model: nn.Module, **options: Any) -> None:
    """Compile what maps features to features, by `torch.compile(**options)`; parameters keep their names.

    mmengine would compile the whole training step, and torch cannot trace an optimizer wrapper and samples.
    """
    parts = [getattr(model, name, None) for name in ("backbone", "neck")]
    head = getattr(
        model, "decode_head", None
    )  # models call its methods, which `Module.compile` does not reach
    if isinstance(head, nn.Module):
        parts += [part for name, part in head.named_children() if not name.startswith("loss")]
    for part in parts:
        if isinstance(part, nn.Module):
            part.compile(**options)
