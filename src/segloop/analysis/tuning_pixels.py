"""Finds from which score on the objects of each class count, for the best IoU of their united masks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from segloop.analysis.counting_scores import mean_of
from segloop.analysis.runs import Run
from segloop.analysis.thresholds import InstanceRule
from segloop.analysis.tuning_instances import ROUNDS, Tuned
from segloop.data.masks import areas, paint
from segloop.data.true_objects import CocoObjects

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Progress = Callable[[int, int], None]

METRICS = ("spacecraft/mIoU", "spacecraft/image_fgIoU")
STEPS = 100  # thresholds that are tried: hundredths
THRESHOLDS: FloatArray = np.arange(STEPS + 1) / STEPS


@dataclass(frozen=True, eq=False)
class Regions:
    """Pixels of many images that are alike, in R groups; C are the classes.

    `levels` [R, C]: the highest of `thresholds` at which a class is still found there, 1 for the first, 0 for
    none. `truth` [R, C], `images` [R] (places), `counts` [R] in pixels. What is nowhere is left out.
    """

    levels: npt.NDArray[np.unsignedinteger]
    truth: BoolArray
    images: IntArray
    counts: IntArray
    num_images: int
    thresholds: FloatArray

    @classmethod
    def join(cls, parts: Sequence[Regions]) -> Regions:
        """Put images one behind the other."""
        starts = np.cumsum([0, *(part.num_images for part in parts)])
        return cls(
            np.concatenate([part.levels for part in parts]),
            np.concatenate([part.truth for part in parts]),
            np.concatenate([part.images + start for part, start in zip(parts, starts, strict=False)]),
            np.concatenate([part.counts for part in parts]),
            int(starts[-1]),
            parts[0].thresholds,
        )


def thresholds_of(rules: Sequence[InstanceRule]) -> FloatArray:
    """Return what is tried: THRESHOLDS, and the scores in force, which need be no hundredths.

    >>> len(thresholds_of([InstanceRule(0.5), InstanceRule(0.505)]))
    102
    """
    return np.union1d(THRESHOLDS, [rule.score for rule in rules])


def level_of(scores: npt.ArrayLike, thresholds: FloatArray = THRESHOLDS) -> IntArray:
    """Return how many of the thresholds a score reaches, so that it passes the n-th if the level is over n.

    >>> level_of([0.0, 0.29, 0.295, 1.0]).tolist()
    [1, 30, 30, 101]
    """
    return np.searchsorted(thresholds, np.asarray(scores, np.float64), side="right")


def read_regions(
    run: Run, rules: Sequence[InstanceRule], *, data_root: Path | None = None
) -> Iterable[Regions]:
    """Yield what is true and what was found in each image of an instance RUN; no crowds, no ignored pixels.

    Of what was found only that counts which has the least size of its class's rule.
    """
    numbers = {number: at for at, number in enumerate(run.meta["category_ids"])}
    thresholds = thresholds_of(rules)
    kind = np.uint8 if len(thresholds) < 256 else np.uint16
    files: dict[Path, CocoObjects] = {}
    for image_id in run.images["image_id"]:
        path = run.objects_file(image_id, data_root=data_root)
        if path is None:
            continue
        if path not in files:
            files[path] = CocoObjects(path, join=run.meta.get("join"))
        row = run.images.loc[image_id]
        size_hw = (int(row["height"]), int(row["width"]))
        levels = np.zeros((*size_hw, len(rules)), kind)
        truth, void = np.zeros(levels.shape, np.uint8), np.zeros(size_hw, np.uint8)
        ignored = files[path].ignored(row["coco_id"], size_hw)
        if ignored is not None:
            paint([ignored], [1], void)
        for category, runs, crowd in files[path].of(row["coco_id"], size_hw):
            if category in numbers and crowd:
                paint([runs], [1], void)
            elif category in numbers:
                _paint(runs, 1, truth, numbers[category])
        found = run.found(image_id)
        assert found.scores is not None
        reached = level_of(found.scores, thresholds)
        for at in np.argsort(reached, kind="stable").tolist():  # the surest is painted last
            label = int(found.labels[at])
            if areas([found.runs[at]])[0] >= rules[label].min_area:
                _paint(found.runs[at], int(reached[at]), levels, label)
        yield _alike(levels[void == 0], truth[void == 0], thresholds)


def _paint(runs: np.ndarray, value: int, layers: np.ndarray, layer: int) -> None:
    canvas = np.ascontiguousarray(layers[..., layer])
    paint([runs], [value], canvas)
    layers[..., layer] = canvas


def _alike(levels: np.ndarray, truth: np.ndarray, thresholds: FloatArray) -> Regions:
    """Group the pixels of one image, [pixels, C] each."""
    something = (levels > 0).any(axis=1) | (truth > 0).any(axis=1)
    both = np.ascontiguousarray(np.concatenate([levels[something], truth[something]], axis=1))
    groups, counts = np.unique(both, axis=0, return_counts=True)
    classes = levels.shape[1]
    return Regions(
        groups[:, :classes],
        groups[:, classes:] > 0,
        np.zeros(len(groups), np.int64),
        counts.astype(np.int64),
        1,
        thresholds,
    )


def pixel_scores(
    regions: Regions, thresholds: Sequence[float], class_names: Sequence[str]
) -> dict[str, float]:
    """Return the scores of united masks as a test with these thresholds, some of the regions', gives them."""
    found: BoolArray = np.greater_equal(regions.levels, level_of(thresholds, regions.thresholds))
    tp = (regions.counts[:, None] * (found & regions.truth)).sum(axis=0)
    whole = (regions.counts[:, None] * (found | regions.truth)).sum(axis=0)
    iou = np.divide(tp, whole, out=np.full(len(tp), np.nan), where=whole > 0)
    any_found, any_true = np.any(found, axis=1), np.any(regions.truth, axis=1)
    return {
        "spacecraft/mIoU": mean_of(iou),
        "spacecraft/image_fgIoU": float(
            _image_mean(
                _by_image(regions, (any_found & any_true)[:, None]),
                _by_image(regions, (any_found | any_true)[:, None]),
            )[0]
        ),
        **{f"spacecraft/IoU.{name}": value for name, value in zip(class_names, iou.tolist(), strict=True)},
    }


