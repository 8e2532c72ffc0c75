"""Parts that touch by a corner are one with 8 neighbours and two with 4."""

from __future__ import annotations

import numpy as np

from segloop.data import masks

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
