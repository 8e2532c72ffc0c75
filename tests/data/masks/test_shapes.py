"""Parts are measured as scipy and plain counting of pixels measure them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from segloop.data import masks
from segloop.data.masks.shapes import label_pieces, measure_labels, measure_pieces, measure_runs, run_pieces
from tests.data.masks.cases import bitmaps

AROUND = np.ones((3, 3), int)


def by_hand(mask: np.ndarray) -> list[tuple[int, list[int], int, int, int]]:
    """Area, box, holes, edges and thickness of each part, by drawing each."""
    found, count = ndimage.label(mask.T, AROUND)
    told = []
    for number in range(1, count + 1):
        part = np.pad((found == number).T, 1)
        y, x = part.nonzero()
        box = [int(x.min()) - 1, int(y.min()) - 1, int(x.max()), int(y.max())]
        holes = ndimage.label(~part)[1] - 1
        edges = int((part[1:] != part[:-1]).sum() + (part[:, 1:] != part[:, :-1]).sum())
        longest = max(int(length) for column in part.T for length in masks.encode(column[:, None])[1::2])
        told.append((int(part.sum()), box, holes, edges, min(longest, box[2] - box[0])))
    return told


def as_told(parts: object) -> list[tuple[int, list[int], int, int, int]]:
    names = ("area", "boxes_xyxy", "holes", "edges", "thickness")
    return list(zip(*(getattr(parts, name).tolist() for name in names), strict=True))


@given(st.data())
def test_parts_are_those_that_are_drawn(data) -> None:
    size_hw = data.draw(st.tuples(st.integers(1, 11), st.integers(1, 11)))
    several = [data.draw(bitmaps(size_hw)) for _ in range(data.draw(st.integers(1, 3)))]
    found = measure_runs([masks.encode(each) for each in several], size_hw)
    assert as_told(found) == [line for each in several for line in by_hand(each != 0)]
    owners = [place for place, each in enumerate(several) for _ in by_hand(each != 0)]
    assert found.owner.tolist() == owners


@given(st.integers(0, 999))
def test_each_value_of_a_map_is_measured(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, tuple(rng.integers(1, 12, 2)), np.uint16)
    found = measure_labels(labels, without=(3,))
    wanted = [(value, line) for value in range(3) for line in by_hand(labels == value)]
    assert list(zip(found.owner.tolist(), as_told(found), strict=True)) == wanted


def test_many_images_are_measured_at_once_and_none_touches_another() -> None:
    full, ring = np.ones((2, 3), np.uint8), np.pad(np.zeros((1, 1), np.uint8), 1, constant_values=4)
    overlapping = run_pieces([masks.encode(full), masks.encode(full)], full.shape)
    images = [
        label_pieces(full),
        label_pieces(np.zeros((0, 3))),
        label_pieces(ring, without=(0,)),
        overlapping,
    ]
    found = measure_pieces(images)
    assert found.image.tolist() == [0, 2, 3, 3]
    assert found.owner.tolist() == [1, 4, 0, 1]
    assert found.area.tolist() == [6, 8, 6, 6]
    assert found.holes.tolist() == [0, 1, 0, 0]
    assert found.boxes_xyxy.tolist() == [[0, 0, 3, 2], [0, 0, 3, 3], [0, 0, 3, 2], [0, 0, 3, 2]]


def test_nothing_has_no_parts() -> None:
    assert len(measure_labels(np.zeros((0, 4), np.uint8))) == 0
    assert len(measure_labels(np.zeros((2, 4), np.uint8), without=(0,))) == 0
    assert len(measure_runs([], (3, 3))) == 0
    assert len(measure_runs([np.array([9], np.uint32)], (3, 3))) == 0
