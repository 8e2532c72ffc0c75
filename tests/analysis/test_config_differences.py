"""Only what differs between configs is told, once, and nothing of a config is executed."""

from __future__ import annotations

import pytest

from segloop.analysis.config_differences import MISSING, differences
from segloop.analysis.flat_config import read_flat_config
from segloop.utils.errors import FormatError


def told(*configs):
    return {each.path: each.values for each in differences(configs)}


def test_a_config_is_read_and_not_run(tmp_path):
    file = tmp_path / "net.py"
    file.write_text(
        "model = dict(type='Net', channels=(16, -1), init=None, rest={'a': [1.5]}, eps=float('inf'))\n"
        "open('harm', 'w')\n"
    )
    assert read_flat_config(file) == {
        "model": {
            "type": "Net", "channels": (16, -1), "init": None, "rest": {"a": [1.5]}, "eps": "float('inf')"
        }
    }  # fmt: skip
    assert not (tmp_path / "harm").exists()
    for broken in ("model = (", "\0"):
        file.write_text(broken)
        with pytest.raises(FormatError, match="cannot be read"):
            read_flat_config(file)


def test_values_that_are_equal_everywhere_are_not_told():
    base = {"model": {"type": "Net", "depth": 18, "wide": True}}
    other = {"model": {"type": "Net", "depth": 50, "wide": True}}
    assert told(base, other, base) == {"model.depth": ("18", "50", "18")}
    assert told(base, base) == {}


def test_a_value_that_only_some_have():
    assert told({"model": {"drop": 0.1}}, {"model": {}}) == {"model.drop": ("0.1", MISSING)}
    assert told({"load_from": None}, {}) == {"load_from": ("None", MISSING)}


def test_another_type_is_told_as_a_whole():
    one = {"model": {"head": {"type": "A", "x": 1}}}
    other = {"model": {"head": {"type": "B", "y": [{"type": "Loss", "w": 2}]}}}
    assert told(one, other) == {"model.head": ("A(x=1)", "B(y=[Loss(w=2)])")}


def test_pipelines_are_compared_step_by_step():
    def pipeline(*steps):
        return {"train_dataloader": {"dataset": {"pipeline": list(steps)}}}

    load, flip = {"type": "Load"}, {"type": "Flip", "prob": 0.5}
    path = "train_dataloader.dataset.pipeline"
    assert told(pipeline(load, flip), pipeline(load, {"type": "Flip", "prob": 0.9})) == {
        f"{path}[Flip].prob": ("0.5", "0.9")
    }
    assert told(pipeline(load, flip), pipeline(load)) == {f"{path}[Flip]": ("Flip(prob=0.5)", MISSING)}
    assert told(pipeline(load, flip), pipeline(flip, load)) == {
        f"{path} (order)": ("Load, Flip", "Flip, Load")
    }
    assert told(pipeline(flip, flip), pipeline(flip, {"type": "Flip", "prob": 1})) == {
        f"{path}[Flip 2].prob": ("0.5", "1")
    }


def test_places_and_names_that_are_only_handed_on_are_no_hyper_parameters():
    one = {
        "crop": 1,
        "work_dir": "a",
        "data_preprocessor": {"m": 1},
        "model": {"data_preprocessor": {"m": 1}},
    }
    other = {
        "crop": 2,
        "work_dir": "b",
        "data_preprocessor": {"m": 2},
        "model": {"data_preprocessor": {"m": 2}},
    }
    assert told(one, other) == {"model.data_preprocessor.m": ("1", "2")}
    loaders = [{"train_dataloader": {"dataset": {"data_root": place, "ann_file": place}}} for place in "ab"]
    assert told(*loaders) == {}


def test_long_values_are_cut():
    long = told({"model": {"x": "a" * 500}}, {"model": {"x": "b"}})["model.x"][0]
    assert len(long) == 160
    assert long.endswith("…")


def test_long_values_that_begin_alike_are_told_from_where_they_differ():
    weights = [round(0.01 * place, 2) for place in range(80)]
    one, other = told({"model": {"w": weights}}, {"model": {"w": [*weights[:-1], 9.0]}})["model.w"]
    assert (one, other) == ("…, 0.76, 0.77, 0.78, 0.79]", "…, 0.76, 0.77, 0.78, 9.0]")
    three = [[1], [*weights, *weights], [*weights, *weights[::-1]]]
    texts = told(*({"model": {"w": each}} for each in three))["model.w"]
    assert len(set(texts)) == 3
    assert max(map(len, texts)) <= 160
