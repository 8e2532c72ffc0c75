"""A user's ResNet file in torchvision's layout is taken whole, or refused with what did not match."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmseg.models import ResNet

from segloop.experiments.models.weights import ResNetWeights
from segloop.utils.errors import ConfigError


def resnet() -> ResNet:
    """The smallest ResNet, with the base config's settings."""
    return ResNet(depth=18, norm_cfg={"type": "BN"}, style="pytorch")


def torchvision_file(path: Path, **changes: torch.Tensor | None) -> Path:
    """Save weights under torchvision's names, classifier included, with some replaced or taken out."""
    weights = {name: torch.rand_like(value.float()) for name, value in resnet().state_dict().items()}
    weights |= {"fc.weight": torch.rand(10, 512), "fc.bias": torch.rand(10)}
    for name, value in changes.items():
        weights.pop(name.replace("__", "."))
        if value is not None:
            weights[name.replace("__", ".")] = value
    torch.save(weights, path)
    return path


def test_takes_every_tensor_but_the_classifier(tmp_path: Path) -> None:
    path = torchvision_file(tmp_path / "r18.pth")
    net = resnet()
    ResNetWeights(checkpoint=str(path))(net)
    given = torch.load(path, weights_only=True)
    assert all(
        torch.equal(value.float(), given[name])
        for name, value in net.state_dict().items()
        if "num_b" not in name
    )


def test_names_what_is_missing_and_what_has_another_shape(tmp_path: Path) -> None:
    path = torchvision_file(tmp_path / "odd.pth", conv1__weight=torch.rand(64, 3, 3, 3), bn1__weight=None)
    with pytest.raises(ConfigError) as caught:
        ResNetWeights(checkpoint=str(path))(resnet())
    text = str(caught.value)
    assert "conv1.weight: (64, 3, 3, 3) in the file, (64, 3, 7, 7) in the model" in text
    assert "bn1.weight" in text
    assert "fc.weight" in text


def test_from_scratch_each_block_starts_as_the_identity() -> None:
    net = resnet()
    ResNetWeights()(net)
    block = net.layer2[1]
    assert torch.count_nonzero(block.bn2.weight) == 0
    grouped = ResNet(depth=50, norm_cfg={"type": "GN", "num_groups": 32}, style="pytorch")
    ResNetWeights()(grouped)
    deep = grouped.layer1[0]
    assert torch.count_nonzero(deep.gn3.weight) == 0
    assert torch.count_nonzero(deep.gn2.weight) == deep.gn2.weight.numel()
    assert torch.count_nonzero(block.bn1.weight) == block.bn1.weight.numel()
    features = torch.rand(1, 128, 8, 8)
    assert torch.equal(block.eval()(features), features)
