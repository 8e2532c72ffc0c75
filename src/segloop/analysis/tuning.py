"""Tunes the thresholds of a RUN on what it stored: which search fits it, its scores before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from segloop.analysis import tuning_components, tuning_instances, tuning_pixels
from segloop.analysis.instance_scores import InstanceScorer
from segloop.analysis.matching import ImageMatches
from segloop.analysis.measures import read_truth
from segloop.analysis.runs import Run, read_run
from segloop.analysis.ship_scores import ImageScore, score_image, ship_scores
from segloop.analysis.thresholds import (
    ComponentRule,
    InstanceRule,
    Rule,
    Thresholds,
    cut_components,
    keep_instances,
)
from segloop.analysis.tuning_components import Grid, Truth, score_grid
from segloop.analysis.tuning_instances import Candidates, tune_instances
from segloop.analysis.tuning_pixels import Regions, pixel_scores, read_regions, tune_pixels
from segloop.data.masks import decode, unite
from segloop.data.true_objects import TrueObjects
from segloop.utils.errors import DataError, FormatError, UserError, nearest
from segloop.utils.workers import map_ordered

Progress = Callable[[int, int], None]
PROBABILITIES = "probabilities"
USUAL = {"cells": "cells/mAP", "ships": "ships/F2", "spacecraft": "spacecraft/mIoU"}  # by group of scores
COUNTING_GROUPS = ("cells", "ships", "pq", "match")  # of scores that follow from matches alone
FEW = 1500  # images for which other processes would take longer to start than to help


@dataclass(frozen=True)
class Curve:
    """How a score depends on one class's threshold, all else as it was chosen, and the threshold chosen."""

    name: str
    thresholds: tuple[float, ...]
    scores: tuple[float, ...]
    chosen: float


@dataclass(frozen=True)
class Tuning:
    """What came out: the rules, all scores with the former rules and with these, and the curves.

    `relabelled` is of how many images the labels are not those of the test.
    """

    run: Run
    metric: str
    before: Mapping[str, Rule]
    after: Mapping[str, Rule]
    scores_before: Mapping[str, float]
    scores_after: Mapping[str, float]
    images: int
    tried: int
    curves: list[Curve] = field(default_factory=list)
    relabelled: int = 0

    def thresholds(self) -> Thresholds:
        """Return what `thresholds.json` shall hold."""
        return Thresholds(
            self.after,
            {
                "run": "/".join(self.run.folder.absolute().parts[-2:]),
                "checkpoint": (self.run.meta.get("checkpoint") or {}).get("file"),
                "split": self.run.meta["split"],
                "images": self.images,
                "metric": self.metric,
                "score": round(float(self.scores_after[self.metric]), 6),
                "before": round(float(self.scores_before[self.metric]), 6),
            },
        )


def open_run(target: Path | str, *, allow_test: bool = False) -> Run:
    """Open the RUN to tune on: itself, or the newest validation RUN of a work_dir or config.

    A test RUN is refused unless `allow_test`: its score would no longer be of pictures that had no say.
    """
    is_run = (Path(target) / "meta.json").is_file()
    run = read_run(target, split=None if is_run or allow_test else "val")
    if run.meta["split"] == "test" and not allow_test:
        raise UserError(
            f"{run.folder} is of the test split. Thresholds that are tuned on it make its score too good to "
            "report. Test the validation split and tune on that (python tools/test.py CONFIG --split val), "
            "or say --allow-test."
        )
    return run


