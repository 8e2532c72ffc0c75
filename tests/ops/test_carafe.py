"""CARAFE equals a loop over output pixels; mmcv has no compiled CPU kernel to compare with."""

from __future__ import annotations

import pytest
import torch
from mmcv.ops import carafe, carafe_naive
from mmcv.ops.carafe import CARAFEPack
from torch import Tensor

from segloop.ops import carafe as ours


def slow_carafe(features: Tensor, masks: Tensor, kernel: int, groups: int, scale: int) -> Tensor:
    """Follow the paper: each output pixel sums the window around its source pixel with its own weights."""
    batch, channels, height, width = features.shape
    reach = kernel // 2
    padded = torch.nn.functional.pad(features, [reach] * 4)
    output = features.new_zeros(batch, channels, height * scale, width * scale)
    for y in range(height * scale):
        for x in range(width * scale):
            top, left = y // scale, x // scale
            window = padded[:, :, top : top + kernel, left : left + kernel]
            window = window.reshape(batch, groups, channels // groups, kernel**2)
            weights = masks[:, :, y, x].reshape(batch, groups, 1, kernel**2)
            output[:, :, y, x] = (window * weights).sum(-1).reshape(batch, channels)
    return output


def inputs(dtype: torch.dtype, kernel: int, groups: int, scale: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(kernel * 100 + groups * 10 + scale)
    features = torch.randn(2, 4, 3, 5, generator=generator)
    masks = torch.randn(2, groups * kernel**2, 3 * scale, 5 * scale, generator=generator)
    grad = torch.randn(2, 4, 3 * scale, 5 * scale, generator=generator)
    rounded = [tensor.to(torch.bfloat16).to(dtype) for tensor in (features, masks, grad)]
    return rounded[0].requires_grad_(), rounded[1].requires_grad_(), rounded[2]


@pytest.fixture(params=["one chunk", "many chunks"])
def chunked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "many chunks":
        monkeypatch.setattr(ours, "CHUNK_ELEMENTS", 50)


@pytest.mark.usefixtures("chunked")
@pytest.mark.parametrize("sizes", [(5, 1, 2), (3, 2, 2), (3, 4, 1), (1, 1, 3)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_equals_the_definition(sizes: tuple[int, int, int], dtype: torch.dtype) -> None:
    features, masks, grad = inputs(torch.float64, *sizes)
    truth = slow_carafe(features, masks, *sizes)
    true_gradients = torch.autograd.grad(truth, (features, masks), grad)
    features, masks, grad = inputs(dtype, *sizes)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        output = carafe(features, masks, *sizes)
        naive = carafe_naive(features, masks, *sizes)
    gradients = torch.autograd.grad(output, (features, masks), grad)
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 2**-8}[dtype]
    for found, true in zip((output, naive, *gradients), (truth, truth, *true_gradients), strict=True):
        assert found.dtype == dtype
        torch.testing.assert_close(found.double(), true, rtol=tolerance, atol=tolerance / 4)


def test_layer_trains_under_autocast() -> None:
    torch.manual_seed(0)
    layer = CARAFEPack(8, 2)
    with torch.autocast("cpu", torch.bfloat16):
        output = layer(torch.randn(1, 8, 4, 4))
    output.float().square().mean().backward()
    assert output.shape == (1, 8, 8, 8)
    assert layer.content_encoder.weight.grad.abs().sum() > 0
