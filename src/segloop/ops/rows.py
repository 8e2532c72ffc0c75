"""Weighted sums of table rows, and their gradients: what sampling a feature map boils down to."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def accumulation_dtype(tensor: Tensor) -> torch.dtype:
    """Return the type to compute in: half precisions are added up in float32."""
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32


def without_autocast(tensor: Tensor) -> torch.autocast:
    """Return a context in which matrix products keep the type of their operands."""
    return torch.autocast(tensor.device.type, enabled=False)


def pixel_rows(features: Tensor, groups: int = 1) -> Tensor:
    """Return features (N, C, H, W) as a table (N * H * W * groups, C / groups)."""
    batch, channels, height, width = features.shape
    table = features.to(accumulation_dtype(features)).permute(0, 2, 3, 1)
    return table.reshape(batch * height * width * groups, channels // groups)


def weighted_rows(table: Tensor, index: Tensor, weights: Tensor) -> Tensor:
    """Return `(table[index] * weights[..., None]).sum(1)`, (M, C), for index and weights (M, J).

    >>> weighted_rows(torch.eye(3), torch.tensor([[0, 2]]), torch.tensor([[0.25, 0.5]]))
    tensor([[0.2500, 0.0000, 0.5000]])
    """
    return F.embedding_bag(index, table, per_sample_weights=weights, mode="sum")


def weights_gradient(table: Tensor, index: Tensor, weights: Tensor, grad: Tensor) -> Tensor:
    """Return the gradient (M, J) of the weights for the gradient `grad` (M, C) of the weighted rows."""
    with torch.enable_grad():
        leaf = weights.detach().requires_grad_()
        rows = weighted_rows(table.detach(), index, leaf)
        (grad_weights,) = torch.autograd.grad(rows, leaf, grad)
    return grad_weights


def table_gradient(grad: Tensor, index: Tensor, weights: Tensor, num_rows: int) -> Tensor:
    """Return the gradient (num_rows, C) of the table for the gradient `grad` (M, C) of its weighted rows.

    A scatter would visit each row of the table many times; sorted by target, the same sum is again a gather,
    several times faster than torch's own backward of embedding_bag, and deterministic.
    """
    taps = index.shape[1]
    targets, order = torch.sort(index.reshape(-1), stable=True)
    starts = torch.searchsorted(targets, torch.arange(num_rows, device=index.device))
    sources = torch.div(order, taps, rounding_mode="floor")
    return F.embedding_bag(sources, grad, starts, per_sample_weights=weights.reshape(-1)[order], mode="sum")
