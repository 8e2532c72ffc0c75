"""A model keeps its results and gets the machine's fastest form."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from segloop.experiments.acceleration import accelerate, compile_networks
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


def test_weights_of_other_dimensions_stay_as_they_are() -> None:
    net = nn.Sequential(nn.Conv3d(2, 3, 3), nn.Conv2d(3, 4, 3), nn.LayerNorm(4))
    fast = accelerate(net, memory_format="channels_last")
    assert fast[0].weight.is_contiguous()
    assert fast[1].weight.is_contiguous(memory_format=torch.channels_last)


def test_an_unknown_layout_is_told_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'nhwc'.*channels_last"):
        accelerate(nn.Identity(), memory_format="nhwc")


class Layer(nn.Module):
    """A network of one layer; torch does not compile its own layers when they stand alone."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.conv(image).sigmoid()


class Model(nn.Module):
    """As much of a segmentor as compiling looks at."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Layer(3, 4)
        self.decode_head = nn.ModuleDict({"bottleneck": Layer(4, 2), "loss_decode": Layer(2, 2)})

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.decode_head["bottleneck"](self.backbone(image))


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # torch while it traces
def test_compiling_reaches_networks_and_keeps_names_and_results() -> None:
    torch.manual_seed(0)
    model = Model()
    image, names = torch.randn(1, 3, 4, 4), list(model.state_dict())
    expected = model(image)
    graphs = []

    def backend(graph: torch.fx.GraphModule, _: list[torch.Tensor]) -> torch.fx.GraphModule:
        graphs.append(graph)
        return graph

    compile_networks(model, backend=backend)
    torch.testing.assert_close(model(image), expected)
    assert len(graphs) == 2
    assert list(model.state_dict()) == names
    copied = copy.deepcopy(model)  # as averaging weights does
    nn.init.zeros_(copied.backbone.conv.weight)
    assert not torch.equal(copied(image), expected)
