"""Every kind of change of an image is told by name, in pixels and by object."""

from __future__ import annotations

import pickle
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from segloop.analysis.overlaps import intersections
from segloop.cvat.differences import (
    IGNORED,
    NOTHING,
    ImageDifference,
    _step,
    draw_labels,
    find_differences,
    join_classes,
)
from segloop.data.annotations import Box, ImageRecord, Instance, Label, LabelSet, Opaque
from segloop.data.masks import Window, from_windows
from segloop.utils.errors import DataError
from tests.cvat.labels_made import LABELS, instance, semantic

WITH_GROUND = LabelSet((Label("background"), Label("cat"), Label("dog")), background=0)


def compare(
    old: tuple[Instance, ...], new: tuple[Instance, ...], labels: LabelSet = LABELS
) -> ImageDifference:
    record = ImageRecord(image_id="a", name="a.png", size_hw=(48, 64))
    classes = join_classes(labels, labels)
    drawn = [draw_labels(replace(record, instances=each), labels, classes) for each in (old, new)]
    return find_differences(drawn[0], drawn[1], classes)


@pytest.mark.parametrize(
    ("old", "new", "kind", "pixels"),
    [
        (("cat", "u", 2, 2, 12, 12), ("cat", "u", 2, 2, 12, 12), "same", 0),
        (("cat", "u", 2, 2, 12, 12), ("dog", "u", 2, 2, 12, 12), "renamed", 0),
        (("cat", "u", 2, 2, 12, 12), ("cat", "u", 4, 5, 14, 15), "moved", 88),
        (("cat", "u", 2, 2, 12, 12), ("cat", "u", 2, 2, 12, 20), "redrawn", 80),
        (("cat", None, 2, 2, 12, 12), ("cat", None, 3, 2, 13, 12), "moved", 20),
        (
            ("cat", "u", 2, 2, 12, 12),
            ("cat", "u", 30, 30, 40, 40),
            "moved",
            200,
        ),  # far off, and still the same
    ],
)
def test_an_object_is_known_again(
    old: tuple[str, str | None, int, int, int, int],
    new: tuple[str, str | None, int, int, int, int],
    kind: str,
    pixels: int,
) -> None:
    (change,) = compare((instance(*old),), (instance(*new),)).objects
    assert (change.kind, change.pixels) == (kind, pixels)
    if kind == "moved":
        assert change.step_xy == (new[3] - old[3], new[2] - old[2])


def test_an_object_that_leaves_the_image_at_an_edge_was_moved() -> None:
    (change,) = compare(
        (instance("cat", "u", 20, 50, 30, 60),), (instance("cat", "u", 20, 56, 30, 64),)
    ).objects
    assert (change.kind, change.step_xy) == ("moved", (6, 0))


def test_identity_goes_before_likeness() -> None:
    old = (instance("cat", "a", 2, 2, 12, 12), instance("cat", "b", 20, 20, 30, 30))
    new = (instance("cat", "b", 2, 2, 12, 12), instance("cat", "a", 20, 20, 30, 30))
    assert [each.kind for each in compare(old, new).objects] == ["moved", "moved"]


def test_an_identity_that_stands_twice_says_nothing() -> None:
    old = (instance("cat", "a", 2, 2, 12, 12),)
    new = (instance("cat", "a", 2, 2, 12, 12), instance("cat", "a", 20, 20, 30, 30))
    assert [each.kind for each in compare(old, new).objects] == ["same", "added"]


def test_objects_far_from_each_other_are_two() -> None:
    found = compare((instance("cat", None, 2, 2, 12, 12),), (instance("cat", None, 30, 30, 40, 40),))
    assert sorted(each.kind for each in found.objects) == ["added", "removed"]


def test_what_is_not_drawn_is_compared_by_what_it_says() -> None:
    point = Opaque("points", {"points": [[1, 2]]})
    one = Instance(label="cat", shape=point)
    assert [each.kind for each in compare((one,), (one,)).objects] == ["same"]
    other = Instance(label="cat", shape=Opaque("points", {"points": [[9, 2]]}))
    assert sorted(each.kind for each in compare((one,), (other,)).objects) == ["added", "removed"]
    moved = (Instance(label="cat", shape=point, uid="u"), Instance(label="cat", shape=other.shape, uid="u"))
    assert [each.kind for each in compare(moved[:1], moved[1:]).objects] == ["redrawn"]


