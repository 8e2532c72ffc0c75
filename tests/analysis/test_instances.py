"""Objects of an image: what is taken, and how each mistake is told."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.analysis.instances import Instances
from segloop.utils.errors import DataError


def test_bitmaps_become_run_lengths_column_by_column() -> None:
    found = Instances.of_bitmaps([[[0, 1], [0, 1]], [[1, 0], [0, 0]]], [2, 0], scores=[0.5, 1])
    assert [runs.tolist() for runs in found.runs] == [[2, 2], [0, 1, 3]]
    assert (found.labels.tolist(), found.size_hw, len(found)) == ([2, 0], (2, 2), 2)


def test_a_map_of_numbers_becomes_objects_by_number() -> None:
    found = Instances.of_numbers(np.array([[0, 9], [4, 4]]), label=1)
    assert [runs.tolist() for runs in found.runs] == [[1, 1, 1, 1], [2, 1, 1]]
    assert found.labels.tolist() == [1, 1]


def test_an_image_may_have_no_object() -> None:
    found = Instances(runs=[], labels=[], size_hw=(3, 4), scores=[], boxes_xyxy=[], crowd=[])  # type: ignore[arg-type]
    assert (len(found), found.boxes_xyxy.shape, found.labels.dtype) == (0, (0, 4), np.int64)  # type: ignore[union-attr]
    assert len(Instances.of_bitmaps([], [], size_hw=(3, 4))) == 0
    with pytest.raises(ValueError, match="size_hw"):
        Instances.of_bitmaps([], [])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"labels": [0]}, "2 masks, but labels of shape"),
        ({"scores": [0.1, 0.2, 0.3]}, "2 masks, but scores of shape"),
        ({"boxes_xyxy": [[0, 0, 1, 1]]}, "2 masks, but boxes_xyxy of shape"),
        ({"labels": [0, -1]}, "Class indices begin at 0; one is -1"),
        ({"scores": [0.5, float("nan")]}, "scores holds values that are no numbers"),
        ({"size_hw": (3, 2)}, r"2 of 2 masks are of another size .* mask 0 has 4 pixels, the image 3x2 = 6"),
        ({"ignore": np.array([5])}, "1 of 3 masks are of another size"),
        ({"runs": [np.array([4]), np.zeros(0, int)]}, "without run lengths"),
    ],
)
def test_what_does_not_fit_is_told(change: dict, told: str) -> None:
    fits = {"runs": [np.array([2, 2]), np.array([4])], "labels": [0, 1], "size_hw": (2, 2)}
    Instances(**fits)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=told):
        Instances(**(fits | change))  # type: ignore[arg-type]


def test_bitmaps_of_another_size_are_told() -> None:
    with pytest.raises(DataError, match=r"shape \(2, 3\) in an image of 2x2 pixels"):
        Instances.of_bitmaps([np.zeros((2, 2)), np.zeros((2, 3))], [0, 0])
