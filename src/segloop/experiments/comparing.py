"""Says whether two trainings came to the same: weights bit by bit, and every number that was logged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segloop.experiments.checkpoints import read_checkpoint
from segloop.experiments.resume import damage
from segloop.utils.atomic import read_record
from segloop.utils.errors import UserError

WEIGHTS = ("state_dict", "ema_state_dict")
OF_THE_CLOCK = {"time", "data_time", "eta", "memory"}
Lines = dict[tuple[str, int], dict[str, Any]]


@dataclass
class Comparison:
    """What two trainings have in common and where they differ, each in words, the first difference first."""

    same: list[str] = field(default_factory=list)
    differ: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)  # what could not be compared, and why

    @property
    def identical(self) -> bool:
        """Whether something was compared, and nothing differed."""
        return bool(self.same) and not self.differ

    def __str__(self) -> str:
        told = [f"Identical: {text}" for text in self.same]
        told += [f"Different: {text}" for text in self.differ]
        return "\n".join([*told, *(f"Not compared: {text}" for text in self.unknown)])


def compare(one: Path, other: Path) -> Comparison:
    """Compare the trainings of two work_dirs: what both have logged, and their newest common checkpoint."""
    found = Comparison()
    _compare_logs(read_log(one), read_log(other), found, whole=_done(one) and _done(other))
    _compare_checkpoints(one, other, found)
    return found


def read_log(work_dir: Path) -> Lines:
    """Return what a training logged, by kind (`train`, `val`) and step, without times.

    Of a training that was resumed, the later session's word counts.
    """
    record = read_record(work_dir / "train.json") or {}
    lines: Lines = {}
    for session in [*(record.get("earlier") or ()), record]:
        path = work_dir / str(session.get("log")) / "vis_data/scalars.json"
        for line in _json_lines(path):
            kind = "train" if "iter" in line or "lr" in line else "val"
            if isinstance(line.get("step"), int):
                values = {key: value for key, value in line.items() if key not in OF_THE_CLOCK}
                lines[kind, line["step"]] = values
    return lines


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:  # a session that was killed may have left half a line
            continue
        if isinstance(value, dict):
            yield value


def _compare_logs(one: Lines, other: Lines, found: Comparison, *, whole: bool) -> None:
    if not one or not other:
        found.unknown.append("the logs: there is no scalars.json, which LocalVisBackend writes.")
        return
    common = sorted(one.keys() & other.keys(), key=lambda key: (key[1], key[0]))
    numbers = 0
    for kind, step in common:
        first, second = one[kind, step], other[kind, step]
        for name in sorted(first.keys() | second.keys()):
            numbers += 1
            if not _equal(first.get(name), second.get(name)):
                found.differ.append(
                    f"the log, first at {kind} step {step}: {name} {first.get(name)} and {second.get(name)}."
                )
                return
    alone = sorted(one.keys() ^ other.keys(), key=lambda key: (key[1], key[0]))
    if whole and alone:
        kind, step = alone[0]
        found.differ.append(f"the log: {len(alone)} lines are in one only, first {kind} step {step}.")
    elif common:
        found.same.append(f"the log, {numbers} numbers of {len(common)} lines, to step {common[-1][1]}.")
    else:
        found.unknown.append("the logs: they have no step in common.")


def _equal(one: Any, other: Any) -> bool:
    return one == other or (one != one and other != other)  # a nan is the same as a nan here


def _compare_checkpoints(one: Path, other: Path, found: Comparison) -> None:
    names = _checkpoints(one).keys() & _checkpoints(other).keys()
    if not names:
        found.unknown.append("the weights: there is no checkpoint of one iteration in both.")
        return
    name = max(names, key=lambda name: _checkpoints(one)[name])
    contents = []
    for folder in (one, other):
        fault = damage(folder / name)
        try:
            contents.append({} if fault else read_checkpoint(folder / name))
        except UserError as error:
            fault = str(error)
        if fault:
            found.unknown.append(f"the weights: {folder / name}: {fault}.")
            return
    tensors = 0
    for key in WEIGHTS:
        first, second = (content.get(key) or {} for content in contents)
        told = _first_difference(first, second)
        if told:
            found.differ.append(f"the weights of {name}: {told}")
            return
        tensors += len(first)
    if tensors:
        found.same.append(f"the weights, {tensors} tensors of {name}.")
    else:
        found.unknown.append(f"the weights: {name} holds none.")


def _checkpoints(folder: Path) -> dict[str, int]:
    matches = (re.fullmatch(r"(?:iter|epoch)_(\d+)\.pth", path.name) for path in folder.glob("*.pth"))
    return {match[0]: int(match[1]) for match in matches if match}


def _first_difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    differing = [name for name in [*one, *(n for n in other if n not in one)] if not _same(one, other, name)]
    if not differing:
        return None
    name = differing[0]
    count = f"{len(differing)} of {len(one)} tensors differ, first {name}"
    first, second = one.get(name), other.get(name)
    if not isinstance(first, Tensor) or not isinstance(second, Tensor):
        return f"{count}, which only one has."
    if first.shape != second.shape or first.dtype != second.dtype:
        shapes = (f"{tuple(value.shape)} {value.dtype}" for value in (first, second))
        return f"{count}: {' and '.join(shapes)}."
    unequal = int((first != second).sum())
    most = float((first.double() - second.double()).abs().max())
    return f"{count}: {unequal} of its {first.numel()} numbers, by at most {most:.3g}."


def _same(one: Mapping[str, Any], other: Mapping[str, Any], name: str) -> bool:
    first, second = one.get(name), other.get(name)
    if not isinstance(first, Tensor) or not isinstance(second, Tensor):
        return first is second
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    return torch.equal(_bits(first), _bits(second))  # by value, -0 would be 0, and nan nothing


def _bits(value: Tensor) -> Tensor:
    return value.contiguous().reshape(-1).view(torch.uint8)


def _done(work_dir: Path) -> bool:
    return (read_record(work_dir / "train.json") or {}).get("state") == "done"
