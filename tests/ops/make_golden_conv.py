"""Write golden/conv.npz: values and gradients of mmcv's compiled convolutions, to hold ours against.

    python tests/ops/make_golden_conv.py    (with an mmcv that has compiled operators)

Computed in float64, from inputs that float32 holds exactly. mmcv has no CPU kernel for CARAFE and masked
convolution: their tests carry a slow implementation of their own.
"""

from __future__ import annotations

import json
from pathlib import Path

import mmcv._ext
import numpy as np
import torch
from mmcv.ops import PSAMask, deform_conv2d, modulated_deform_conv2d

GOLDEN = Path(__file__).with_name("golden") / "conv.npz"

# shape of the input, out channels, kernel, stride, padding, dilation, groups, deform groups, im2col_step
DEFORM = {
    "plain": ((2, 4, 5, 6), 3, (3, 3), 1, 1, 1, 1, 1, 2),
    "strided": ((3, 4, 7, 6), 4, (3, 3), 2, 1, 1, 2, 2, 1),
    "dilated": ((1, 8, 6, 7), 4, (3, 3), 1, 2, 2, 1, 4, 32),
    "grouped": ((2, 8, 5, 5), 8, (3, 3), 1, 1, 1, 4, 2, 32),
    "oblong": ((2, 2, 6, 5), 3, (1, 3), (2, 1), (0, 2), (1, 2), 1, 1, 32),
}
# (batch, mask height * mask width, height, width), mask size
PSA = {"wide": ((2, 63, 4, 5), (7, 9)), "narrow": ((1, 9, 4, 5), (3, 3)), "even": ((1, 8, 3, 4), (4, 2))}


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def deform_inputs(rng: np.random.Generator, case: tuple) -> dict[str, np.ndarray]:
    """Return random inputs; a fifth of the offsets is whole, where the slope of a bilinear sample jumps."""
    (batch, channels, *size), out, kernel, stride, padding, dilation, groups, deform_groups, _ = case
    steps = zip(size, kernel, pair(stride), pair(padding), pair(dilation), strict=True)
    out_hw = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in steps]
    taps = kernel[0] * kernel[1] * deform_groups
    offset = rng.normal(0, 1.5, (batch, 2 * taps, *out_hw))
    whole = rng.random(offset.shape) < 0.2
    offset[whole] = np.round(offset[whole])
    arrays = {
        "input": rng.normal(size=(batch, channels, *size)),
        "offset": offset,
        "mask": rng.random((batch, taps, *out_hw)),
        "weight": rng.normal(size=(out, channels // groups, *kernel)),
        "bias": rng.normal(size=out),
        "grad": rng.normal(size=(batch, out, *out_hw)),
    }
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def leaves(arrays: dict[str, np.ndarray], *names: str) -> list[torch.Tensor]:
    return [torch.from_numpy(arrays[name]).double().requires_grad_() for name in names]


def record(
    found: dict[str, np.ndarray], key: str, output: torch.Tensor, inputs: list[torch.Tensor], grad: np.ndarray
) -> None:
    gradients = torch.autograd.grad(output, inputs, torch.from_numpy(grad).double())
    found[f"{key}/output"] = output.detach().numpy()
    for number, gradient in enumerate(gradients):
        found[f"{key}/gradient{number}"] = gradient.numpy()


def main() -> None:
    assert hasattr(mmcv._ext, "__file__"), "this mmcv has no compiled operators"
    rng = np.random.default_rng(20260601)
    found: dict[str, np.ndarray] = {}
    sizes = {}
    for name, case in DEFORM.items():
        arrays = deform_inputs(rng, case)
        *geometry, step = case[3:]
        sizes[name] = [*geometry, step]
        found.update({f"deform/{name}/{key}": array for key, array in arrays.items()})
        inputs = leaves(arrays, "input", "offset", "weight")
        record(
            found, f"deform/{name}/1", deform_conv2d(*inputs, *geometry, False, step), inputs, arrays["grad"]
        )
        inputs = leaves(arrays, "input", "offset", "mask", "weight", "bias")
        record(found, f"deform/{name}/2", modulated_deform_conv2d(*inputs, *geometry), inputs, arrays["grad"])
    for name, (shape, mask_size) in PSA.items():
        sizes[name] = list(mask_size)
        batch, _, height, width = shape
        arrays = {
            "input": rng.normal(size=shape).astype(np.float32),
            "grad": rng.normal(size=(batch, height * width, height, width)).astype(np.float32),
        }
        found.update({f"psa/{name}/{key}": array for key, array in arrays.items()})
        for kind in ("collect", "distribute"):
            inputs = leaves(arrays, "input")
            record(found, f"psa/{name}/{kind}", PSAMask(kind, mask_size)(*inputs), inputs, arrays["grad"])
    GOLDEN.parent.mkdir(exist_ok=True)
    np.savez_compressed(GOLDEN, sizes=json.dumps(sizes, sort_keys=True), **found)
    print(f"{GOLDEN.name}: {len(found)} arrays, {GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
