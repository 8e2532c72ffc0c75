"""Fused networks compute the same, and one that would not is left as it is."""

from __future__ import annotations

import pytest
import torch
from mmcv.cnn import ConvModule
from mmseg.models.backbones import ResNet
from torch import nn

from segloop.experiments.predict import fuse as module
from segloop.experiments.predict.fuse import FusedConv2d, absorb, best_class, fuse


class Network(nn.Module):
    """As much of a model as `probe` looks at."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def extract_feat(self, image: torch.Tensor) -> object:
        return self.body(image)


def with_statistics(body: nn.Module) -> Network:
    torch.manual_seed(0)
    for layer in body.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
            nn.init.normal_(layer.weight)
    return Network(body).eval()


@pytest.mark.parametrize("depth", [18, 50])
def test_a_resnet_is_fused_block_by_block(depth: int) -> None:
    network = with_statistics(ResNet(depth, base_channels=8, norm_cfg=dict(type="BN"), out_indices=(0, 1)))
    fused, reason = fuse(network)
    assert reason is None
    kinds = {type(each).__name__ for each in fused.modules()}
    assert {"FusedConv2d", "FusedBasicBlock" if depth == 18 else "FusedBottleneck"} <= kinds
    assert "BatchNorm2d" not in kinds
    image = torch.randn(2, 3, 40, 50)  # of another size than the first
    with torch.inference_mode():
        for ours, theirs in zip(fused.extract_feat(image), network.extract_feat(image), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def test_a_relu_goes_only_into_the_convolution_before_it() -> None:
    sequence = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.GELU())
    fused, reason = fuse(with_statistics(sequence))
    assert reason is None
    assert [each.relu for each in fused.modules() if isinstance(each, FusedConv2d)] == [True, False]
    conv = absorb(ConvModule(3, 4, 3, norm_cfg=None)).conv
    assert isinstance(conv, FusedConv2d)
    assert conv.relu
    assert not absorb(ConvModule(3, 4, 3, norm_cfg=dict(type="GN", num_groups=2))).conv.relu


class Cascade(Network):
    """Two heads, of which the second sees what the first made."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__(body)
        self.decode_head = nn.ModuleList([ConvModule(4, 2, 1, norm_cfg=dict(type="BN")), nn.Conv2d(6, 2, 1)])

    def encode_decode(self, image: torch.Tensor, metas: list[dict]) -> torch.Tensor:
        assert metas[0]["img_shape"] == image.shape[2:]
        features = self.extract_feat(image)
        first, second = self.decode_head
        return second(torch.cat([features, first(features)], dim=1))


def test_a_cascade_is_fused() -> None:
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    cascade = Cascade(with_statistics(body).body).eval()
    fused, reason = fuse(cascade)
    assert reason is None
    assert "BatchNorm2d" not in {type(each).__name__ for each in fused.modules()}
    image = torch.randn(2, 3, 40, 50)
    with torch.inference_mode():
        ours, theirs = (each.encode_decode(image, [{"img_shape": (40, 50)}]) for each in (fused, cascade))
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


class Odd(nn.Module):
    """Uses its parts in another order than it declares them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.conv(self.norm(image))


def test_a_network_that_fusing_would_change_is_left_alone() -> None:
    network = with_statistics(Odd())
    same, reason = fuse(network)
    assert same is network
    assert reason
    assert reason.startswith("changed the output by")


def test_a_network_that_cannot_be_tried_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    network = with_statistics(nn.Sequential(nn.Conv2d(3, 4, 3)))
    monkeypatch.setattr(module, "_PROBE_HW", (1, 1))
    same, reason = fuse(network)
    assert same is network
    assert "could not be tried" in str(reason)


def test_the_best_class_is_argmax_and_of_equals_the_first() -> None:
    logits = torch.randint(0, 3, (2, 7, 9, 11)).float()
    assert torch.equal(best_class(logits), logits.argmax(dim=1).to(torch.uint8))
    many = torch.randn(1, 300, 2, 2)
    assert torch.equal(best_class(many), many.argmax(dim=1).to(torch.int32))


def test_weights_are_not_laid_out_for_sizes_that_do_not_come() -> None:
    """oneDNN's own layout cost a convolution 38 times its work wherever another one suited the image."""
    conv = absorb(nn.Sequential(nn.Conv2d(3, 4, 3)))[0]
    with torch.inference_mode():
        conv(torch.randn(1, 3, 9, 7))
    weights, _ = conv.laid_out
    assert not weights.is_mkldnn
    assert weights.is_contiguous(memory_format=torch.channels_last)
