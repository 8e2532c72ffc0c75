"""Deformable RoI pooling: each bin of a region moves by an offset of its own before it is averaged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from segloop.ops.lookup import pixel_rows, table_gradient, weighted_sum, weights_gradient

CHUNK_SAMPLES = 1 << 20  # bilinear samples at a time


@dataclass(frozen=True)
class Settings:
    """What the layer was made with."""

    pooled_hw: tuple[int, int]
    scale: float
    ratio: int
    gamma: float


@dataclass(frozen=True)
class Bins:
    """The bins of some regions: table rows, weights and slopes, (regions * bins, samples * 4)."""

    regions: Tensor
    index: Tensor
    weights: Tensor
    slope_y: Tensor
    slope_x: Tensor


def _bins(rois: Tensor, offset: Tensor, size_hw: tuple[int, int], settings: Settings) -> Iterator[Bins]:
    """Yield the bins of regions (R, 5), those together whose bins have equally many samples."""
    start = rois[:, [2, 1]] * settings.scale - 0.5
    extent = rois[:, [4, 3]] * settings.scale - 0.5 - start
    size = extent / extent.new_tensor(settings.pooled_hw)
    grids = torch.full_like(size, settings.ratio) if settings.ratio > 0 else size.ceil().clamp(min=0)
    corner = start[:, None, None].expand(-1, *settings.pooled_hw, -1)
    if offset.numel():
        shift = offset.to(start.dtype).flip(1).permute(0, 2, 3, 1)  # its planes are x and y
        corner = corner + settings.gamma * extent[:, None, None] * shift
    bins = settings.pooled_hw[0] * settings.pooled_hw[1]
    for rows, columns in torch.unique(grids, dim=0).long().tolist():
        if rows * columns == 0:
            continue  # a region without extent pools nothing
        alike = (grids == grids.new_tensor([rows, columns])).all(1).nonzero()[:, 0]
        for some in alike.split(max(1, CHUNK_SAMPLES // (bins * rows * columns))):
            y = (
                corner[some, :, :, 0, None, None]
                + _steps(size[some, 0], settings.pooled_hw[0], rows)[:, :, None, :, None]
            )
            x = (
                corner[some, :, :, 1, None, None]
                + _steps(size[some, 1], settings.pooled_hw[1], columns)[:, None, :, None, :]
            )
            y, x = torch.broadcast_tensors(y, x)
            yield _sampled(some, rois[some, 0].long(), y, x, size_hw)


def _steps(size: Tensor, bins: int, samples: int) -> Tensor:
    """Return the distances (R, bins, samples) of samples from the start of a region."""
    inside = (torch.arange(samples, device=size.device) + 0.5).to(size.dtype) / samples
    steps = torch.arange(bins, device=size.device)[:, None] + inside
    return size[:, None, None] * steps


def _sampled(regions: Tensor, image: Tensor, y: Tensor, x: Tensor, size_hw: tuple[int, int]) -> Bins:
    """Return bins from samples (R, P, Q, rows, columns); up to a pixel outside the border's value counts."""
    inside = (y >= -1) & (y <= size_hw[0]) & (x >= -1) & (x <= size_hw[1])
    share = inside.to(y.dtype) / (y.shape[3] * y.shape[4])
    rows, weight_y, sign_y = _corners(y, size_hw[0])
    columns, weight_x, sign_x = _corners(x, size_hw[1])
    lines = image.reshape(-1, 1, 1, 1, 1, 1) * size_hw[0] + rows
    index = lines[..., :, None] * size_hw[1] + columns[..., None, :]

    def product(vertical: Tensor, horizontal: Tensor) -> Tensor:
        both = vertical[..., :, None] * horizontal[..., None, :] * share[..., None, None]
        return both.flatten(3).flatten(0, 2)

    return Bins(
        regions=regions,
        index=index.flatten(3).flatten(0, 2),
        weights=product(weight_y, weight_x),
        slope_y=product(sign_y, weight_x),
        slope_x=product(weight_y, sign_x),
    )


def _corners(at: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the two pixels around a coordinate, their weights, and slopes; 0 where it is clamped."""
    clamped = at.nan_to_num(0.0).clamp(0, size - 1)
    low = clamped.floor().clamp(max=max(size - 2, 0))
    high = (low + 1).clamp(max=size - 1)
    fraction = clamped - low
    free = ((at > 0) & (at < size - 1)).to(at.dtype)
    pixels = torch.stack([low, high], dim=-1).long()
    return pixels, torch.stack([1 - fraction, fraction], dim=-1), torch.stack([-free, free], dim=-1)


def deform_roi_pool_forward(
    input: Tensor,
    rois: Tensor,
    offset: Tensor,
    output: Tensor,
    *,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    gamma: float,
) -> None:
    """Write the means of the bins of regions (R, 5) to `output` (R, C, P, Q); offsets are (R, 2, P, Q)."""
    settings = Settings((pooled_height, pooled_width), spatial_scale, sampling_ratio, gamma)
    output.zero_()
    table = pixel_rows(input)
    for bins in _bins(rois.to(table.dtype), offset, (input.shape[2], input.shape[3]), settings):
        pooled = weighted_sum(table, bins.index, bins.weights)
        planes = pooled.reshape(len(bins.regions), pooled_height, pooled_width, -1).permute(0, 3, 1, 2)
        output[bins.regions] = planes.to(output.dtype)


def deform_roi_pool_backward(
    grad_output: Tensor,
    input: Tensor,
    rois: Tensor,
    offset: Tensor,
    grad_input: Tensor,
    grad_offset: Tensor,
    *,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    gamma: float,
) -> None:
    """Write the gradients of input and offset."""
    settings = Settings((pooled_height, pooled_width), spatial_scale, sampling_ratio, gamma)
    batch, channels, height, width = input.shape
    table = pixel_rows(input)
    grad_table = torch.zeros_like(table)
    rois = rois.to(table.dtype)
    extent = (rois[:, [3, 4]] - rois[:, [1, 2]]) * spatial_scale * gamma
    for bins in _bins(rois, offset, (height, width), settings):
        grad = grad_output[bins.regions].to(table.dtype).permute(0, 2, 3, 1).reshape(-1, channels)
        grad_table += table_gradient(bins.index, bins.weights, grad, len(table))
        if grad_offset.numel():
            grad_taps = weights_gradient(table, bins.index, bins.weights, grad)
            moved = torch.stack([(grad_taps * slope).sum(1) for slope in (bins.slope_x, bins.slope_y)])
            planes = moved.reshape(2, -1, pooled_height, pooled_width).transpose(0, 1)
            grad_offset[bins.regions] = (planes * extent[bins.regions][:, :, None, None]).to(
                grad_offset.dtype
            )
    grad_input.copy_(grad_table.reshape(batch, height, width, channels).permute(0, 3, 1, 2))
