"""The breakdown of mistakes, worked by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from segloop.analysis.breakdown import break_down, mended, mixed_up

NAMES = ("ground", "disc", "bar")
CONFUSION = np.array([[80, 10, 0], [5, 15, 0], [0, 4, 6]])


def fake(mistakes, confusion=CONFUSION, background=0):
    return SimpleNamespace(
        confusion=confusion, mistakes=mistakes, num_classes=len(confusion), background=background
    )


def pixels(kind, truth, pred, number):
    table = np.zeros((4, 3, 3), np.int64)
    table[kind, truth, pred] = number
    return table


def test_what_mending_a_kind_gains():
    # disc: tp 15, fp 14, fn 5; bar: tp 6, fp 0, fn 4
    mistakes = pixels(0, 2, 1, 4) + pixels(1, 1, 0, 5) + pixels(3, 0, 1, 10)
    told = break_down(fake(mistakes), NAMES)
    gains = {each["kind"]: each["gain"] for each in told["kinds"]}
    disc, bar = 30 / 49, 12 / 16
    assert gains["class"] == pytest.approx(((30 / 45 - disc) + (1 - bar)) / 2)
    assert gains["edge"] == pytest.approx((40 / 54 - disc) / 2)
    assert gains["missed"] == 0
    assert gains["invented"] == pytest.approx((30 / 39 - disc) / 2)
    assert [each["pixels"] for each in told["kinds"]] == [4, 5, 0, 10]
    assert told["kinds"][3]["of_wrong"] == pytest.approx(10 / 19)
    assert told["kinds"][0]["gain_by_class"][2] == pytest.approx(1 - bar)
    assert told["kinds"][0]["pixels_by_class"] == [0, 4, 4]


def test_mending_everything_makes_it_perfect():
    wrong = CONFUSION - np.diag(np.diag(CONFUSION))
    counts = mended(CONFUSION, wrong)
    assert counts.fp.tolist() == counts.fn.tolist() == [0, 0, 0]
    assert counts.tp.tolist() == [90, 20, 10]


def test_a_class_that_was_only_invented_is_perfect_once_mended():
    confusion = np.array([[90, 5, 0], [0, 0, 0], [0, 0, 7]])
    told = break_down(fake(pixels(3, 0, 1, 5), confusion), NAMES)
    assert told["kinds"][3]["gain"] == pytest.approx(0.5)
    assert told["kinds"][3]["gain_by_class"][1] == 1


def test_a_class_that_was_only_invented_is_left_out_of_the_mean_once_mended():
    # disc is only invented; bar has 6 of 10 pixels: (0 + 12 / 16) / 2 now, 12 / 16 after
    confusion = np.array([[80, 5, 0], [0, 0, 0], [4, 0, 6]])
    told = break_down(fake(pixels(3, 0, 1, 5), confusion), NAMES)
    assert told["kinds"][3]["gain"] == pytest.approx(0.75 - 0.375)
    alone = np.array([[80, 5, 0], [0, 0, 0], [0, 0, 0]])
    assert break_down(fake(pixels(3, 0, 1, 5), alone), NAMES)["kinds"][3]["gain"] == 1


def test_nothing_wrong_and_nothing_there():
    told = break_down(fake(np.zeros((4, 3, 3), np.int64), np.diag([9, 0, 0])), NAMES)
    assert (told["wrong"], told["pairs"]) == (0, [])
    assert all(each["of_wrong"] == 0 and np.isnan(each["gain"]) for each in told["kinds"])


def test_pairs_come_by_their_pixels():
    told = mixed_up(CONFUSION, NAMES, most=2)
    assert [(each["truth"], each["pred"], each["pixels"]) for each in told] == [
        ("ground", "disc", 10),
        ("disc", "ground", 5),
    ]
    assert told[1]["of_truth"] == 0.25
