"""Masks that cannot be read, or show nothing, are told with their places before a training starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from segloop.data.instance_labels import InstanceSource, load_split
from segloop.data.instance_masks import mask_problems
from tests.experiments.objects import SIZE_HW, change, write_objects


def told_of(root: Path, segmentation: Any, *, drop: tuple[str, ...] = ()) -> list[str]:
    change(root, segmentation=segmentation)
    return mask_problems(load_split(InstanceSource.find(root, "train"), training=True), drop=drop)


@pytest.mark.parametrize(
    ("segmentation", "told"),
    [
        ({"size": list(SIZE_HW), "counts": "hello"}, "there are no run lengths"),
        ([[float("nan"), 4, 20, 4, 20, 9]], "An outline cannot be drawn: a coordinate is no number"),
        ([["a", 4, 20, 4, 20, 9]], "an outline holds something else than numbers"),
    ],
)
def test_says_which_mask_cannot_be_read(tmp_path: Path, segmentation: Any, told: str) -> None:
    (problem,) = told_of(write_objects(tmp_path / "data"), segmentation)
    assert problem == f"1 x masks that cannot be read\n  annotation 6 of train_3: {told}\n  → correct them"


@pytest.mark.parametrize(
    "segmentation",
    [[[500, 500, 520, 500, 520, 520]], {"size": list(SIZE_HW), "counts": [SIZE_HW[0] * SIZE_HW[1]]}],
)
def test_says_which_mask_has_no_pixel_unless_it_may_be_dropped(tmp_path: Path, segmentation: Any) -> None:
    root = write_objects(tmp_path / "data")
    (problem,) = told_of(root, segmentation)
    assert problem.startswith(
        "1 x masks without a pixel in the image\n  annotation 6 of train_3\n  → to leave"
    )
    assert told_of(root, segmentation, drop=("tiny",)) == []


def test_counts_the_images_it_looked_at(tmp_path: Path) -> None:
    images = load_split(InstanceSource.find(write_objects(tmp_path / "data"), "train"), training=True)
    seen: list[tuple[int, int]] = []
    assert mask_problems(images, progress=lambda done, total: seen.append((done, total))) == []
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
