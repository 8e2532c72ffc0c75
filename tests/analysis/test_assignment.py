"""One to one: best overlaps first, each object once, and who is excused."""

from __future__ import annotations

import numpy as np

from segloop.analysis.assignment import THRESHOLDS, excused, one_to_one
from segloop.analysis.instances import Instances
from segloop.analysis.matching import match
from tests.analysis.cases import objects, random_pair


def pairs_of(truth: Instances, found: Instances, **options) -> list[tuple[int, int, float]]:
    same_class = options.pop("same_class", False)
    chosen = one_to_one(match(truth, found, **options), same_class=same_class)
    return list(zip(chosen.truth.tolist(), chosen.found.tolist(), chosen.ious.tolist(), strict=True))


def stacked(rows: list[str], **options) -> Instances:
    """Return one object a row, all in one image of one line; `x` is the object."""
    return Instances.of_bitmaps(
        [[[letter == "x" for letter in row]] for row in rows], [0] * len(rows), **options
    )


def test_an_iou_of_exactly_one_half_is_no_pair() -> None:
    assert pairs_of(objects("aaa..."), objects(".xxx..")) == []  # 2 of 4 pixels
    assert pairs_of(objects("aaaa.."), objects(".xxxx.")) == [(0, 0, 3 / 5)]


def test_thresholds_are_the_numbers_that_they_say() -> None:
    assert THRESHOLDS.tolist() == [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]


def test_the_best_overlap_comes_first_and_the_other_one_is_left_alone() -> None:
    found = stacked(["xxxx..", "xxx..."], scores=[0.1, 0.9])
    assert pairs_of(stacked(["xxxx.."]), found) == [(0, 0, 1.0)]


def test_of_equal_overlaps_the_surer_one_is_taken() -> None:
    found = stacked(["xxx...", ".xxx.."], scores=[0.1, 0.9])
    assert pairs_of(stacked(["xxxx.."]), found) == [(0, 1, 3 / 4)]


def test_with_the_surest_first_pairs_above_a_score_do_not_depend_on_what_is_below() -> None:
    draw = np.random.default_rng(4)
    for _ in range(50):
        found_out = match(*random_pair(draw))
        chosen = one_to_one(found_out, same_class=True, surest_first=True)
        for score in (0.3, 0.6, 0.9):
            sure = found_out.found.scores >= score
            alone = one_to_one(found_out.keeping(sure), same_class=True, surest_first=True)
            assert alone.found.tolist() == chosen.found[sure[chosen.found]].tolist()


def test_who_loses_the_first_choice_takes_the_next() -> None:
    truth = stacked(["xxxx.....", ".xxxx...."])
    found = stacked(["xxxx.....", "xxx......", "..xxxx..."], scores=[1, 1, 1])
    # found 0 takes truth 0; found 1 overlaps truth 0 by 3/4 alone; found 2 has truth 1 by 3/5
    assert pairs_of(truth, found) == [(0, 0, 1.0), (1, 2, 3 / 5)]


def test_classes_crowds_and_what_is_not_kept() -> None:
    truth = objects("aabbcc", labels=[0, 1, 2], crowd="c")
    found = objects("xxyyzz", labels=[0, 0, 2], scores=[1, 1, 1])
    assert [pair[:2] for pair in pairs_of(truth, found)] == [(0, 0), (1, 1)]
    assert [pair[:2] for pair in pairs_of(truth, found, same_class=True)] == [(0, 0)]
    assert [pair[:2] for pair in pairs_of(truth, found, kept=[False, True, True])] == [(1, 1)]


def test_what_is_ignored_leaves_the_union() -> None:
    truth = objects("aaa.vv", "a", ignore="v")
    found_out = match(truth, objects("xxxxxx"))
    assert len(one_to_one(found_out, same_class=True).ious) == 0  # 3 of 6
    assert one_to_one(found_out, same_class=True, less_ignored=True).ious.tolist() == [3 / 4]


def test_more_than_half_in_crowds_or_ignored_pixels_is_excused() -> None:
    truth = objects("cccc..vvvv..", "c", labels=[1], crowd="c", ignore="v")
    found = stacked(["x....x......", "xx.x.x......", "xx.......xx.", "......xx...."], scores=[1] * 4)
    assert excused(match(truth, found), same_class=False).tolist() == [False, True, True, True]
    assert excused(match(truth, found), same_class=True).tolist() == [False, False, False, True]


def test_at_each_threshold_no_answer_is_left_lying() -> None:
    draw = np.random.default_rng(3)
    for _ in range(100):
        found_out = match(*random_pair(draw, crowds=0))
        chosen = one_to_one(found_out, same_class=False)
        assert len(set(chosen.truth.tolist())) == len(chosen.truth)
        assert len(set(chosen.found.tolist())) == len(chosen.found)
        assert (np.diff(chosen.ious) <= 0).all()
        left = (found_out.ious() > 0.5) & ~np.isin(found_out.pairs.truth, chosen.truth)
        left &= ~np.isin(found_out.pairs.found, chosen.found)
        assert not left.any()
