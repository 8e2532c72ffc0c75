"""Dice and F2 of ships by hand, with each rule for images that show none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from segloop.analysis.ship_scores import RULES, SHORT, ImageScore, score_image, ship_scores
from segloop.data.masks import components


def boxes(*places: tuple[int, int, int, int]) -> np.ndarray:
    """A mask of 10x10 pixels with boxes from rows, columns to rows, columns."""
    mask = np.zeros((10, 10), bool)
    for top, left, bottom, right in places:
        mask[top:bottom, left:right] = True
    return mask


def scored(found: np.ndarray, truth: np.ndarray, ignored: np.ndarray | None = None) -> ImageScore:
    """The score of an image whose objects are the parts of its masks."""
    parts, objects = components(found), components(truth)
    return score_image(found, truth, parts=parts, truth=objects, ignored=ignored)


def test_pixels_and_f2_of_one_image() -> None:
    truth = boxes((0, 0, 2, 5), (5, 5, 7, 10))
    found = boxes((0, 0, 2, 4), (9, 0, 10, 1))  # 8 of 10 pixels of one ship, and a false alarm
    score = scored(found, truth)
    assert (score.tp, score.fp, score.fn, score.true, score.found) == (8, 1, 12, 2, 2)
    assert score.dice == pytest.approx(16 / 29)
    # IoU 0.8: a hit at .50 … .75, six thresholds of ten; 5 TP / (5 TP + 4 FN + FP) = 5 / (5 + 4 + 1)
    assert score.f2 == pytest.approx(0.6 * 0.5)


@pytest.mark.parametrize(
    ("found", "truth", "f2"),
    [(boxes(), boxes(), 1.0), (boxes((0, 0, 1, 1)), boxes(), 0.0), (boxes(), boxes((0, 0, 1, 1)), 0.0)],
)
def test_f2_where_one_side_has_nothing(found: np.ndarray, truth: np.ndarray, f2: float) -> None:
    assert scored(found, truth).f2 == f2


@pytest.mark.parametrize(("share", "alarms"), [(1, 1), (2, 0)])
def test_a_part_amid_ignored_pixels_is_no_false_alarm(share: int, alarms: int) -> None:
    part, ignored = boxes((8, 0, 9, 3)), boxes((8, 0, 10, share))  # one or two of its three pixels
    score = scored(part, boxes(), ignored)
    assert (score.f2, score.found) == (1 - alarms, alarms)
    ship = boxes((0, 0, 2, 5))
    score = scored(part | ship, ship, ignored)
    assert (score.f2, score.found) == (pytest.approx(5 / (5 + alarms)), 1 + alarms)
    assert scored(ship, ship, ship).f2 == 1.0  # a hit is one anywhere


def test_the_three_rules_for_empty_images() -> None:
    ship = boxes((0, 0, 2, 5))
    images = [scored(ship, ship), scored(boxes(), ship), scored(boxes(), boxes()), scored(ship, boxes())]
    scores = ship_scores(images)
    assert scores["ships/Dice"] == 0.5  # the two with ships: 1 and 0
    assert scores["ships/Dice_nonempty"] == pytest.approx(1 / 3)  # the false alarm too, as 0
    assert scores["ships/Dice_all"] == 0.5  # the clean empty one too, as 1
    assert (scores["ships/F2"], scores["ships/F2_full"]) == (0.5, 0.5)
    assert (scores["ships/empty_clean"], scores["ships/F2_nothing"]) == (0.5, 0.5)


def test_finding_nothing_scores_the_share_of_empty_images() -> None:
    ship = boxes((0, 0, 2, 5))
    scores = ship_scores([scored(boxes(), ship), *[scored(boxes(), boxes())] * 3])
    assert scores["ships/F2"] == scores["ships/F2_nothing"] == 0.75
    assert scores["ships/Dice"] == 0


def test_without_images_there_is_no_score_and_every_score_has_its_rule() -> None:
    scores = ship_scores([])
    assert all(math.isnan(value) for value in scores.values())
    assert list(scores) == list(RULES) == list(SHORT)