def tune(
    run: Run,
    *,
    metric: str | None = None,
    data_root: Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Tuning:
    """Search the thresholds at which a RUN scores best, from what it stored."""
    if run.kind == "instance":
        return _tune_instances(run, metric=metric, data_root=data_root, progress=progress)
    if run.kind == "semantic":
        return _tune_components(run, metric=metric, data_root=data_root, workers=workers, progress=progress)
    raise UserError(f"{run.folder}: a RUN of the kind {run.kind!r} has nothing that could be tuned.")


def work_dir_of(run: Run) -> Path:
    """Return the work_dir that a RUN belongs to, where its checkpoints lie."""
    if run.folder.resolve().parent.name != "test":
        raise UserError(f"{run.folder} lies in no work_dir (…/test/<RUN>): say where to write with --out.")
    return run.folder.resolve().parent.parent


def _tune_components(
    run: Run,
    *,
    metric: str | None,
    data_root: Path | None,
    workers: int | None,
    progress: Progress | None,
) -> Tuning:
    metric = _known_metric(metric, tuning_components.METRICS, tuning_components.METRICS[0])
    label = _object_class(run)
    if not (run.folder / PROBABILITIES).is_dir():
        raise FormatError(
            "the RUN kept no probabilities, which tuning needs: test again with "
            "test_evaluator=dict(type='SegLoopShipsMetric', keep_probabilities=True) in the config",
            file=run.folder,
        )
    name = run.class_names[label]
    before = ComponentRule(**_stored_rules(run).get(name, {}))
    grid = Grid().with_rule(before)
    ids = [
        image_id for image_id, truth in zip(run.images["image_id"], run.images["truth"], strict=True) if truth
    ]
    if not ids:
        raise FormatError("no image of this RUN has a truth to tune on", file=run.folder)
    workers = 1 if len(ids) < FEW and workers is None else workers
    source = _Images(run, label, data_root)
    steps = 3 * len(ids)
    sums = tuning_components.sum_grids(
        _watched(map_ordered(partial(source.grid, grid=grid), ids, workers=workers), progress, steps),
        grid=grid,
    )
    if sums.full == 0:
        raise FormatError(
            f"no image of this RUN shows a {name}: there is nothing to tune for", file=run.folder
        )
    place = sums.best(metric)
    after = grid.rule(place)
    scored = map_ordered(partial(source.both, rules=(before, after)), ids, workers=workers)
    pairs = list(_watched(scored, progress, steps, done=2 * len(ids)))
    means = sums.means()[metric]
    return Tuning(
        run,
        metric,
        {name: before},
        {name: after},
        ship_scores([first for first, _ in pairs]),
        ship_scores([second for _, second in pairs]),
        len(ids),
        int(np.prod(grid.shape)),
        [
            Curve(
                name,
                tuple(level / 255 for level in grid.levels),
                tuple(means[place[0], :, place[2], place[3]].tolist()),
                after.threshold,
            )
        ],
        relabelled=sum(
            not run.is_as_tested(image_id, data_root=data_root, labels_alone=True) for image_id in ids
        ),
    )


@dataclass(frozen=True)
class _Images:
    """Reads what a RUN and its data set hold of an image; it is sent to other processes."""

    run: Run
    label: int
    data_root: Path | None
    objects: TrueObjects = field(default_factory=TrueObjects)

    def read(self, image_id: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[np.ndarray]]:
        """Return probabilities as bytes, true and ignored pixels, and the true objects as run lengths."""
        file = self.run.folder / PROBABILITIES / f"{image_id}.png"
        chances = cv2.imread(str(file), cv2.IMREAD_UNCHANGED) if file.is_file() else None
        if chances is None or chances.ndim != 2 or chances.dtype != np.uint8:
            raise FormatError(
                "this is no 8-bit PNG of probabilities, or it is missing; test again", file=file
            )
        truth_file = self.run.truth_file(image_id, data_root=self.data_root)
        assert truth_file is not None
        indices = read_truth(truth_file, reduce=bool(self.run.meta.get("reduce_zero_label")))
        ignore = self.run.meta.get("ignore_index")
        truth, ignored = indices == self.label, indices == (-1 if ignore is None else ignore)
        if truth.shape != chances.shape:
            raise DataError(
                f"{image_id}: the RUN's probabilities are {_size(chances)} and the true mask "
                f"{_size(truth)} (height x width): the data were changed since the test.",
                image_id=image_id,
            )
        return chances, truth, ignored, self.objects.of(truth_file, truth)

    def grid(self, image_id: str, *, grid: Grid) -> tuple[tuple[np.ndarray, np.ndarray], bool]:
        """Return the scores of an image for each setting, and whether it shows an object."""
        chances, truth, ignored, objects = self.read(image_id)
        return score_grid(chances, Truth.of(objects, truth, ignored), grid), bool(objects)

    def both(
        self, image_id: str, *, rules: tuple[ComponentRule, ComponentRule]
    ) -> tuple[ImageScore, ImageScore]:
        """Return the image's scores with the former and with the new rule, as a test computes them."""
        chances, truth, ignored, objects = self.read(image_id)
        size_hw = (truth.shape[0], truth.shape[1])
        scores = []
        for rule in rules:
            parts = cut_components(chances, rule=rule)
            mask = decode(unite(parts, [len(parts)], size_hw)[0], size_hw)
            scores.append(score_image(mask & ~ignored, truth, parts=parts, truth=objects, ignored=ignored))
        return scores[0], scores[1]


def _tune_instances(
    run: Run, *, metric: str | None, data_root: Path | None, progress: Progress | None
) -> Tuning:
    names = run.class_names
    families = run.meta.get("score_families") or ()
    usual = next((value for key, value in USUAL.items() if key in families), "match/F1")
    metric = _known_metric(metric, tuning_instances.METRICS + tuning_pixels.METRICS, usual)
    matches: list[ImageMatches] = list(run.matches())
    if not matches:
        raise FormatError("this RUN has no image with matches to tune on", file=run.folder)
    if all(each.truth.crowd.all() for each in matches):  # the best thresholds would let nothing pass
        raise DataError(
            f"{run.folder}: none of its {len(matches)} images has a true object (crowds are none): "
            "nothing to tune by. Test on a split that has some: tools/test.py CONFIG --split NAME"
        )
    if not any(len(each.found) for each in matches):  # whatever is written would look tuned
        raise DataError(
            f"{run.folder}: the model found nothing in any of its {len(matches)} images, at whatever score: "
            "nothing to tune. Train longer, or let less sure objects through: "
            "tools/test.py CONFIG --split val --cfg-options model.test_cfg.rcnn.score_thr=0.01"
        )
    stored = _stored_rules(run)
    before = [InstanceRule(**stored[name]) if name in stored else InstanceRule(0.5) for name in names]
    regions: Regions | None = None
    if metric in tuning_pixels.METRICS:  # of masks, which are read again: matches tell of pairs alone
        regions = Regions.join(list(read_regions(run, before, data_root=data_root)))
        tuned = tune_pixels(regions, start=before, metric=metric, progress=progress)
    else:
        images = [Candidates.of(each, metric=metric) for each in matches]
        tuned = tune_instances(images, start=before, metric=metric, progress=progress)

    def scores(rules: list[InstanceRule], value: float) -> dict[str, float]:
        pixels = pixel_scores(regions, [rule.score for rule in rules], names) if regions else {}
        return {metric: value, **pixels, **_counted(matches, names, rules)}

    curves = [
        Curve(name, thresholds, scores, rule.score)
        for name, (thresholds, scores), rule in zip(names, tuned.curves, tuned.rules, strict=True)
    ]
    return Tuning(
        run,
        metric,
        dict(zip(names, before, strict=True)),
        dict(zip(names, tuned.rules, strict=True)),
        scores(before, tuned.before),
        scores(tuned.rules, tuned.after),
        len(matches),
        tuned.tried,
        curves,
    )


def _counted(
    matches: Iterable[ImageMatches], names: list[str], rules: list[InstanceRule]
) -> dict[str, float]:
    """Return the scores that count, as a test with these rules gives them."""
    scorer = InstanceScorer(class_names=names, groups=COUNTING_GROUPS)
    for each in matches:
        found = each.found
        scorer.add(each.keeping(keep_instances(found.labels, found.scores, found.areas, rules=rules)))
    return scorer.scores()


def _known_metric(metric: str | None, known: tuple[str, ...], usual: str) -> str:
    if metric is not None and metric not in known:
        raise UserError(
            f"--metric {metric!r} cannot be tuned for on this RUN.{nearest(metric, known)} "
            f"Choose: {', '.join(known)}."
        )
    return metric or usual


def _object_class(run: Run) -> int:
    others = [index for index in range(len(run.class_names)) if index != run.background]
    if run.background is None or len(others) != 1:
        raise UserError(
            f"{run.folder}: thresholds of parts are tuned for a background and one class of objects, and "
            f"this RUN has {', '.join(run.class_names)}."
        )
    return others[0]


def _stored_rules(run: Run) -> dict[str, Any]:
    """Return the rules of each class that the RUN was tested with."""
    return dict((run.meta.get("thresholds") or {}).get("classes") or {})


def _watched(items: Iterable[Any], progress: Progress | None, total: int, *, done: int = 0) -> Iterable[Any]:
    step = 2 if done == 0 else 1  # the grid is two thirds of the work
    for number, item in enumerate(items, start=1):
        if progress:
            progress(done + step * number, total)
        yield item


def report(tuning: Tuning) -> str:
    """Return what was tuned as lines of text: rules and scores, before and after."""
    lines = [
        f"{tuning.run.name}, split {tuning.run.meta['split']}: {tuning.images} images, "
        f"{tuning.tried} settings, tuned for {tuning.metric}"
    ]
    for name, rule in tuning.after.items():
        lines.append(f"  {name}: {_shown(tuning.before[name])}  →  {_shown(rule)}")
    if tuning.metric in tuning_components.REACH:
        lines.append("  counted with its neighbours: the best setting alone is best by chance (docs/tune.md)")
    if tuning.relabelled:
        lines.append(
            f"  the labels of {tuning.relabelled:,} images were changed since the test: "
            "the scores below are by those of now, the test's own are not"
        )
    width = max(map(len, tuning.scores_after))
    lines += [f"{'score':<{width}}  before   after"]
    for name, value in tuning.scores_after.items():
        lines.append(f"{name:<{width}}  {_percent(tuning.scores_before.get(name))}  {_percent(value)}")
    return "\n".join(lines)


def _size(array: np.ndarray) -> str:
    return f"{array.shape[0]}x{array.shape[1]}"


def _shown(rule: Rule) -> str:
    return ", ".join(f"{key} {value:g}" for key, value in asdict(rule).items())


def _percent(value: float | None) -> str:
    return "     –" if value is None or value != value else f"{100 * value:6.2f}"
