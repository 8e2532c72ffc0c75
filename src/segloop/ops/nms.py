"""Non-maximum suppression of axis-aligned boxes: greedy and matching, and their IoU."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from segloop.ops import sweep
from segloop.ops.lookup import computable

# Pairs within reach that are compared all at once on a CPU: at first, and where the best boxes struck few.
FEW_PAIRS, MANY_PAIRS = 1 << 16, 1 << 24
BLOCK = 180  # boxes that are settled at a time
STRIP = 32  # neighbours that strike together
# Pairs in one matrix. It stays in the cache, below the 32768 numbers from which PyTorch calls its threads.
# In steps as short as these, waiting for them costs more than they save, and far more where other processes
# keep the cores busy, as data loaders do. (Hence index_select, too: indexing calls them much earlier.)
TILE = (1 << 14) - 1

# Columns of two tables, one per box, [F, K] and [F, M] -> 1.0 where one of K strikes one of M, else 0.0.
# Floats, for comparing and reducing them takes a sixth of the time that booleans take.
Strike = Callable[[Tensor, Tensor], Tensor]
Pairs = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # of a table -> columns that strike each other


@torch.no_grad()
def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Return the indices of the kept boxes, best score first.

    A box falls if its IoU with a kept box of a higher score exceeds the threshold. The arithmetic is that of
    mmcv, operation by operation, so that the indices are the same, bit for bit.
    """
    order = scores.sort(0, descending=True)[1]
    suppression = _suppression(
        computable(boxes).index_select(0, order), iou_threshold, offset, inclusive=False
    )
    return order.index_select(0, greedy(*suppression))


