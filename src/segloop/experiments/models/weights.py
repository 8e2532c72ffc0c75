"""Starts a ResNet from the user's own ImageNet weights, or from scratch, and says what matched."""

from __future__ import annotations

from pathlib import Path

import torch
from mmengine.logging import print_log
from mmengine.model import constant_init, kaiming_init
from mmengine.registry import WEIGHT_INITIALIZERS
from torch import nn

from segloop.experiments.checkpoints import read_weights
from segloop.utils.errors import ConfigError, listing

LAST_NORMS = ("bn2", "bn3", "gn2", "gn3")


@WEIGHT_INITIALIZERS.register_module()
class ResNetWeights:
    """Initialise a ResNet backbone, from a file in torchvision's layout if one is given.

    The switch is `model.backbone.init_cfg.checkpoint=resnet50.pth`; None trains from scratch.
    The classifier (`fc.*`) has no place in a backbone and is left out; everything else must fit.

    Args:
        checkpoint: a `.pth` file with torchvision's names (`conv1.weight`, `layer1.0.conv1.weight`, …),
            bare or under `state_dict`, `model` or a `module.`/`backbone.` prefix.
        zero_last: start each residual block as the identity (last norm at zero), which makes the first
            hundred iterations from scratch calmer; unused where a checkpoint gives the values.
    """

    def __init__(self, checkpoint: str | None = None, zero_last: bool = True) -> None:
        self.checkpoint = checkpoint
        self.zero_last = zero_last

    def __call__(self, module: nn.Module) -> None:
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d):
                kaiming_init(layer)
            elif isinstance(layer, nn.BatchNorm2d | nn.GroupNorm | nn.SyncBatchNorm):
                constant_init(layer, 1)
        if self.zero_last:
            for name, layer in module.named_modules():
                if name.endswith(LAST_NORMS) and not hasattr(_parent(module, name), _next_norm(name)):
                    constant_init(layer, 0)
        if self.checkpoint:
            self._load(module, Path(self.checkpoint))

    def _load(self, module: nn.Module, path: Path) -> None:
        weights = {_plain(name): value for name, value in read_weights(path).items()}
        wanted = module.state_dict()
        matched = {
            name: value
            for name, value in weights.items()
            if name in wanted and wanted[name].shape == value.shape
        }
        differ = [
            f"{name}: {tuple(weights[name].shape)} in the file, {tuple(wanted[name].shape)} in the model"
            for name in weights
            if name in wanted and name not in matched
        ]
        counters = {name for name in wanted if name.endswith("num_batches_tracked")}  # absent in old files
        missing = [name for name in wanted if name not in weights and name not in counters]
        unused = [name for name in weights if name not in wanted]
        if not any(value.dim() == 4 for value in matched.values()) or differ or missing:
            raise ConfigError(
                f"{path} does not hold this ResNet's weights in torchvision's layout: "
                f"{len(matched)} of {len(wanted) - len(counters)} tensors match.\n"
                + _section("Of another shape", differ)
                + _section("Missing in the file", missing)
                + _section("In the file only", unused).rstrip()
            )
        with torch.no_grad():
            module.load_state_dict(matched, strict=False)
        print_log(
            f"Backbone: {len(matched)} tensors from {path}; left out: {', '.join(unused) or 'nothing'}.",
            logger="current",
        )


def _section(title: str, items: list[str]) -> str:
    return f"{title} ({len(items)}):\n{listing(items, most=5)}\n" if items else ""


def _plain(name: str) -> str:
    for prefix in ("module.", "backbone."):
        name = name.removeprefix(prefix)
    return name


def _next_norm(name: str) -> str:
    """Return the name of the norm that would follow: basic blocks end with the second, bottlenecks later."""
    last = name.rpartition(".")[2]
    return f"{last[:-1]}{int(last[-1]) + 1}"


def _parent(module: nn.Module, name: str) -> nn.Module:
    return module.get_submodule(name.rpartition(".")[0])
