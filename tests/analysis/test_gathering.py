"""Tables of a whole RUN: dense in pieces, summed, and resampled, all the same counts."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from segloop.analysis import gathering
from segloop.analysis.gathering import gather
from segloop.analysis.measures import ImageMeasure, measure_run
from tests.analysis.runs_made import scene, write_run


@pytest.fixture
def gathered(tmp_path):
    images = {str(number): (scene(number), np.roll(scene(number), number, axis=0)) for number in range(5)}
    return gather(measure_run(write_run(tmp_path, images)), num_classes=3, background=0)


def test_pieces_put_together_are_the_totals(gathered, monkeypatch):
    monkeypatch.setattr(gathering, "PIECE", 50)  # two images at a time
    pieces = list(gathered.pieces())
    assert [(piece.start, piece.stop) for piece, _, _ in pieces] == [(0, 2), (2, 4), (4, 5)]
    counts, outlines = gathered.totals()
    for name in ("tp", "fp", "fn"):
        assert (
            np.concatenate([getattr(each, name) for _, each, _ in pieces]).sum(axis=0)
            == getattr(counts, name)
        ).all()
    for name in ("truth", "truth_met", "pred", "pred_met"):
        parts = np.concatenate([getattr(each, name) for _, _, each in pieces])
        assert (parts.sum(axis=0) == getattr(outlines, name)).all()
    assert (counts.tp == np.diag(gathered.confusion)).all()
    assert (gathered.mistakes.sum(axis=0) + np.diag(counts.tp) == gathered.confusion).all()


def test_a_resample_counts_images_as_often_as_they_were_drawn(gathered):
    weights = np.array([[1.0, 1, 1, 1, 1], [0, 2, 0, 0, 3]])
    counts, outlines = gathered.weighted(weights)
    assert (counts.fn[0] == gathered.totals()[0].fn).all()
    dense = np.concatenate([each.fn for _, each, _ in gathered.pieces()])
    assert (counts.fn[1] == 2 * dense[1] + 3 * dense[4]).all()
    assert outlines.truth.shape == (2, 3)


def test_nothing_at_all():
    nothing = gather([], num_classes=2, background=None)
    assert len(nothing) == 0
    assert nothing.totals()[0].tp.tolist() == [0, 0]
    assert list(nothing.pieces()) == []


def grown(number: int) -> int:
    def measures():
        for place in range(number):
            pairs = np.tile(np.arange(19), (3, 1))
            yield ImageMeasure(f"{place:06}", pairs=pairs, wrong=np.ones((24, 24)))

    tracemalloc.start()
    try:
        gather(measures(), num_classes=19, background=None)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_stays_flat():
    grown(10)
    # counts of 19 classes are 1.4 kB an image; a map of 512x512 pixels would be 262 kB
    assert (grown(400) - grown(100)) / 300 < 6000
