"""Values and gradients equal those of compiled mmcv, kept in golden/core.npz (make_golden.py wrote it)."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from segloop.ops.functions import FUNCTIONS
from tests.ops.cases import CPU_CASES, GPU_CASES, Case

CASES = [*CPU_CASES, *GPU_CASES]
OURS = SimpleNamespace(**FUNCTIONS)


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).with_name("golden") / "core.npz") as stored:
        return dict(stored)


def scattered(values: Tensor) -> Tensor:
    """Return the same values with other strides, as a slice or a transpose has them."""
    if values.dim() == 0 or not values.is_floating_point():
        return values
    wide = values.new_full((*values.shape, 3), torch.nan)
    wide[..., 1] = values
    return wide[..., 1]


@pytest.mark.parametrize("layout", ["contiguous", "scattered"])
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_equals_compiled_mmcv(case: Case, layout: str, golden: dict[str, np.ndarray]) -> None:
    tensors = {
        name: scattered(values) if layout == "scattered" else values for name, values in case.tensors.items()
    }
    for name, values in case.call(OURS, **tensors).items():
        expected = golden[f"{case.name}/{name}"]
        assert values.shape == expected.shape
        # Indices must be the same one by one; of numbers, sums may round in another order.
        np.testing.assert_allclose(values.numpy(), expected, rtol=2e-5, atol=2e-5, err_msg=name)
        if not values.is_floating_point():
            np.testing.assert_array_equal(values.numpy(), expected)


def test_no_golden_value_is_left_over(golden: dict[str, np.ndarray]) -> None:
    known = {case.name for case in CASES}
    assert {key.split("/")[0] for key in golden} == known
