"""RoIPool: the largest value in each bin of each region of interest, whole pixels only."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from segloop.ops.lookup import CHUNK, computable


@torch.no_grad()
def roi_pool_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Write the maxima to `output` and their flat positions in the image to `argmax`, both [R, C, P, Q].

    A bin outside the image is 0, with position -1. Nothing is written for a region without an area.
    """
    height, width = input.shape[2:]
    table = input.permute(0, 2, 3, 1).reshape(-1, input.shape[1])
    corners = computable(rois[:, 1:])
    low, high = corners[:, :2] * spatial_scale, (corners[:, 2:] + 1) * spatial_scale
    good = ((high - low) > 0).all(1).nonzero()[:, 0]
    columns = _edges(low[good, 0], high[good, 0], pooled_width, width)
    rows = _edges(low[good, 1], high[good, 1], pooled_height, height)
    first = rois[good, 0].long() * height
    for some, index, offsets, counts in _bags(first, rows, columns, width):
        # The first of equal maxima wins in a bag, as it does in mmcv; an empty bag is zero.
        best, _, _, where = torch.embedding_bag(table, index, offsets, mode=2)
        where = torch.where(counts[:, None] > 0, where % (height * width), -1).to(argmax.dtype)
        for target, found in ((output, best), (argmax, where)):
            target[good[some]] = found.view(-1, pooled_height, pooled_width, found.shape[1]).permute(
                0, 3, 1, 2
            )


@torch.no_grad()
def roi_pool_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax: Tensor,
    grad_input: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Add each bin's gradient to the pixel of `grad_input` [N, C, H, W] that was its maximum."""
    _, channels, height, width = grad_input.shape
    planes = rois[:, :1].long() * channels + torch.arange(channels, device=rois.device)
    index = planes[:, :, None, None] * (height * width) + argmax.clamp(min=0)
    share = computable(torch.where(argmax >= 0, grad_output, 0.0))
    total = share.new_zeros(grad_input.numel()).index_add_(0, index.flatten(), share.flatten())
    grad_input.add_(total.view(grad_input.shape))


def _edges(low: Tensor, high: Tensor, bins: int, pixels: int) -> tuple[Tensor, Tensor]:
    """Return the first pixel of each bin and its number of pixels, [R, bins]."""
    steps = torch.arange(bins + 1, device=low.device, dtype=low.dtype)
    edges = steps * ((high - low) / bins)[:, None] + low[:, None]
    first = edges[:, :-1].floor().clamp(0, pixels).long()
    return first, (edges[:, 1:].ceil().clamp(0, pixels).long() - first).clamp_(min=0)


def _bags(
    first_line: Tensor, rows: tuple[Tensor, Tensor], columns: tuple[Tensor, Tensor], width: int
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Yield some regions, the pixels of all their bins line by line, where each bin's begin and how many."""
    tall, wide = rows[1].amax(1).clamp(min=1), columns[1].amax(1).clamp(min=1)
    order = (tall * wide).argsort()
    bins = rows[0].shape[1] * columns[0].shape[1]
    while len(order):
        largest = int(tall[order].max() * wide[order].max()) * bins
        order, some = order.tensor_split([max(0, len(order) - max(1, CHUNK // largest))])
        y, y_valid = _pixels(rows, some)
        x, x_valid = _pixels(columns, some)
        lines = (y + first_line[some, None, None]) * width
        index = lines[:, :, None, :, None] + x[:, None, :, None]
        valid = (y_valid[:, :, None, :, None] & x_valid[:, None, :, None]).flatten(3).flatten(0, 2)
        counts = valid.sum(1)
        yield some, index.reshape(valid.shape)[valid], counts.cumsum(0) - counts, counts


def _pixels(axis: tuple[Tensor, Tensor], regions: Tensor) -> tuple[Tensor, Tensor]:
    first, count = axis[0][regions, :, None], axis[1][regions, :, None]
    steps = torch.arange(max(1, int(count.max())), device=first.device)
    return first + steps, steps < count
