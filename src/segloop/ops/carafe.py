"""CARAFE: upsampling in which each output pixel has its own kernel over the input (Wang et al., 2019)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from segloop.ops.lookup import pixel_rows, table_gradient, weighted_sum, weights_gradient

# Of the output; the indices of a chunk need 2 * kernel_size ** 2 / channels times as much.
CHUNK_ELEMENTS = 1 << 22


class Reassembly:
    """The taps of every output pixel: rows of the table of input pixels, and the mask's weights for them."""

    def __init__(
        self, table: Tensor, size_hw: tuple[int, int], masks: Tensor, kernel: int, scale: int
    ) -> None:
        self.table = table
        self.height, self.width = size_hw
        self.kernel, self.scale = kernel, scale
        self.batch, mask_channels, self.out_height, self.out_width = masks.shape
        self.groups = mask_channels // kernel**2
        self.masks = masks

    def chunks(self) -> Iterator[tuple[int, slice]]:
        """Yield image number and rows of the output."""
        step = max(1, CHUNK_ELEMENTS // (self.out_width * self.groups * self.table.shape[1]))
        for image in range(self.batch):
            for start in range(0, self.out_height, step):
                yield image, slice(start, min(start + step, self.out_height))

    def taps(self, image: int, rows: slice) -> tuple[Tensor, Tensor, Tensor]:
        """Return table rows, weights, and 1 inside the image, 0 outside: (pixels * groups, kernel ** 2)."""
        device = self.table.device
        reach = torch.arange(self.kernel, device=device) - self.kernel // 2
        y = torch.arange(rows.start, rows.stop, device=device)[:, None] // self.scale + reach
        x = torch.arange(self.out_width, device=device)[:, None] // self.scale + reach
        valid = ((y >= 0) & (y < self.height))[:, None, :, None] & ((x >= 0) & (x < self.width))[:, None, :]
        y, x = y.clamp(0, self.height - 1), x.clamp(0, self.width - 1)
        pixel = (image * self.height + y)[:, None, :, None] * self.width + x[:, None, :]
        group = torch.arange(self.groups, device=device)[:, None, None]
        index = pixel[:, :, None] * self.groups + group
        weights = self.masks[image, :, rows].to(self.table.dtype).permute(1, 2, 0)
        inside = valid[:, :, None].expand(index.shape).to(weights.dtype).reshape(-1, self.kernel**2)
        return index.reshape(inside.shape), weights.reshape(inside.shape) * inside, inside


def reassemble(features: Tensor, masks: Tensor, kernel: int, groups: int, scale: int) -> Tensor:
    """Return the features (N, C, H, W) upsampled `scale` times by masks (N, groups * kernel ** 2, H', W')."""
    plan = Reassembly(pixel_rows(features, groups), _size_hw(features), masks, kernel, scale)
    output = plan.table.new_empty(plan.batch, plan.out_height, plan.out_width, features.shape[1])
    for image, rows in plan.chunks():
        index, weights, _ = plan.taps(image, rows)
        output[image, rows] = weighted_sum(plan.table, index, weights).reshape(output[image, rows].shape)
    return output.permute(0, 3, 1, 2)


def gradients(
    features: Tensor, masks: Tensor, grad_output: Tensor, kernel: int, groups: int, scale: int
) -> tuple[Tensor, Tensor]:
    """Return the gradients of features and masks for the gradient of the upsampled features."""
    plan = Reassembly(pixel_rows(features, groups), _size_hw(features), masks, kernel, scale)
    grad_rows = grad_output.to(plan.table.dtype).permute(0, 2, 3, 1)
    grad_table = torch.zeros_like(plan.table)
    grad_masks = plan.table.new_empty(plan.batch, plan.out_height, plan.out_width, masks.shape[1])
    rows_per_image = plan.table.shape[0] // plan.batch
    for image, rows in plan.chunks():
        index, weights, inside = plan.taps(image, rows)
        grad = grad_rows[image, rows].reshape(-1, plan.table.shape[1])
        own = slice(image * rows_per_image, (image + 1) * rows_per_image)
        grad_table[own] += table_gradient(index - own.start, weights, grad, rows_per_image)
        found = weights_gradient(plan.table, index, weights, grad) * inside
        grad_masks[image, rows] = found.reshape(grad_masks[image, rows].shape)
    return _planes(grad_table, features.shape), grad_masks.permute(0, 3, 1, 2)


def _size_hw(features: Tensor) -> tuple[int, int]:
    return features.shape[2], features.shape[3]


def _planes(table: Tensor, shape: torch.Size) -> Tensor:
    """Undo `pixel_rows`."""
    return table.reshape(shape[0], shape[2], shape[3], shape[1]).permute(0, 3, 1, 2)


def carafe_forward(
    features: Tensor,
    masks: Tensor,
    rfeatures: Tensor,
    routput: Tensor,
    rmasks: Tensor,
    output: Tensor,
    *,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Write the upsampled features, and to `rfeatures` the features, channels last, for the backward."""
    batch, channels, height, width = features.shape
    rfeatures.resize_(batch, height, width, channels).copy_(features.permute(0, 2, 3, 1))
    output.copy_(reassemble(features, masks, kernel_size, group_size, scale_factor))


def carafe_backward(
    top_grad: Tensor,
    rfeatures: Tensor,
    masks: Tensor,
    rtop_grad: Tensor,
    rbottom_grad_hs: Tensor,
    rbottom_grad: Tensor,
    rmask_grad: Tensor,
    bottom_grad: Tensor,
    mask_grad: Tensor,
    *,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Write the gradients of features and masks; the other tensors are the compiled kernel's scratch room."""
    carafe_naive_backward(
        top_grad,
        rfeatures.permute(0, 3, 1, 2),
        masks,
        bottom_grad,
        mask_grad,
        kernel_size=kernel_size,
        group_size=group_size,
        scale_factor=scale_factor,
    )


def carafe_naive_forward(
    features: Tensor, masks: Tensor, output: Tensor, *, kernel_size: int, group_size: int, scale_factor: int
) -> None:
    """Write the upsampled features."""
    output.copy_(reassemble(features, masks, kernel_size, group_size, scale_factor))


def carafe_naive_backward(
    top_grad: Tensor,
    features: Tensor,
    masks: Tensor,
    bottom_grad: Tensor,
    mask_grad: Tensor,
    *,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Write the gradients of features and masks."""
    found = gradients(features, masks, top_grad, kernel_size, group_size, scale_factor)
    bottom_grad.copy_(found[0])
    mask_grad.copy_(found[1])
