"""Finds for each class from which score and which size on its objects count, for the best of a metric."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from segloop.analysis.assignment import THRESHOLDS, excused
from segloop.analysis.matching import ImageMatches
from segloop.analysis.overlaps import ious
from segloop.analysis.thresholds import InstanceRule, keep_instances

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Progress = Callable[[int, int], None]

METRICS = ("cells/mAP", "match/F1", "pq/PQ", "ships/F2")
SAME_CLASS = ("match/F1", "pq/PQ")  # the others do not ask for the class
SCORES: tuple[float, ...] = tuple(round(0.05 * step, 2) for step in range(1, 20))
ROUNDS = 4


@dataclass(frozen=True, eq=False)
class Candidates:
    """One image, ready to be judged under many rules at once: what is found, and the pairs over 0.5 IoU.

    Pairs come in the order in which they are made, and `alone` says whose two objects are in no other pair.
    """

    labels: IntArray
    scores: FloatArray
    areas: IntArray
    excused: BoolArray
    true_labels: IntArray
    truth: IntArray
    found: IntArray
    ious: FloatArray
    alone: BoolArray

    @classmethod
    def of(cls, matches: ImageMatches, *, metric: str) -> Candidates:
        """Take the pairs of an image as `analysis.assignment` makes them."""
        truth, found, pairs = matches.truth, matches.found, matches.pairs
        same_class = metric in SAME_CLASS
        areas = found.areas - found.ignored if metric == "pq/PQ" else found.areas
        overlap = ious(pairs.shared, truth.areas[pairs.truth], areas[pairs.found])
        usable = (overlap > 0.5) & ~truth.crowd[pairs.truth]
        if same_class:
            usable &= truth.labels[pairs.truth] == found.labels[pairs.found]
        rows, columns, overlap = pairs.truth[usable], pairs.found[usable], overlap[usable]
        order = np.lexsort((columns, rows, -found.scores[columns], -overlap))
        rows, columns, overlap = rows[order], columns[order], overlap[order]
        alone = (np.bincount(rows, minlength=len(truth))[rows] == 1) & (
            np.bincount(columns, minlength=len(found))[columns] == 1
        )
        return cls(
            found.labels,
            found.scores,
            found.areas,
            excused(matches, same_class=same_class),
            truth.labels[~truth.crowd],
            rows,
            columns,
            overlap,
            alone,
        )

    def chosen(self, kept: BoolArray) -> BoolArray:
        """Return which pairs are made, [pairs, rules], where `kept` [found, rules] says who counts.

        Pairs that share no object with another one are made if their found object counts; the few others one
        after another, for all rules at once.
        """
        made = kept[self.found].copy()
        others = np.flatnonzero(~self.alone)
        if len(others):
            true_taken = np.zeros((int(self.truth.max()) + 1, kept.shape[1]), bool)
            found_taken = np.zeros((len(kept), kept.shape[1]), bool)
            for place in others.tolist():
                row, column = self.truth[place], self.found[place]
                free = made[place] & ~true_taken[row] & ~found_taken[column]
                made[place] = free
                true_taken[row] |= free
                found_taken[column] |= free
        return made


@dataclass
class Tally:
    """What K rules come to, image by image."""

    metric: str
    num_classes: int
    rules: int
    total: FloatArray = field(init=False)
    images: int = 0

    def __post_init__(self) -> None:
        rows = 4 * self.num_classes if self.metric == "pq/PQ" else 3
        self.total = np.zeros((rows, self.rules))

    def add(self, image: Candidates, kept: BoolArray) -> None:
        """Add an image; `kept` is [found, rules]."""
        self.images += 1
        made = image.chosen(kept)
        if self.metric in SAME_CLASS:
            counted = kept & (_hit(image.found, made, len(kept)) | ~image.excused[:, None])
            if self.metric == "match/F1":
                self.total += [
                    made.sum(axis=0),
                    counted.sum(axis=0),
                    np.full(self.rules, len(image.true_labels)),
                ]
                return
            labels = image.labels[image.found]
            for name in {*image.labels.tolist(), *image.true_labels.tolist()}:
                mine = made[labels == name]
                self.total[4 * name : 4 * name + 4] += [
                    mine.sum(axis=0),
                    counted[image.labels == name].sum(axis=0),
                    np.full(self.rules, np.count_nonzero(image.true_labels == name)),
                    (mine * image.ious[labels == name][:, None]).sum(axis=0),
                ]
            return
        self.total[0] += self._competition(image, kept, made)

    def _competition(self, image: Candidates, kept: BoolArray, made: BoolArray) -> FloatArray:
        """Return an image's `cells/mAP` or `ships/F2` for each rule."""
        over = image.ious > THRESHOLDS[:, None]  # [10, pairs]
        tp = (over.astype(np.float64) @ made.astype(np.float64)).astype(np.int64)
        counted = (kept & ~image.excused[:, None]).sum(axis=0)
        fp = counted - tp
        if image.excused.any():  # an excused object that hits is a hit, and no false alarm where it does not
            spared = made & image.excused[image.found][:, None]
            fp = counted - tp + (over.astype(np.float64) @ spared.astype(np.float64)).astype(np.int64)
        fn = len(image.true_labels) - tp
        part, whole = (5 * tp, 5 * tp + 4 * fn + fp) if self.metric == "ships/F2" else (tp, tp + fp + fn)
        return np.divide(part, whole, out=np.ones(tp.shape), where=whole > 0).mean(axis=0)

    def scores(self) -> FloatArray:
        """Return the score of each rule, as a fraction; 0 where there is nothing to judge by."""
        if self.metric == "match/F1":
            whole = self.total[1] + self.total[2]
            return np.divide(2 * self.total[0], whole, out=np.zeros(self.rules), where=whole > 0)
        if self.metric == "pq/PQ":
            tables = self.total.reshape(self.num_classes, 4, self.rules)
            whole = tables[:, 1] + tables[:, 2]
            quality = np.divide(2 * tables[:, 3], whole, out=np.zeros(whole.shape), where=whole > 0)
            return quality.sum(axis=0) / np.maximum(1, (whole > 0).sum(axis=0))
        return self.total[0] / max(1, self.images)


