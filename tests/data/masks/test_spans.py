"""Spans keep their pixels however they are cut, joined or turned, in small batches too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from segloop.data import masks
from segloop.data.masks import spans
from tests.data.masks.cases import images


@given(images())
def test_cutting_and_joining_are_inverse(drawn) -> None:
    size_hw, bitmaps = drawn
    whole = masks.to_spans([masks.encode(bitmap) for bitmap in bitmaps], size_hw)
    pieces = spans.cut(whole)
    assert (pieces.starts // size_hw[0] == (pieces.stops - 1) // size_hw[0]).all()
    again = spans.join(pieces)
    assert again.starts.tolist() == whole.starts.tolist()
    assert again.first.tolist() == whole.first.tolist()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(images(most=9))
def test_turning_twice_changes_nothing_whatever_the_batch(monkeypatch: pytest.MonkeyPatch, drawn) -> None:
    monkeypatch.setattr(spans, "BATCH_PIXELS", 40)
    size_hw, bitmaps = drawn
    whole = masks.to_spans([masks.encode(bitmap) for bitmap in bitmaps], size_hw)
    turned = spans.flip(whole, minor=size_hw[1])
    back = spans.join(spans.flip(turned, minor=size_hw[0]))
    assert back.starts.tolist() == whole.starts.tolist()
    assert back.stops.tolist() == whole.stops.tolist()
    assert back.first.tolist() == whole.first.tolist()


@given(images(most=9))
def test_turned_runs_end_with_their_line(drawn) -> None:
    size_hw, bitmaps = drawn
    whole = masks.to_spans([masks.encode(bitmap) for bitmap in bitmaps], size_hw)
    turned = spans.flip(whole, minor=size_hw[1])
    assert (turned.starts // size_hw[1] == (turned.stops - 1) // size_hw[1]).all()
    for place, bitmap in enumerate(bitmaps):
        one = turned.part(place, place + 1)
        rows = [np.arange(low, high) for low, high in zip(one.starts, one.stops, strict=True)]
        assert np.concatenate([[], *rows]).tolist() == np.flatnonzero(bitmap.ravel()).tolist()


def test_no_masks_at_all() -> None:
    nothing = masks.to_spans([], (3, 4))
    assert len(spans.flip(nothing, minor=4)) == 0
    assert masks.to_windows([], (3, 4)) == []
    assert len(np.asarray(masks.boxes_xyxy([], (3, 4)))) == 0


@given(images(most=9))
def test_shared_pixels_are_counted_without_painting(drawn) -> None:
    size_hw, bitmaps = drawn
    counts = sum(bitmaps, np.zeros(size_hw, int))
    whole = masks.to_spans([masks.encode(bitmap) for bitmap in bitmaps], size_hw)
    count, first = masks.shared_pixels(whole)
    assert count == (counts > 1).sum()
    assert not count or first == np.argmax(counts.T > 1)
    assert masks.are_runs(whole, size_hw[0] * size_hw[1])


def test_runs_from_outside_are_looked_at() -> None:
    def judge(*runs: tuple[int, int], first: tuple[int, ...] = (0, 2)) -> bool:
        starts, stops = np.array(runs, np.int64).reshape(-1, 2).T
        return masks.are_runs(masks.Spans(starts, stops, np.array(first), 3), 12)

    assert judge((0, 2), (2, 12))
    assert judge((5, 7), (0, 3), first=(0, 1, 2))
    assert judge((5, 7), (0, 3), first=(0, 0, 1, 1, 2, 2))
    assert judge(first=(0, 0))
    for wrong in ([(0, 2), (1, 3)], [(5, 7), (0, 3)], [(0, 0), (1, 2)], [(-1, 2), (3, 4)], [(0, 2), (3, 13)]):
        assert not judge(*wrong)
