"""Deformable convolutions equal mmcv's compiled ones, in every type that we meet."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmcv.ops import DeformConv2dPack, ModulatedDeformConv2dPack, deform_conv2d, modulated_deform_conv2d
from torch import Tensor

from segloop.ops import deform_conv

GOLDEN = np.load(Path(__file__).with_name("golden") / "conv.npz")
SIZES = json.loads(str(GOLDEN["sizes"]))
CASES = sorted({key.split("/")[1] for key in GOLDEN.files if key.startswith("deform/")})
INPUTS = {1: ("input", "offset", "weight"), 2: ("input", "offset", "mask", "weight", "bias")}


def run(case: str, version: int, dtype: torch.dtype, rounded: torch.dtype | None = None) -> list[Tensor]:
    """Return output and gradients of one case, from inputs that were rounded to a type before."""

    def tensor(name: str) -> Tensor:
        return torch.from_numpy(GOLDEN[f"deform/{case}/{name}"]).to(rounded or dtype).to(dtype)

    inputs = [tensor(name).requires_grad_() for name in INPUTS[version]]
    *geometry, step = (tuple(size) if isinstance(size, list) else size for size in SIZES[case])
    if version == 1:
        output = deform_conv2d(*inputs, *geometry, False, step)
    else:
        output = modulated_deform_conv2d(*inputs, *geometry)
    return [output, *torch.autograd.grad(output, inputs, tensor("grad"))]


def expected(case: str, version: int) -> list[Tensor]:
    names = ["output", *(f"gradient{number}" for number in range(len(INPUTS[version])))]
    return [torch.from_numpy(GOLDEN[f"deform/{case}/{version}/{name}"]) for name in names]


@pytest.fixture(params=["one chunk", "many chunks"])
def chunked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "many chunks":
        monkeypatch.setattr(deform_conv, "CHUNK_ELEMENTS", 300)


@pytest.mark.usefixtures("chunked")
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("case", CASES)
def test_equals_compiled(case: str, version: int) -> None:
    for found, truth in zip(run(case, version, torch.float64), expected(case, version), strict=True):
        torch.testing.assert_close(found, truth, rtol=1e-10, atol=1e-10)
    for found, truth in zip(run(case, version, torch.float32), expected(case, version), strict=True):
        torch.testing.assert_close(found.double(), truth, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("case", CASES)
def test_bfloat16_loses_only_the_rounding_of_its_ends(case: str, version: int) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        found = run(case, version, torch.bfloat16)
    truth = run(case, version, torch.float64, rounded=torch.bfloat16)
    for ours, exact in zip(found, truth, strict=True):
        assert ours.dtype == torch.bfloat16
        torch.testing.assert_close(ours.double(), exact, rtol=2**-8, atol=1e-3)


@pytest.mark.parametrize("pack", [DeformConv2dPack, ModulatedDeformConv2dPack])
def test_layer_trains_under_autocast(pack: Callable[..., torch.nn.Module]) -> None:
    torch.manual_seed(0)
    layer = pack(4, 6, 3, padding=1)
    with torch.autocast("cpu", torch.bfloat16):
        output = layer(torch.randn(2, 4, 5, 5))
    output.float().square().mean().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())
    assert torch.isfinite(layer.conv_offset.weight.grad).all()
    assert layer.weight.grad.abs().sum() > 0


def test_without_offsets_it_is_a_convolution() -> None:
    features, weight = torch.randn(2, 4, 6, 7), torch.randn(6, 2, 3, 3)
    offset = torch.zeros(2, 18, 3, 4)
    truth = F.conv2d(features, weight, None, 2, 1, 1, 2)
    torch.testing.assert_close(
        deform_conv2d(features, offset, weight, 2, 1, 1, 2), truth, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("lost", [float("nan"), float("inf"), -1e30, 1e30])
def test_samples_far_outside_are_zero(lost: float) -> None:
    offset = torch.full((1, 18, 4, 4), lost, requires_grad=True)
    output = deform_conv2d(torch.randn(1, 2, 4, 4), offset, torch.randn(3, 2, 3, 3), 1, 1)
    (gradient,) = torch.autograd.grad(output.sum(), offset)
    assert not output.any()
    assert not gradient.any()
