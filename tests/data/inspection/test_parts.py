"""Specks, slivers and hollow outlines are found; what is cut off by the image's edge is not."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.data.inspection.parts import by_nature, enclosed, find_flaws, find_holes, hollow
from segloop.data.masks import measure_labels


def flaws_of(mask: np.ndarray) -> list[tuple[str, int, int, tuple[int, int, int, int]]]:
    """Return the specks and slivers of a map, briefly."""
    parts = measure_labels(mask, without=(0,))
    return [
        (each.kind, each.label, each.count, each.box_xyxy)
        for each in find_flaws(parts, parts.owner, mask.shape)
    ]


def test_specks_are_counted_by_label_and_the_smallest_is_shown() -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[5:8, 5:8] = 1
    mask[20, 20] = 1
    mask[30:32, 30:32] = 2
    mask[10:20, 25:35] = 2
    assert flaws_of(mask) == [("specks", 1, 2, (20, 20, 21, 21)), ("specks", 2, 1, (30, 30, 32, 32))]


@pytest.mark.parametrize("turned", [False, True])
def test_slivers_are_long_and_thin(turned: bool) -> None:
    mask = np.zeros((50, 40), np.uint8)
    mask[10:12, 5:25] = 1
    mask[30:33, 5:25] = 1
    found = flaws_of(np.ascontiguousarray(mask.T) if turned else mask)
    assert found == [("slivers", 1, 1, (10, 5, 12, 25) if turned else (5, 10, 25, 12))]


def test_what_touches_the_edge_of_the_image_is_cut_off_there() -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[0, 5] = mask[39, 9] = mask[8, 0] = 1
    mask[20:22, 20:40] = 1
    assert flaws_of(mask) == []


def test_an_outline_that_was_not_filled_is_mostly_hole() -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[5:30, 5:30] = 1
    mask[7:28, 7:28] = 0
    parts = measure_labels(mask, without=(0,))
    places = hollow(parts)
    assert places.tolist() == [0]

    def holes(other: np.ndarray) -> list[str]:
        crop = mask[5:30, 5:30] == 1
        return [each.text for each in find_holes(iter([(0, crop, other[5:30, 5:30])]), parts, parts.owner)]

    nothing = np.zeros((40, 40), bool)
    assert holes(nothing) == ["71% of what is outlined is empty"]
    assert holes(~nothing) == []  # something else is drawn in it


def test_a_small_hole_is_no_trouble() -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[5:30, 5:30] = 1
    mask[10:14, 10:14] = 0
    assert len(hollow(measure_labels(mask, without=(0,)))) == 0


def test_what_a_mask_encloses_does_not_depend_on_how_it_lies_in_memory() -> None:
    ring = np.zeros((6, 9), bool)
    ring[1:5, 1:8] = True
    ring[2:4, 2:7] = False
    assert enclosed(ring).sum() == enclosed(np.asfortranarray(ring)).sum() == 10
    ring[1, 3] = False
    assert enclosed(ring).sum() == 0


def test_many_specks_of_a_class_are_its_nature() -> None:
    assert by_nature({3: 25, 4: 25, 5: 19}, {3: 90, 4: 1000, 5: 20}) == [3]
