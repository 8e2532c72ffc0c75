"""Writes a proposal as a config that opens like the others: what it is, its commands, its cost."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from segloop.experiments.dry_run.report import duration
from segloop.experiments.proposal import instances, semantic
from segloop.experiments.proposal.lines import Choice, rounded
from segloop.experiments.proposal.seen import Seen, size_text
from segloop.utils.atomic import write_text

BASES = {
    ("semantic", False): ("unet_dropout", "multiclass", "muon", "runtime"),
    ("semantic", True): ("deeplabv3plus_r50", "multiclass", "adamw", "runtime"),
    ("instances", False): ("mask_rcnn_r18_fpn_gn", "cells_instances", "muon_instances", "runtime_instances"),
    ("instances", True): ("mask_rcnn_r50_fpn_gn", "cells_instances", "adamw_instances", "runtime_instances"),
}
MODELS = {
    ("semantic", False): "U-Net with batch norm and dropout",
    ("semantic", True): "DeepLabV3+ on ResNet-50",
    ("instances", False): "Mask R-CNN on a thin ResNet-18 with group norm",
    ("instances", True): "Mask R-CNN on ResNet-50 with group norm",
}
LEAST, MOST = 200, 20_000  # iterations
MOST_EPOCHS = 300  # in a set of few images everything has been seen by then
VALIDATIONS, VALIDATION_SHARE = 4, 0.15  # at the most, and of the time; one there always is


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a trial took: seconds of a step and of a validation, bytes at the most."""

    step_s: float
    validation_s: float
    memory_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """An experiment that is proposed for a set; `measured` and `iterations` are settled by a trial."""

    seen: Seen
    folder: Path
    batch: int
    iterations: int = LEAST
    minutes: float = 30.0
    measured: Measured | None = None
    task: str = ""

    @property
    def file(self) -> Path:
        """Where the config is."""
        return self.folder / f"{_kind(self.seen).stem(self.seen)}.py"

    @property
    def epochs(self) -> float:
        """How often each training image is seen."""
        return self.iterations * self.batch / max(1, self.seen.training_images)

    @property
    def validations(self) -> int:
        """How often the training is validated: fewer times if that took much of the time that there is."""
        if self.measured is None:
            return VALIDATIONS
        affordable = VALIDATION_SHARE * self.minutes * 60 / max(self.measured.validation_s, 1e-3)
        return int(min(VALIDATIONS, max(1, affordable)))

    def after(self, measured: Measured) -> Proposal:
        """Return the proposal with as many iterations as the time allows."""
        asked = replace(self, measured=measured)
        left = self.minutes * 60 - asked.validations * measured.validation_s
        steps = max(0.0, left) / max(measured.step_s, 1e-3)
        most = max(LEAST, MOST_EPOCHS * self.seen.training_images / self.batch)
        iterations = rounded(min(max(steps, LEAST), MOST, most), to=100)
        return replace(asked, iterations=iterations)

    def choices(self) -> list[Choice]:
        """Return all that was chosen, with reasons, in the order of a table."""
        seen = self.seen
        found = [Choice("model", MODELS[seen.kind, seen.gpu], _machine(seen.gpu))]
        found += [Choice("classes", str(len(seen.foreground)), ", ".join(seen.foreground))]
        found += _kind(seen).choices(seen)
        pixels = "as many pixels as this kind of machine takes at once"
        found.append(Choice("batch", str(self.batch), pixels))
        why = f"{self.epochs:.3g} epochs"
        if self.measured is not None:
            step, validation = duration(self.measured.step_s), duration(self.measured.validation_s)
            why += f"; {step} a step, {validation} a validation, about {self._minutes():.0f} minutes in all"
        return [*found, Choice("iterations", str(self.iterations), why)]

    def text(self) -> str:
        """Return the config."""
        seen, command = self.seen, self.file.as_posix()
        cost = "not measured"
        if self.measured is not None:
            memory = self.measured.memory_bytes
            room = f", {memory / 1e9:.1f} GB" if memory else ""
            cost = f"{self.iterations} iterations, about {self._minutes():.0f} minutes{room}"
            cost += " alone on the machine that wrote this"
        bases = zip(("models", "datasets", "schedules", "."), BASES[seen.kind, seen.gpu], strict=True)
        files = [f"    '../_base_/{folder}/{name}.py'," for folder, name in bases]
        interval, epochs = max(1, self.iterations // self.validations), f"{self.epochs:.3g} epochs"
        lines = [
            f"# {MODELS[seen.kind, seen.gpu]}, from scratch: {seen.name},",
            f"# {seen.training_images:,} training images of {_sizes(seen)}.",
            "# Proposed by tools/new_task.py from the data; change what you know better.",
            "#",
            f"#   python tools/train.py {command}",
            f"#   python tools/test.py {command}{'' if 'test' in seen.splits else ' --split val'}",
            "#",
            f"# Cost: {cost}.",
            "# Expect: not measured.",
            *_reasons(self.choices()),
            "_base_ = [",
            *(line.replace("/./", "/") for line in files),
            "]",
            *_kind(seen).config_lines(seen, batch=self.batch),
            f"default_hooks = dict(checkpoint=dict(interval={interval}))",
            f"train_cfg = dict(max_iters={self.iterations}, val_interval={interval})  # {epochs}",
        ]
        return "\n".join(lines) + "\n"

    def goals(self) -> str:
        """Return the file that tells a report what the task is about."""
        classes = ", ".join(self.seen.foreground)
        kind = "Find each object" if self.seen.kind == "instances" else "Give each pixel its class"
        lines = [
            f"# What the task {self.seen.name} is to reach. tools/report.py reads this; goals with bars,",
            "# as in configs/multiclass/goals.yaml, are judged by the scores.",
            "format: 1",
            f"title: {_quoted(self.seen.name)}",
            f"problem: {_quoted(f'{kind}: {classes}.')}",
            "goals: []",
        ]
        return "\n".join(lines) + "\n"

    def write(self) -> None:
        """Write the config, and the goals where there are none yet."""
        write_text(self.file, self.text())
        if not (self.folder / "goals.yaml").exists():
            write_text(self.folder / "goals.yaml", self.goals())

    def _minutes(self) -> float:
        assert self.measured is not None
        return (self.iterations * self.measured.step_s + self.validations * self.measured.validation_s) / 60


def propose(seen: Seen, folder: Path, *, minutes: float) -> Proposal:
    """Return an experiment for a set, whose config is going to lie in `folder`."""
    return Proposal(seen=seen, folder=folder, batch=_kind(seen).batch_size(seen), minutes=minutes)


def _kind(seen: Seen) -> ModuleType:
    return instances if seen.kind == "instances" else semantic


def _machine(gpu: bool) -> str:
    return "there is a GPU" if gpu else "small enough for a CPU"


def _sizes(seen: Seen) -> str:
    small, large = (size_text(choose(seen.sizes)) for choose in (min, max))
    return small if small == large else f"{small} to {large}"


def _reasons(choices: list[Choice]) -> list[str]:
    return [
        f"# {each.what}: {each.value} ({each.why})"
        for each in choices
        if each.what not in ("model", "classes")
    ]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # YAML reads JSON's strings
