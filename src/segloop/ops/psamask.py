"""PSAMask: turns the attention maps of PSANet, centred on each pixel, into maps over the whole picture."""

from __future__ import annotations

import torch
from torch import Tensor

COLLECT = (
    0  # output channels are the attended pixels and the plane is over attending ones; otherwise the reverse
)


def _mask_channels(
    device: torch.device, size_hw: tuple[int, int], mask_hw: tuple[int, int], half_hw: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Return the mask channel for (attended, attending) pixels (H * W, H * W), and if there is one."""
    channels, valid = [], []
    for size, mask, half in zip(size_hw, mask_hw, half_hw, strict=True):
        pixel = torch.arange(size, device=device)
        step = pixel[:, None] - pixel + half
        valid.append((step >= 0) & (step < mask))
        channels.append(step.clamp(0, mask - 1))
    pixels = size_hw[0] * size_hw[1]
    channel = channels[0][:, None, :, None] * mask_hw[1] + channels[1][None, :, None, :]
    inside = valid[0][:, None, :, None] & valid[1][None, :, None, :]
    return channel.reshape(pixels, pixels), inside.reshape(pixels, pixels)


def psamask_forward(
    input: Tensor,
    output: Tensor,
    *,
    psa_type: int,
    num_: int,
    h_feature: int,
    w_feature: int,
    h_mask: int,
    w_mask: int,
    half_h_mask: int,
    half_w_mask: int,
) -> None:
    """Write masks (N, h_mask * w_mask, H, W) to `output` (N, H * W, H, W), 0 where a mask does not reach."""
    channel, inside = _mask_channels(
        input.device, (h_feature, w_feature), (h_mask, w_mask), (half_h_mask, half_w_mask)
    )
    for source, target in zip(input.flatten(2), output.view(num_, *channel.shape), strict=True):
        attention = source.gather(0, channel) * inside
        target.copy_(attention if psa_type == COLLECT else attention.T)


def psamask_backward(
    grad_output: Tensor,
    grad_input: Tensor,
    *,
    psa_type: int,
    num_: int,
    h_feature: int,
    w_feature: int,
    h_mask: int,
    w_mask: int,
    half_h_mask: int,
    half_w_mask: int,
) -> None:
    """Write the gradient of the masks for the gradient (N, H * W, H, W) of the output."""
    channel, inside = _mask_channels(
        grad_output.device, (h_feature, w_feature), (h_mask, w_mask), (half_h_mask, half_w_mask)
    )
    grad_input.zero_()
    for source, target in zip(
        grad_output.flatten(2), grad_input.view(num_, -1, channel.shape[1]), strict=True
    ):
        attention = source if psa_type == COLLECT else source.T
        target.scatter_add_(0, channel, (attention * inside).to(target.dtype))
