"""Soft suppression picks the same boxes by blocks of factors as box by box, and says where it cannot."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segloop.ops import soft_nms


def table(count: int) -> np.ndarray:
    rng = np.random.default_rng(count)
    low, sides = rng.random((2, 2, count), dtype=np.float32) * 20
    corners = np.vstack([low, low + sides])
    scores = rng.permutation(count).astype(np.float32) / count
    return np.vstack([corners, scores, np.prod(corners[2:] - corners[:2], 0)])


def settings(method: int) -> soft_nms.Settings:
    return soft_nms.Settings(np.float32(0.3), np.float32(0.5), np.float32(0.05), method, 0)


@pytest.mark.parametrize("method", [0, 1, 2])
@pytest.mark.parametrize("tile", [1, 300, 1 << 14])
def test_blocks_pick_what_single_boxes_do(method: int, tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soft_nms, "TILE", tile)
    rows = table(60)
    found = soft_nms._without_ties(rows, settings(method))
    assert found is not None
    expected = soft_nms._one_by_one(rows, settings(method))
    assert found[0].tolist() == expected[0].tolist()
    assert np.array_equal(found[1], expected[1])
    assert 5 < len(found[0]) < 60
    assert np.array_equal(rows, table(60))  # neither writes to its input


@pytest.mark.parametrize("score", [np.nan, 0.9])
def test_equal_scores_and_nan_go_box_by_box(score: float) -> None:
    rows = table(20)
    rows[4, [3, 7]] = 0.99, score
    rows[4, 11] = 0.9
    assert soft_nms._without_ties(rows, settings(1)) is None


def test_the_best_box_stays_however_low_its_score() -> None:
    boxes, scores = torch.tensor([[0.0, 0, 2, 2], [9, 9, 11, 11]]), torch.tensor([0.01, 0.02])
    dets = boxes.new_zeros(2, 5)
    assert soft_nms.softnms(boxes, scores, dets, 0.3, 0.5, 0.05, 1, 0).tolist() == [1]
    assert dets[0].tolist() == pytest.approx([9, 9, 11, 11, 0.02])
    assert soft_nms.softnms(boxes[:0], scores[:0], dets, 0.3, 0.5, 0.05, 1, 0).tolist() == []
