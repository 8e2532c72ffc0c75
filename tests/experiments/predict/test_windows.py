"""Windows cover an image, and the weights of each pixel add up to one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from segloop.experiments.predict.windows import make_grid
from segloop.utils.errors import UserError


@pytest.mark.parametrize("overlap", [0.0, 0.1, 0.25, 0.5])
@pytest.mark.parametrize("size_hw", [(1, 1), (31, 64), (64, 65), (65, 97), (100, 333)])
def test_the_weights_of_each_pixel_add_up_to_one(size_hw: tuple[int, int], overlap: float) -> None:
    total = np.zeros(size_hw)
    for window in make_grid(size_hw, (32, 48), overlap=overlap):
        assert window.weights.min() >= 0
        total[window.rows, window.columns] += window.weights
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_windows_have_one_size_and_overlap_at_least_as_asked() -> None:
    grid = make_grid((500, 130), (128, 130), overlap=0.25)
    rows = [rows for rows, _ in grid.rows]
    assert {each.stop - each.start for each in rows} == {128}
    assert min(a.stop - b.start for a, b in pairwise(rows)) >= 32
    assert (rows[0].start, rows[-1].stop, len(grid.columns)) == (0, 500, 1)


def test_a_quarter_of_the_overlap_at_a_window_s_rim_is_not_used() -> None:
    _, second, *_ = [weights for _, weights in make_grid((200, 10), (64, 10), overlap=0.5).rows]
    assert (second[:8] == 0).all()
    assert (second[-8:] == 0).all()
    first, *_ = [weights for _, weights in make_grid((200, 10), (64, 10), overlap=0.5).rows]
    assert first[0] == 1  # the image's own rim is


def test_neighbours_are_those_that_share_pixels() -> None:
    grid = make_grid((100, 100), (60, 60), overlap=0.25)
    assert len(grid) == 4
    assert sorted(grid.neighbours()) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


def test_neighbours_of_many_windows_are_found_by_their_rows_and_columns() -> None:
    grid = make_grid((200, 130), (40, 30), overlap=0.5)
    boxes = [(each.rows, each.columns) for each in grid]

    def touch(one: int, other: int) -> bool:
        return all(
            a.start < b.stop and b.start < a.stop for a, b in zip(boxes[one], boxes[other], strict=True)
        )

    pairs = [(one, other) for other in range(len(grid)) for one in range(other) if touch(one, other)]
    assert list(grid.neighbours()) == pairs
    many = make_grid((7200, 7200), (32, 32))  # 90,000 windows: to compare each with each takes half an hour
    side = len(many.rows)
    assert sum(1 for _ in many.neighbours()) == 2 * side * (side - 1) + 2 * (side - 1) ** 2


@pytest.mark.parametrize(("window", "overlap"), [((0, 8), 0.2), ((8, 8), 0.6), ((8, 8), -0.1)])
def test_what_cannot_be_is_refused_in_words(window: tuple[int, int], overlap: float) -> None:
    with pytest.raises(UserError, match=r"--window|--overlap"):
        make_grid((20, 20), window, overlap=overlap)
