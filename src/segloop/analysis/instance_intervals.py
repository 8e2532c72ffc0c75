"""Bootstrap intervals of instance scores: images are drawn again, and what was counted is summed again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from segloop.analysis.bootstrap import interval, resamples
from segloop.analysis.coco_ap import BITS, RECALLS, CocoAP
from segloop.analysis.counting_scores import CompetitionScores, MatchScores, PanopticScores, PixelScores
from segloop.analysis.matching import ImageMatches

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

AP_WORK = 10**8  # found objects times thresholds times resamples that are looked at for AP
LEAST_REPEATS = 100


class SummedScore:
    """A score whose state is a few sums, remembered image by image."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make
        self._states: list[FloatArray] = []

    def add(self, matches: ImageMatches) -> None:
        """Add an image."""
        score = self.make()
        score.add(matches)
        self._states.append(_state(score))

    def resampled(self, weights: FloatArray) -> list[dict[str, float]]:
        """Return the scores of each resample."""
        found = []
        for state in weights @ np.array(self._states):
            score = self.make()
            _restore(score, state)
            found.append(score.scores())
        return found


def _state(score: Any) -> FloatArray:
    """Return the sums that a score holds, as one row."""
    return np.concatenate([np.ravel(np.asarray(vars(score)[name], np.float64)) for name in _sums(score)])


def _restore(score: Any, state: FloatArray) -> None:
    begin = 0
    for name in _sums(score):
        value = vars(score)[name]
        size = np.size(value)
        part = state[begin : begin + size]
        begin += size
        setattr(score, name, part.reshape(value.shape) if isinstance(value, np.ndarray) else float(part[0]))


def _sums(score: Any) -> list[str]:
    return [
        name
        for name, value in vars(score).items()
        if name.startswith("_") and isinstance(value, int | float | np.ndarray)
    ]


class ResampledAP:
    """COCO's AP of masks in resamples: scores are ordered once, and images count as often as drawn."""

    def __init__(self, class_names: Sequence[str], *, max_dets: Sequence[int] = (1, 10, 100)) -> None:
        self.class_names = list(class_names)
        self.max_dets = tuple(max_dets)
        self._true: list[IntArray] = []
        self._columns: list[tuple[np.ndarray, ...]] = []

    def add(self, matches: ImageMatches) -> None:
        """Add an image."""
        one = CocoAP(self.class_names, max_dets=self.max_dets)
        one.add(matches)
        self._true.append(one._true[:, 0])
        for _, _, (labels, scores, _, right, wrong) in one._images:
            image = np.full(len(labels), len(self._true) - 1)
            self._columns.append((labels, scores, right[:, 0], wrong[:, 0], image))

    @property
    def objects(self) -> int:
        """Return how many found objects there are."""
        return sum(len(each[0]) for each in self._columns)

    def resampled(self, weights: FloatArray) -> list[dict[str, float]]:
        """Return `coco/segm_mAP`, `_50`, `_75` and those of classes in each resample."""
        if not self._columns:
            return [{} for _ in weights]
        labels, scores, right, wrong, image = (
            np.concatenate(each) for each in zip(*self._columns, strict=True)
        )
        order = np.argsort(-scores, kind="stable")
        true = weights @ np.array(self._true)  # [resamples, classes]
        ap = np.full((len(weights), len(self.class_names), len(BITS)), np.nan)
        for label in range(len(self.class_names)):
            mine = order[labels[order] == label]
            hits, misses = (((side[mine, None] & BITS) > 0).astype(np.float64) for side in (right, wrong))
            for row, drawn in enumerate(weights[:, image[mine]]):
                if true[row, label]:
                    ap[row, label] = weighted_ap(hits, misses, drawn, float(true[row, label]))
        return [self._named(each) for each in ap]

    def _named(self, ap: FloatArray) -> dict[str, float]:
        there = ap[~np.isnan(ap[:, 0])]
        if not len(there):
            return {}
        named = {"coco/segm_mAP": there.mean(), "coco/segm_mAP_50": there[:, 0].mean()}
        named["coco/segm_mAP_75"] = there[:, 5].mean()
        for name, values in zip(self.class_names, ap, strict=True):
            named[f"coco/segm_mAP.{name}"] = values.mean()
        return {name: float(value) for name, value in named.items()}


def weighted_ap(right: FloatArray, wrong: FloatArray, weights: FloatArray, number: float) -> FloatArray:
    """Return the mean precision over the recalls at each threshold [T], from flags [N, T] by falling score.

    `weights` [N] says how often each object counts, `number` how many true objects there are.
    """
    tp = np.cumsum(right * weights[:, None], axis=0)
    fp = np.cumsum(wrong * weights[:, None], axis=0)
    precision = tp / (fp + tp + np.spacing(1))
    precision = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    found = np.zeros(right.shape[1])
    for place in range(right.shape[1]):
        at = np.searchsorted(tp[:, place] / number, RECALLS, side="left")
        found[place] = precision[at[at < len(precision)], place].sum() / len(RECALLS)
    return found


class InstanceIntervals:
    """Collects images, and gives the intervals of the scores that were asked for.

    `max_dets` are those of the scores: AP looks at as many found objects of a class in an image, at the most.
    """

    def __init__(
        self, class_names: Sequence[str], keys: Sequence[str], *, max_dets: Sequence[int] = (1, 10, 100)
    ) -> None:
        makers: dict[str, Callable[[], Any]] = {
            "cells/": lambda: CompetitionScores(ships=False),
            "ships/": lambda: CompetitionScores(cells=False),
            "match/": MatchScores,
            "pq/": lambda: PanopticScores(class_names),
            "spacecraft/": lambda: PixelScores(class_names),
        }
        self._parts: list[SummedScore | ResampledAP] = [
            SummedScore(make)
            for prefix, make in makers.items()
            if any(key.startswith(prefix) for key in keys)
        ]
        ranks = any(key.startswith("coco/segm") for key in keys)
        self._ap = ResampledAP(class_names, max_dets=max_dets) if ranks else None
        self._images = 0

    def add(self, matches: ImageMatches) -> None:
        """Add an image."""
        self._images += 1
        for part in (*self._parts, *([self._ap] if self._ap else [])):
            part.add(matches)

    def bounds(
        self, *, repeats: int, seed: int, groups: Sequence[str] | None = None
    ) -> dict[str, tuple[float, float]]:
        """Return low and high of each score that has an interval; AP of very many objects has none."""
        drawn = self.drawn(repeats=repeats, seed=seed, groups=groups)
        return {
            key: (float(low[0]), float(high[0]))
            for key, (low, high) in ((key, interval(values[:, None])) for key, values in drawn.items())
        }

    def drawn(self, *, repeats: int, seed: int, groups: Sequence[str] | None = None) -> dict[str, FloatArray]:
        """Return the scores [resamples]; AP of very many objects is drawn less often, the rest is NaN."""
        parts: list[tuple[SummedScore | ResampledAP, int]] = [(part, repeats) for part in self._parts]
        if self._ap is not None:
            affordable = min(repeats, AP_WORK // max(1, self._ap.objects * len(BITS)))
            parts += [(self._ap, affordable)] if affordable >= LEAST_REPEATS else []
        found: dict[str, FloatArray] = {}
        for part, number in parts:
            place = 0
            for weights in resamples(self._images, repeats=number, seed=seed, groups=groups):
                for scores in part.resampled(weights):
                    for key, value in scores.items():
                        found.setdefault(key, np.full(repeats, np.nan))[place] = value
                    place += 1
        return found
