"""Scores of a RUN with their bootstrap intervals, from the counts and matches that the test stored."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from segloop.analysis.bootstrap import REPEATS, interval, resamples
from segloop.analysis.counts import ClassCounts
from segloop.analysis.instance_intervals import InstanceIntervals
from segloop.analysis.runs import Run
from segloop.analysis.scores import class_scores, image_scores

Triple = tuple[float, float | None, float | None]


def scores_with_intervals(run: Run, *, repeats: int = REPEATS, seed: int = 0) -> dict[str, Triple]:
    """Return value, low and high of each score over the set, fractions; None where there is no interval."""
    if run.kind == "semantic" and "confusion.npz" in run.meta["files"]:
        bounds = _semantic(run, repeats=repeats, seed=seed)
    elif run.kind == "instance" and not run.meta.get("no_matches"):
        bounds = _instance(run, repeats=repeats, seed=seed)
    else:
        bounds = {}
    return {key: (value, *_known(bounds.get(key, (math.nan, math.nan)))) for key, value in run.scores.items()}


def _known(pair: tuple[float, float]) -> tuple[float | None, float | None]:
    return (None, None) if math.isnan(pair[0]) or math.isnan(pair[1]) else pair


def _semantic(run: Run, *, repeats: int, seed: int) -> dict[str, tuple[float, float]]:
    ids, counts = run.counts()
    if len(ids) < 2:
        return {}
    parts = [np.asarray(each, np.float64) for each in (counts.tp, counts.fp, counts.fn)]
    drawn: dict[str, list[np.ndarray]] = {}
    for weights in resamples(len(ids), repeats=repeats, seed=seed):
        # sums of whole numbers below 2**53: exact as floats, and back
        tp, fp, fn = ((weights @ part).astype(np.int64) for part in parts)
        totals = ClassCounts(tp, fp, fn)
        for key, values in image_scores(totals, background=run.background).items():
            drawn.setdefault(key, []).append(values)
        by_class = class_scores(totals)
        for place, name in enumerate(run.class_names):
            drawn.setdefault(f"IoU.{name}", []).append(by_class.iou[:, place])
            drawn.setdefault(f"Dice.{name}", []).append(by_class.dice[:, place])
    return {key: _bounds(np.concatenate(values)) for key, values in drawn.items()}


def _bounds(values: np.ndarray) -> tuple[float, float]:
    low, high = interval(values[:, None])
    return float(low[0]), float(high[0])


def _instance(run: Run, *, repeats: int, seed: int) -> dict[str, tuple[float, float]]:
    gathered = InstanceIntervals(run.class_names, list(run.scores))
    for matches in run.matches():
        gathered.add(matches)
    return gathered.bounds(repeats=repeats, seed=seed)


def headline(keys: Iterable[str], class_names: Iterable[str]) -> list[str]:
    """Return the scores that are no score of a single class, in their order."""
    endings = tuple(f".{name}" for name in class_names)
    return [key for key in keys if not key.endswith(endings)]
