"""Overlaps on run lengths agree with bitmaps, in bounded memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from pycocotools import mask as coco

from segloop.analysis import overlaps
from segloop.analysis.overlaps import intersections, ious, pixel_counts
from segloop.data.masks import encode, to_strings
from tests.analysis.cases import random_pair, rectangle


def dense(rows: np.ndarray, columns: np.ndarray, shared: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    table = np.zeros(shape, np.int64)
    table[rows, columns] = shared
    return table


def random_bitmaps(draw: np.random.Generator, count: int, size_hw: tuple[int, int]) -> np.ndarray:
    noise = draw.random((count, *size_hw)) < draw.random((count, 1, 1))
    whole = np.array([rectangle(draw, size_hw) for _ in range(count)]).reshape(count, *size_hw)
    return np.where(draw.random((count, 1, 1)) < 0.5, noise, whole).astype(bool)


@pytest.mark.parametrize("most", [1, 3, 1 << 20])
def test_intersections_are_those_of_bitmaps(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlaps, "MOST_PAIRS", most)  # in one piece, or in as many as there can be
    draw = np.random.default_rng(0)
    for _ in range(60):
        size_hw = (int(draw.integers(1, 9)), int(draw.integers(1, 9)))
        sides = [random_bitmaps(draw, int(draw.integers(0, 6)), size_hw) for _ in range(2)]
        rows, columns, shared = intersections(*([encode(each) for each in side] for side in sides), size_hw)
        flat = [side.reshape(len(side), size_hw[0] * size_hw[1]).astype(np.int64) for side in sides]
        wanted = flat[0] @ flat[1].T
        np.testing.assert_array_equal(dense(rows, columns, shared, wanted.shape), wanted)
        assert (shared > 0).all()
        keys = rows * len(flat[1]) + columns
        assert (np.diff(keys) > 0).all(), "pairs ascend, each once"


def test_ious_are_those_of_pycocotools() -> None:
    draw = np.random.default_rng(1)
    for _ in range(30):
        truth, found = random_pair(draw)
        rows, columns, shared = intersections(truth.runs, found.runs, truth.size_hw)
        sizes = [np.array([int(runs[1::2].sum()) for runs in side.runs], np.int64) for side in (truth, found)]
        ours = np.zeros((len(found), len(truth)))
        ours[columns, rows] = ious(shared, sizes[0][rows], sizes[1][columns])
        packed = [
            [{"size": truth.size_hw, "counts": text} for text in to_strings(side.runs)]
            for side in (found, truth)
        ]
        theirs = coco.iou(*packed, [0] * len(truth)) if all(packed) else np.zeros_like(ours)
        np.testing.assert_array_equal(ours, theirs)


def test_an_empty_mask_overlaps_nothing() -> None:
    empty, full = np.array([4]), np.array([0, 4])
    rows, columns, shared = intersections([empty, full], [full, empty], (2, 2))
    assert (rows.tolist(), columns.tolist(), shared.tolist()) == ([1], [0], [4])
    assert ious(np.array([0]), np.array([0]), np.array([0])).tolist() == [0]


def test_pixels_are_those_of_united_bitmaps() -> None:
    draw = np.random.default_rng(2)
    for _ in range(60):
        size_hw = (int(draw.integers(1, 9)), int(draw.integers(1, 9)))
        true, found, void = (random_bitmaps(draw, int(draw.integers(0, 5)), size_hw) for _ in range(3))
        true_labels, found_labels = draw.integers(0, 4, len(true)), draw.integers(0, 4, len(found))
        labels, *counts = pixel_counts(
            [encode(each) for each in true],
            true_labels,
            [encode(each) for each in found],
            found_labels,
            without=[encode(each) for each in void],
            size_hw=size_hw,
        )
        assert labels.tolist() == sorted({*true_labels.tolist(), *found_labels.tolist()})
        counted = ~void.any(axis=0)
        for label, tp, fp, fn in zip(labels, *counts, strict=True):
            one = true[true_labels == label].any(axis=0) & counted
            other = found[found_labels == label].any(axis=0) & counted
            assert (tp, fp, fn) == ((one & other).sum(), (other & ~one).sum(), (one & ~other).sum())


def test_memory_is_bounded_however_masks_are_heaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlaps, "MOST_PAIRS", 1 << 14)
    runs = [encode(np.ones((20, 30), bool) & (np.arange(20) % 2)[:, None].astype(bool))] * 60
    tracemalloc.start()
    rows, _, shared = intersections(runs, runs, (20, 30))  # 60 * 60 * 300 pairs of runs
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(rows), set(shared.tolist())) == (3600, {300})
    assert peak < 6e6
