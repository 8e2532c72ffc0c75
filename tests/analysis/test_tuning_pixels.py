"""Thresholds for the IoU of united masks: scores as a test gives them, and a search that finds the best."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segloop.analysis.instance_scores import InstanceScorer
from segloop.analysis.instances import Instances
from segloop.analysis.matching import match
from segloop.analysis.thresholds import InstanceRule, keep_instances
from segloop.analysis.tuning import tune
from segloop.analysis.tuning_pixels import Regions, level_of, pixel_scores, read_regions, tune_pixels
from segloop.data.masks import areas, encode
from tests.analysis.instance_runs_made import NAMES, write_instance_run

SIZE = (20, 30)


def box(top: int, left: int, height: int, width: int) -> np.ndarray:
    """A filled rectangle."""
    mask = np.zeros(SIZE, bool)
    mask[top : top + height, left : left + width] = True
    return mask


def drawn(count: int, seed: int, *, scores: bool) -> Instances:
    """Rectangles of both classes at random places; a true one now and then is a crowd."""
    draw = np.random.default_rng(seed)
    boxes = [box(*draw.integers(0, 15, 2), *draw.integers(2, 12, 2)) for _ in range(count)]
    return Instances.of_bitmaps(
        np.array(boxes).reshape(-1, *SIZE),
        draw.integers(0, 2, count),
        size_hw=SIZE,
        scores=draw.integers(0, 101, count) / 100 if scores else None,
        crowd=None if scores else draw.random(count) < 0.2,
    )


def images() -> dict[str, tuple[Instances, Instances]]:
    """Seven images: without objects, with nothing found, and with pixels in which nothing is scored."""
    made = {str(at): (drawn(4, at, scores=False), drawn(8, 100 + at, scores=True)) for at in range(4)}
    made["4"] = (drawn(0, 0, scores=False), drawn(2, 5, scores=True))
    made["5"] = (drawn(2, 7, scores=False), drawn(0, 0, scores=True))
    truth, found = drawn(4, 8, scores=False), drawn(8, 108, scores=True)
    made["6"] = (replace(truth, ignore=encode(box(0, 0, 20, 15))), found)
    return made


@pytest.mark.parametrize("thresholds", [(0.0, 0.0), (0.3, 0.61), (0.9, 1.0), (0.305, 0.5)])
def test_scores_are_those_of_a_test_with_the_same_thresholds(tmp_path: Path, thresholds) -> None:
    made = images()
    run = write_instance_run(tmp_path, made)
    rules = [InstanceRule(score, min_area=9) for score in thresholds]
    scorer = InstanceScorer(class_names=NAMES, groups=["spacecraft"])
    for name, (truth, found) in made.items():
        sizes = np.array(areas(found.runs), np.int64)
        kept = keep_instances(found.labels, found.scores, sizes, rules=rules)
        scorer.add(match(truth, found, image_id=name, kept=kept))
    regions = Regions.join(list(read_regions(run, rules)))
    assert pixel_scores(regions, thresholds, NAMES) == pytest.approx(scorer.scores(), nan_ok=True)


@pytest.mark.parametrize("metric", ["spacecraft/mIoU", "spacecraft/image_fgIoU"])
def test_no_single_change_of_a_threshold_is_better_than_what_was_found(tmp_path: Path, metric: str) -> None:
    run = write_instance_run(tmp_path, images())
    start = [InstanceRule(0.5), InstanceRule(0.5)]
    regions = Regions.join(list(read_regions(run, start)))
    tuned = tune_pixels(regions, start=start, metric=metric)
    best = [rule.score for rule in tuned.rules]
    assert tuned.after == pytest.approx(pixel_scores(regions, best, NAMES)[metric])
    assert tuned.after > tuned.before == pixel_scores(regions, [0.5, 0.5], NAMES)[metric]
    for label in range(2):
        for other in np.arange(101) / 100:
            tried = [other if at == label else value for at, value in enumerate(best)]
            assert pixel_scores(regions, tried, NAMES)[metric] <= tuned.after + 1e-9
        thresholds, scores = tuned.curves[label]
        assert scores[thresholds.index(best[label])] == pytest.approx(tuned.after), "all else as chosen"


def test_a_score_passes_the_thresholds_up_to_it() -> None:
    for score in np.arange(101) / 100:
        assert level_of(score) == np.count_nonzero(np.arange(101) / 100 <= score)


def test_thresholds_in_force_need_be_no_hundredths(tmp_path: Path) -> None:
    truth = Instances.of_bitmaps([box(2, 2, 8, 8)], [0])
    found = Instances.of_bitmaps([box(2, 2, 8, 8), box(12, 15, 8, 8)], [0, 0], scores=[0.9, 0.503])
    before = {name: {"score": 0.505, "min_area": 0} for name in NAMES}
    run = write_instance_run(tmp_path, {"1": (truth, found)}, thresholds={"classes": before})
    for metric in ("spacecraft/mIoU", "spacecraft/image_fgIoU"):
        tuning = tune(run, metric=metric)
        assert tuning.scores_before[metric] == tuning.scores_after[metric] == 1.0
        assert tuning.after == tuning.before


def test_a_spacecraft_run_is_tuned_for_its_own_score(tmp_path: Path) -> None:
    truth = Instances.of_bitmaps([box(2, 2, 8, 8), box(2, 15, 8, 8)], [0, 1])
    found = Instances.of_bitmaps(
        [box(2, 2, 8, 8), box(12, 15, 8, 8), box(2, 15, 8, 8)], [0, 1, 1], scores=[0.2, 0.4, 0.6]
    )
    run = write_instance_run(
        tmp_path, {"1": (truth, found)}, split="val", score_families=["coco", "spacecraft"]
    )
    tuning = tune(run)
    assert tuning.metric == "spacecraft/mIoU"
    assert tuning.scores_before["spacecraft/mIoU"] == 0.5
    assert tuning.scores_after["spacecraft/mIoU"] == tuning.scores_after["spacecraft/image_fgIoU"] == 1.0
    assert tuning.after == {"disc": InstanceRule(0.2), "bar": InstanceRule(0.5)}
    assert tuning.scores_after["match/recall"] == 1.0
    assert tuning.scores_after["spacecraft/IoU.disc"] == 1.0