def test_a_box_is_as_good_as_its_pixels() -> None:
    drawn = instance("cat", "u", 2, 2, 12, 12)
    boxed = replace(drawn, shape=Box((2.0, 2.0, 12.0, 12.0)))
    assert not compare((drawn,), (boxed,)).changed


def test_flips_count_each_pixel_once() -> None:
    found = compare((instance("cat", "u", 0, 0, 10, 10),), (instance("dog", "u", 0, 0, 10, 5),))
    classes = join_classes(LABELS, LABELS)
    names = classes.names
    assert names == (NOTHING, "cat", "dog", IGNORED)
    assert found.flips[names.index("cat"), names.index("dog")] == 50
    assert found.flips[names.index("cat"), names.index(NOTHING)] == 50
    assert found.flips.sum() == 48 * 64
    assert found.pixels == 100
    assert found.iou(classes.foreground) == 0


def test_an_image_without_anything_is_the_same_as_another() -> None:
    found = compare((), ())
    assert not found.changed
    assert found.iou([1, 2]) == 1


def test_index_maps_and_objects_meet() -> None:
    canvas = np.zeros((48, 64), np.uint8)
    canvas[2:12, 2:12], canvas[40:, :] = 1, 255
    old = semantic("a", canvas)
    classes = join_classes(WITH_GROUND, LABELS)
    assert classes.names == ("background", "cat", "dog", IGNORED)
    new = ImageRecord(
        image_id="a", name="a.png", size_hw=(48, 64), instances=(instance("cat", "u", 2, 2, 12, 12),)
    )
    found = find_differences(
        draw_labels(old, WITH_GROUND, classes), draw_labels(new, LABELS, classes), classes
    )
    assert found.flips[classes.ignored, classes.background] == found.pixels == 8 * 64
    assert [each.kind for each in found.objects] == ["same"]


def test_new_labels_come_behind_and_another_background_is_the_same() -> None:
    new = LabelSet((Label("ground"), Label("cat"), Label("fox")), background=0)
    classes = join_classes(WITH_GROUND, new)
    assert classes.names == ("background", "cat", "dog", "fox", IGNORED)
    drawn = draw_labels(semantic("a", np.array([[0, 1], [2, 255]], np.uint8)), new, classes)
    assert drawn.classes.tolist() == [[0, 1], [3, 4]]


def test_masks_that_are_equal_are_not_laid_over_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(*words: Any) -> Any:
        calls.append(words)
        return intersections(*words)

    monkeypatch.setattr("segloop.cvat.differences.intersections", counted)
    many = tuple(instance("cat", f"{place}", place, place, place + 5, place + 5) for place in range(20))
    found = compare(many, (*many[1:], instance("cat", "0", 0, 0, 9, 9)))
    assert [each.kind for each in found.objects].count("same") == 19
    assert len(calls) < 4


def test_other_sizes_are_refused() -> None:
    classes = join_classes(WITH_GROUND, WITH_GROUND)
    drawn = [
        draw_labels(semantic("a", np.zeros(size, np.uint8)), WITH_GROUND, classes)
        for size in ((4, 6), (6, 4))
    ]
    with pytest.raises(DataError, match="6x4 pixels before, 4x6 after"):
        find_differences(drawn[0], drawn[1], classes, image_id="a")


def test_what_is_kept_of_an_image_does_not_grow_with_the_square_of_the_classes() -> None:
    labels = LabelSet(tuple(Label(f"class {number}") for number in range(1000)))
    classes = join_classes(labels, labels)
    before, after = (
        draw_labels(semantic("a", np.full((4, 4), value, np.uint16)), labels, classes) for value in (3, 700)
    )
    found = find_differences(before, after, classes)
    assert (found.pixels, found.flips.shape) == (16, (1002, 1002))
    assert len(pickle.dumps(found)) < 10_000


def test_a_small_object_of_a_large_image_takes_no_memory_of_the_whole() -> None:
    size_hw = (4000, 4000)
    masks = [Window(3000, 5, 30, high, np.array([0, 30 * high])) for high in (20, 25)]
    old, new = from_windows(masks, size_hw)
    tracemalloc.start()
    assert _step(old, new, size_hw) == (0, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000
