"""Finds the hyper-parameters that differ between configs, and only those."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

MISSING = "–"
LONGEST = 160  # letters of a value that is told
BEFORE = 20  # letters before the first that differs, where values begin alike
# What a runner reads. Other names in a config are only handed on to these, and would be told twice.
READ = (
    *("model", "data_preprocessor", "train_dataloader", "val_dataloader", "test_dataloader", "train_cfg"),
    *("val_cfg", "test_cfg", "optim_wrapper", "param_scheduler", "val_evaluator", "test_evaluator"),
    *("default_hooks", "custom_hooks", "load_from", "env_cfg", "randomness", "kfold", "auto_scale_lr"),
    *("tta_model", "tta_pipeline", "runner_type", "default_scope"),
)
# Where things lie, which is no hyper-parameter.
PLACES = ("data_root", "work_dir", "out_dir", "ann_file", "root", "pretrained_dir")


@dataclass(frozen=True)
class Difference:
    """A path in the configs, `model.backbone.depth`, and its value in each, as text."""

    path: str
    values: tuple[str, ...]


def differences(configs: Sequence[dict[str, Any]], names: Sequence[str] = READ) -> list[Difference]:
    """Return what is not the same in all configs, in the order of `names`: what a runner reads.

    >>> differences([dict(model=dict(depth=18)), dict(model=dict(depth=50))])
    [Difference(path='model.depth', values=('18', '50'))]
    """
    found: list[Difference] = []
    for name in names:
        values = [_without_copies(config).get(name, _Nothing) for config in configs]
        _compare(name, values, found)
    return found


class _Nothing:
    """Stands where a config has no value."""


def _without_copies(config: dict[str, Any]) -> dict[str, Any]:
    """Return a config without the preprocessor on top that the model repeats."""
    model = config.get("model")
    if isinstance(model, dict) and "data_preprocessor" in model:
        return {name: value for name, value in config.items() if name != "data_preprocessor"}
    return config


def _compare(path: str, values: Sequence[Any], found: list[Difference]) -> None:
    if all(value == values[0] for value in values):
        return
    there = [value for value in values if value is not _Nothing]
    if len(there) == len(values):
        if all(isinstance(value, dict) for value in values) and _one_type(values):
            for name in dict.fromkeys(name for value in values for name in value):
                if name not in PLACES:
                    _compare(f"{path}.{name}", [value.get(name, _Nothing) for value in values], found)
            return
        if all(_typed(value) for value in values):
            _compare_lists(path, values, found)
            return
    if path.rpartition(".")[2] not in PLACES:
        found.append(Difference(path, _cut(map(_told, values))))


def _compare_lists(path: str, values: Sequence[list[dict[str, Any]]], found: list[Difference]) -> None:
    """Compare lists of components, a pipeline say, by their types; another order is told as such."""
    named = [_by_type(value) for value in values]
    for name in dict.fromkeys(name for each in named for name in each):
        _compare(f"{path}[{name}]", [each.get(name, _Nothing) for each in named], found)
    orders = [list(each) for each in named]
    if all(sorted(order) == sorted(orders[0]) for order in orders) and orders.count(orders[0]) != len(orders):
        found.append(Difference(f"{path} (order)", _cut(", ".join(order) for order in orders)))


def _by_type(items: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    seen: Counter[str] = Counter()
    named = {}
    for item in items:
        kind = str(item["type"])
        seen[kind] += 1
        named[kind if seen[kind] == 1 else f"{kind} {seen[kind]}"] = item
    return named


def _one_type(values: Sequence[dict[str, Any]]) -> bool:
    """Whether components are of one type: the arguments of another type are no variants of these."""
    return len({str(value.get("type")) for value in values}) == 1


def _typed(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, dict) and "type" in each for each in value)
    )


def _told(value: Any) -> str:
    return MISSING if value is _Nothing else _short(value)


def _short(value: Any) -> str:
    """Return a value on a line, a component as a call: ResNet(depth=50)."""
    if isinstance(value, dict):
        name = str(value.get("type", "dict"))
        return f"{name}({', '.join(f'{key}={_short(each)}' for key, each in value.items() if key != 'type')})"
    if isinstance(value, list | tuple):
        inside = ", ".join(map(_short, value))
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    return repr(value) if isinstance(value, str) else str(value)


def _cut(texts: Iterable[str]) -> tuple[str, ...]:
    """Return values no longer than LONGEST; those that begin alike from shortly before they differ."""
    values = tuple(texts)
    begin = 0
    for one, other in combinations(dict.fromkeys(values), 2):
        letters = enumerate(zip(one, other, strict=False))
        alike = next((place for place, (a, b) in letters if a != b), min(len(one), len(other)))
        if alike >= LONGEST - 1:
            begin = alike - BEFORE
            break
    told = (value if len(value) <= begin else f"…{value[begin:]}" if begin else value for value in values)
    return tuple(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…" for text in told)
