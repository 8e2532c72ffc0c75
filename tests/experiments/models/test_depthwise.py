"""Dilated depthwise convolutions computed tap by tap equal torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from segloop.experiments.models.depthwise import DilatedDepthwiseConv2d, use_dilated_depthwise

SHAPES = [  # kernel, padding, dilation; the last lets all but the centre meet padding only
    (3, 2, 2),
    (3, 0, 3),
    ((3, 1), (2, 0), (2, 1)),
    ((1, 5), (3, 4), (1, 2)),
    (3, 9, 9),
]


def results(conv: nn.Module, image: Tensor) -> list[Tensor]:
    """The convolution's output and gradients of image and parameters."""
    image = image.clone().requires_grad_()
    conv.zero_grad()
    output = conv(image)
    output.backward(torch.linspace(-1, 1, output.numel()).view_as(output).to(output.dtype))
    assert image.grad is not None
    return [
        output.detach(),
        image.grad,
        *(value.grad for value in conv.parameters() if value.grad is not None),
    ]


@pytest.mark.parametrize(("kernel", "padding", "dilation"), SHAPES)
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_values_and_gradients_are_torchs(
    kernel: int, padding: int, dilation: int, layout: torch.memory_format
) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(6, 6, kernel, padding=padding, dilation=dilation, groups=6)
    image = torch.randn(2, 6, 8, 9).to(memory_format=layout)
    expected = results(conv, image)
    assert use_dilated_depthwise(nn.Sequential(conv)) == 1
    for ours, theirs in zip(results(conv, image), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_autocast_gives_bfloat16_summed_in_float32() -> None:
    torch.manual_seed(0)
    conv = DilatedDepthwiseConv2d(4, 4, 3, padding=2, dilation=2, groups=4, bias=False)
    image = torch.randn(2, 4, 8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = conv(image)
    assert output.dtype == torch.bfloat16
    rounded = nn.functional.conv2d(image.bfloat16().float(), conv.weight, padding=2, dilation=2, groups=4)
    torch.testing.assert_close(output, rounded.bfloat16())


def test_only_what_it_can_compute_is_turned_into_one() -> None:
    others = nn.ModuleList(
        [
            nn.Conv2d(4, 4, 3, groups=4),  # not dilated: torch has a good kernel
            nn.Conv2d(4, 4, 3, dilation=2),
            nn.Conv2d(4, 8, 3, dilation=2, groups=4),
            nn.Conv2d(4, 4, 3, dilation=2, groups=4, stride=2),
            nn.Conv2d(4, 4, 3, dilation=2, groups=4, padding="same"),
            nn.Conv2d(4, 4, 3, dilation=2, groups=4, padding=2, padding_mode="reflect"),
            nn.Conv2d(1, 1, 3, dilation=2),
        ]
    )
    assert use_dilated_depthwise(others) == 0
    assert all(type(layer) is nn.Conv2d for layer in others)
