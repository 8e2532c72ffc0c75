"""Outlines are read as they stand, and each that cannot be drawn is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_converters.cityscapes_polygons import read_outlines
from segloop.data.cityscapes import BY_NAME
from tests.data_converters.cityscapes_cases import OBJECTS, SIZE, polygons, put


def wrong(tmp_path: Path, text: str) -> tuple[str, ...]:
    return read_outlines(put(tmp_path / "a.json", text), BY_NAME).problems


def test_outlines_keep_their_order_and_marks(tmp_path: Path) -> None:
    found = read_outlines(put(tmp_path / "a.json", polygons()), BY_NAME)
    assert found.size_hw == SIZE
    assert not found.problems
    assert [each.label for each in found.outlines] == [each["label"] for each in OBJECTS]
    assert [each.deleted for each in found.outlines].count(True) == 1
    np.testing.assert_array_equal(found.outlines[1].points, OBJECTS[1]["polygon"])


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"label": None}, "no text"),
        ({"label": "toString"}, "'toString' is not known"),
        ({"label": "group"}, "'group' is not known"),
        ({"deleted": "yes"}, "deleted is yes"),
        ({"polygon": [[0, 1, 2]]}, "no list of"),
        ({"polygon": "[[0,1]]"}, "no list of"),
        ({"polygon": [[0, 1], [0]]}, "no list of"),
        ({"polygon": [[0, 1 << 400], [0, 1]]}, "no "),
        ({"polygon": [[0, float("nan")], [0, 1]]}, "no place within"),
        ({"polygon": [[0, 1e30], [0, 1]]}, "no place within"),
    ],
)
def test_can_report_an_outline(tmp_path: Path, change: dict[str, Any], part: str) -> None:
    (problem,) = wrong(tmp_path, polygons([OBJECTS[0], {**OBJECTS[1], **change}]))
    assert problem.startswith("object 1: ")
    assert part in problem


def test_can_report_a_file(tmp_path: Path) -> None:
    assert "cannot be read" in read_outlines(tmp_path / "none.json", BY_NAME).problems[0]
    for text, part in (
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "no object with a list"),
        ('{"objects": [], "imgHeight": 0, "imgWidth": 3}', "no sizes"),
        ('{"objects": [], "imgHeight": true, "imgWidth": 3}', "no sizes"),
        ('{"objects": [], "imgHeight": 200000, "imgWidth": 200000}', "the limit is"),
        ('{"objects": [1], "imgHeight": 2, "imgWidth": 3}', "object 0: it is no JSON object"),
    ):
        (problem,) = wrong(tmp_path, text)
        assert part in problem


def test_an_outline_without_points_is_no_fault(tmp_path: Path) -> None:
    found = read_outlines(put(tmp_path / "a.json", polygons([{"label": "car", "polygon": []}])), BY_NAME)
    assert not found.problems
    assert found.outlines[0].points.shape == (0, 2)
