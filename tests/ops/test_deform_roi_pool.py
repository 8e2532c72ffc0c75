"""Deformable RoI pooling equals a loop over bins; mmcv has no compiled CPU kernel to compare with."""

from __future__ import annotations

import math

import pytest
import torch
from mmcv.ops import DeformRoIPoolPack, deform_roi_pool
from torch import Tensor

SCALE, GAMMA, POOLED = 0.5, 0.1, (2, 3)


def bilinear(plane: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Sample channels (C, H, W) at one place: the border's value up to a pixel outside, then zero."""
    height, width = plane.shape[1:]
    if y < -1 or y > height or x < -1 or x > width:
        return plane.new_zeros(plane.shape[0])
    y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    top, left = min(int(y), height - 2), min(int(x), width - 2)
    low = plane[:, top, left] * (1 - (x - left)) + plane[:, top, left + 1] * (x - left)
    high = plane[:, top + 1, left] * (1 - (x - left)) + plane[:, top + 1, left + 1] * (x - left)
    return low * (1 - (y - top)) + high * (y - top)


def slow_pool(features: Tensor, rois: Tensor, offset: Tensor | None, ratio: int) -> Tensor:
    pooled = features.new_zeros(len(rois), features.shape[1], *POOLED)
    for number, (image, left, top, right, bottom) in enumerate(rois.tolist()):
        begin = (top * SCALE - 0.5, left * SCALE - 0.5)
        extent = ((bottom - top) * SCALE, (right - left) * SCALE)
        grid = [ratio or math.ceil(length / bins) for length, bins in zip(extent, POOLED, strict=True)]
        for row in range(POOLED[0]):
            for column in range(POOLED[1]):
                shift = features.new_zeros(2) if offset is None else offset[number, :, row, column]
                total = features.new_zeros(features.shape[1])
                for i in range(grid[0]):
                    for j in range(grid[1]):
                        y = begin[0] + (row + (i + 0.5) / grid[0]) * extent[0] / POOLED[0]
                        x = begin[1] + (column + (j + 0.5) / grid[1]) * extent[1] / POOLED[1]
                        y = y + GAMMA * extent[0] * shift[1]
                        x = x + GAMMA * extent[1] * shift[0]
                        total = total + bilinear(features[int(image)], y, x)
                pooled[number, :, row, column] = total / max(1, grid[0] * grid[1])
    return pooled


def inputs(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(2, 3, 6, 7, generator=generator)
    rois = torch.tensor([[0, 1, 1, 9, 8], [1, 2, 0.5, 13, 11], [1, 3, 3, 5, 4.5], [0, -3, -2, 20, 14]])
    offset = torch.randn(len(rois), 2, *POOLED, generator=generator)
    grad = torch.randn(len(rois), 3, *POOLED, generator=generator)
    tensors = [tensor.to(torch.bfloat16).to(dtype) for tensor in (features, rois, offset, grad)]
    return tensors[0].requires_grad_(), tensors[1], tensors[2].requires_grad_(), tensors[3]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("ratio", [0, 2])
@pytest.mark.parametrize("deformed", [True, False])
def test_equals_the_definition(ratio: int, deformed: bool, dtype: torch.dtype) -> None:
    results = []
    for kind, pool in (
        (torch.float64, slow_pool),
        (dtype, lambda a, b, c, ratio: deform_roi_pool(a, b, c, POOLED, SCALE, ratio, GAMMA)),
    ):
        features, rois, offset, grad = inputs(kind)
        leaves = (features, offset) if deformed else (features,)
        output = pool(features, rois, offset if deformed else None, ratio)
        results.append([output, *torch.autograd.grad(output, leaves, grad)])
    tolerance = {torch.float64: 1e-10, torch.float32: 1e-4, torch.bfloat16: 2e-2}[dtype]
    for truth, found in zip(*results, strict=True):
        torch.testing.assert_close(found.double(), truth, rtol=tolerance, atol=tolerance)


def test_layer_trains() -> None:
    torch.manual_seed(0)
    layer = DeformRoIPoolPack((3, 3), 4, deform_fc_channels=8)
    rois = torch.tensor([[0.0, 1, 1, 6, 6], [0, 2, 2, 2, 2]])
    output = layer(torch.randn(1, 4, 8, 8), rois)
    output.square().mean().backward()
    assert output.shape == (2, 4, 3, 3)
    assert layer.offset_fc[-1].weight.grad is not None
    assert layer.offset_fc[-1].weight.grad.abs().sum() > 0
