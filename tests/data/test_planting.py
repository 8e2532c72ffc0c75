"""Mistakes are planted where they are said to be, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segloop.data.index_masks import read_index_mask
from segloop.data.planting import KINDS, plant, spoil


def mask() -> np.ndarray:
    classes = np.zeros((40, 40), np.uint8)
    classes[10:25, 10:25], classes[0:3, 0:3] = 1, 2  # the second is too small
    return classes


@pytest.mark.parametrize("kind", KINDS)
def test_a_mistake_is_planted_with_the_large_object(kind: str) -> None:
    changed = plant(mask(), kind, background=0, num_classes=4, draw=np.random.default_rng(0))
    assert changed is not None
    assert (changed[0:3, 0:3] == 2).all()
    assert (changed != mask()).any()
    if kind == "left out":
        assert set(np.unique(changed)) == {0, 2}
    elif kind == "wrong class":
        assert set(np.unique(changed[10:25, 10:25])) in ({2}, {3})
    else:
        assert (changed == 1).sum() == 225


def test_without_a_large_object_there_is_no_mistake() -> None:
    small = np.where(mask() == 2, 2, 0).astype(np.uint8)
    assert plant(small, "left out", background=0, num_classes=3, draw=np.random.default_rng(0)) is None


def test_a_split_is_spoiled_where_it_is_told(tiny_root: Path) -> None:
    folder = tiny_root / "ann_dir/train"
    before = {file.stem: read_index_mask(file) for file in folder.glob("*.png")}
    planted = spoil(tiny_root, "train", share=1, seed=0)
    assert planted
    for each in planted:
        changed = read_index_mask(folder / f"{each.image_id}.png") != before[each.image_id]
        left, top, right, bottom = each.box_xyxy
        assert changed[top:bottom, left:right].sum() == changed.sum() > 0


def test_another_name_of_a_mask_keeps_the_old_labels(tiny_root: Path, tmp_path: Path) -> None:
    masks = {file.name: file.read_bytes() for file in (tiny_root / "ann_dir/train").glob("*.png")}
    for name in masks:
        (tmp_path / name).hardlink_to(tiny_root / "ann_dir/train" / name)
    assert spoil(tiny_root, "train", share=1, seed=0)
    assert {file.name: file.read_bytes() for file in tmp_path.glob("*.png")} == masks