def tune_pixels(
    regions: Regions,
    *,
    start: Sequence[InstanceRule],
    metric: str,
    progress: Progress | None = None,
) -> Tuned:
    """Search class by class, each over all thresholds with the others as they are, as long as that gains."""
    names = [str(number) for number in range(len(start))]
    rules = list(start)
    before = best = pixel_scores(regions, [rule.score for rule in rules], names)[metric]
    tried = 0
    for turn in range(ROUNDS):
        gained = False
        for label in range(len(rules)):
            scores = _sweep(regions, [rule.score for rule in rules], label, metric)
            tried += len(scores)
            if np.isfinite(scores).any() and not np.nanmax(scores) <= best + 1e-12:
                equal = np.flatnonzero(scores >= np.nanmax(scores) - 1e-12)
                place = min(equal.tolist(), key=lambda at: abs(regions.thresholds[at] - rules[label].score))
                rules[label] = replace(rules[label], score=float(regions.thresholds[place]))
                best, gained = float(scores[place]), True
            if progress:
                progress(turn * len(rules) + label + 1, ROUNDS * len(rules))
        if not gained:
            break
    chosen = [rule.score for rule in rules]
    curves = [
        (tuple(regions.thresholds.tolist()), tuple(_sweep(regions, chosen, label, metric).tolist()))
        for label in range(len(rules))
    ]
    if progress:
        progress(ROUNDS * len(rules), ROUNDS * len(rules))
    return Tuned(rules, before, best, tried, curves)


def _sweep(regions: Regions, thresholds: Sequence[float], label: int, metric: str) -> FloatArray:
    """Return the score for each of the regions' thresholds in the place of one class's."""
    mine, steps = regions.levels[:, label], len(regions.thresholds)
    if metric == "spacecraft/mIoU":
        found = mine[:, None] > np.arange(steps)
        truth = regions.truth[:, label, None]
        tp = regions.counts @ (found & truth)
        whole = regions.counts @ (found | truth)
        others = pixel_scores(regions, thresholds, [str(at) for at in range(regions.levels.shape[1])])
        rest = [others[f"spacecraft/IoU.{at}"] for at in range(regions.levels.shape[1]) if at != label]
        iou = np.divide(tp, whole, out=np.full(tp.shape, np.nan), where=whole > 0)
        return np.array([mean_of(np.array([value, *rest])) for value in iou])
    passed: BoolArray = np.greater_equal(regions.levels, level_of(thresholds, regions.thresholds))
    passed[:, label] = False
    covered, true = np.any(passed, axis=1), np.any(regions.truth, axis=1)
    # What others find is found at every threshold; the rest from its level down.
    level = np.where(covered, steps, mine).astype(np.int64)
    shape = (regions.num_images, steps + 1)
    tables = []
    for which in (true, ~true):
        table = np.zeros(shape, np.int64)
        np.add.at(table, (regions.images[which], level[which]), regions.counts[which])
        tables.append(table[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:])
    true_pixels = np.bincount(
        regions.images[true], weights=regions.counts[true], minlength=regions.num_images
    )
    return _image_mean(tables[0], tables[1] + true_pixels[:, None])


def _by_image(regions: Regions, which: BoolArray) -> FloatArray:
    """Return the pixels of the groups `which` [R, K], summed by image [images, K]."""
    total = np.zeros((regions.num_images, which.shape[1]))
    np.add.at(total, regions.images, regions.counts[:, None] * which)
    return total


def _image_mean(part: npt.ArrayLike, whole: npt.ArrayLike) -> FloatArray:
    """Return the mean of part / whole over the images [images, K] that have any; NaN where none has."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    iou = np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
    there = (whole > 0).sum(axis=0)
    return np.divide(iou.sum(axis=0), there, out=np.full(there.shape, np.nan), where=there > 0)
