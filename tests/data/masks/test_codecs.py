"""Each encoding holds exactly the pixels, in its own order, and says what is wrong with a broken one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given

from segloop.data import masks
from tests.data.masks.cases import RING, RING_COLUMNS, RING_ROWS, RING_STRING, RING_WINDOW, images


def test_the_golden_mask_in_every_encoding() -> None:
    runs = [masks.encode(RING)]
    (window,) = masks.to_windows(runs, (6, 8))
    assert masks.to_strings(runs) == [RING_STRING]
    assert (window.left, window.top, window.width, window.height, window.counts.tolist()) == RING_WINDOW
    assert masks.to_pairs(runs, (6, 8), order="columns")[0].tolist() == RING_COLUMNS
    assert masks.to_pairs(runs, (6, 8), order="rows")[0].tolist() == RING_ROWS


@given(images())
def test_windows_are_tight_and_come_back(drawn) -> None:
    size_hw, bitmaps = drawn
    runs = [masks.encode(bitmap) for bitmap in bitmaps]
    windows = masks.to_windows(runs, size_hw)
    for bitmap, window in zip(bitmaps, windows, strict=True):
        rows, columns = np.nonzero(bitmap)
        if len(rows) == 0:
            assert (window.width, window.height) == (0, 0)
            continue
        assert (window.left, window.top) == (columns.min(), rows.min())
        assert (window.width, window.height) == (np.ptp(columns) + 1, np.ptp(rows) + 1)
        assert int(window.counts.sum()) == window.width * window.height
    back = masks.from_windows(windows, size_hw)
    assert [each.tolist() for each in back] == [each.tolist() for each in runs]


@given(images())
def test_the_table_of_windows_says_the_same(drawn) -> None:
    size_hw, bitmaps = drawn
    runs = [masks.encode(bitmap) for bitmap in bitmaps]
    table, flat, edges = masks.window_table(masks.to_spans(runs, size_hw))
    windows = masks.to_windows(runs, size_hw)
    assert table.tolist() == [[each.left, each.top, each.width, each.height] for each in windows]
    parts = [flat[low:high].tolist() for low, high in pairwise(edges.tolist())]
    assert parts == [each.counts.tolist() if each.width else [] for each in windows]


@given(images())
def test_a_window_need_not_be_tight(drawn) -> None:
    size_hw, bitmaps = drawn
    height, width = size_hw
    whole = [masks.Window(0, 0, width, height, masks.encode(bitmap.T)) for bitmap in bitmaps]
    back = masks.from_windows(whole, size_hw)
    assert [each.tolist() for each in back] == [masks.encode(bitmap).tolist() for bitmap in bitmaps]


@given(images())
@pytest.mark.parametrize("order", ["columns", "rows"])
def test_pairs_name_each_run_and_come_back(order, drawn) -> None:
    size_hw, bitmaps = drawn
    runs = [masks.encode(bitmap) for bitmap in bitmaps]
    pairs = masks.to_pairs(runs, size_hw, order=order)
    for bitmap, flat in zip(bitmaps, pairs, strict=True):
        line = np.zeros(bitmap.size, bool)
        for start, length in flat.reshape(-1, 2):
            line[start - 1 : start - 1 + length] = True
        assert (line == (bitmap.T if order == "columns" else bitmap).ravel()).all()
        assert masks.pairs_fault(flat, bitmap.size) is None
    back = masks.from_pairs(pairs, size_hw, order=order)
    assert [each.tolist() for each in back] == [each.tolist() for each in runs]


@pytest.mark.parametrize(
    ("flat", "words"),
    [
        ([1, 2, 3], "come in pairs"),
        ([0, 2], "start 0"),
        ([1, 0], "length 0"),
        ([40, 10], r"run 1 \(40 10\) ends past the 48"),
        ([2**62, 2**62], "ends past"),
        ([1, 5, 3, 2], "run 2 .* overlaps"),
        ([9, 2, 3, 2], "run 2 .* begins before"),
    ],
)
def test_pairs_that_are_no_mask_are_told(flat: list[int], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(masks.pairs_fault(np.array(flat), 48))


@pytest.mark.parametrize("order", ["columns", "rows"])
@pytest.mark.parametrize(
    "wrong", [[1, 2, 3], [0, 2], [1, 0], [47, 3], [1, 5, 3, 2], [9, 2, 3, 2], [2**63 - 1] * 2, [2**63 - 1, 5]]
)
@pytest.mark.parametrize("others", [0, 1, 20])
def test_pairs_with_a_fault_make_no_masks(order, wrong: list[int], others: int) -> None:
    pairs = [np.array(each) for each in [*[RING_COLUMNS] * others, wrong]]
    assert masks.from_pairs(pairs, (6, 8), order=order) is None
    assert masks.pairs_fault(pairs[-1], 48) is not None


@given(images(most=12))
@pytest.mark.parametrize("order", ["columns", "rows"])
def test_pairs_that_touch_are_one_run(order, drawn) -> None:
    size_hw, bitmaps = drawn
    pairs = []
    for bitmap in bitmaps:
        line = np.flatnonzero((bitmap.T if order == "columns" else bitmap).ravel()) + 1
        pairs.append(np.stack([line, np.ones_like(line)], axis=1).ravel())  # each pixel a run of its own
    back = masks.from_pairs(pairs, size_hw, order=order)
    assert [each.tolist() for each in back] == [masks.encode(bitmap).tolist() for bitmap in bitmaps]
