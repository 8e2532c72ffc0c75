"""Time our operators against mmcv's compiled ones, in turns in one process.

    python benchmarks/ops_speed.py [--python PYTHON]

PYTHON is the interpreter of an environment whose mmcv has compiled operators (this one, if it has them). For
each case: the median of the ratios of neighbouring runs and the middle half of them, by the clock and by CPU
time (which says what the work costs when the machine is busy), and the memory that each takes on top of its
inputs. Where compiled mmcv raises in bfloat16, ours in bfloat16 is held against its float32.

Needs: an environment whose mmcv has compiled operators.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

SOURCE = Path(__file__).resolve().parents[1] / "src"
IMAGE = 640  # side of the image; levels are a quarter to a thirty-second of it
STRIDES = (4, 8, 16, 32)

Run = Callable[[Any], None]


def main() -> None:
    """Take the options, find compiled operators, and print one line per case."""
    global IMAGE
    options = parse_args()
    IMAGE = options.image
    if options.python:
        arguments = [f"--{name}={getattr(options, name)}" for name in ("pairs", "threads", "image", "only")]
        environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
        sys.exit(subprocess.call([options.python, "-W", "ignore", __file__, *arguments], env=environment))
    sys.path.insert(0, str(SOURCE))
    compiled, ours = find_operators()
    import torch

    torch.set_num_threads(options.threads)
    cases = {name: make for name, make in CASES.items() if options.only in name}
    memory = {name: [peak_memory(make, kind) for kind in (ours, compiled)] for name, make in cases.items()}
    print(f"torch {torch.__version__}, {options.threads} threads, {options.pairs} pairs")
    print(
        f"{'':<38}{'ours ms':>9}{'mmcv ms':>9}{'ratio':>7}{'middle half':>15}{'CPU ratio':>11}"
        f"{'MB':>6}{'mmcv':>6}"
    )
    for name, make in cases.items():
        run = make()
        pairs = [[timed(run, some) for some in (ours, compiled)] for _ in range(options.pairs + 1)][1:]
        report(name, pairs, memory[name])


def find_operators() -> tuple[Any, Any]:
    """Return the compiled extension and ours, or leave with the command that builds the former."""
    from segloop.ops.extension import BUILD_COMMAND

    try:
        import torch  # noqa: F401 - its libraries must be there before the extension
        import mmcv._ext  # isort: skip
    except ImportError:
        sys.exit(
            f"{sys.executable} has no compiled mmcv operators to compare with. Make a second environment,\n"
            f"run\n  {BUILD_COMMAND}\n"
            "there (about 20 minutes on two cores), and give its interpreter as --python."
        )
    from segloop.ops.functions import FUNCTIONS

    return mmcv._ext, SimpleNamespace(**FUNCTIONS)


def timed(run: Run, operators: Any) -> tuple[float, float]:
    clock, cpu = time.perf_counter(), time.process_time()
    run(operators)
    return time.perf_counter() - clock, time.process_time() - cpu


def report(name: str, pairs: list[list[tuple[float, float]]], memory: list[float]) -> None:
    """Print one line of the table."""
    ours, mmcv = (1000 * statistics.median(pair[side][0] for pair in pairs) for side in (0, 1))
    clock, cpu = (
        sorted(mine and other / mine for mine, other in zip(*sides, strict=True))
        for sides in (
            ([pair[0][which] for pair in pairs], [pair[1][which] for pair in pairs]) for which in (0, 1)
        )
    )
    spread = f"{clock[len(clock) // 4]:.1f} … {clock[-1 - len(clock) // 4]:.1f}"
    print(
        f"{name:<38}{ours:>9.1f}{mmcv:>9.1f}{statistics.median(clock):>7.1f}{spread:>15}"
        f"{statistics.median(cpu):>11.1f}{memory[0]:>6.0f}{memory[1]:>6.0f}",
        flush=True,
    )


def peak_memory(make: Callable[[], Run], operators: Any) -> float:
    """Return by how many MB a fresh process grows when it runs a case once."""
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()

    def child() -> None:
        import torch

        torch.set_num_threads(1)
        run = make()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        run(operators)
        queue.put((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)

    process = context.Process(target=child)
    process.start()
    process.join()
    return float(queue.get())


def roi_align(size: int, ratio: int, dtype: str = "float32") -> Callable[[], Run]:
    """Pool 512 RoIs from four FPN levels of 256 channels, as Mask R-CNN spreads them, and go back."""

    def make() -> Run:
        import torch

        generator = torch.Generator().manual_seed(0)
        scale = torch.exp(torch.rand(512, generator=generator) * 3.5) * 14  # 14 to 460 pixels
        aspect = torch.exp(torch.randn(512, generator=generator) * 0.35)
        sides = torch.stack([scale * aspect, scale / aspect], 1)
        centers = torch.rand(512, 2, generator=generator) * IMAGE
        corners = torch.cat([centers - sides / 2, centers + sides / 2], 1).clamp(0, IMAGE)
        batch = torch.randint(0, 2, (512, 1), generator=generator).float()
        rois = torch.cat([batch, corners], 1)
        level = torch.log2(scale / 56 + 1e-6).floor().clamp(0, 3).long()
        inputs = []
        for index, stride in enumerate(STRIDES):
            some = rois[level == index]
            features = torch.randn(2, 256, IMAGE // stride, IMAGE // stride, generator=generator)
            inputs.append(
                (features, some, torch.randn(len(some), 256, size, size, generator=generator), stride)
            )

        def run(operators: Any) -> None:
            half = dtype == "bfloat16" and isinstance(operators, SimpleNamespace)
            for features, some, grad, stride in inputs:
                if half:
                    features, grad = features.bfloat16(), grad.bfloat16()
                pool(operators, features, some, grad, stride, ratio)

        return run

    return make


def pool(operators: Any, features: Any, rois: Any, grad: Any, stride: int, ratio: int) -> None:
    """Call RoIAlign forward and backward in the way that mmcv does, allocations included."""
    options = dict(
        aligned_height=grad.shape[2],
        aligned_width=grad.shape[3],
        spatial_scale=1 / stride,
        sampling_ratio=ratio,
        pool_mode=1,
        aligned=True,
    )
    none = features.new_zeros(0)
    operators.roi_align_forward(features, rois, features.new_zeros(grad.shape), none, none, **options)
    operators.roi_align_backward(grad, rois, none, none, features.new_zeros(features.shape), **options)


def masks(*, backward: bool) -> Callable[[], Run]:
    """Crop 128 one-channel masks of 640 x 640 to 28 x 28, as mmdet makes mask targets."""

    def make() -> Run:
        import torch

        generator = torch.Generator().manual_seed(0)
        images = (torch.rand(128, 1, IMAGE, IMAGE, generator=generator) > 0.5).float()
        sides = torch.rand(128, 2, generator=generator) * 300 + 16
        low = torch.rand(128, 2, generator=generator) * (IMAGE - sides)
        rois = torch.cat([torch.arange(128.0)[:, None], low, low + sides], 1)
        options = dict(
            aligned_height=28,
            aligned_width=28,
            spatial_scale=1.0,
            sampling_ratio=0,
            pool_mode=1,
            aligned=True,
        )
        none, grad = images.new_zeros(0), torch.randn(128, 1, 28, 28, generator=generator)

        def run(operators: Any) -> None:
            operators.roi_align_forward(images, rois, images.new_zeros(128, 1, 28, 28), none, none, **options)
            if backward:
                operators.roi_align_backward(
                    grad, rois, none, none, images.new_zeros(images.shape), **options
                )

        return run

    return make


def proposals(count: int, *, levels: int) -> tuple[Any, Any]:
    """Return boxes as an RPN makes them: five sizes, moved apart so that levels do not meet; or one crowd."""
    import torch

    generator = torch.Generator().manual_seed(count)
    centers = torch.rand(count, 2, generator=generator) * IMAGE
    level = torch.randint(0, levels, (count, 1), generator=generator)
    sides = (32 * 2.0**level) * torch.exp(torch.randn(count, 2, generator=generator) * 0.3)
    if levels == 1:
        centers = centers[torch.randint(0, count // 30, (count,), generator=generator)]
        centers = centers + torch.randn(count, 2, generator=generator) * 3
    boxes = torch.cat([centers - sides / 2, centers + sides / 2], 1) + level * (IMAGE + 1.0)
    return boxes, torch.rand(count, generator=generator)


def nms(count: int, *, levels: int, threshold: float) -> Callable[[], Run]:
    def make() -> Run:
        boxes, scores = proposals(count, levels=levels)
        return lambda operators: operators.nms(boxes, scores, iou_threshold=threshold, offset=0)

    return make


def softnms(count: int, method: int) -> Callable[[], Run]:
    def make() -> Run:
        boxes, scores = proposals(count, levels=5)
        dets = boxes.new_empty(count, 5)
        return lambda operators: operators.softnms(boxes, scores, dets, 0.3, 0.5, 0.05, method, 0)

    return make


def nms_rotated(count: int) -> Callable[[], Run]:
    def make() -> Run:
        import torch

        boxes, scores = proposals(count, levels=1)
        angle = torch.rand(count, 1, generator=torch.Generator().manual_seed(0)) * 3
        turned = torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2], angle], 1)
        order = scores.sort(0, descending=True)[1]
        labels = torch.empty(0, dtype=torch.int)
        return lambda operators: operators.nms_rotated(turned, scores, order, turned[order], labels, 0.3, 0)

    return make


CASES: dict[str, Callable[[], Run]] = {
    "RoIAlign 7x7, ratio 0": roi_align(7, 0),
    "RoIAlign 7x7, ratio 2": roi_align(7, 2),
    "RoIAlign 14x14, ratio 0": roi_align(14, 0),
    "RoIAlign 14x14, ratio 2": roi_align(14, 2),
    "RoIAlign 7x7, ratio 0, bfloat16": roi_align(7, 0, "bfloat16"),
    "RoIAlign 14x14, ratio 0, bfloat16": roi_align(14, 0, "bfloat16"),
    "RoIAlign of masks": masks(backward=False),
    "RoIAlign of masks, with backward": masks(backward=True),
    **{f"NMS, RPN, {n} boxes": nms(n, levels=5, threshold=0.7) for n in (1000, 2000, 5000, 10000, 20000)},
    **{f"NMS, one crowd, {n} boxes": nms(n, levels=1, threshold=0.5) for n in (1000, 2000, 5000, 10000)},
    "soft NMS, linear, 1000 boxes": softnms(1000, 1),
    "soft NMS, Gaussian, 1000 boxes": softnms(1000, 2),
    "rotated NMS, 500 boxes": nms_rotated(500),
}


def parse_args() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", help="interpreter of the compiled environment; default: this one")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--image", type=int, default=IMAGE, help="side of the image in pixels")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", help="run only cases whose name has this in it")
    return parser.parse_args()


if __name__ == "__main__":
    main()
