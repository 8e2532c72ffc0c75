"""PSAMask equals mmcv's compiled one; nothing is computed, so to the last bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmcv.ops import PSAMask

GOLDEN = np.load(Path(__file__).with_name("golden") / "conv.npz")
SIZES = json.loads(str(GOLDEN["sizes"]))


@pytest.mark.parametrize("kind", ["collect", "distribute"])
@pytest.mark.parametrize("case", ["wide", "narrow", "even"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_equals_compiled(case: str, kind: str, dtype: torch.dtype) -> None:
    masks = torch.from_numpy(GOLDEN[f"psa/{case}/input"]).to(dtype).requires_grad_()
    output = PSAMask(kind, tuple(SIZES[case]))(masks)
    (gradient,) = torch.autograd.grad(output, masks, torch.from_numpy(GOLDEN[f"psa/{case}/grad"]).to(dtype))
    assert torch.equal(output, torch.from_numpy(GOLDEN[f"psa/{case}/{kind}/output"]).to(dtype))
    assert torch.equal(gradient, torch.from_numpy(GOLDEN[f"psa/{case}/{kind}/gradient0"]).to(dtype))
