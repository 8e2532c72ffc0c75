"""Soft non-maximum suppression: boxes that overlap better ones lose some of their score."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from segloop.ops.lookup import computable

MOST = 1000  # boxes; with more, it pays to compare each with only those that are still there
TILE = 1 << 14  # overlaps that are computed together: of the best boxes with all others
SHRUNK = 0.5  # share of boxes still there; below, the others are removed
LEAST = 1e-30  # factor of a score; what has lost more is dropped in any case

Picked = tuple[np.ndarray, np.ndarray]  # indices and scores, best first


class Settings(NamedTuple):
    """What decides how much of its score a box loses."""

    threshold: np.float32
    sigma: np.float32
    min_score: np.float32
    method: int
    offset: int

    def factors(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return what the scores of `others` are multiplied by for `rows`: x1, y1, x2, y2, score, area."""
        common = np.minimum(others[2:4], rows[2:4])
        common -= np.maximum(others[:2], rows[:2])
        if self.offset:
            common += self.offset
        iou, union = np.maximum(common, np.float32(0), out=common)
        iou *= union
        np.add(rows[5], others[5], out=union)
        union -= iou
        iou /= union
        if self.method == 2:
            iou *= -iou
            iou /= self.sigma
            return np.exp(iou, out=iou)
        one = iou.dtype.type(1)
        return np.where(iou >= self.threshold, one - iou if self.method == 1 else one - one, one)


@torch.no_grad()
def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Lower the scores of boxes that overlap better ones; write boxes and scores to `dets`, return indices.

    `method`: 0 drops what overlaps (naive), 1 lowers linearly, 2 by a Gaussian. Ties go to the box that comes
    first in mmcv's array, in which the last box fills the place of one that is dropped.
    """
    found = torch.cat([computable(boxes), computable(scores)[:, None]], 1).t()
    sides = found[2:4] - found[:2] + offset
    rows = torch.cat([found, sides.prod(0)[None]]).cpu().contiguous().numpy()
    limits = np.float32(iou_threshold), np.float32(sigma), np.float32(min_score)
    settings = Settings(*limits, method, offset)
    with np.errstate(all="ignore"):
        indices, left = _without_ties(rows, settings) or _one_by_one(rows, settings)
    dets[: len(indices)] = torch.from_numpy(np.vstack([rows[:4, indices], left])).t()
    return torch.from_numpy(indices).to(boxes.device)


def _without_ties(rows: np.ndarray, settings: Settings) -> Picked | None:
    """Return the boxes that stay; None where NaN or mmcv's order of equal scores could matter.

    A step lowers all scores by one product, for the factors of the best boxes are computed together.
    """
    if rows.shape[1] > MOST or settings.min_score <= LEAST / np.finfo(np.float32).eps:
        return None
    if np.isnan(rows).any():
        return None
    rows, indices = rows.copy(), np.arange(rows.shape[1])
    factor_of: dict[int, np.ndarray] = {}
    kept: list[int] = []
    scores: list[float] = []
    score, backwards = rows[4], rows[4, ::-1]
    while len(score):
        best = int(score.argmax())
        if score[best] < settings.min_score and kept:
            break
        if len(score) - 1 - backwards.argmax() != best:
            return None
        if best not in factor_of:
            alive = score >= settings.min_score
            if kept and np.count_nonzero(alive) < SHRUNK * len(score):
                rows, indices, factor_of = rows[:, alive], indices[alive], {}
                score, backwards = rows[4], rows[4, ::-1]
                best = int(score.argmax())
            block = min(max(1, TILE // len(score)), len(score))
            top = score.argpartition(-block)[-block:]
            factors = settings.factors(rows[:, top, None], rows[:, None])
            if not (factors.min() >= 0 and factors.max() <= 1):
                return None
            factor_of.update(zip(top.tolist(), np.maximum(factors, LEAST, out=factors), strict=True))
        kept.append(int(indices[best]))
        scores.append(score[best])
        score *= factor_of.pop(best)
        score[best] = -np.inf
    return np.array(kept, int), np.array(scores, rows.dtype)


def _one_by_one(rows: np.ndarray, settings: Settings) -> Picked:
    """Do the same box by box, each in the place where mmcv has it."""
    rows, indices = rows.copy(), np.arange(rows.shape[1])
    place, end = 0, len(indices)
    while place < end:
        swap = [place, place + _best(rows[4, place:end])]
        rows[:, swap] = rows[:, swap[::-1]]
        indices[swap] = indices[swap[::-1]]
        rows[4, place + 1 : end] *= settings.factors(rows[:, place, None], rows[:, place + 1 : end])
        place += 1
        end = _drop_low(rows, indices, place, end, settings.min_score)
    return indices[:end], rows[4, :end]


def _best(scores: np.ndarray) -> int:
    best = int(scores.argmax())
    if np.isnan(scores[best]):  # nothing is larger than NaN, nor is NaN larger than anything
        best = 0 if best == 0 else int(np.nan_to_num(scores, nan=-np.inf).argmax())
    return best


def _drop_low(rows: np.ndarray, indices: np.ndarray, start: int, end: int, min_score: np.float32) -> int:
    """Fill the places of boxes below `min_score` with the last that stay, backwards; return the new end."""
    low = rows[4, start:end] < min_score
    dropped = int(np.count_nonzero(low))
    if dropped:
        stay = end - dropped
        holes = start + low[: stay - start].nonzero()[0]
        fillers = stay + (~low[stay - start :]).nonzero()[0][::-1]
        rows[:, holes] = rows[:, fillers]
        indices[holes] = indices[fillers]
    return end - dropped
