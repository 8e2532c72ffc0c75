"""Measure how long the search for thresholds takes, beside scoring each setting by itself.

    python benchmarks/tune_speed.py [--images 60] [--objects 500] [--metric cells/mAP]

Images are made up: true objects of three classes, found ones with scores, some twice, some false. The search
tries its whole grid for each class; a sample of the same settings is scored one by one with the scorer that a
test uses. Both must give the same numbers.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from segloop.analysis.instance_scores import InstanceScorer
from segloop.analysis.matching import Found, ImageMatches, Pairs, Truth
from segloop.analysis.thresholds import InstanceRule, keep_instances
from segloop.analysis.tuning_instances import METRICS, SCORES, Candidates, area_grid, sweep, tune_instances
from segloop.utils.cli import Parser, run

CLASSES = ("astro", "cort", "shsy5y")
SAMPLE = 12  # settings that are scored one by one


def made_up(seed: int, *, objects: int) -> ImageMatches:
    """Return the matches of an image with so many true objects and half as many false alarms."""
    draw = np.random.default_rng(seed)
    twice = draw.random(objects) < 0.1
    partner = np.concatenate([np.flatnonzero(draw.random(objects) < 0.85), np.flatnonzero(twice)])
    alarms = objects // 2
    count = len(partner) + alarms
    labels = draw.integers(0, len(CLASSES), objects)
    areas = draw.integers(60, 400, objects)
    found_areas = np.concatenate([areas[partner], draw.integers(5, 120, alarms)])
    shared = (areas[partner] * draw.uniform(0.5, 1.0, len(partner))).astype(np.int64)
    scores = np.concatenate([draw.beta(4, 2, len(partner)), draw.beta(2, 4, alarms)])
    order = np.argsort(partner, kind="stable")
    zeros = np.zeros(count)
    return ImageMatches(
        str(seed),
        Truth(labels, areas, areas.astype(float), np.zeros(objects, bool)),
        Found(
            np.concatenate([labels[partner], draw.integers(0, len(CLASSES), alarms)]),
            scores,
            found_areas,
            zeros,
            zeros.astype(np.int64),
            np.ones(count, bool),
        ),
        Pairs(partner[order], order, shared[order], np.zeros(len(partner))),
        None,
    )


def one_by_one(images: list[ImageMatches], rules: list[InstanceRule], metric: str) -> float:
    """Return a score of one setting as a test computes it."""
    group = metric.partition("/")[0]
    scorer = InstanceScorer(class_names=CLASSES, groups=(group,))
    for each in images:
        found = each.found
        scorer.add(each.keeping(keep_instances(found.labels, found.scores, found.areas, rules=rules)))
    scores = scorer.scores()
    if metric == "match/F1":
        recall, precision = scores["match/recall"], scores["match/precision"]
        return 2 * recall * precision / (recall + precision)
    return scores[metric]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("--images", type=int, default=60, metavar="N", help="images (60)")
    parser.add_argument("--objects", type=int, default=500, metavar="N", help="true objects an image (500)")
    parser.add_argument("--metric", choices=METRICS, default="cells/mAP", help="what to tune for (cells/mAP)")
    return parser.parse_args()


def main() -> int:
    """Print both times a setting; exit code 1 if a number differs."""
    args = parse_args()
    images = [made_up(seed, objects=args.objects) for seed in range(args.images)]
    rules = [InstanceRule(0.5)] * len(CLASSES)
    start = time.process_time()
    candidates = [Candidates.of(each, metric=args.metric) for each in images]
    tuned = tune_instances(candidates, start=rules, metric=args.metric)
    whole = time.process_time() - start
    grid = [InstanceRule(score, area) for score in SCORES for area in area_grid(candidates, 0, 0)]
    start = time.process_time()
    swept = sweep(candidates, rules=rules, label=0, grid=grid, metric=args.metric)
    ours = (time.process_time() - start) / len(grid)
    picked = np.linspace(0, len(grid) - 1, SAMPLE).astype(int).tolist()
    start = time.process_time()
    singly = [one_by_one(images, [grid[at], *rules[1:]], args.metric) for at in picked]
    peer = (time.process_time() - start) / len(picked)
    worst = max(abs(swept[at] - value) for at, value in zip(picked, singly, strict=True))
    print(
        f"{args.images} images, {args.objects} objects each, {args.metric}: "
        f"{tuned.before:.4f} → {tuned.after:.4f}"
    )
    print(f"the whole search: {whole:.1f} CPU seconds")
    print(f"a setting: {1000 * ours:.1f} ms, scored by itself {1000 * peer:.1f} ms: {peer / ours:.1f} times")
    print(f"largest difference of a score: {worst:.1e}")
    return int(worst > 1e-9)


if __name__ == "__main__":
    run(main)