def score_of(images: Iterable[Candidates], *, rules: Sequence[InstanceRule], metric: str) -> float:
    """Return what a score comes to under one rule per class."""
    tally = Tally(metric, len(rules), 1)
    for image in images:
        tally.add(image, keep_instances(image.labels, image.scores, image.areas, rules=rules)[:, None])
    return float(tally.scores()[0])


@dataclass(frozen=True)
class Tuned:
    """The rules that were found, what they come to, and how the score depends on each class's threshold.

    `tried` says how many settings were scored.

    `curves` are, by class, the thresholds of the score and what they come to with all else as chosen.
    """

    rules: list[InstanceRule]
    before: float
    after: float
    tried: int
    curves: list[tuple[tuple[float, ...], tuple[float, ...]]]


def tune_instances(
    images: Sequence[Candidates],
    *,
    start: Sequence[InstanceRule],
    metric: str,
    progress: Progress | None = None,
) -> Tuned:
    """Search class by class, each over its whole grid with the others as they are, until nothing is gained.

    The grid of scores is one of twentieths, and then of hundredths around the best; that of sizes are the
    lower quantiles of what was found of the class.
    """
    rules = list(start)
    before = best = score_of(images, rules=rules, metric=metric)
    steps, done, settings = ROUNDS * len(rules), 0, 0
    for turn in range(ROUNDS):
        gained = False
        for label in range(len(rules)):
            sizes = area_grid(images, label, rules[label].min_area)
            tried = sorted({*SCORES, rules[label].score} if turn == 0 else _around(rules[label].score))
            grid = [InstanceRule(score, area) for score in tried for area in sizes]
            scores = sweep(images, rules=rules, label=label, grid=grid, metric=metric)
            settings += len(grid)
            place = _first_best(scores, grid, now=rules[label])
            if scores[place] > best + 1e-12:
                rules[label], best, gained = grid[place], float(scores[place]), True
            done += 1
            if progress:
                progress(done, steps)
        if not gained and turn > 0:
            break
    curves = [_curve(images, rules, label, metric) for label in range(len(rules))]
    if progress:
        progress(steps, steps)
    return Tuned(rules, before, best, settings, curves)


def _curve(
    images: Sequence[Candidates], rules: Sequence[InstanceRule], label: int, metric: str
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return scores of a class and what they come to, with its size and the other classes as chosen."""
    tried = sorted({*SCORES, rules[label].score})
    grid = [InstanceRule(score, rules[label].min_area) for score in tried]
    scores = sweep(images, rules=rules, label=label, grid=grid, metric=metric)
    return tuple(tried), tuple(scores.tolist())


def sweep(
    images: Sequence[Candidates],
    *,
    rules: Sequence[InstanceRule],
    label: int,
    grid: Sequence[InstanceRule],
    metric: str,
) -> FloatArray:
    """Return the score for each rule of a grid in the place of one class's rule."""
    tally = Tally(metric, len(rules), len(grid))
    score = np.array([rule.score for rule in grid])
    area = np.array([rule.min_area for rule in grid])
    for image in images:
        kept = np.repeat(
            keep_instances(image.labels, image.scores, image.areas, rules=rules)[:, None], len(grid), axis=1
        )
        mine = image.labels == label
        kept[mine] = (image.scores[mine][:, None] >= score) & (image.areas[mine][:, None] >= area)
        tally.add(image, kept)
    return tally.scores()


def _hit(found: IntArray, made: BoolArray, count: int) -> BoolArray:
    """Return which of `count` found objects are in a pair that is made, [found, rules]."""
    hit = np.zeros((count, made.shape[1]), bool)
    if len(found):
        order = np.argsort(found, kind="stable")
        who, first = np.unique(found[order], return_index=True)
        hit[who] = np.logical_or.reduceat(made[order], first, axis=0)
    return hit


def area_grid(images: Iterable[Candidates], label: int, now: int) -> list[int]:
    """Return the least sizes to try for a class: none, the one in force, and quantiles of what was found."""
    found = [image.areas[image.labels == label] for image in images]
    areas = np.concatenate(found) if found else np.zeros(0, np.int64)
    if len(areas) == 0:
        return sorted({0, now})
    parts = np.quantile(areas, (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5))
    return sorted({0, now, *map(int, np.ceil(parts))})


def _around(score: float) -> set[float]:
    near = {round(score + 0.01 * step, 2) for step in range(-4, 5)}
    return {score, *(value for value in near if 0 <= value <= 1)}


def _first_best(scores: FloatArray, grid: Sequence[InstanceRule], *, now: InstanceRule) -> int:
    """Return the best rule's place; of equal ones the one in force, else the nearest to it."""
    equal = np.flatnonzero(scores >= scores.max() - 1e-12).tolist()
    return min(equal, key=lambda at: (abs(grid[at].score - now.score), abs(grid[at].min_area - now.min_area)))
