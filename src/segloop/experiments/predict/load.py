"""Loads a model in the form in which this machine predicts fastest: two lines in Python, and a tool."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from segloop import ops
from segloop.analysis.thresholds import (
    ComponentRule,
    InstanceRule,
    Thresholds,
    find_thresholds,
    read_thresholds,
)
from segloop.data.annotations import LabelSet
from segloop.experiments.config import is_semantic
from segloop.experiments.predict.find import (
    Found,
    bare_model,
    class_names,
    data_classes,
    find_model,
    test_steps,
)
from segloop.experiments.predict.model import Model, Settings
from segloop.experiments.predict.pictures import Pictures
from segloop.utils.errors import ConfigError
from segloop.utils.quiet import quiet, silent_imports

if TYPE_CHECKING:
    from segloop.experiments.predict.instance import InstancePredictor
    from segloop.experiments.predict.semantic import SemanticPredictor

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load(
    run_or_config: Path | str,
    checkpoint: Path | str | None = None,
    *,
    device: str | None = None,
    overrides: Sequence[str] = (),
    **settings: Any,
) -> Model:
    """Load a model by a config, a work_dir, a RUN, a published folder or a file of weights.

    `checkpoint` is a file, `best` or `last`; without it the best of the work_dir, or its newest, is taken.
    Weights are read as data, never as code. `settings` are those of `Settings`.
    """
    asked = Settings(**settings)
    quiet()
    ops.install()  # before anything imports mmcv
    found = find_model(run_or_config, checkpoint, overrides=overrides)
    from segloop.experiments.strict import check_config

    check_config(found.config, path=found.config_file, overrides=overrides)
    place = _device(device)
    precision = _precision(asked, place)
    steps, semantic = test_steps(found.config), is_semantic(found.config)
    from mmengine.registry import DefaultScope

    with DefaultScope.overwrite_default_scope("mmseg" if semantic else "mmdet"):
        network, notes, digest = _network(found)
        pictures = Pictures(steps, resize=asked.window_hw is None)
    classes = class_names(found, notes, count=_count(network), semantic=semantic)
    tuned = _thresholds(asked, found.checkpoint)
    network, told = _prepared(network.to(place).eval(), asked, precision, place)
    make = _semantic if semantic else _instance
    predictor = make(network, classes, asked, tuned, _autocast(place, precision))
    if doubt := _of_other_classes(found, notes, len(classes)):
        told.append(doubt)
    if tuned is not None:
        changed = " with the scores of --score-thr" if asked.score_thr is not None else ""
        doubt = tuned.doubt(found.checkpoint.name) if asked.thresholds == "auto" else ""
        told.append(f"what counts is said by {tuned.file}{changed}{doubt}")
    elif not semantic and asked.score_thr is None:
        told.append(
            "all objects that the model returns count, unsure ones too: no thresholds, no --score-thr"
        )
    if asked.window_hw and not semantic and not int(min(asked.window_hw) * asked.overlap):
        told.append("windows do not overlap: objects that a rim cuts stay in pieces")
    about = {
        "kind": "semantic" if semantic else "instance",
        "checkpoint": found.checkpoint.name,
        "weights": digest,
        "model": _digest(bare_model(found.config)),
        "pipeline": _digest(steps),
        "classes": list(classes.names),
        "device": place.type,
        "precision": precision,
        "tta": asked.tta,
        "window": list(asked.window_hw) if asked.window_hw else None,
        "overlap": asked.overlap if asked.window_hw else None,
        "batch_size": asked.batch_size,
        "fuse": asked.fuse,
        "compile": asked.compile,
        "rules": None if predictor.rules is None else [str(rule) for rule in predictor.rules],
    }
    divisor = 1 if semantic else int(getattr(network.data_preprocessor, "pad_size_divisor", 1) or 1)
    return Model(predictor, pictures, settings=asked, about=about, divisor=divisor, told=told)


def _semantic(
    network: Any, classes: LabelSet, asked: Settings, tuned: Thresholds | None, autocast: Callable[[], Any]
) -> SemanticPredictor:
    from segloop.experiments.predict.semantic import SemanticPredictor

    rules = _component_rules(asked, tuned, classes)
    return SemanticPredictor(network, classes, tta=asked.tta, rules=rules, autocast=autocast)


def _instance(
    network: Any, classes: LabelSet, asked: Settings, tuned: Thresholds | None, autocast: Callable[[], Any]
) -> InstancePredictor:
    from segloop.experiments.predict.instance import InstancePredictor

    rules = _instance_rules(asked, tuned, classes)
    return InstancePredictor(network, classes, tta=asked.tta, rules=rules, autocast=autocast)


def _of_other_classes(found: Found, notes: dict[str, Any], count: int) -> str:
    """Say that the weights are of other classes than the config's data, as those of another task may be."""
    from segloop.experiments.checkpoints import class_difference

    wanted = data_classes(found.config)
    difference = class_difference({"meta": notes}, wanted)
    if difference is None or wanted is None or len(wanted) != count:
        return ""
    return f"a checkpoint of other classes, whose names are taken: {difference}"


