"""Reads a task's goals.yaml, and says of each goal from the files of RUNs whether it is reached.

Nothing in goals.yaml can say that a goal is done. It names a score, a bar and where they count; `judge` reads
the score from `metrics.json`, the minutes from `train.json` and the kind of data from `dataset.json`.
"""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segloop.utils.errors import FormatError, UserError, listing, nearest

FORMAT = 1
OPERATORS = {">": "over", ">=": "at least", "<": "under", "<=": "at most"}
PER = ("set", "image")
DATA = ("any", "demo", "real")
_TEXTS = {"goal", "score", "op", "split", "per", "data", "config", "source"}
_NUMBERS = {"bar", "points", "minutes"}


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A bar for a score, fractions. `config` is a pattern of experiments, `minutes` a limit of training."""

    goal: str
    score: str
    bar: float
    split: str
    op: str = ">"
    points: float = 1
    per: str = "set"
    data: str = "any"
    config: str | None = None
    minutes: float | None = None
    source: str | None = None

    @property
    def bar_text(self) -> str:
        """The bar in words: `mDice over 0.75 on test, within 10 min of training`."""
        whose = "mean of images, " if self.per == "image" else ""
        told = f"{self.score} {whose}{OPERATORS[self.op]} {self.bar:g} on {self.split}"
        return told + (f", within {self.minutes:g} min of training" if self.minutes is not None else "")


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a task is about: the problem in words, what is known to be missing, and its goals."""

    title: str = ""
    problem: str = ""
    cite: Sequence[str] = ()
    limits: Sequence[str] = ()
    goals: Sequence[Goal] = ()
    file: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a RUN can be judged by; `demo` and `train_s` are None where nobody knows."""

    name: str
    experiment: str
    split: str
    scores: Mapping[str, float | None]
    image_means: Mapping[str, float | None] = field(default_factory=dict)
    demo: bool | None = None
    train_s: float | None = None


@dataclass(frozen=True)
class Verdict:
    """Whether a goal is reached: yes, no or open; by which value of which RUN, or why it cannot be said."""

    done: str
    value: float | None = None
    run: str = ""
    why: str = ""


def read_task(file: Path) -> Task:
    """Read a goals.yaml; all that is wrong with it is told in one FormatError."""
    import yaml

    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FormatError(f"not valid YAML ({' '.join(str(error).split())})", file=file) from None
    problems: list[str] = []
    if not isinstance(raw, dict):
        raise FormatError("this holds no keys; the least is `format: 1` and `goals:`", file=file)
    if raw.get("format") != FORMAT:
        problems.append(f"format is {raw.get('format')!r}; this version of SegLoop reads {FORMAT}")
    known = {"format", "title", "problem", "cite", "limits", "goals"}
    problems += [f"unknown key {key!r}.{nearest(str(key), known)}" for key in raw if key not in known]
    for key in ("title", "problem"):
        if not isinstance(raw.get(key, ""), str):
            problems.append(f"{key} is no text")
    for key in ("cite", "limits"):
        if not _texts(raw.get(key, [])):
            problems.append(f"{key} is no list of texts")
    entries = raw.get("goals", [])
    if not isinstance(entries, list):
        problems.append("goals is no list")
        entries = []
    for place, entry in enumerate(entries, start=1):
        problems += [f"goal {place}: {told}" for told in _faults(entry)]
    if problems:
        raise FormatError(f"{len(problems)} problem(s)\n{listing(problems)}", file=file)
    return Task(
        title=raw.get("title", ""),
        problem=" ".join(raw.get("problem", "").split()),
        cite=tuple(raw.get("cite", ())),
        limits=tuple(raw.get("limits", ())),
        goals=tuple(Goal(**entry) for entry in entries),
        file=file,
    )


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _faults(entry: Any) -> list[str]:
    if not isinstance(entry, dict):
        return ["it holds no keys"]
    known = _TEXTS | _NUMBERS
    told = [f"unknown key {key!r}.{nearest(str(key), known)}" for key in entry if key not in known]
    told += [f"{key} is missing" for key in ("goal", "score", "bar", "split") if key not in entry]
    told += [f"{key} is no text" for key in sorted(_TEXTS & set(entry)) if not isinstance(entry[key], str)]
    for key in sorted(_NUMBERS & set(entry)):
        value = entry[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            told.append(f"{key} is no number")
        elif value < 0:
            told.append(f"{key} {value} is below 0")
    choices: dict[str, Sequence[str]] = {"op": tuple(OPERATORS), "per": PER, "data": DATA}
    told += [
        f"{key} {entry[key]!r}; choose {', '.join(valid)}"
        for key, valid in choices.items()
        if isinstance(entry.get(key, ""), str) and key in entry and entry[key] not in valid
    ]
    bar = entry.get("bar")
    if isinstance(bar, int | float) and not isinstance(bar, bool) and bar > 1:
        told.append(f"bar {bar}: scores are fractions, from 0 to 1")
    return told


def find_goals(task: str | None, *, data_root: Path | None, configs: Path) -> Path | None:
    """Return the goals of a data set: those beside it, else those of its task among the configs."""
    places = [data_root / "goals.yaml"] if data_root is not None else []
    places += [configs / task / "goals.yaml"] if task else []
    return next((place for place in places if place.is_file()), None)


def judge(goal: Goal, runs: Sequence[Evidence]) -> Verdict:
    """Return whether one of the RUNs reaches a goal; the best value of those that may is what counts."""
    there = [run for run in runs if run.split == goal.split]
    if not there:
        return Verdict("open", why=f"no RUN of the split {goal.split} is given")
    if goal.config is not None:
        there = [run for run in there if fnmatch.fnmatch(run.experiment, goal.config)]
        if not there:
            return Verdict("open", why=f"no RUN of {goal.config} is given")
    if goal.data != "any":
        if all(run.demo is None for run in there):
            return Verdict("open", why="whether the data are a demo set cannot be told: no dataset.json")
        there = [run for run in there if run.demo is (goal.data == "demo")]
        if not there:
            return Verdict("open", why=f"it is about {goal.data} data, and no such RUN is given")
    verdicts = [_of_run(goal, run) for run in there]
    for done in ("yes", "no", "open"):
        found = [each for each in verdicts if each.done == done]
        if found:
            sign = -1 if goal.op.startswith(">") else 1
            return min(found, key=lambda each: sign * (each.value or 0.0))
    raise AssertionError(verdicts)  # one of the three it is


def _of_run(goal: Goal, run: Evidence) -> Verdict:
    scores = run.scores if goal.per == "set" else run.image_means
    value = scores.get(goal.score)
    if value is None or math.isnan(value):
        return Verdict("open", run=run.name, why=f"{run.name} has no {goal.score} ({goal.per})")
    reached = {
        ">": value > goal.bar,
        ">=": value >= goal.bar,
        "<": value < goal.bar,
        "<=": value <= goal.bar,
    }[goal.op]
    if reached and goal.minutes is not None:
        if run.train_s is None:
            return Verdict("open", value, run.name, "how long the training took is not recorded")
        if run.train_s > 60 * goal.minutes:
            return Verdict("no", value, run.name, f"the training took {run.train_s / 60:.1f} min")
    return Verdict("yes" if reached else "no", value, run.name)
