"""Deformable convolution, version 1 and the modulated version 2, with their gradients.

The taps of a deformable kernel are bilinear samples: weighted sums of four rows of a table of pixels. Columns
are laid out (position, tap, channel), in chunks of positions, and one matrix product per chunk does the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from segloop.ops.lookup import computable, pixel_rows, table_gradient, weighted_sum, weights_gradient

CHUNK_ELEMENTS = 1 << 21  # of the columns: 8 MB in float32, and long enough for an efficient matrix product


@dataclass(frozen=True)
class Geometry:
    """The shape of a convolution; pairs are (vertical, horizontal)."""

    kernel_hw: tuple[int, int]
    stride_hw: tuple[int, int]
    padding_hw: tuple[int, int]
    dilation_hw: tuple[int, int]
    groups: int
    deform_groups: int

    @property
    def taps(self) -> int:
        return self.kernel_hw[0] * self.kernel_hw[1]


@dataclass(frozen=True)
class Taps:
    """Four pixels for each of M samples: table rows, weights and the slopes of these, all (M, 4)."""

    index: Tensor
    weights: Tensor
    slope_y: Tensor
    slope_x: Tensor


class Sampler:
    """The samples of one deformable convolution, cut into chunks of output positions."""

    def __init__(self, features: Tensor, offset: Tensor, mask: Tensor | None, geometry: Geometry) -> None:
        self.geometry = geometry
        self.batch, self.channels, self.height, self.width = features.shape
        self.out_hw = (offset.shape[2], offset.shape[3])
        self.positions = self.out_hw[0] * self.out_hw[1]
        self.table = pixel_rows(features, geometry.deform_groups)
        dtype = self.table.dtype
        self.offsets = self._by_position(offset.to(dtype), 2)
        self.modulation = None if mask is None else self._by_position(mask.to(dtype), 1)

    def _by_position(self, planes: Tensor, values: int) -> Tensor:
        """Return planes (N, deform_groups * taps * values, H, W), position first: (N * H * W, …)."""
        geometry = self.geometry
        planes = planes.reshape(self.batch, geometry.deform_groups, geometry.taps, values, self.positions)
        return planes.permute(0, 4, 2, 1, 3).reshape(-1, geometry.taps, geometry.deform_groups, values)

    def to_planes(self, values: Tensor, like: Tensor) -> Tensor:
        """Undo `_by_position`."""
        geometry = self.geometry
        values = values.reshape(self.batch, self.positions, geometry.taps, geometry.deform_groups, -1)
        return values.permute(0, 3, 2, 4, 1).reshape(like.shape)

    def chunks(self) -> Iterator[slice]:
        total = self.batch * self.positions
        step = max(1, CHUNK_ELEMENTS // (self.channels * self.geometry.taps))
        for start in range(0, total, step):
            yield slice(start, min(start + step, total))

    def grid(self, chunk: slice) -> tuple[Tensor, Tensor, Tensor]:
        """Return image number (P,) and the undeformed y and x (P, taps, 1) of the positions of a chunk."""
        geometry = self.geometry
        device, dtype = self.offsets.device, self.offsets.dtype
        position = torch.arange(chunk.start, chunk.stop, device=device)
        image = torch.div(position, self.positions, rounding_mode="floor")
        inside = position - image * self.positions
        row = torch.div(inside, self.out_hw[1], rounding_mode="floor")
        column = inside - row * self.out_hw[1]
        tap = torch.arange(geometry.taps, device=device)
        tap_row = torch.div(tap, geometry.kernel_hw[1], rounding_mode="floor")
        tap_column = tap - tap_row * geometry.kernel_hw[1]

        def along(out: Tensor, tap: Tensor, axis: int) -> Tensor:
            origin = out * geometry.stride_hw[axis] - geometry.padding_hw[axis]
            return (origin[:, None, None] + tap[None, :, None] * geometry.dilation_hw[axis]).to(dtype)

        return image, along(row, tap_row, 0), along(column, tap_column, 1)

    def taps(self, chunk: slice) -> Taps:
        """Return the samples of a chunk, M = positions * taps * deform_groups of them."""
        image, y, x = self.grid(chunk)
        y = y + self.offsets[chunk, :, :, 0]
        x = x + self.offsets[chunk, :, :, 1]
        inside = (y > -1) & (x > -1) & (y < self.height) & (x < self.width)  # false for NaN too
        rows, weight_y, sign_y = _corners(torch.where(inside, y, -2.0), self.height)
        columns, weight_x, sign_x = _corners(torch.where(inside, x, -2.0), self.width)
        index = (image[:, None, None, None] * self.height + rows)[..., :, None] * self.width
        index = (index + columns[..., None, :]) * self.geometry.deform_groups
        index = index + torch.arange(self.geometry.deform_groups, device=y.device)[:, None, None]

        def product(vertical: Tensor, horizontal: Tensor) -> Tensor:
            return (vertical[..., :, None] * horizontal[..., None, :]).reshape(-1, 4)

        return Taps(
            index=index.reshape(-1, 4),
            weights=product(weight_y, weight_x),
            slope_y=product(sign_y, weight_x),
            slope_x=product(weight_y, sign_x),
        )

    def tap_weights(self, chunk: slice, taps: Taps) -> Tensor:
        """Return the weights that the samples of a chunk enter the columns with."""
        return (
            taps.weights if self.modulation is None else taps.weights * self.modulation[chunk].reshape(-1, 1)
        )


def _corners(coordinate: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the two pixels around a coordinate, their linear weights, and slopes; 0 outside the image."""
    low = torch.floor(coordinate)
    fraction = coordinate - low
    pixel = torch.stack([low, low + 1], dim=-1)
    valid = (pixel >= 0) & (pixel <= size - 1)
    weight = torch.stack([1 - fraction, fraction], dim=-1) * valid
    slope = torch.tensor([-1.0, 1.0], dtype=coordinate.dtype, device=coordinate.device) * valid
    return pixel.clamp(0, size - 1).long(), weight, slope


