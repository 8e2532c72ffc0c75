"""The sweep finds every pair within reach once, and settles who survives as one box after another would."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.ops import sweep


def touch(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.abs(first[0] - second[0]) <= 1


@pytest.mark.parametrize("tile", [4, 1 << 14])
def test_pairs_are_all_that_touch(tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "STRIP", 4)
    monkeypatch.setattr(sweep, "TILE", tile)
    place = np.sort(np.random.default_rng(0).random(41) * 20)
    table = np.stack([place, place - 1, place + 1])
    expected = {(i, j) for i in range(41) for j in range(i + 1, 41) if place[j] - place[i] <= 1}
    first, second = sweep.pairs(table, touch)
    assert len(first) == len(expected) == sweep.within_reach(table)
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == expected


def test_no_columns_have_no_pairs() -> None:
    assert sweep.within_reach(np.zeros((3, 0))) == 0
    assert sweep.pairs(np.zeros((3, 0)), touch)[0].tolist() == []


@pytest.mark.parametrize("edges", [0, 20, 200])
def test_survivors_are_those_whom_no_survivor_strikes(edges: int) -> None:
    better, worse = np.sort(np.random.default_rng(edges).integers(0, 30, (2, edges)), 0)
    better, worse = better[better < worse], worse[better < worse]
    alive = np.ones(30, bool)
    for box in range(30):
        alive[box] = not alive[better[worse == box]].any()
    assert sweep.survivors(better, worse, 30).tolist() == alive.tolist()
