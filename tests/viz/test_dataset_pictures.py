"""Pictures of a set: from no test split, windows inside the image, objects outlined."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segloop.data.statistics import gather
from segloop.viz.dataset_pictures import LEAST_WINDOW, TILE, WHOLE, _square, take_pictures
from tests.data.statistics.sets import object_set, semantic_set


@given(st.integers(1, 90), st.integers(1, 90), st.data())
def test_windows_lie_in_the_image_and_hold_the_box(width: int, height: int, data) -> None:
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right, bottom = data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))
    x, y, x2, y2 = _square((left, top, right, bottom), width, height)
    assert 0 <= x <= left
    assert right <= x2 <= width
    assert 0 <= y <= top
    assert bottom <= y2 <= height
    assert x2 - x >= min(LEAST_WINDOW, width)


def test_each_class_has_examples_and_tests_are_not_shown(tmp_path: Path) -> None:
    images = semantic_set(tmp_path, 12, split=lambda number: "test" if number < 6 else "train")
    found = take_pictures(images, gather(images, workers=0).shown)
    assert sorted(found.examples) == [1, 2]
    assert all(int(shot.image_id) >= 6 for shots in found.examples.values() for shot in shots)
    assert {int(shot.image_id) for _, shot in found.hard} <= set(range(6, 12))
    assert found.examples[2][-1].text == "largest, 40 px"
    assert found.examples[1][0].image.shape[:2] == (TILE, TILE)
    assert max(found.typical[0].image.shape[:2]) == WHOLE
    seen = found.examples[1][0].image.reshape(-1, 3).tolist()
    assert [255, 51, 51] in seen, "the outline is of the class's own colour, made bright"


def test_labels_without_pictures_are_drawn_on_grey() -> None:
    found = take_pictures(object_set(), gather(object_set(), workers=0).shown)
    corner = found.examples[1][0].image[0, 0]
    assert corner.tolist() == [150, 150, 150]
    assert found.hard == []


def test_pictures_are_the_same_each_time(tmp_path: Path) -> None:
    images = semantic_set(tmp_path, 6)
    first, second = (take_pictures(images, gather(images, workers=0).shown) for _ in range(2))
    for label in first.examples:
        for mine, theirs in zip(first.examples[label], second.examples[label], strict=True):
            assert mine.image_id == theirs.image_id
            assert np.array_equal(mine.image, theirs.image)
