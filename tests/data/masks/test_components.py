"""Parts that touch by a corner are one with 8 neighbours and two with 4."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from segloop.data import masks
from tests.data.masks.cases import bitmaps

CORNER = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0]])


def test_neighbours_decide() -> None:
    assert [masks.area(each) for each in masks.components(CORNER, connectivity=8)] == [2]
    assert [masks.area(each) for each in masks.components(CORNER, connectivity=4)] == [1, 1]
    runs = masks.encode(CORNER)
    assert len(masks.split_runs(runs, (3, 3), connectivity=4)) == 2


def test_parts_come_by_their_first_pixel_and_classes_are_kept_apart() -> None:
    labels = np.array([[2, 2, 0, 1], [0, 0, 0, 1], [1, 0, 2, 2]])
    found = masks.label_components(labels, without=(0,))
    assert sorted(found) == [1, 2]
    assert [masks.decode(each, labels.shape).nonzero()[1].min() for each in found[1]] == [0, 3]
    assert [masks.area(each) for each in found[2]] == [2, 2]


@given(st.data(), st.sampled_from([4, 8]))
def test_parts_are_those_of_scipy(data, connectivity: int) -> None:
    size_hw = data.draw(st.tuples(st.integers(1, 13), st.integers(1, 13)))
    mask = data.draw(bitmaps(size_hw))
    around = ndimage.generate_binary_structure(2, connectivity // 4)
    theirs, count = ndimage.label(mask.T, around)  # turned, so that parts are numbered column by column
    wanted = [masks.encode(number == theirs.T).tolist() for number in range(1, count + 1)]
    assert [each.tolist() for each in masks.components(mask, connectivity=connectivity)] == wanted
    runs = masks.encode(mask)
    assert [each.tolist() for each in masks.split_runs(runs, size_hw, connectivity=connectivity)] == wanted
    assert masks.count_parts(runs, size_hw, connectivity=connectivity) == count


@given(st.integers(0, 999))
def test_each_value_of_a_map_has_its_own_parts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, tuple(rng.integers(1, 12, 2)), np.uint16)
    found = masks.label_components(labels, without=(3,))
    assert list(found) == sorted(set(np.unique(labels).tolist()) - {3})
    for value, parts in found.items():
        wanted = [each.tolist() for each in masks.components(labels == value)]
        assert [each.tolist() for each in parts] == wanted


def test_a_spiral_is_one_part() -> None:
    spiral = np.zeros((41, 41), bool)
    for ring in range(0, 20, 2):
        spiral[ring, ring : 41 - ring] = spiral[ring : 41 - ring, 40 - ring] = True
        spiral[40 - ring, ring : 41 - ring] = spiral[ring + 2 : 41 - ring, ring] = True
        spiral[ring + 2, ring : ring + 3] = True
    assert len(masks.components(spiral, connectivity=4)) == 1


def test_nothing_has_no_part_and_neighbours_are_four_or_eight() -> None:
    assert masks.components(np.zeros((0, 3))) == masks.components(np.zeros((2, 3))) == []
    with pytest.raises(ValueError, match="choose 4 or 8"):
        masks.components(CORNER, connectivity=6)
