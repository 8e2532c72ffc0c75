"""thresholds.json: read, refused, written and applied."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from segloop.analysis.thresholds import (
    ComponentRule,
    InstanceRule,
    Thresholds,
    as_bytes,
    cut_components,
    find_thresholds,
    keep_instances,
    least_byte,
    read_thresholds,
    write_thresholds,
)
from segloop.data.masks import decode
from segloop.utils.errors import DataError, FormatError, UserError

TUNED = Thresholds(
    {"ship": ComponentRule(0.6, min_area=12, connectivity=4)},
    {"run": "test/val-best", "split": "val", "metric": "ships/F2", "score": 0.8},
)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = write_thresholds(tmp_path, TUNED)
    found = read_thresholds(tmp_path)
    assert (path.name, found.classes, found.tuned_on) == ("thresholds.json", TUNED.classes, TUNED.tuned_on)
    assert found.kind == "components"
    assert json.loads(path.read_text())["classes"]["ship"] == {
        "threshold": 0.6,
        "min_area": 12,
        "connectivity": 4,
        "min_mean": 0.0,
    }


def test_a_work_dir_without_the_file_has_none(tmp_path: Path) -> None:
    assert find_thresholds(tmp_path) is None
    with pytest.raises(UserError, match=r"tools/tune\.py"):
        read_thresholds(tmp_path)


def test_numbers_that_are_left_out_have_their_usual_values(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.json"
    path.write_text('{"format": 1, "kind": "instance", "classes": {"astro": {"score": 0.25}}}')
    assert read_thresholds(path).classes == {"astro": InstanceRule(0.25, 0)}


def test_all_faults_of_a_file_are_told_together(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.json"
    classes = {
        "a": {"score": 1.5},
        "b": {"score": 0.5, "min_area": 2.5},
        "c": {"scor": 0.5},
        "d": 3,
        "e": {"score": True},
    }
    path.write_text(json.dumps({"format": 1, "kind": "instance", "tuned": {}, "classes": classes}))
    with pytest.raises(FormatError) as told:
        read_thresholds(path)
    for part in ("7 problem", "'tuned'", "1.5", "2.5", "Did you mean 'score'", "not 3", "not True"):
        assert part in str(told.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not valid JSON"),
        ("[]", "must hold an object"),
        ('{"format": 2}', "format is 2"),
        ('{"format": 1, "kind": "pixels", "classes": {"a": {}}}', "kind is 'pixels'"),
        ('{"format": 1, "kind": "components", "classes": {}}', "at least one class"),
        (
            '{"format": 1, "kind": "components", "tuned_on": 1, "classes": {"a": {"threshold": 0}}}',
            "tuned_on",
        ),
        (
            '{"format": 1, "kind": "components", "classes": {"a": {"threshold": 0, "connectivity": 6}}}',
            "4 or 8",
        ),
    ],
)
def test_a_broken_file_is_told_in_words(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "thresholds.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=told):
        read_thresholds(path)


def test_rules_come_in_the_order_of_the_models_classes() -> None:
    tuned = Thresholds({"b": InstanceRule(0.2), "a": InstanceRule(0.1)})
    assert [rule.score for rule in tuned.of(["a", "b"], InstanceRule)] == [0.1, 0.2]


def test_classes_that_do_not_fit_the_model_are_refused_together() -> None:
    with pytest.raises(DataError) as told:
        Thresholds({"ships": ComponentRule()}).of(["ship"], ComponentRule)
    for part in ("'ships' is no class", "Did you mean 'ship'", "'ship' has no thresholds"):
        assert part in str(told.value)


def test_thresholds_of_another_kind_of_model_are_refused() -> None:
    with pytest.raises(DataError, match=r"kind 'components'.*needs 'instance'"):
        TUNED.of(["ship"], InstanceRule)


def test_an_object_counts_at_its_threshold() -> None:
    kept = keep_instances([0, 0, 0], [0.5, 0.49, 0.9], [4, 9, 3], rules=[InstanceRule(0.5, 4)])
    assert kept.tolist() == [True, False, False]
    assert keep_instances([], [], [], rules=[InstanceRule()]).tolist() == []


def test_bytes_and_floats_are_cut_alike() -> None:
    chances = np.random.default_rng(0).random((32, 40), np.float32)
    rule = ComponentRule(0.55, min_area=3)
    from_floats, from_bytes = cut_components(chances, rule=rule), cut_components(as_bytes(chances), rule=rule)
    assert [part.tolist() for part in from_floats] == [part.tolist() for part in from_bytes]
    assert len(from_floats) > 3
    mask = sum(decode(part, (32, 40)).astype(int) for part in from_floats)
    assert as_bytes(chances)[mask > 0].min() >= least_byte(0.55)


def test_small_parts_are_left_out_and_corners_join_only_if_asked() -> None:
    chances = np.eye(3)
    assert len(cut_components(chances, rule=ComponentRule(0.5, min_area=3))) == 1
    assert cut_components(chances, rule=ComponentRule(0.5, min_area=3, connectivity=4)) == []
    assert cut_components(np.zeros((3, 3)), rule=ComponentRule(0.0)) == []  # nothing is never something


def test_a_part_counts_only_if_it_is_sure_on_the_mean() -> None:
    chances = np.array([[0.0, 1.0, 0.6], [0.6, 0.0, 0.0], [0.0, 0.0, 0.0], [0.6, 0.6, 0.2]])
    counted = {
        mean: [part.tolist() for part in cut_components(chances, rule=ComponentRule(0.5, 0, 8, mean))]
        for mean in (0.0, 0.6, 0.65, 0.75)
    }
    first, second = [1, 1, 2, 1, 3, 1, 3], [3, 1, 3, 1, 4]  # (1 + .6 + .6) / 3 = .73, and .6
    assert counted == {0.0: [first, second], 0.6: [first, second], 0.65: [first], 0.75: []}


def test_rules_in_words_name_what_they_ask() -> None:
    assert InstanceRule(0.5, 12).in_words() == "0.5 from 12 px"
    assert ComponentRule(0.3, 4, 8, 0.8).in_words() == "0.3, 0.8 on the mean from 4 px"
    assert ComponentRule(0.3).in_words() == "0.3"


def test_nan_is_no_probability() -> None:
    assert as_bytes([np.nan, 2.0, -1.0, 0.5]).tolist() == [0, 255, 0, 128]