def _kernel_matrices(weight: Tensor, geometry: Geometry) -> Tensor:
    """Return a kernel (O, C / groups, kh, kw) as (groups, taps * C / groups, O / groups)."""
    matrix = computable(weight).reshape(geometry.groups, -1, weight.shape[1], geometry.taps)
    return matrix.permute(0, 3, 2, 1).reshape(geometry.groups, geometry.taps * weight.shape[1], -1)


def _by_group(columns: Tensor, geometry: Geometry) -> Tensor:
    """Return columns (P * taps * deform_groups, C / deform_groups) as (groups, P, taps * C / groups)."""
    width = columns.shape[1] * geometry.deform_groups // geometry.groups
    columns = columns.reshape(-1, geometry.taps, geometry.groups, width)
    return columns.permute(2, 0, 1, 3).reshape(geometry.groups, -1, geometry.taps * width)


def _from_group(columns: Tensor, geometry: Geometry) -> Tensor:
    """Undo `_by_group`."""
    width = columns.shape[2] // geometry.taps
    columns = columns.reshape(geometry.groups, -1, geometry.taps, width).permute(1, 2, 0, 3)
    return columns.reshape(-1, width * geometry.groups // geometry.deform_groups)


def convolve(
    features: Tensor, offset: Tensor, mask: Tensor | None, weight: Tensor, geometry: Geometry
) -> Tensor:
    """Return the deformable convolution (N, O, H, W) of features (N, C, h, w), without a bias."""
    sampler = Sampler(features, offset, mask, geometry)
    matrices = _kernel_matrices(weight, geometry)
    rows = sampler.table.new_empty(sampler.batch * sampler.positions, weight.shape[0])
    for chunk in sampler.chunks():
        taps = sampler.taps(chunk)
        columns = weighted_sum(sampler.table, taps.index, sampler.tap_weights(chunk, taps))
        product = torch.bmm(_by_group(columns, geometry), matrices)
        rows[chunk] = product.permute(1, 0, 2).reshape(-1, weight.shape[0])
    return rows.reshape(sampler.batch, *sampler.out_hw, -1).permute(0, 3, 1, 2)


def input_gradients(
    features: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    weight: Tensor,
    grad_output: Tensor,
    geometry: Geometry,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return the gradients of features, offset and mask for the gradient (N, O, H, W) of `convolve`."""
    sampler = Sampler(features, offset, mask, geometry)
    matrices = _kernel_matrices(weight, geometry).transpose(1, 2)
    grad_rows = _grouped_rows(grad_output, geometry)
    grad_table = torch.zeros_like(sampler.table)
    grad_offsets = torch.empty_like(sampler.offsets)
    grad_modulation = torch.empty_like(sampler.offsets[..., :1])
    for chunk in sampler.chunks():
        taps = sampler.taps(chunk)
        tap_weights = sampler.tap_weights(chunk, taps)
        grad_columns = _from_group(torch.bmm(grad_rows[:, chunk], matrices), geometry)
        grad_taps = weights_gradient(sampler.table, taps.index, tap_weights, grad_columns)
        _add_table_gradient(grad_table, grad_columns, taps.index, tap_weights)
        slopes = [(grad_taps * slope).sum(1) for slope in (taps.slope_y, taps.slope_x)]
        grad_offsets[chunk] = torch.stack(slopes, dim=1).reshape(grad_offsets[chunk].shape)
        if sampler.modulation is not None:
            grad_offsets[chunk] *= sampler.modulation[chunk]
            grad_modulation[chunk] = (grad_taps * taps.weights).sum(1).reshape(grad_modulation[chunk].shape)
    grad_input = grad_table.reshape(sampler.batch, sampler.height, sampler.width, -1).permute(0, 3, 1, 2)
    grad_mask = None if mask is None else sampler.to_planes(grad_modulation, mask)
    return grad_input, sampler.to_planes(grad_offsets, offset), grad_mask


def weight_gradient(
    features: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    weight: Tensor,
    grad_output: Tensor,
    geometry: Geometry,
) -> Tensor:
    """Return the gradient of the kernel (its shape is all that is read of it)."""
    sampler = Sampler(features, offset, mask, geometry)
    grad_rows = _grouped_rows(grad_output, geometry)
    out_channels, in_channels = weight.shape[:2]
    grad = grad_rows.new_zeros(geometry.groups, grad_rows.shape[2], geometry.taps * in_channels)
    for chunk in sampler.chunks():
        taps = sampler.taps(chunk)
        columns = weighted_sum(sampler.table, taps.index, sampler.tap_weights(chunk, taps))
        grad.baddbmm_(grad_rows[:, chunk].transpose(1, 2), _by_group(columns, geometry))
    grad = grad.reshape(out_channels, geometry.taps, in_channels)
    return grad.permute(0, 2, 1).reshape(weight.shape)


def _grouped_rows(grad_output: Tensor, geometry: Geometry) -> Tensor:
    """Return the gradient (N, O, H, W) of the output as (groups, N * H * W, O / groups)."""
    rows = pixel_rows(grad_output)
    return rows.reshape(rows.shape[0], geometry.groups, -1).transpose(0, 1)


def _add_table_gradient(grad_table: Tensor, grad: Tensor, index: Tensor, weights: Tensor) -> None:
    """Add what a chunk gives to the gradient of the table, in the rows that it reaches."""
    first, last = index.aminmax()
    target = grad_table[int(first) : int(last) + 1]
    target += table_gradient(index - first, weights, grad, len(target))


def _without_autocast(tensor: Tensor) -> torch.autocast:
    """Return a context in which matrix products keep the type of their operands."""
    return torch.autocast(tensor.device.type, enabled=False)


def deform_conv_forward(
    input: Tensor, weight: Tensor, offset: Tensor, output: Tensor, columns: Tensor, ones: Tensor, **sizes: int
) -> None:
    """Write the deformable convolution to `output`; `columns` and `ones` are scratch of the kernel."""
    with _without_autocast(input):
        output.copy_(convolve(input, offset, None, weight, _first_geometry(**sizes)))


def deform_conv_backward_input(
    input: Tensor,
    offset: Tensor,
    gradOutput: Tensor,
    gradInput: Tensor,
    gradOffset: Tensor,
    weight: Tensor,
    columns: Tensor,
    **sizes: int,
) -> None:
    """Write the gradients of input and offset."""
    with _without_autocast(input):
        found = input_gradients(input, offset, None, weight, gradOutput, _first_geometry(**sizes))
        gradInput.copy_(found[0])
        gradOffset.copy_(found[1])


def deform_conv_backward_parameters(
    input: Tensor,
    offset: Tensor,
    gradOutput: Tensor,
    gradWeight: Tensor,
    columns: Tensor,
    ones: Tensor,
    *,
    scale: float,
    **sizes: int,
) -> None:
    """Add the gradient of the kernel, times `scale`, to `gradWeight`."""
    with _without_autocast(input):
        found = weight_gradient(input, offset, None, gradWeight, gradOutput, _first_geometry(**sizes))
        gradWeight.add_(found.to(gradWeight.dtype), alpha=scale)


def modulated_deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    columns: Tensor,
    *,
    with_bias: bool,
    **sizes: int,
) -> None:
    """Write the modulated deformable convolution of `input` to `output`."""
    with _without_autocast(input):
        result = convolve(input, offset, mask, weight, _second_geometry(**sizes))
        output.copy_(result + bias[:, None, None] if with_bias else result)


def modulated_deform_conv_backward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    columns: Tensor,
    grad_input: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
    grad_offset: Tensor,
    grad_mask: Tensor,
    grad_output: Tensor,
    *,
    with_bias: bool,
    **sizes: int,
) -> None:
    """Write the gradients of input, offset and mask, and add those of kernel and bias."""
    geometry = _second_geometry(**sizes)
    with _without_autocast(input):
        found = input_gradients(input, offset, mask, weight, grad_output, geometry)
        for target, value in zip((grad_input, grad_offset, grad_mask), found, strict=True):
            if value is not None:
                target.copy_(value)
        found_weight = weight_gradient(input, offset, mask, weight, grad_output, geometry)
        grad_weight.add_(found_weight.to(grad_weight.dtype))
        if with_bias:
            grad_bias.add_(computable(grad_output).sum((0, 2, 3)).to(grad_bias.dtype))


def _first_geometry(
    *,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    im2col_step: int,
) -> Geometry:
    """Read the names of version 1; im2col_step bounds the memory of the compiled kernel, not ours."""
    return Geometry((kH, kW), (dH, dW), (padH, padW), (dilationH, dilationW), group, deformable_group)


def _second_geometry(
    *,
    kernel_h: int,
    kernel_w: int,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    group: int,
    deformable_group: int,
) -> Geometry:
    """Read mmcv's names for version 2."""
    return Geometry(
        (kernel_h, kernel_w),
        (stride_h, stride_w),
        (pad_h, pad_w),
        (dilation_h, dilation_w),
        group,
        deformable_group,
    )
