"""Time a deformable convolution, forward and backward, beside mmcv's compiled one, in pairs in one process.

CPU seconds on one thread by default, so that other work on the machine does not count; --wall for the clock.

python benchmarks/deform_conv.py    (with an mmcv that has compiled operators)

Needs: an environment whose mmcv has compiled operators.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from types import SimpleNamespace

import mmcv.ops.deform_conv
import mmcv.ops.modulated_deform_conv
import torch
from mmcv.ops import deform_conv2d, modulated_deform_conv2d

from segloop.ops.functions import FUNCTIONS

Clock = Callable[[], float]

MODULES = (mmcv.ops.deform_conv, mmcv.ops.modulated_deform_conv)
COMPILED = MODULES[0].ext_module
OURS = SimpleNamespace(**FUNCTIONS)

# What it is, (batch, channels, height, width), groups, deform groups: 3x3, as many channels out as in.
CASES = (
    ("ResNet-50 stage 2, 800x1344", (1, 128, 100, 168), 1, 1),
    ("ResNet-50 stage 3, 800x1344", (1, 256, 50, 84), 1, 1),
    ("ResNet-50 stage 4, 800x1344", (1, 512, 25, 42), 1, 1),
    ("ResNet-50 stage 3, 192x192, batch 8", (8, 256, 12, 12), 1, 1),
    ("ResNeXt-101 stage 3, 32 groups", (1, 512, 50, 84), 32, 1),
    ("four deformable groups", (1, 256, 50, 84), 1, 4),
)


def step(
    clock: Clock, version: int, shape: tuple[int, int, int, int], groups: int, deform_groups: int
) -> float:
    """Return the seconds of one forward and backward pass."""
    generator = torch.Generator().manual_seed(0)
    batch, channels, height, width = shape

    def tensor(*size: int) -> torch.Tensor:
        return torch.randn(size, generator=generator).requires_grad_()

    features, weight = tensor(*shape), tensor(channels, channels // groups, 3, 3)
    offset = tensor(batch, 18 * deform_groups, height, width)
    mask = tensor(batch, 9 * deform_groups, height, width)
    begin = clock()
    if version == 1:
        output = deform_conv2d(features, offset, weight, 1, 1, 1, groups, deform_groups)
    else:
        output = modulated_deform_conv2d(features, offset, mask, weight, None, 1, 1, 1, groups, deform_groups)
    output.backward(torch.ones_like(output))
    return clock() - begin


def timed(operators: object, *case: object) -> float:
    for module in MODULES:
        module.ext_module = operators
    return step(*case)  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=5, help="pairs of measurements for each case")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--wall", action="store_true", help="measure by the clock instead of CPU seconds")
    args = parser.parse_args()
    clock = time.perf_counter if args.wall else time.process_time
    torch.set_num_threads(args.threads)
    print(
        f"torch {torch.__version__}, {args.threads} threads, {args.pairs} pairs; compiled over ours, median"
    )
    print(f"| {'case':37} | version | ours ms | times faster |")
    for name, *case in CASES:
        for version in (1, 2):
            measure = [(operators, clock, version, *case) for operators in (OURS, COMPILED)]
            for each in measure:
                timed(*each)  # the first run fills caches
            pairs = [(timed(*measure[0]), timed(*measure[1])) for _ in range(args.pairs)]
            ratio = statistics.median(theirs / ours for ours, theirs in pairs)
            print(
                f"| {name:37} | {version} | {min(ours for ours, _ in pairs) * 1e3:.0f} | {ratio:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
