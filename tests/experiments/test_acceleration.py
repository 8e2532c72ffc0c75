"""A model keeps its results and gets the machine's fastest form."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from segloop.experiments.acceleration import accelerate
from segloop.experiments.models.depthwise import DilatedDepthwiseConv2d
from segloop.utils.errors import ConfigError


def test_weights_are_laid_out_as_asked_and_activations_follow() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, dilation=2, groups=4))
    image = torch.randn(2, 3, 12, 12)
    expected = net(image)
    fast = accelerate(net, memory_format="channels_last")
    assert isinstance(fast[1], DilatedDepthwiseConv2d)
    assert fast[0](image).is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(fast(image), expected)


def test_an_unknown_layout_is_told_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'nhwc'.*channels_last"):
        accelerate(nn.Identity(), memory_format="nhwc")
