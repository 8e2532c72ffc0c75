"""Dilated depthwise convolution as shifted additions, where a processor has no good kernel for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

Index = tuple[slice, ...]


class DilatedDepthwiseConv2d(nn.Conv2d):
    """A depthwise `Conv2d` of stride 1 with the same parameters, computed tap by tap on a CPU.

    oneDNN falls back to a plain loop for dilated depthwise kernels: three of them took a sixth of
    DeepLabV3+'s training step. Taps that only ever meet padding cost nothing here. Sums are kept in float32.
    """

    def forward(self, image: Tensor) -> Tensor:
        """Convolve `image` [N, C, H, W]."""
        if image.device.type != "cpu" or image.ndim != 4:
            return super().forward(image)
        if torch.is_autocast_enabled("cpu"):
            image = image.to(torch.get_autocast_dtype("cpu"))
        result = _Taps.apply(image, self.weight, self.padding, self.dilation)
        return result if self.bias is None else result + self.bias.to(result.dtype)[:, None, None]


def use_dilated_depthwise(model: nn.Module) -> int:
    """Turn each convolution that `DilatedDepthwiseConv2d` computes faster into one; return how many."""
    changed = 0
    for module in model.modules():
        if type(module) is nn.Conv2d and _suits(module):
            module.__class__ = DilatedDepthwiseConv2d  # the same parameters, names and hooks
            changed += 1
    return changed


def _suits(conv: nn.Conv2d) -> bool:
    return (
        conv.groups == conv.in_channels == conv.out_channels > 1
        and max(conv.dilation) > 1
        and set(conv.stride) == {1}
        and not isinstance(conv.padding, str)
        and conv.padding_mode == "zeros"
    )


class _Taps(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, image: Tensor, weight: Tensor, padding: tuple[int, int], dilation: tuple[int, int]
    ) -> Tensor:
        # With the channels last, each tap is one long multiply-add over contiguous memory.
        source = image.detach().permute(0, 2, 3, 1).contiguous().float()
        height, width = (
            extent + 2 * pad - step * (taps - 1)
            for extent, pad, step, taps in zip(
                source.shape[1:3], padding, dilation, weight.shape[2:], strict=True
            )
        )
        result = source.new_zeros(source.shape[0], height, width, source.shape[3])
        taps = list(_taps(weight, source, result, padding, dilation))
        for row, column, there, here in taps:
            result[here].addcmul_(source[there], weight[:, 0, row, column].float())
        ctx.save_for_backward(source, weight)
        ctx.taps, ctx.dtype = taps, image.dtype
        return result.to(image.dtype).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        source, weight = ctx.saved_tensors
        gradient = gradient.permute(0, 2, 3, 1).contiguous().float()
        of_image = torch.zeros_like(source) if ctx.needs_input_grad[0] else None
        of_weight = torch.zeros_like(weight, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        for row, column, there, here in ctx.taps:
            if of_image is not None:
                of_image[there].addcmul_(gradient[here], weight[:, 0, row, column].float())
            if of_weight is not None:
                of_weight[:, 0, row, column] = (gradient[here] * source[there]).sum((0, 1, 2))
        return (
            None if of_image is None else of_image.to(ctx.dtype).permute(0, 3, 1, 2),
            None if of_weight is None else of_weight.to(weight.dtype),
            None,
            None,
        )


def _taps(
    weight: Tensor, source: Tensor, result: Tensor, padding: tuple[int, int], dilation: tuple[int, int]
) -> Iterator[tuple[int, int, Index, Index]]:
    """Yield row and column of each tap that meets the image, and the parts of source and result it joins."""
    everything = slice(None)
    for row in range(weight.shape[2]):
        for column in range(weight.shape[3]):
            pairs = [
                _overlap(tap * step - pad, extent, wanted)
                for tap, step, pad, extent, wanted in zip(
                    (row, column), dilation, padding, source.shape[1:3], result.shape[1:3], strict=True
                )
            ]
            if all(pairs):
                there, here = zip(*[pair for pair in pairs if pair], strict=True)
                yield row, column, (everything, *there), (everything, *here)


def _overlap(offset: int, extent: int, wanted: int) -> tuple[slice, slice] | None:
    low, high = max(0, -offset), min(wanted, extent - offset)
    return (slice(low + offset, high + offset), slice(low, high)) if low < high else None
