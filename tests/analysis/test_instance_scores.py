"""All scores together: their keys, their rules, and what is asked for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from segloop.analysis.instance_scores import GROUPS, RULES, InstanceScorer, rules_of
from segloop.analysis.matching import match
from tests.analysis.cases import NAMES, nothing, objects, random_pair

HEADLINES = [
    "coco/segm_mAP",
    "coco/segm_mAP_50",
    "coco/segm_mAP_75",
    "coco/segm_mAP_s",
    "coco/segm_mAP_m",
    "coco/segm_mAP_l",
    "coco/segm_AR@1",
    "coco/segm_AR@10",
    "coco/segm_AR@100",
    "coco/segm_AR_s@100",
    "coco/bbox_mAP",
    "cells/mAP",
    "ships/F2",
    "pq/PQ",
    "pq/SQ",
    "pq/RQ",
    "match/IoU",
    "match/recall",
    "match/precision",
    "cityscapes/AP",
    "cityscapes/AP50",
    "spacecraft/mIoU",
    "spacecraft/image_fgIoU",
]


def test_all_scores_have_their_names_and_lie_between_0_and_1() -> None:
    scorer = InstanceScorer(class_names=NAMES)
    draw = np.random.default_rng(0)
    for number in range(6):
        scorer.add(match(*random_pair(draw, size_hw=(30, 40)), image_id=str(number)))
    scores = scorer.scores()
    assert set(HEADLINES) <= set(scores)
    assert all(
        {f"coco/segm_mAP.{name}", f"pq/PQ.{name}", f"cityscapes/AP50.{name}", f"spacecraft/IoU.{name}"}
        <= set(scores)
        for name in NAMES
    )
    assert all(math.isnan(value) or 0 <= value <= 1 for value in scores.values())


def test_perfect_finds_score_1_and_none_score_0() -> None:
    truth = objects("a" * 120 + "." * 10 + "b" * 120, labels=[0, 1])
    found = objects("a" * 120 + "." * 10 + "b" * 120, labels=[0, 1], scores=[0.9, 0.8])
    for side, wanted in ((found, 1), (nothing((1, 250)), 0)):
        scorer = InstanceScorer(class_names=NAMES[:2])
        scorer.add(match(truth, side))
        scores = {key: value for key, value in scorer.scores().items() if not math.isnan(value)}
        assert scores == pytest.approx(dict.fromkeys(scores, wanted))


def test_only_what_is_asked_for_is_computed() -> None:
    scorer = InstanceScorer(class_names=["cell"], groups=["cells", "match"])
    scorer.add(match(objects("aa"), objects("xx")))
    assert list(scorer.scores()) == ["cells/mAP", "match/IoU", "match/recall", "match/precision"]
    with pytest.raises(ValueError, match=r"no scores are called celsl; there are coco/segm, .*cells"):
        InstanceScorer(class_names=["cell"], groups=["celsl"])


def test_every_key_has_a_rule_and_every_rule_a_key() -> None:
    scorer = InstanceScorer(class_names=["x"])
    told = {key: set(rules_of([key])) - {"kept", "one to one", "crowd"} for key in scorer.scores()}
    assert {key: rules for key, rules in told.items() if len(rules) != 1} == {}
    assert scorer.rules() == RULES
    assert rules_of([]) == {}
    assert set(rules_of(["coco/segm_mAP"])) == {"kept", "coco"}
    assert set(GROUPS) >= {"coco/segm", "cells"}


def test_a_class_that_is_not_known_is_a_mistake_of_the_caller() -> None:
    scorer = InstanceScorer(class_names=["x"])
    with pytest.raises(ValueError, match="class 1 of 1 classes in 'i'"):
        scorer.add(match(objects("a", labels=[1]), nothing((1, 1)), image_id="i"))
