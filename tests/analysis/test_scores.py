"""Scores: golden cases worked by hand, properties, and agreement with mmseg."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from segloop.analysis.counts import ClassCounts, class_counts, confusion
from segloop.analysis.scores import (
    RULES,
    ImageMeans,
    class_scores,
    image_scores,
    rule_line,
    set_scores,
)


def mean_image_scores(counts, **options):
    means = ImageMeans(**options)
    for i in range(len(counts.tp)):  # one image at a time, as a run is written
        means.add(ClassCounts(counts.tp[i : i + 1], counts.fp[i : i + 1], counts.fn[i : i + 1]))
    return means.scores()


NAMES = ["background", "disc", "star"]


def counts_of(*rows):
    return ClassCounts(*(np.array(row) for row in rows))


def test_set_scores_worked_by_hand():
    # 10 pixels: 6 background (5 right, 1 called disc), 4 disc (3 right, 1 called background), no star at all.
    counts = class_counts(np.array([[5, 1, 0], [1, 3, 0], [0, 0, 0]]))
    scores = set_scores(counts, class_names=NAMES, background=0)
    assert scores["aAcc"] == pytest.approx(8 / 10)
    assert scores["IoU.background"] == pytest.approx(5 / 7)
    assert scores["IoU.disc"] == pytest.approx(3 / 5)
    assert scores["Dice.background"] == pytest.approx(10 / 12)
    assert scores["Dice.disc"] == pytest.approx(6 / 8)
    assert math.isnan(scores["IoU.star"])  # absent in truth and prediction of the whole set: left out
    assert scores["mIoU"] == pytest.approx((5 / 7 + 3 / 5) / 2)
    assert scores["mDice"] == pytest.approx((10 / 12 + 6 / 8) / 2)
    assert scores["mAcc"] == pytest.approx((5 / 6 + 3 / 4) / 2)
    assert scores["mIoU_fg"] == pytest.approx(3 / 5)
    assert scores["mDice_fg"] == pytest.approx(6 / 8)
    assert list(scores)[:6] == ["aAcc", "mIoU", "mAcc", "mDice", "mIoU_fg", "mDice_fg"]
    assert set(list(scores)[6:]) == {f"{kind}.{name}" for kind in ("IoU", "Dice") for name in NAMES}


def test_a_class_that_is_only_invented_counts_with_zero():
    scores = set_scores(
        class_counts(np.array([[8, 0, 2], [0, 0, 0], [0, 0, 0]])), class_names=NAMES, background=0
    )
    assert scores["IoU.star"] == 0.0
    assert scores["mIoU_fg"] == 0.0
    assert scores["mAcc"] == pytest.approx(0.8)  # no truth of a star, no accuracy of it


def test_absence_counts_differently_per_image_and_over_the_set():
    # image 1: background alone, perfect. image 2: disc half found. star is nowhere.
    per_image = counts_of([[10, 0, 0], [8, 1, 0]], [[0, 0, 0], [1, 0, 0]], [[0, 0, 0], [0, 1, 0]])
    each = image_scores(per_image, background=0)
    assert each["mDice"][0] == 1.0
    assert math.isnan(each["mDice_fg"][0])  # no foreground to judge by: left out of the mean over images
    assert each["mDice_fg"][1] == pytest.approx(2 / 3)
    mean = mean_image_scores(per_image, class_names=NAMES, background=0)
    assert mean["mDice_fg"] == pytest.approx(2 / 3)
    assert mean["mDice"] == pytest.approx((1.0 + (16 / 17 + 2 / 3) / 2) / 2)
    assert math.isnan(mean["Dice.star"])
    over_set = set_scores(per_image.summed(), class_names=NAMES, background=0)
    assert over_set["Dice.background"] == pytest.approx(36 / 37)


def test_without_a_background_fg_is_all():
    counts = class_counts(np.array([[5, 1], [2, 8]]))
    scores = set_scores(counts, class_names=["a", "b"], background=None)
    assert scores["mIoU_fg"] == scores["mIoU"]
    assert scores["mDice_fg"] == scores["mDice"]


def test_nothing_counted_is_nan_without_a_warning():
    scores = set_scores(class_counts(np.zeros((2, 2), np.int64)), class_names=["a", "b"], background=0)
    assert all(math.isnan(value) for value in scores.values())


def test_wrong_arguments_are_refused():
    counts = class_counts(np.eye(2, dtype=np.int64))
    with pytest.raises(ValueError, match="3 class names"):
        set_scores(counts, class_names=NAMES)
    with pytest.raises(ValueError, match="background 5"):
        set_scores(counts, class_names=["a", "b"], background=5)


def test_each_rule_is_a_sentence_and_can_be_printed():
    assert set(RULES) == {"set", "image", "accuracy", "foreground", "ignore"}
    assert all(text.endswith(".") for text in RULES.values())
    assert RULES["set"] in rule_line()


confusions = st.integers(1, 6).flatmap(
    lambda n: arrays.arrays(
        np.int64, st.tuples(st.integers(1, 5), st.just(n), st.just(n)), elements=st.integers(0, 60)
    )
)


@settings(max_examples=80, deadline=None)
@given(confusions)
def test_dice_follows_from_iou_and_both_lie_in_the_unit_interval(per_image):
    scores = class_scores(class_counts(per_image))
    assert np.array_equal(np.isnan(scores.iou), np.isnan(scores.dice))
    there = ~np.isnan(scores.iou)
    iou, dice = scores.iou[there], scores.dice[there]
    assert np.allclose(dice, 2 * iou / (1 + iou), rtol=1e-12)
    assert ((iou >= 0) & (iou <= dice) & (dice <= 1)).all()


@settings(max_examples=50, deadline=None)
@given(confusions, st.integers(0, 1000))
def test_the_order_of_images_does_not_matter(per_image, seed):
    names = [str(i) for i in range(per_image.shape[1])]
    order = np.random.default_rng(seed).permutation(len(per_image))
    one = class_counts(per_image)
    other = class_counts(per_image[order])
    assert set_scores(one.summed(), class_names=names) == pytest.approx(
        set_scores(other.summed(), class_names=names), nan_ok=True
    )
    assert mean_image_scores(one, class_names=names) == pytest.approx(
        mean_image_scores(other, class_names=names), nan_ok=True
    )


@settings(max_examples=50, deadline=None)
@given(confusions)
def test_counts_per_image_sum_to_the_counts_of_the_set(per_image):
    summed = class_counts(per_image).summed()
    whole = class_counts(per_image.sum(axis=0))
    for name in ("tp", "fp", "fn"):
        assert np.array_equal(getattr(summed, name), getattr(whole, name))
    assert summed.pixels == per_image.sum()


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_mmseg(seed):
    torch = pytest.importorskip("torch")
    from mmseg.evaluation.metrics import IoUMetric

    draw = np.random.default_rng(seed)
    num_classes = int(draw.integers(2, 8))
    areas, total = [], np.zeros((num_classes, num_classes), np.int64)
    for _ in range(5):
        truth = draw.integers(0, num_classes, (31, 17))
        truth[draw.random(truth.shape) < 0.1] = 255
        pred = np.where(draw.random(truth.shape) < 0.6, truth, draw.integers(0, num_classes, truth.shape))
        pred[pred == 255] = 0
        areas.append(
            IoUMetric.intersect_and_union(torch.from_numpy(pred), torch.from_numpy(truth), num_classes, 255)
        )
        total += confusion(pred, truth, num_classes=num_classes)
    theirs = IoUMetric.total_area_to_metrics(
        *(sum(area) for area in zip(*areas, strict=True)), ["mIoU", "mDice"]
    )
    names = [f"class{i}" for i in range(num_classes)]
    ours = set_scores(class_counts(total), class_names=names)
    assert ours["aAcc"] == pytest.approx(float(theirs["aAcc"]), rel=1e-6)
    assert ours["mIoU"] == pytest.approx(np.nanmean(theirs["IoU"]), rel=1e-6)
    assert ours["mDice"] == pytest.approx(np.nanmean(theirs["Dice"]), rel=1e-6)
    assert ours["mAcc"] == pytest.approx(np.nanmean(theirs["Acc"]), rel=1e-6)
    assert [ours[f"IoU.{name}"] for name in names] == pytest.approx(theirs["IoU"].tolist(), rel=1e-6)
