"""Scores that count: golden cases worked by hand, empty images included."""

from __future__ import annotations

import math

import numpy as np
import pytest

from segloop.analysis.counting_scores import (
    CompetitionScores,
    MatchScores,
    PanopticScores,
    PixelScores,
    competition_f2,
    hits,
    image_foreground_iou,
)
from segloop.analysis.matching import ImageMatches, match
from tests.analysis.cases import nothing, objects


def scored(score, *images: ImageMatches) -> dict[str, float]:
    for image in images:
        score.add(image)
    return score.scores()


def two_cells() -> ImageMatches:
    """Return one cell found to the pixel, and one with 3 of 5 pixels: an IoU of exactly 0.6."""
    return match(objects("aaaa....bbbb...."), objects("xxxx.....yyyy...", scores=[0.9, 0.8]))


EMPTY = match(nothing(), nothing())
MISSED = match(objects("aa.."), nothing((1, 4)))
INVENTED = match(nothing((1, 4)), objects("xx.."))


def test_hits_by_threshold_worked_by_hand() -> None:
    tp, fp, fn = hits(two_cells())
    assert tp.tolist() == [2, 2, 1, 1, 1, 1, 1, 1, 1, 1]  # 0.6 is not over 0.6
    assert fp.tolist() == fn.tolist() == [0, 0, 1, 1, 1, 1, 1, 1, 1, 1]


def test_competition_scores_worked_by_hand() -> None:
    found = scored(CompetitionScores(), two_cells())
    assert found["cells/mAP"] == pytest.approx((2 * 1 + 8 * 1 / 3) / 10)
    assert found["ships/F2"] == pytest.approx((2 * 1 + 8 * 5 / 10) / 10)


def test_competition_scores_weigh_every_image_the_same() -> None:
    found = scored(CompetitionScores(), two_cells(), EMPTY, MISSED, INVENTED)
    assert found["cells/mAP"] == pytest.approx((4.6667 / 10 + 1 + 0 + 0) / 4, abs=1e-4)
    assert found["ships/F2"] == pytest.approx((0.6 + 1 + 0 + 0) / 4)


def test_competition_scores_take_any_class_and_only_what_is_kept() -> None:
    truth = objects("aaaa....", labels=[0])
    found = objects("xxxx..yy", labels=[1, 0], scores=[0.9, 0.1])
    assert scored(CompetitionScores(), match(truth, found))["cells/mAP"] == 1 / 2
    assert scored(CompetitionScores(), match(truth, found, kept=[True, False]))["cells/mAP"] == 1


def test_a_miss_costs_f2_four_times_what_an_invention_costs() -> None:
    assert competition_f2(np.array([1]), np.array([1]), np.array([0])) == 5 / 6
    assert competition_f2(np.array([1]), np.array([0]), np.array([1])) == 5 / 9


def test_two_found_objects_on_one_true_one_are_a_hit_and_a_mistake() -> None:
    truth = objects("aaaaa.")
    found = match(
        truth, type(truth).of_bitmaps([[[1] * 5 + [0]], [[1] * 4 + [0] * 2]], [0, 0], scores=[1, 1])
    )
    tp, fp, fn = hits(found)
    assert (tp.tolist(), fp.tolist(), fn.tolist()) == ([1] * 10, [1] * 10, [0] * 10)


def test_what_lies_in_a_crowd_is_neither_hit_nor_mistake() -> None:
    truth = objects("cccc.aaaa", crowd="c")
    found = match(truth, objects("xx...yyyy"))
    assert [part.tolist() for part in hits(found)] == [[1] * 10, [0] * 10, [0] * 10]
    assert scored(MatchScores(), found) == {"match/IoU": 1, "match/recall": 1, "match/precision": 1}


def test_match_scores_worked_by_hand() -> None:
    wrong_class = match(objects("aaaa", labels=[0]), objects("xxxx", labels=[1]))
    found = scored(MatchScores(), two_cells(), MISSED, INVENTED, wrong_class)
    assert found["match/IoU"] == pytest.approx((1 + 0.6) / 2)
    assert found["match/recall"] == pytest.approx(2 / 4)
    assert found["match/precision"] == pytest.approx(2 / 4)


def test_match_scores_of_nothing_are_no_numbers() -> None:
    assert all(math.isnan(value) for value in scored(MatchScores(), EMPTY).values())
    assert scored(MatchScores(), MISSED)["match/recall"] == 0
    assert all(math.isnan(value) for value in scored(CompetitionScores()).values())


def test_panoptic_scores_worked_by_hand() -> None:
    third = match(objects("aabb", labels=[0, 1]), objects("xxyy", labels=[0, 0]))
    found = scored(PanopticScores(["a", "b", "c"]), two_cells(), third)
    # class a: IoU 1, .6 and 1 of three pairs, one found too many; class b: one missed; no c at all
    assert found["pq/PQ.a"] == pytest.approx(2.6 / 3.5)
    assert found["pq/SQ.a"] == pytest.approx(2.6 / 3)
    assert found["pq/RQ.a"] == pytest.approx(3 / 3.5)
    assert (found["pq/PQ.b"], found["pq/SQ.b"], found["pq/RQ.b"]) == (0, 0, 0)
    assert all(math.isnan(found[f"pq/{key}.c"]) for key in ("PQ", "SQ", "RQ"))
    assert found["pq/PQ"] == pytest.approx(2.6 / 3.5 / 2)
    assert list(found)[:3] == ["pq/PQ", "pq/SQ", "pq/RQ"]
    assert math.isnan(scored(PanopticScores(["a"]), EMPTY)["pq/PQ"])


def test_ignored_pixels_are_taken_out_of_the_union() -> None:
    image = match(objects("aaavv", "a", ignore="v"), objects("xxxx."))
    assert scored(PanopticScores(["a"]), image)["pq/PQ"] == 1


def test_pixel_scores_worked_by_hand() -> None:
    second = match(objects("bb..", labels=[1]), objects("xx.y", labels=[0, 1]))
    found = scored(PixelScores(["a", "b", "c"]), two_cells(), second, EMPTY)
    assert found["spacecraft/IoU.a"] == pytest.approx(7 / (7 + 1 + 1 + 2))
    assert found["spacecraft/IoU.b"] == pytest.approx(0 / 3)
    assert math.isnan(found["spacecraft/IoU.c"])
    assert found["spacecraft/mIoU"] == pytest.approx((7 / 11 + 0) / 2)
    assert found["spacecraft/image_fgIoU"] == pytest.approx(
        (7 / 9 + 2 / 3) / 2
    )  # the empty image is left out


def test_a_missed_image_counts_zero() -> None:
    found = scored(PixelScores(["a"]), two_cells(), MISSED, INVENTED)
    assert found["spacecraft/image_fgIoU"] == pytest.approx((7 / 9 + 0 + 0) / 3)
    assert image_foreground_iou(MISSED) == 0
    assert math.isnan(image_foreground_iou(EMPTY))


def test_pixels_that_are_not_known_are_told() -> None:
    with pytest.raises(ValueError, match="not known"):
        PixelScores(["a"]).add(two_cells().keeping([True, False]))