@torch.no_grad()
def nms_match(dets: Tensor, iou_threshold: float) -> list[list[int]]:
    """Return, for each kept box, its index and those of the boxes that it suppressed, best score first."""
    order = dets[:, 4].sort(0, descending=True)[1]
    boxes = computable(dets[:, :4]).index_select(0, order)
    table, strike, pairs = _suppression(boxes, iou_threshold, 0, inclusive=True)
    kept = greedy(table, strike, pairs)
    owner = order.new_empty(len(order))
    for part in torch.arange(len(order), device=order.device).split(max(1, TILE // max(len(kept), 1))):
        # Of the kept boxes that a box overlaps, the first has it; argmax is the first of equals.
        owner[part] = strike(table[:, kept], table[:, part]).argmax(0)
    owner[kept] = torch.arange(len(kept), device=order.device)
    groups: list[list[int]] = [[] for _ in range(len(kept))]
    for index, group in zip(order.tolist(), owner.tolist(), strict=True):
        groups[group].append(index)
    return groups


def greedy(table: Tensor, strike: Strike, pairs: Pairs) -> Tensor:
    """Return the columns of `table` that survive, in order; the columns come best first.

    Rows 0 to 2 of the table are a box's place on the x axis and the places from and to which it can strike.
    The best boxes left are settled as a block; then its survivors strike the others, in strips of neighbours
    that look only at places within reach. What is struck is never compared again. On a CPU, boxes of which
    few are within reach of each other are compared all at once, by NumPy.
    """
    rank = table[0].nan_to_num(torch.inf).argsort()
    table, gone = table.index_select(1, rank), len(rank)
    table[0].nan_to_num_(torch.inf)
    kept, most = [], FEW_PAIRS
    while len(rank):
        if table.device.type == "cpu" and sweep.within_reach(table.numpy()) <= most:
            first, second = (rank.numpy()[found] for found in pairs(table.numpy()))
            stay = sweep.survivors(np.minimum(first, second), np.maximum(first, second), gone)
            rank = rank.sort()[0]
            kept.append(rank[torch.from_numpy(stay)[rank]])
            break
        ranks, block = rank.topk(min(BLOCK, len(rank)), largest=False)
        settled = table.index_select(1, block)
        tiles = [strike(settled, some) for some in settled.split(TILE // BLOCK, 1)]
        chosen = _settle(torch.cat(tiles, 1)).logical_and_(ranks < gone)
        kept.append(ranks[chosen])
        struck = torch.zeros_like(rank, dtype=torch.bool)
        struck[block] = True
        _strike_in_strips(table, block[chosen].sort()[0], strike, struck)
        rank.masked_fill_(struck, gone)
        left = (rank < gone).nonzero()[:, 0]
        most = MANY_PAIRS if len(left) > 0.95 * len(rank) else FEW_PAIRS
        table, rank = table.index_select(1, left), rank.index_select(0, left)
    return torch.cat(kept) if kept else rank


def _strike_in_strips(table: Tensor, survivors: Tensor, strike: Strike, struck: Tensor) -> None:
    some = table.index_select(1, survivors)
    starts = torch.searchsorted(table[0], some[1].contiguous())
    stops = torch.searchsorted(table[0], some[2].contiguous(), right=True)
    empty = -len(survivors) % STRIP
    first = F.pad(starts, (0, empty), value=table.shape[1]).view(-1, STRIP).amin(1).tolist()
    last = F.pad(stops, (0, empty)).view(-1, STRIP).amax(1).tolist()
    for strip, start, stop in zip(some.split(STRIP, 1), first, last, strict=True):
        for left in range(start, stop, TILE // STRIP):
            right = min(stop, left + TILE // STRIP)
            struck[left:right] |= strike(strip, table[:, left:right]).amax(0) > 0


def _settle(strikes: Tensor) -> Tensor:
    """Return which boxes of a block survive, where row i strikes column j, if j comes later.

    Survivors are those whom no survivor strikes. Repeating that sentence settles at least one more box
    each time, from the best down, so what no longer changes is the answer.
    """
    place = torch.arange(len(strikes), device=strikes.device, dtype=strikes.dtype)
    strikes *= place[:, None] < place  # triu would start all threads for this
    chosen = strikes.amax(0) == 0
    while True:
        again = (strikes * chosen[:, None]).amax(0) == 0
        if torch.equal(again, chosen):
            return chosen
        chosen = again


def _suppression(
    boxes: Tensor, iou_threshold: float, offset: int, *, inclusive: bool
) -> tuple[Tensor, Strike, Pairs]:
    """Return the table of boxes, and what compares its columns in PyTorch and in NumPy."""
    corners = boxes.t()
    sides = corners[2:] - corners[:2] + offset
    x, width = corners[0], sides[0]
    # An IoU above t needs a common width above t times either width; the margin is for rounding.
    margin = width.abs() * 1e-3 + x.abs() * 1e-5
    left = width * (1 / iou_threshold - 1) + margin if iou_threshold > 0 else torch.inf
    right = width * (1 - iou_threshold) + margin if iou_threshold > 0 else torch.inf
    table = torch.cat([torch.stack([x, x - left, x + right, sides.prod(0)]), corners])
    threshold = torch.tensor(iou_threshold, dtype=boxes.dtype, device=boxes.device)
    compare = torch.Tensor.ge_ if inclusive else torch.Tensor.gt_

    def strike(first: Tensor, second: Tensor) -> Tensor:
        common = torch.minimum(first[6:, :, None], second[6:, None])
        common -= torch.maximum(first[4:6, :, None], second[4:6, None])
        if offset:
            common += offset
        intersection, union = common.clamp_(min=0)
        intersection.mul_(union)
        torch.add(first[3, :, None], second[3], out=union).sub_(intersection)
        return compare(intersection.div_(union), threshold)

    limit = threshold.numpy() if boxes.device.type == "cpu" else None

    def touch(first: np.ndarray, second: np.ndarray) -> NDArray[np.bool_]:
        common = np.minimum(first[6:], second[6:])
        common -= np.maximum(first[4:6], second[4:6])
        if offset:
            common += offset
        intersection, union = np.maximum(common, 0, out=common)
        intersection *= union
        np.add(first[3], second[3], out=union)
        union -= intersection
        intersection /= union
        return intersection >= limit if inclusive else intersection > limit

    return table, strike, functools.partial(sweep.pairs, touch=touch)


@torch.no_grad()
def bbox_overlaps(
    bboxes1: Tensor, bboxes2: Tensor, ious: Tensor, mode: int, aligned: bool, offset: int
) -> None:
    """Write the IoU (mode 0) or the share of the first box covered (mode 1) to `ious`, [M, N] or [M]."""
    first, second = computable(bboxes1).t(), computable(bboxes2).t()
    if not aligned:
        first, second = first[:, :, None], second[:, None]
    common = (torch.minimum(first[2:], second[2:]) - torch.maximum(first[:2], second[:2])).add_(offset)
    intersection = common.clamp_(min=0).prod(0)
    area1, area2 = ((boxes[2:] - boxes[:2] + offset).prod(0) for boxes in (first, second))
    ious.copy_(intersection / (area1 if mode == 1 else area1 + area2 - intersection))
