"""A masked convolution equals the plain one where the mask is set, and is zero elsewhere."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from mmcv.ops import MaskedConv2d

# mmcv's own addmm(1, bias, 1, …)
pytestmark = pytest.mark.filterwarnings("ignore:This overload of addmm is deprecated")


@pytest.mark.parametrize(("kernel", "padding"), [((3, 3), (1, 1)), ((1, 1), (0, 0)), ((5, 3), (2, 1))])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_equals_convolution_times_mask(
    kernel: tuple[int, int], padding: tuple[int, int], dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    layer = MaskedConv2d(3, 5, kernel, padding=padding).to(dtype)
    features = torch.randn(1, 3, 6, 7).to(dtype)
    mask = (torch.rand(1, 6, 7) > 0.6).to(dtype)
    with torch.no_grad():
        found = layer(features, mask)
        truth = F.conv2d(features, layer.weight, layer.bias, padding=padding) * mask
    tolerance = 1e-5 if dtype == torch.float32 else 2e-2
    torch.testing.assert_close(found, truth, rtol=tolerance, atol=tolerance)


def test_empty_and_full_masks() -> None:
    layer = MaskedConv2d(2, 2, 3, padding=1)
    features = torch.randn(1, 2, 4, 4)
    with torch.no_grad():
        assert not layer(features, torch.zeros(1, 4, 4)).any()
        torch.testing.assert_close(layer(features, torch.ones(1, 4, 4)), layer(features))
