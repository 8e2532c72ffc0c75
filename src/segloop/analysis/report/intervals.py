"""Scores of a RUN with their bootstrap intervals, from the counts and matches that the test stored."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from segloop.analysis.bootstrap import REPEATS, interval, rule
from segloop.analysis.comparable import KINDS, images_to_compare
from segloop.analysis.runs import Run
from segloop.analysis.score_sheet import read_sheet
from segloop.data.groups import by_words, groups_of

Triple = tuple[float, float | None, float | None]


def scores_with_intervals(
    run: Run, *, group: Mapping[str, Any] | None = None, repeats: int = REPEATS, seed: int = 0
) -> dict[str, Triple]:
    """Return value, low and high of each score over the set, fractions; None where there is no interval."""
    drawn: Mapping[str, np.ndarray] = {}
    if run.kind in KINDS and _counted(run):
        ids = images_to_compare([run], common=True)
        drawn = read_sheet(run, ids, repeats=repeats, seed=seed, groups=groups_of(ids, group)).drawn
    return {key: (value, *_bounds(drawn.get(key))) for key, value in run.scores.items()}


def rule_in_words(run: Run, *, group: Mapping[str, Any] | None, repeats: int, seed: int) -> str:
    """Return how the intervals were made."""
    counted = group and run.kind in KINDS and _counted(run)
    groups = groups_of(images_to_compare([run], common=True), group) if counted else None
    return rule(repeats=repeats, seed=seed, groups=groups, by=by_words(group))


def _counted(run: Run) -> bool:
    """Return whether the test stored what scores are made of: of images without labels there is nothing."""
    if not (run.images["truth"] != "").any():
        return False
    if run.kind == "semantic":
        return "confusion.npz" in run.meta["files"]
    return not run.meta.get("no_matches")


def _bounds(drawn: np.ndarray | None) -> tuple[float | None, float | None]:
    if drawn is None or not len(drawn):
        return None, None
    low, high = (float(bound[0]) for bound in interval(drawn[:, None]))
    return (None, None) if math.isnan(low) or math.isnan(high) else (low, high)


def headline(keys: Iterable[str], class_names: Iterable[str]) -> list[str]:
    """Return the scores that are no score of a single class, in their order."""
    endings = tuple(f".{name}" for name in class_names)
    return [key for key in keys if not key.endswith(endings)]
