"""Tells all faults of a merged config at once, each with the place where it was written."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segloop.experiments.strict.places import READ, visit
from segloop.experiments.strict.sources import Keys, Sources, dotted
from segloop.experiments.strict.walk import Fault, Walk, misspelt
from segloop.utils.errors import ConfigError, nearest
from segloop.utils.quiet import silent_imports

if TYPE_CHECKING:
    from mmengine.config import Config

WAY_OUT = "To run it all the same: --cfg-options strict=False"


@dataclass(frozen=True)
class Findings:
    """What is wrong with a config, and what in it has no effect, in words."""

    faults: list[str]
    warnings: list[str]
    absent: list[str]


def check_config(config: Config, *, path: Path | str, overrides: Sequence[str] = ()) -> None:
    """Refuse a config that names what does not exist; warn of what has no effect.

    `strict = False` in the config, or as an override, turns the refusal into warnings.
    """
    found = examine(config, path=path, overrides=overrides)
    faults = [*found.faults, *found.absent]
    strict = config.get("strict", True)
    if os.environ.get("RANK", "0") == "0":  # one process of a distributed run speaks
        for warning in found.warnings if strict else [*faults, *found.warnings]:
            print(f"Warning: {warning}", file=sys.stderr)
    if faults and strict:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        lines = "\n".join(f"  {fault}" for fault in faults)
        raise ConfigError(f"{path} has {count}:\n{lines}\n{WAY_OUT}")


def examine(config: Any, *, path: Path | str, overrides: Sequence[str] = ()) -> Findings:
    """Return all that is wrong or without effect in a merged config, in the order of its keys."""
    return examine_with(Sources(path), config, overrides=overrides)


def examine_with(sources: Sources, config: Any, *, overrides: Sequence[str] = ()) -> Findings:
    """Do what `examine` does with sources that were read before."""
    walk = Walk(config)
    with silent_imports():
        # a child's `custom_imports` takes the place of the base's, and a run registers ours all the same
        import segloop.experiments.components  # noqa: F401

        visit(walk)
    unread, unused = _unread(config, sources, overrides)
    walk.faults += unread
    doubts = [*walk.doubts, *unused]
    order = {key: index for index, key in enumerate(config)}
    walk.faults.sort(key=lambda fault: order.get(str(fault.keys[0]), -1))
    places = _Places(sources, overrides)
    told = [
        (fault.absent, f"{places.of(fault.keys)}: {dotted(fault.keys)}: {fault.text}")
        for fault in walk.faults
    ]
    return Findings(
        faults=[text for absent, text in told if not absent],
        warnings=[
            *_without_effect(config, sources, overrides),
            *(f"{places.of(doubt.keys)}: {dotted(doubt.keys)}: {doubt.text}" for doubt in doubts),
        ],
        absent=[text for absent, text in told if absent],
    )


@dataclass(frozen=True)
class _Places:
    sources: Sources
    overrides: Sequence[str]

    def of(self, keys: Keys) -> str:
        """Return where `keys` were set: an override, or `file:line`."""
        wanted = dotted(keys)
        for override in self.overrides:
            name = override.partition("=")[0].strip()
            made = name.startswith(f"{wanted}.") and not self.sources.sets(keys)
            if made or wanted == name or wanted.startswith(f"{name}."):
                return "--cfg-options"
        place = self.sources.where(keys)
        if place is None and _overridden(str(keys[0]), self.overrides):
            return "--cfg-options"
        return place or str(self.sources.leaf.path)


# Keys of OpenMMLab before 2.0, which today's runner does not read.
FORMER = {
    "checkpoint_config": "default_hooks.checkpoint",
    "data": "train_dataloader, val_dataloader and test_dataloader",
    "dist_params": "env_cfg.dist_cfg",
    "evaluation": "val_evaluator and train_cfg.val_interval",
    "fp16": "optim_wrapper.type='AmpOptimWrapper'",
    "log_config": "default_hooks.logger and visualizer",
    "lr_config": "param_scheduler",
    "optimizer": "optim_wrapper.optimizer",
    "optimizer_config": "optim_wrapper.clip_grad",
    "runner": "train_cfg",
    "total_epochs": "train_cfg.max_epochs",
    "workflow": "train_cfg.val_interval",
}


def _unread(config: Any, sources: Sources, overrides: Sequence[str]) -> tuple[list[Fault], list[Fault]]:
    """Return the top-level keys that neither the runner, nor a tool, nor the config's own text reads.

    Second come those that do no harm: variables that are left over, and keys of OpenMMLab before 2.0.
    """
    variables = sources.names()
    nested = _nested_keys({key: config[key] for key in config})
    faults, doubts = [], []
    for key in config:
        if key in READ or sources.uses(key) or key.startswith("_"):
            continue
        known = {*READ, *variables} - {"tta_pipeline"} if key.endswith("_pipeline") else {*READ, *variables}
        if _overridden(key, overrides) or misspelt(key, known):
            faults.append(Fault((key,), f"nothing reads this key.{nearest(key, known)}"))
        elif sources.flattened:
            continue  # a variable that merging left behind
        elif key in FORMER:
            doubts.append(Fault((key,), f"nothing reads this key since OpenMMLab 2.0; see {FORMER[key]}"))
        elif key in nested:
            doubts.append(Fault((key,), "nothing uses this variable"))
        else:
            faults.append(Fault((key,), f"nothing reads this key.{nearest(key, known)}"))
    return faults, doubts


def _nested_keys(value: Any, depth: int = 0) -> set[str]:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    found = set(value) if depth and isinstance(value, Mapping) else set()
    return found.union(*(_nested_keys(each, depth + 1) for each in inner))


def _overridden(key: str, overrides: Sequence[str]) -> bool:
    return any(override.partition("=")[0].strip().partition(".")[0] == key for override in overrides)


def _without_effect(config: Any, sources: Sources, overrides: Sequence[str]) -> list[str]:
    read = set(READ)
    model = config.get("model")
    if isinstance(model, Mapping) and model.get("data_preprocessor"):
        read -= {"data_preprocessor"}  # the model has its own
    told = [f"{lost.place}: {_advice(lost.name, lost.targets)}" for lost in sources.lost(read)]
    for override in overrides:
        name = override.partition("=")[0].strip()
        top, _, rest = name.partition(".")
        if name == "data_root":  # `segloop.experiments.config.move_root` sees to it
            continue
        if top not in read and sources.uses(top):
            targets = sources.targets(top, read)
            tail = tuple(rest.split(".")) if rest else ()
            told.append(f"--cfg-options: {_advice(name, tuple((*keys, *tail) for keys in targets))}")
    return told


def _advice(name: str, targets: tuple[Keys, ...]) -> str:
    said = f"{name} has no effect here: its earlier value was already used."
    if not targets:
        return said
    instead = ", ".join(dotted(keys) for keys in targets)
    return f"{said} Set instead: {instead}"
