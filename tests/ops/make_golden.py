"""Write golden/core.npz: what compiled mmcv answers to the cases of cases.py, to hold our operators against.

    python tests/ops/make_golden.py    (with an mmcv that has compiled operators, and g++)

Operators that mmcv compiles for GPUs only are taken from its CUDA kernels all the same: a header that turns a
kernel launch into a loop lets g++ compile them for the CPU.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import mmcv
import mmcv._ext
import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.ops.cases import CPU_CASES, GPU_CASES

GOLDEN = Path(__file__).with_name("golden") / "core.npz"
KERNELS = Path(mmcv.__file__).parent / "ops" / "csrc" / "common" / "cuda"

CUDA_ON_CPU = """
#pragma once
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstdint>
using std::max;
using std::min;
#define __global__
#define __device__
#define __shared__
#define __syncthreads()
#define CUDA_1D_KERNEL_LOOP(i, n) for (int i = 0; i < (n); ++i)
struct { int x, y, z; } static threadIdx, blockIdx, blockDim, gridDim;
template <typename T> void atomicAdd(T* at, T value) { *at += value; }
"""

SOURCE = """
#include "sigmoid_focal_loss_cuda_kernel.cuh"
#include "softmax_focal_loss_cuda_kernel.cuh"
#include "roi_pool_cuda_kernel.cuh"
#include "ms_deform_attn_cuda_kernel.cuh"
typedef float* F; typedef int64_t* L; typedef int* I;
extern "C" {
void sigmoid_forward(int n, F x, L t, F w, F y, float g, float a, int c) {
  sigmoid_focal_loss_forward_cuda_kernel<float>(n, x, t, w, y, g, a, c); }
void sigmoid_backward(int n, F x, L t, F w, F y, float g, float a, int c) {
  sigmoid_focal_loss_backward_cuda_kernel<float>(n, x, t, w, y, g, a, c); }
void softmax_forward(int n, F x, L t, F w, F y, float g, float a, int c) {
  softmax_focal_loss_forward_cuda_kernel<float>(n, x, t, w, y, g, a, c); }
void softmax_backward(int rows, F x, L t, F w, F b, F y, float g, float a, int c) {
  softmax_focal_loss_backward_cuda1_kernel<float>(rows, x, t, w, b, g, a, c);
  softmax_focal_loss_backward_cuda2_kernel<float>(rows * c, x, t, b, y, c); }
void pool_forward(int n, F x, F r, F y, I m, int ph, int pw, float s, int c, int h, int w) {
  roi_pool_forward_cuda_kernel<float>(n, x, r, y, m, ph, pw, s, c, h, w); }
void pool_backward(int n, F g, F r, I m, F y, int ph, int pw, int c, int h, int w) {
  roi_pool_backward_cuda_kernel<float>(n, g, r, m, y, ph, pw, c, h, w); }
void attention_forward(int n, F v, L s, L i, F l, F w, int b, int k, int m, int c, int lv, int q, int p,
                       F y) {
  ms_deformable_im2col_gpu_kernel<float>(n, v, s, i, l, w, b, k, m, c, lv, q, p, y); }
void attention_backward(int n, F g, F v, L s, L i, F l, F w, int b, int k, int m, int c, int lv, int q, int p,
                        F gv, F gl, F gw) {
  ms_deformable_col2im_gpu_kernel_gm<float>(n, g, v, s, i, l, w, b, k, m, c, lv, q, p, gv, gl, gw); }
}
"""


class CudaKernels:
    """mmcv's CUDA kernels, run on the CPU, under the names of its extension."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library

    def run(self, name: str, *arguments: Tensor | int | float) -> None:
        def plain(argument: Tensor | int | float) -> object:
            if isinstance(argument, Tensor):
                assert argument.is_contiguous()
                return ctypes.c_void_p(argument.data_ptr() if argument.numel() else None)
            return ctypes.c_float(argument) if isinstance(argument, float) else ctypes.c_int(argument)

        getattr(self.library, name)(*map(plain, arguments))

    def sigmoid_focal_loss_forward(self, x, target, weight, output, gamma, alpha):
        self.run("sigmoid_forward", x.numel(), x, target, weight, output, gamma, alpha, x.shape[1])

    def sigmoid_focal_loss_backward(self, x, target, weight, grad, gamma, alpha):
        self.run("sigmoid_backward", x.numel(), x, target, weight, grad, gamma, alpha, x.shape[1])

    def softmax_focal_loss_forward(self, x, target, weight, output, gamma, alpha):
        self.run("softmax_forward", len(x), x, target, weight, output, gamma, alpha, x.shape[1])

    def softmax_focal_loss_backward(self, x, target, weight, buff, grad, gamma, alpha):
        self.run("softmax_backward", len(x), x, target, weight, buff, grad, gamma, alpha, x.shape[1])

    def roi_pool_forward(self, x, rois, output, argmax, pooled_height, pooled_width, spatial_scale):
        bins = (pooled_height, pooled_width)
        self.run("pool_forward", output.numel(), x, rois, output, argmax, *bins, spatial_scale, *x.shape[1:])

    def roi_pool_backward(self, grad, rois, argmax, total, pooled_height, pooled_width, spatial_scale):
        bins = (pooled_height, pooled_width)
        self.run("pool_backward", grad.numel(), grad, rois, argmax, total, *bins, *total.shape[1:])

    def ms_deform_attn_forward(self, value, shapes, starts, locations, weights, im2col_step):
        batch, keys, heads, channels = value.shape
        _, queries, _, levels, points, _ = locations.shape
        output = value.new_zeros(batch, queries, heads * channels)
        sizes = (batch, keys, heads, channels, levels, queries, points)
        maps = (value, shapes, starts, locations, weights)
        self.run("attention_forward", output.numel(), *maps, *sizes, output)
        return output

    def ms_deform_attn_backward(
        self, value, shapes, starts, locations, weights, grad, grad_value, grad_loc, grad_weight, im2col_step
    ):
        batch, keys, heads, channels = value.shape
        _, queries, _, levels, points, _ = locations.shape
        sizes = (batch, keys, heads, channels, levels, queries, points)
        maps = (grad, value, shapes, starts, locations, weights)
        self.run("attention_backward", grad.numel(), *maps, *sizes, grad_value, grad_loc, grad_weight)


def compile_kernels(folder: Path) -> CudaKernels:
    for kernel in KERNELS.glob("*.cuh"):  # copied, for a header next to them would win over ours
        shutil.copy(kernel, folder)
    for name in ("pytorch_cuda_helper.hpp", "common_cuda_helper.hpp"):
        (folder / name).write_text(CUDA_ON_CPU)
    source, library = folder / "kernels.cpp", folder / "kernels.so"
    source.write_text(SOURCE)
    command = ["g++", "-O1", "-shared", "-fPIC", "-w", source, "-o", library]
    subprocess.run(command, check=True)
    return CudaKernels(ctypes.CDLL(str(library)))


def main() -> None:
    """Answer every case and write the file."""
    torch.manual_seed(0)
    results: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder:
        kernels = compile_kernels(Path(folder))
        for extension, cases in ((mmcv._ext, CPU_CASES), (kernels, GPU_CASES)):
            for case in cases:
                for name, values in case.call(extension, **case.tensors).items():
                    array = values.numpy()
                    small = array.astype(np.int16) if array.dtype.kind == "i" else array
                    results[f"{case.name}/{name}"] = small
    GOLDEN.parent.mkdir(exist_ok=True)
    np.savez_compressed(GOLDEN, **results)
    print(f"{GOLDEN}: {len(results)} arrays, {GOLDEN.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
