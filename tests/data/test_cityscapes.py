"""The labels of Cityscapes are its own, and outlines are drawn as its own tools draw them."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.data.cityscapes import BY_NAME, CLASSES, LABELS, THINGS, Outline, draw_instances, resolve


def outline(label: str, left: int, top: int, right: int, bottom: int, *, deleted: bool = False) -> Outline:
    corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return Outline(label, np.array(corners, np.float64), deleted)


def test_ids_and_train_ids_are_those_of_the_evaluation() -> None:
    assert [label.id for label in LABELS] == [*range(34), -1]
    assert [label.train_id for label in CLASSES] == [*range(19)]
    assert [(label.name, label.id, label.train_id) for label in THINGS] == [
        ("person", 24, 11),
        ("rider", 25, 12),
        ("car", 26, 13),
        ("truck", 27, 14),
        ("bus", 28, 15),
        ("train", 31, 16),
        ("motorcycle", 32, 17),
        ("bicycle", 33, 18),
    ]


def test_names_of_groups_are_known() -> None:
    assert resolve("cargroup", BY_NAME) == (BY_NAME["car"], True)
    assert resolve("polegroup", BY_NAME) == (BY_NAME["polegroup"], False)
    assert resolve("group", BY_NAME) is None
    assert resolve("cartgroup", BY_NAME) is None


def test_edges_belong_to_an_outline_and_later_ones_lie_over_earlier() -> None:
    drawn = draw_instances([outline("road", 0, 0, 9, 9), outline("car", 2, 2, 4, 3)], (5, 6))
    assert drawn.dtype == np.uint16
    assert (drawn == 26000).sum() == 6
    assert (drawn == 7).sum() == 24


def test_objects_are_numbered_as_they_come_and_groups_are_not() -> None:
    outlines = [
        outline("car", 0, 0, 0, 0),
        outline("car", 1, 0, 1, 0, deleted=True),
        outline("cargroup", 2, 0, 2, 0),
        outline("license plate", 2, 0, 2, 0),
        outline("car", 3, 0, 3, 0),
        outline("rider", 4, 0, 4, 0),
        Outline("car", np.zeros((0, 2))),
    ]
    assert draw_instances(outlines, (1, 6)).tolist() == [[26000, 0, 26, 26001, 25000, 0]]
    with pytest.raises(KeyError):
        draw_instances([outline("cart", 0, 0, 1, 1)], (2, 2))
