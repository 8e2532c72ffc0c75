"""The U-Net takes any size, and its dropout is inside the network and only at work in training."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from segloop.experiments.models.unet import DropoutUNet


@pytest.mark.parametrize("size_hw", [(48, 48), (33, 50), (17, 23), (7, 96)])
def test_gives_a_map_of_the_images_own_size(size_hw: tuple[int, int]) -> None:
    net = DropoutUNet(channels=(4, 8, 8), dropout=(0, 0, 0.5)).eval()
    outputs = net(torch.rand(1, 3, *size_hw))
    assert outputs[-1].shape == (1, 4, *size_hw)
    assert len(outputs) == 3


def test_drops_inside_the_network_in_training_only() -> None:
    torch.manual_seed(0)
    net = DropoutUNet(channels=(4, 8), dropout=(0.0, 0.5))
    image = torch.rand(2, 3, 16, 16)
    assert sum(isinstance(layer, nn.Dropout2d) for layer in net.modules()) == 1
    net.train()
    assert not torch.equal(net(image)[-1], net(image)[-1])
    net.eval()
    assert torch.equal(net(image)[-1], net(image)[-1])


def test_refuses_rates_that_do_not_match_the_levels() -> None:
    with pytest.raises(ValueError, match="2 levels need 2 dropout rates, not 1"):
        DropoutUNet(channels=(4, 8), dropout=(0.0,))
