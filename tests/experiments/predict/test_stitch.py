"""Objects that windows cut are one again, and different ones stay apart."""

from __future__ import annotations

import tracemalloc

import numpy as np

from segloop.data.masks import Patch
from segloop.experiments.predict.stitch import Piece, stitch
from segloop.experiments.predict.windows import Grid, make_grid

WIDE = make_grid((20, 50), (20, 30), overlap=1 / 3)  # columns 0 to 30 and 20 to 50


def piece(top: int, left: int, height: int, width: int, *, label: int = 0, score: float = 0.5) -> Piece:
    return Piece(Patch(left, top, np.ones((height, width), bool)), label, score)


def boxes(found: list[Piece]) -> list[tuple[int, ...]]:
    return [(p.patch.left, p.patch.top, p.patch.bitmap.shape[1], p.patch.bitmap.shape[0]) for p in found]


def test_an_object_across_a_seam_is_one_with_all_its_pixels_and_its_best_score() -> None:
    found = stitch(WIDE, [[piece(5, 10, 4, 20, score=0.6)], [piece(5, 20, 4, 15, score=0.9)]])
    assert boxes(found) == [(10, 5, 25, 4)]
    assert found[0].score == 0.9
    assert found[0].patch.bitmap.all()


def test_an_object_that_two_windows_see_whole_is_one() -> None:
    found = stitch(WIDE, [[piece(5, 22, 5, 6)], [piece(5, 22, 5, 7)]])
    assert boxes(found) == [(22, 5, 7, 5)]


def test_neighbours_and_other_classes_stay_apart() -> None:
    assert len(stitch(WIDE, [[piece(2, 10, 4, 20)], [piece(8, 20, 4, 15)]])) == 2
    assert len(stitch(WIDE, [[piece(5, 10, 4, 20)], [piece(5, 20, 4, 15, label=1)]])) == 2


def test_a_vague_sliver_at_the_rim_joins_what_it_lies_in() -> None:
    sliver = piece(6, 20, 2, 3)  # cut by the left rim of the second window, a third of what the first one saw
    assert boxes(stitch(WIDE, [[piece(5, 10, 5, 14)], [sliver]])) == [(10, 5, 14, 5)]
    inner = piece(6, 21, 2, 3)  # not cut: a small object on a large one
    assert len(stitch(WIDE, [[piece(5, 10, 5, 14)], [inner]])) == 2


def test_a_sliver_joins_the_object_that_it_is_of_and_not_its_neighbour_as_well() -> None:
    own, neighbour, sliver = piece(5, 10, 5, 12), piece(6, 20, 9, 6), piece(5, 20, 5, 2)
    found = stitch(WIDE, [[own, neighbour], [sliver]])  # four fifths of the sliver lie in the neighbour, too
    assert boxes(found) == [(10, 5, 12, 5), (20, 6, 6, 9)]


def test_a_neighbour_that_another_rim_cuts_and_whose_edge_lies_on_it_stays_apart() -> None:
    grid = make_grid((50, 50), (30, 30), overlap=1 / 3)  # 0 to 30 and 20 to 50, along both sides
    cut, edge = piece(10, 20, 12, 9), piece(20, 20, 9, 9)  # of the second and the fourth window
    found = stitch(grid, [[piece(10, 20, 12, 9)], [cut], [], [edge]])
    assert boxes(found) == [(20, 10, 9, 12), (20, 20, 9, 9)]


def test_an_object_longer_than_windows_is_one() -> None:
    grid: Grid = make_grid((10, 100), (10, 40), overlap=0.25)
    pieces = [[piece(3, columns.start, 2, 40)] for columns, _ in grid.columns]
    assert boxes(stitch(grid, pieces)) == [(0, 3, 100, 2)]


def test_what_is_found_comes_by_score_and_nothing_is_fine() -> None:
    found = stitch(WIDE, [[piece(0, 0, 2, 2, score=0.1), piece(9, 0, 2, 2, score=0.8)], []])
    assert [each.score for each in found] == [0.8, 0.1]
    assert stitch(WIDE, [[], []]) == []


def test_many_small_objects_cost_what_they_cover_and_not_the_strip_each() -> None:
    grid: Grid = make_grid((1000, 1500), (1000, 1000), overlap=0.5)  # a strip of half a million pixels
    cells = [piece(20 * row, 505 + 20 * column, 12, 12) for row in range(10) for column in range(10)]
    tracemalloc.start()
    found = stitch(grid, [cells, cells])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 100
    assert most < 2 << 20
