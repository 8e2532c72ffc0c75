"""Multi-scale deformable attention: weighted bilinear samples of several feature maps."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from segloop.ops import lookup
from segloop.ops.lookup import CHUNK, computable


class Corners(NamedTuple):
    """The four pixels around each sample: rows of the value table and weights, [B, Q, M, L, P, 4]."""

    pixel: Tensor
    weight: Tensor
    part: Tensor  # how far each sample lies past its upper left pixel (x, y), [B, Q, M, L, P, 2]
    valid: Tensor  # which of the pixels lie inside the map


@torch.no_grad()
def ms_deform_attn_forward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    im2col_step: int,
) -> Tensor:
    """Return the attended values [B, Q, M * D].

    `value` [B, S, M, D] holds the L maps one after another; locations [B, Q, M, L, P, 2] are (x, y) as
    fractions of a map; `im2col_step` is a matter of the CUDA kernel and changes nothing here.
    """
    corners = _corners(value, value_spatial_shapes, value_level_start_index, sampling_locations)
    weight = corners.weight * computable(attention_weights)[..., None]
    table = computable(value).reshape(-1, value.shape[3])
    pooled = lookup.weighted_sum(
        table, corners.pixel.flatten(3).flatten(0, 2), weight.flatten(3).flatten(0, 2)
    )
    return pooled.view(*sampling_locations.shape[:2], value.shape[2] * value.shape[3]).to(value.dtype)


@torch.no_grad()
def ms_deform_attn_backward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    grad_output: Tensor,
    grad_value: Tensor,
    grad_sampling_loc: Tensor,
    grad_attn_weight: Tensor,
    im2col_step: int,
) -> None:
    """Add the gradients of the values, the locations and the weights to the three `grad_…` tensors."""
    corners = _corners(value, value_spatial_shapes, value_level_start_index, sampling_locations)
    attention = computable(attention_weights)
    index = corners.pixel.flatten(3).flatten(0, 2)
    weight = (corners.weight * attention[..., None]).flatten(3).flatten(0, 2)
    table = computable(value).reshape(-1, value.shape[3])
    grad = computable(grad_output).reshape(-1, value.shape[3])
    grad_value.add_(lookup.table_gradient(index, weight, grad, len(table)).view(value.shape))

    alike = grad.new_empty(index.shape)  # each pixel's value times the gradient at its query
    step = max(1, CHUNK // (index.shape[1] * table.shape[1]))
    for start in range(0, len(index), step):
        part = slice(start, start + step)
        alike[part] = torch.einsum("nkd,nd->nk", table[index[part].long()], grad[part])
    alike = alike.view(corners.weight.shape) * corners.valid
    grad_attn_weight.add_((alike * corners.weight).sum(-1))
    x, y = corners.part.unbind(-1)
    top_left, top_right, low_left, low_right = alike.unbind(-1)
    slope_x = (1 - y) * (top_right - top_left) + y * (low_right - low_left)
    slope_y = (1 - x) * (low_left - top_left) + x * (low_right - top_right)
    size_xy = value_spatial_shapes.flip(1).to(attention)[:, None]
    slopes = torch.stack([slope_x, slope_y], -1) * size_xy
    grad_sampling_loc.add_(slopes * attention[..., None])


def _corners(value: Tensor, shapes_hw: Tensor, starts: Tensor, locations: Tensor) -> Corners:
    batches, length, heads = value.shape[:3]
    size_xy = shapes_hw.flip(1)[:, None]
    at = computable(locations) * size_xy.to(computable(locations)) - 0.5
    low = at.floor()
    part = at - low
    pixel = torch.stack([low, low + 1], -1).long()  # [..., x or y, low or high]
    inside = (pixel >= 0) & (pixel < size_xy[..., None])
    pixel = torch.minimum(pixel.clamp_(min=0), size_xy[..., None] - 1)
    weight = torch.stack([1 - part, part], -1) * inside
    x, y = pixel[..., 0, None, :], pixel[..., 1, :, None]
    batch = torch.arange(batches, device=value.device).view(-1, 1, 1, 1, 1, 1, 1)
    head = torch.arange(heads, device=value.device).view(-1, 1, 1, 1, 1)
    places = batch * length + starts.view(-1, 1, 1, 1) + y * shapes_hw[:, 1].view(-1, 1, 1, 1) + x
    return Corners(
        (places * heads + head).flatten(-2).int(),
        (weight[..., 1, :, None] * weight[..., 0, None, :]).flatten(-2),
        part,
        (inside[..., 1, :, None] & inside[..., 0, None, :]).flatten(-2),
    )
