"""The search over scores and sizes agrees with the scores themselves, and finds what a full search finds."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest

from segloop.analysis.instance_scores import InstanceScorer
from segloop.analysis.instances import Instances
from segloop.analysis.matching import ImageMatches, match
from segloop.analysis.thresholds import InstanceRule, keep_instances
from segloop.analysis.tuning_instances import (
    METRICS,
    Candidates,
    Tally,
    area_grid,
    score_of,
    sweep,
    tune_instances,
)

CLASSES = ("a", "b")


def image(seed: int, *, crowd: bool = False) -> ImageMatches:
    """Boxes of two classes that were found roughly, some twice, some that are none."""
    generator = np.random.default_rng(seed)
    true, found, labels, found_labels, scores = [], [], [], [], []
    for _ in range(6):
        row, column = generator.integers(0, 40, 2)
        height, width = generator.integers(3, 12, 2)
        label = int(generator.integers(2))
        true.append(box(row, column, height, width))
        labels.append(label)
        for _ in range(generator.integers(3)):
            found.append(
                box(*(np.array([row, column, height, width]) + generator.integers(-1, 2, 4)).clip(0))
            )
            found_labels.append(label if generator.random() < 0.8 else 1 - label)
            scores.append(generator.random() * 0.5 + 0.5 * generator.random())
    for _ in range(4):
        found.append(box(*generator.integers(0, 40, 2), *generator.integers(1, 5, 2)))
        found_labels.append(int(generator.integers(2)))
        scores.append(generator.random() * 0.6)
    truth = Instances.of_bitmaps(true, labels, crowd=[crowd and n == 0 for n in range(len(true))])
    return match(truth, Instances.of_bitmaps(found, found_labels, scores=scores), image_id=str(seed))


def box(row: int, column: int, height: int, width: int) -> np.ndarray:
    """A mask of 50x50 pixels with one box."""
    mask = np.zeros((50, 50), bool)
    mask[row : row + max(1, height), column : column + max(1, width)] = True
    return mask


IMAGES = [image(seed, crowd=seed % 2 == 1) for seed in range(6)]
RULES = [InstanceRule(0.3, 5), InstanceRule(0.6)]


def official(metric: str, rules: list[InstanceRule]) -> float:
    """The score as a test computes it."""
    scorer = InstanceScorer(class_names=CLASSES, groups=("cells", "ships", "match", "pq"))
    for each in IMAGES:
        kept = keep_instances(each.found.labels, each.found.scores, each.found.areas, rules=rules)
        scorer.add(each.keeping(kept))
    scores = scorer.scores()
    if metric == "match/F1":
        precision, recall = scores["match/precision"], scores["match/recall"]
        return 2 * precision * recall / (precision + recall)
    return scores[metric]


@pytest.mark.parametrize("metric", METRICS)
def test_many_rules_at_once_score_as_a_test_would(metric: str) -> None:
    images = [Candidates.of(each, metric=metric) for each in IMAGES]
    assert score_of(images, rules=RULES, metric=metric) == pytest.approx(official(metric, RULES))
    grid = [InstanceRule(score, area) for score in (0.0, 0.25, 0.5, 0.9) for area in (0, 20, 60)]
    found = sweep(images, rules=RULES, label=1, grid=grid, metric=metric)
    assert found.tolist() == pytest.approx([official(metric, [RULES[0], rule]) for rule in grid])


@pytest.mark.parametrize("metric", METRICS)
def test_the_search_never_loses_and_finds_the_best_of_a_coarse_grid(metric: str) -> None:
    images = [Candidates.of(each, metric=metric) for each in IMAGES]
    tuned = tune_instances(images, start=RULES, metric=metric)
    assert tuned.after >= tuned.before == pytest.approx(official(metric, RULES))
    assert tuned.after == pytest.approx(official(metric, tuned.rules))
    coarse = [InstanceRule(score) for score in (0.1, 0.3, 0.5, 0.7)]
    best = max(official(metric, list(pair)) for pair in itertools.product(coarse, coarse))
    assert tuned.after >= best - 1e-9


@pytest.mark.parametrize("metric", METRICS)
def test_curves_are_of_what_was_chosen(metric: str) -> None:
    images = [Candidates.of(each, metric=metric) for each in IMAGES]
    tuned = tune_instances(images, start=[InstanceRule(0.95), InstanceRule(0.95)], metric=metric)
    for label, (thresholds, scores) in enumerate(tuned.curves):
        assert scores[thresholds.index(tuned.rules[label].score)] == pytest.approx(tuned.after)
        rules = list(tuned.rules)
        rules[label] = InstanceRule(0.25, rules[label].min_area)
        assert scores[thresholds.index(0.25)] == pytest.approx(official(metric, rules))
        assert {0.05, 0.5, 0.95} <= set(thresholds)


def test_classes_that_an_image_does_not_have_take_no_time() -> None:
    image = Candidates.of(IMAGES[0], metric="pq/PQ")
    tally = Tally("pq/PQ", num_classes=200_000, rules=1)
    start = time.process_time()
    tally.add(image, np.ones((len(image.labels), 1), bool))
    assert time.process_time() - start < 0.5  # a turn of each class took four seconds


def test_thresholds_in_force_stay_where_nothing_is_gained() -> None:
    truth = Instances.of_bitmaps([box(0, 0, 5, 5)], [0])
    found = Instances.of_bitmaps([box(0, 0, 5, 5)], [0], scores=[0.9])
    images = [Candidates.of(match(truth, found), metric="cells/mAP")]
    start = [InstanceRule(0.55, 3), InstanceRule(0.5)]
    assert tune_instances(images, start=start, metric="cells/mAP").rules == start


def test_images_without_objects_and_classes_that_are_never_found() -> None:
    nothing = Instances.of_bitmaps([], [], size_hw=(50, 50), scores=[])
    alarm = Instances.of_bitmaps([box(0, 0, 3, 3)], [0], scores=[0.7])
    images = [Candidates.of(match(nothing, each), metric="cells/mAP") for each in (nothing, alarm)]
    tuned = tune_instances(images, start=[InstanceRule(0.5), InstanceRule(0.5)], metric="cells/mAP")
    assert (tuned.before, tuned.after) == (0.5, 1.0)
    assert tuned.rules[0].score > 0.7 or tuned.rules[0].min_area > 9
    assert area_grid(images, 1, 4) == [0, 4]


def test_progress_reaches_its_end() -> None:
    seen: list[tuple[int, int]] = []
    images = [Candidates.of(IMAGES[0], metric="cells/mAP")]
    tune_instances(images, start=RULES, metric="cells/mAP", progress=lambda done, of: seen.append((done, of)))
    assert seen[-1][0] == seen[-1][1]
