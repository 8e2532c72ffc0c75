"""The two halves of a convolution computed only where a mask says so: gather columns, scatter results."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def masked_im2col_forward(
    im: Tensor,
    mask_h_idx: Tensor,
    mask_w_idx: Tensor,
    col: Tensor,
    *,
    kernel_h: int,
    kernel_w: int,
    pad_h: int,
    pad_w: int,
) -> None:
    """Write to `col` (C * kernel_h * kernel_w, M) the windows of an image (1, C, H, W) at M positions."""
    padded = F.pad(im[0], (pad_w, pad_w, pad_h, pad_h))
    tap_y = torch.arange(kernel_h, device=im.device).repeat_interleave(kernel_w)
    tap_x = torch.arange(kernel_w, device=im.device).repeat(kernel_h)
    pixel = (mask_h_idx + tap_y[:, None]) * padded.shape[2] + mask_w_idx + tap_x[:, None]
    col.copy_(padded.flatten(1).index_select(1, pixel.reshape(-1)).reshape(col.shape))


def masked_col2im_forward(
    col: Tensor, mask_h_idx: Tensor, mask_w_idx: Tensor, im: Tensor, *, height: int, width: int, channels: int
) -> None:
    """Write `col` (channels, M) to M positions of the image `im` (1, channels, height, width)."""
    im[0].view(channels, height * width)[:, mask_h_idx * width + mask_w_idx] = col.to(im.dtype)
