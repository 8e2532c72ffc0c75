"""Paired tests, against numbers worked by hand and against scipy."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.analysis.significance import bootstrap_p, holm, pair_up, rules, sign_flips, wilcoxon

NAN = float("nan")


def test_who_finds_nothing_where_nothing_is_counts_one_beside_who_invents():
    found = pair_up(np.array([0.5, NAN, 0.2, NAN]), np.array([0.75, 0.0, NAN, NAN]))
    np.testing.assert_allclose(found, [0.25, -1.0, 0.8, NAN])


@pytest.mark.parametrize(
    ("gaps", "p"),
    [
        ([1, 2, 3], 2 / 8),  # only all up and all down reach 6
        ([1, 2, -3], 1.0),  # every flip reaches 0
        ([1, 1, 1, 1, -1], 12 / 32),  # |sum| >= 3: none or one of five turned, either way
        ([NAN, 0.0, 0.0], 1.0),
        ([0.0, 5.0, NAN], 1.0),  # one image can show nothing
    ],
)
def test_all_flips_of_few_images_are_counted(gaps, p):
    assert sign_flips(np.array(gaps, float)[:, None])[0] == pytest.approx(p)


def test_flips_of_many_images_come_near_the_exact_share_and_are_the_same_again():
    gaps = np.random.default_rng(1).normal(0.35, 1, (13, 1))
    exact = sign_flips(gaps)[0]
    more = np.vstack([gaps, [[1e-9]]])  # beyond what is counted out, and next to nothing more
    drawn = sign_flips(more, flips=4000, seed=3)[0]
    assert drawn == pytest.approx(exact, abs=0.03)
    assert drawn == sign_flips(more, flips=4000, seed=3)[0]


def test_a_sure_difference_is_never_surer_than_the_flips_allow():
    assert sign_flips(np.ones((50, 1)), flips=999)[0] == pytest.approx(1 / 1000)


def test_pairs_are_tested_side_by_side_and_missing_images_of_one_are_not_of_the_other():
    gaps = np.array([[1, NAN], [2, 4], [3, -4.0]])
    np.testing.assert_allclose(sign_flips(gaps), [0.25, 1.0])


def test_wilcoxon_by_hand():
    # ranks 1 2 3 all up: 2 of 8 ways; equal images and those without a score are left out
    assert wilcoxon(np.array([0.1, 0.2, 0.3, 0.0, NAN])) == pytest.approx(0.25)
    assert wilcoxon(np.array([0.0, NAN])) == 1.0


def test_bootstrap_by_hand():
    # 1 of 9 below zero: 2 x (1 + 1) / 10
    assert bootstrap_p(np.array([1.0] * 8 + [-1.0])) == pytest.approx(0.4)
    assert bootstrap_p(np.array([1.0, NAN])) == 1.0
    assert np.isnan(bootstrap_p(np.array([NAN])))
    assert bootstrap_p(np.zeros(99)) == 1.0


def test_holm_by_hand():
    # sorted .01 .03 .04: times 3, 2, 1, and never less than the one before
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    told = holm([NAN, 0.02])
    assert np.isnan(told[0])
    assert told[1] == 0.02


def test_rules_name_their_numbers():
    assert "10,000" in rules()["permutation"]
    assert "13 images" in rules()["permutation"]


def test_images_of_a_group_flip_together_and_count_once_by_rank():
    gaps = np.array([[0.5], [0.25], [0.25], [np.nan], [0.125]])
    groups = ["a", "a", "b", "b", "c"]
    assert sign_flips(gaps).tolist() == [2 / 16]
    assert sign_flips(gaps, groups=groups).tolist() == [2 / 8]
    assert wilcoxon(gaps[:, 0], groups=groups) == wilcoxon(np.array([0.375, 0.25, 0.125]))
    assert wilcoxon(gaps[:, 0], groups=["a"] * 5) == wilcoxon(np.array([0.28125]))


def test_the_rule_of_groups_is_told_where_there_are_any():
    assert "groups" in rules(grouped=True)
    assert "groups" not in rules()
