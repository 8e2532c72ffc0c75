"""Weights of classes for losses: a list, or a file that holds one, looked at before a run begins."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segloop.utils.errors import ConfigError, listing

if TYPE_CHECKING:
    from mmengine.config import Config

HOW_TO_MAKE = "python tools/eda.py DATASET writes such files"


def read_class_weights(weights: Sequence[float] | str | None) -> list[float] | None:
    """Return the weights that a config gives: a list as it is, or what the JSON file of that name holds.

    mmseg's losses take such a path, too. A pickle, which they would also take, runs code.
    """
    if weights is None:
        return None
    if not isinstance(weights, str):
        return _checked(list(weights), "class_weight")
    try:
        found = json.loads(Path(weights).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"The class weights {weights} cannot be read: {error.strerror}. {HOW_TO_MAKE}."
        ) from error
    except ValueError as error:
        raise ConfigError(f"The class weights {weights} are no JSON: {error}. {HOW_TO_MAKE}.") from error
    return _checked(found, weights)


def settle_class_weights(config: Config) -> None:
    """Put the lists in place of the files, so that the run's own config says what it weighed.

    All that is wrong is told in one error: files that cannot be read, weights that are not of the head's
    classes, and what fails in its first step or does nothing: mmseg's cross entropy with weights and
    `avg_non_ignore=True`, mmdet's on masks with weights, weights of classes that a mask head does not see.
    """
    wrong = []
    for place, loss, classes, agnostic in _weighted_losses(config.get("model"), ("model",), None):
        if str(loss["class_weight"]).endswith((".npy", ".yaml", ".yml", ".pkl")):
            continue  # mmseg's own affair
        try:
            loss["class_weight"] = weights = read_class_weights(loss["class_weight"]) or []
        except ConfigError as error:
            wrong.append(f"{place}.class_weight: {error}")
            continue
        semantic = "decode_head" in place or "auxiliary_head" in place
        # a detector's classifier has one output more, the background
        if classes is not None and len(weights) not in ((classes,) if semantic else (classes, classes + 1)):
            wrong.append(f"{place}.class_weight has {len(weights)} weights for {classes} classes")
        of_mmseg = str(loss["type"]).rpartition(".")[2] == "CrossEntropyLoss"
        if of_mmseg and loss.get("use_mask"):
            wrong.append(
                f"{place}: mmdet's CrossEntropyLoss fails with class weights on masks; leave them out, or "
                "weigh the classes of a BatchDiceLoss beside it"
            )
        elif agnostic:
            wrong.append(
                f"{place}.class_weight does nothing: a class-agnostic mask head does not tell classes; set "
                "class_agnostic=False, or leave the weights out"
            )
        if semantic and of_mmseg and loss.get("avg_non_ignore"):
            wrong.append(
                f"{place}: mmseg's CrossEntropyLoss fails with weights and avg_non_ignore=True together; "
                "set avg_non_ignore=False: with weights, ignored pixels are left out anyway"
            )
    if wrong:
        raise ConfigError(f"The class weights cannot be used:\n{listing(wrong)}")


def _weighted_losses(
    part: Any, keys: tuple[str, ...], classes: int | None, *, agnostic: bool = False
) -> Iterator[tuple[str, Any, int | None, bool]]:
    """Yield each weighted loss: place, loss, its head's number of classes, whether that cannot tell them."""
    if isinstance(part, list | tuple):
        for index, each in enumerate(part):
            yield from _weighted_losses(each, (*keys, str(index)), classes, agnostic=agnostic)
    if not isinstance(part, Mapping):
        return
    count = part.get("num_classes", classes)
    classes = count if type(count) is int else classes
    agnostic = agnostic or ("loss_mask" in part and bool(part.get("class_agnostic")))
    if part.get("class_weight") is not None and "type" in part:
        yield ".".join(keys), part, classes, agnostic
    for key, value in part.items():
        yield from _weighted_losses(value, (*keys, str(key)), classes, agnostic=agnostic)


def _checked(weights: Any, where: str) -> list[float]:
    if not isinstance(weights, list) or not weights:
        raise ConfigError(f"{where} must hold a plain list of numbers, one a class. {HOW_TO_MAKE}.")
    bad = [
        each
        for each in weights
        if isinstance(each, bool) or not isinstance(each, int | float) or not math.isfinite(each) or each < 0
    ]
    if bad:
        told = ", ".join(map(repr, bad[:5]))
        raise ConfigError(f"{where}: weights are numbers of 0 and more, not {told}.")
    return [float(each) for each in weights]