def _autocast(place: torch.device, precision: str) -> Callable[[], Any]:
    if precision == "float32":
        return nullcontext
    return lambda: torch.autocast(place.type, dtype=DTYPES[precision])


def _network(found: Found) -> tuple[nn.Module, dict[str, Any], str]:
    """Return the network with its weights, what stands beside them, and their hash."""
    from segloop.experiments.checkpoints import read_checkpoint, require_fit, weights_in
    from segloop.experiments.mistakes import config_mistakes
    from segloop.experiments.run_images import sha256

    with silent_imports():
        from mmengine.registry import MODELS

        import segloop.experiments.components  # noqa: F401
    with config_mistakes():
        network = MODELS.build(bare_model(found.config))
    content = read_checkpoint(found.checkpoint)
    weights = weights_in(content, path=found.checkpoint)
    require_fit(network, weights, path=found.checkpoint)
    network.load_state_dict({name.removeprefix("module."): value for name, value in weights.items()})
    notes = content.get("meta") if isinstance(content, dict) else None
    return network, dict(notes) if isinstance(notes, dict) else {}, sha256(found.checkpoint) or ""


def _prepared(
    network: nn.Module, settings: Settings, precision: str, place: torch.device
) -> tuple[nn.Module, list[str]]:
    """Return the network in the form that this machine computes fastest, and what to tell of it."""
    from segloop.experiments.acceleration import compile_networks, lay_out
    from segloop.experiments.models.depthwise import use_dilated_depthwise
    from segloop.experiments.optim import fast_bfloat16
    from segloop.experiments.predict.fuse import fuse

    told: list[str] = []
    on_cpu = place.type == "cpu"
    if on_cpu:
        use_dilated_depthwise(network)
    network = lay_out(network, torch.channels_last)
    if settings.fuse:
        able = precision == "float32" or (precision == "bfloat16" and fast_bfloat16("cpu"))
        network, reason = fuse(
            network, dtype=DTYPES[precision], absorbing=on_cpu and able and not settings.compile
        )
        if reason:
            told.append(f"convolutions and batch norm were not fused: it {reason}")
    if settings.compile:
        compile_networks(network)
    return network, told


def _device(name: str | None) -> torch.device:
    from mmengine.device import get_device

    from segloop.experiments.device import choose_device

    if name is None:
        choose_device(None)
    try:
        place = torch.device(name or get_device())
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"--device {name}: this machine (or this build of torch) does not offer it: "
            f"{str(error).partition(chr(10))[0]}"
        ) from error
    return place


def _precision(settings: Settings, place: torch.device) -> str:
    if settings.precision != "auto":
        return settings.precision
    from segloop.experiments.optim import fast_bfloat16

    if fast_bfloat16(place.type):
        return "bfloat16"
    return "float16" if place.type == "cuda" else "float32"


def _count(network: nn.Module) -> int | None:
    """Return how many classes a network tells apart, where its heads say so."""
    heads = [getattr(network, "decode_head", None), getattr(network, "bbox_head", None)]
    roi_head: Any = getattr(network, "roi_head", None)
    heads += [getattr(roi_head, "bbox_head", None), getattr(network, "mask_head", None)]
    for head in heads:
        last = head[-1] if isinstance(head, nn.ModuleList) else head
        count = getattr(last, "num_classes", None)
        if isinstance(count, int):
            return count
    return None


def _thresholds(settings: Settings, checkpoint: Path) -> Thresholds | None:
    if settings.thresholds is None:
        return None
    if settings.thresholds == "auto":
        return find_thresholds(checkpoint.parent)
    return read_thresholds(settings.thresholds)


def _component_rules(
    settings: Settings, tuned: Thresholds | None, classes: LabelSet
) -> list[ComponentRule] | None:
    """Return a rule for each class, the background's unused; None where the likeliest class wins."""
    foreground = [label.name for label in classes.foreground]
    if tuned is None and settings.score_thr is None:
        return None
    rules = [ComponentRule()] * len(foreground) if tuned is None else tuned.of(foreground, ComponentRule)
    if settings.score_thr is not None:
        rules = [replace(each, threshold=settings.score_thr) for each in rules]
    given = dict(zip(foreground, rules, strict=True))
    return [given.get(name, ComponentRule()) for name in classes.names]


def _instance_rules(
    settings: Settings, tuned: Thresholds | None, classes: LabelSet
) -> list[InstanceRule] | None:
    if tuned is None and settings.score_thr is None:
        return None
    rules = [InstanceRule()] * len(classes) if tuned is None else tuned.of(classes.names, InstanceRule)
    if settings.score_thr is not None:
        rules = [InstanceRule(settings.score_thr, each.min_area) for each in rules]
    return rules


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
