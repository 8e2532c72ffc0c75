"""Weighted sums of table rows, and their gradients: what sampling a feature map comes down to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

SMALL_PLANE = 256  # pixels; below, to transpose planes one by one is not worth the calls
CHUNK = 1 << 20  # numbers in one intermediate table: it stays in the cache, and its memory is used again


def computable(values: Tensor) -> Tensor:
    """Return `values` in single precision if they are in half: coordinates and sums need more digits."""
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values


def pixel_rows(features: Tensor, groups: int = 1, *, out: Tensor | None = None) -> Tensor:
    """Return features [N, C, H, W] as a table [N * H * W * groups, C / groups], perhaps in memory `out`."""
    features = computable(features)
    images, channels, height, width = features.shape
    table = features.permute(0, 2, 3, 1)
    if height * width >= SMALL_PLANE and features.is_contiguous():
        table = features.new_empty(table.shape) if out is None else out.view(table.shape)
        for rows, image in zip(table.view(images, -1, channels), features.flatten(2), strict=True):
            transpose(image, rows)  # several times as fast as a permute of all
    return table.contiguous().view(images * height * width * groups, channels // groups)


def transpose(matrix: Tensor, out: Tensor) -> Tensor:
    """Write the transpose of a matrix to `out` and return that; both are contiguous."""
    if matrix.device.type != "cpu":
        return out.copy_(matrix.t())
    import cv2  # as mmcv does; takes half the time of PyTorch's

    cv2.transpose(matrix.numpy(), dst=out.numpy())
    return out


def weighted_sum(table: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """Return [B, C]: rows of `table` [A, C] at `index` [B, K], times `weight` [B, K], summed over K.

    >>> weighted_sum(torch.eye(3), torch.tensor([[0, 2]]), torch.tensor([[0.25, 0.5]]))
    tensor([[0.2500, 0.0000, 0.5000]])
    """
    return F.embedding_bag(index, table, mode="sum", per_sample_weights=weight.to(table.dtype))


def weighted_sums(table: Tensor, taps: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Return `weighted_sum` for blocks of (index, weight) of different widths, in one call."""
    index, weight, counts = _joined(taps)
    offsets = counts.cumsum(0, dtype=index.dtype) - counts
    return F.embedding_bag(index, table, offsets, mode="sum", per_sample_weights=weight.to(table.dtype))


def weights_gradient(table: Tensor, index: Tensor, weight: Tensor, grad: Tensor) -> Tensor:
    """Return the gradient [B, K] of the weights for the gradient `grad` [B, C] of the weighted sums."""
    with torch.enable_grad():
        leaf = weight.detach().requires_grad_()
        (found,) = torch.autograd.grad(weighted_sum(table.detach(), index, leaf), leaf, grad)
    return found


def table_gradient(index: Tensor, weight: Tensor, grad: Tensor, size: int) -> Tensor:
    """Return the gradient [size, C] of the table for the gradient `grad` [B, C] of the weighted sums."""
    (found,) = spread([(index, weight)], grad, size)
    return found


def spread(
    taps: Sequence[tuple[Tensor, Tensor]],
    grad: Tensor,
    size: int,
    *,
    rows: Tensor | None = None,
    part: int | None = None,
) -> Iterator[Tensor]:
    """Yield the transpose of `weighted_sum`, [size, C], applied to `grad` [B, C], in parts of `part` rows.

    `taps` are blocks of (index, weight), each [B_i, K_i], one after another; `rows` says which row of `grad`
    belongs to each of their rows, if not the same. Every row of the result is again one weighted sum: no
    two threads write to one place, and nothing as large as all taps times C is ever made.
    """
    index, weight, counts = _joined(taps)
    turn = _turn_by_counting if grad.device.type == "cpu" else _turn_by_sorting
    source, weight, offsets = turn(index, weight.to(grad.dtype), counts, size)
    if rows is not None:
        source = rows[source].to(offsets.dtype)
    edges = [*range(0, size, part or size), size]
    for (first, last), (start, stop) in zip(pairwise(edges), pairwise(offsets[edges].tolist()), strict=True):
        bags = offsets[first : last + 1] - start
        yield F.embedding_bag(
            source[start:stop],
            grad,
            bags,
            mode="sum",
            per_sample_weights=weight[start:stop],
            include_last_offset=True,
        )


def _joined(taps: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
    """Return indices and weights end to end, and how many each bag has."""
    index = torch.cat([block.flatten() for block, _ in taps]).int()
    weight = torch.cat([block.flatten() for _, block in taps])
    return index, weight, torch.cat([index.new_full((len(block),), block.shape[1]) for block, _ in taps])


def _turn_by_counting(
    index: Tensor, weight: Tensor, counts: Tensor, size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the bag of each tap, its weight and where the taps of each table row begin, row by row."""
    # SciPy turns sparse rows into columns by counting, in one pass; a sort takes twenty times as long.
    from scipy.sparse import csr_matrix

    starts = F.pad(counts.cumsum(0, dtype=torch.int32), (1, 0))
    parts = (weight.numpy(), index.numpy(), starts.numpy())
    turned = csr_matrix(parts, shape=(len(counts), size)).tocsc()
    return torch.from_numpy(turned.indices), torch.from_numpy(turned.data), torch.from_numpy(turned.indptr)


def _turn_by_sorting(
    index: Tensor, weight: Tensor, counts: Tensor, size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Do the same where the tensors are not on a CPU."""
    index, order = index.sort(stable=True)
    bags = torch.arange(len(counts), device=index.device, dtype=index.dtype).repeat_interleave(counts)
    edges = torch.arange(size + 1, device=index.device, dtype=index.dtype)
    return bags[order], weight[order], torch.searchsorted(index, edges).to(index.dtype)
