"""An exported file tells all that a runner needs, and what is wrong with its notes is told together."""

from __future__ import annotations

import json

import pytest

from segloop.experiments.onnx.notes import ModelNotes, Resizing, Windows
from segloop.utils.errors import FormatError

FULL = ModelNotes(
    classes=("sea", "ship"),
    palette=((0, 0, 0), (255, 0, 0)),
    background=0,
    activation="sigmoid",
    threshold=0.3,
    mean=(1.0, 2.0, 3.0),
    std=(4.0, 5.0, 6.0),
    channel_order="bgr",
    size_divisor=16,
    resizing=Resizing((640, 480), keep_ratio=True),
    align_corners=True,
    windows=Windows((256, 256), (170, 170)),
    thresholds={"format": 1, "kind": "components", "classes": {"ship": {"threshold": 0.4, "min_area": 9}}},
    source={"checkpoint": "iter_5.pth"},
)


def test_notes_come_back_from_the_file_as_they_were() -> None:
    told = FULL.metadata()
    assert all(isinstance(value, str) and name.startswith("segloop.") for name, value in told.items())
    assert ModelNotes.of(told, file="a.onnx") == FULL
    labels = FULL.label_set
    assert labels.names == ("sea", "ship")
    assert labels.background == 0
    assert labels.labels[1].color == (255, 0, 0)


def test_notes_of_a_later_version_may_say_more() -> None:
    told = FULL.metadata() | {"segloop.mood": '"good"', "producer": "somebody"}
    assert ModelNotes.of(told, file="a.onnx") == FULL


def test_everything_that_is_wrong_is_told_at_once() -> None:
    wrong = {
        "classes": ["sea", "sea"],
        "palette": [[0, 0, 256], [1, 2, 3]],
        "background": 7,
        "activation": "step",
        "align_corners": 1,
        "windows": {"size_hw": [0, 4], "stride_hw": [4, 4]},
        "resizing": {"scale_wh": [4, 4]},
    }
    told = FULL.metadata() | {f"segloop.{key}": json.dumps(value) for key, value in wrong.items()}
    told["segloop.mean"] = "{"
    with pytest.raises(FormatError) as error:
        ModelNotes.of(told, file="a.onnx")
    for word in (
        "different names",
        "palette",
        "background",
        "activation",
        "align_corners",
        "windows.size_hw",
        "resizing",
        "mean",
    ):
        assert word in str(error.value)


def test_a_foreign_file_and_a_later_format_are_told_apart() -> None:
    with pytest.raises(FormatError, match="no notes of SegLoop's"):
        ModelNotes.of({"producer": "somebody"}, file="a.onnx")
    with pytest.raises(FormatError, match="format 2"):
        ModelNotes.of(FULL.metadata() | {"segloop.format": "2"}, file="a.onnx")
