"""Time each loss, forward and backward, beside cross-entropy, in turns.

    python benchmarks/losses_speed.py [--threads 1] [--turns 9]

On the logits of a decode head (the batch of config_experiment_2), on few large images of many classes, and on
the logits of a mask head. Truth and logits are drawn: blobs of foreground on 91 % background, predicted as by
a network half way through its training, for sorting depends on that. What is reported is the ratio to mmseg's
and mmdet's cross-entropy in the same turn, with its middle half, in CPU time: with one thread that is what a
loss costs, whatever else runs on the machine. `pull` is the length of the gradient beside cross-entropy's.
Then what Lovász' sort takes, ours and torch's.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from segloop import ops

ops.install()

import cv2  # noqa: E402
import torch  # noqa: E402
from mmengine.registry import MODELS, init_default_scope  # noqa: E402
from torch import Tensor  # noqa: E402

from segloop.experiments import losses  # noqa: E402
from segloop.experiments.losses.lovasz import descending_order  # noqa: E402

OURS = ["BatchDiceLoss", "FocalTverskyLoss", "LovaszSoftmaxLoss", "BoundaryDistanceLoss"]


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {args.turns} turns")
    for title, size in (("16x6x128x128", (16, 6, 128, 128)), ("2x19x256x512", (2, 19, 256, 512))):
        logits, target = scene(*size)
        table(f"decode head, {title}", semantic(logits, target), logits, turns=args.turns)
    own, target = scene(64, 2, 28, 28, share=0.5)
    logits = (own[:, 1:] - own[:, :1]).detach().repeat(1, 3, 1, 1).requires_grad_()
    table("mask head, 64x3x28x28", instances(logits, target), logits, turns=args.turns)
    error = torch.rand(6, 16 * 128 * 128, generator=torch.Generator().manual_seed(0)) ** 8
    sorts = {
        "ours": lambda: descending_order(error),
        "torch's": lambda: error.argsort(dim=1, descending=True, stable=True),
    }
    seconds = in_turns(sorts, args.turns)
    ratios = [theirs / ours for ours, theirs in zip(seconds["ours"], seconds["torch's"], strict=True)]
    print(
        f"\nSorting 6 x {error.shape[1]} errors: {1e3 * statistics.median(seconds['ours']):.0f} ms, "
        f"torch's sort takes {statistics.median(ratios):.1f} times as long"
    )


def table(title: str, runs: dict[str, Callable[[], object]], logits: Tensor, *, turns: int) -> None:
    """Print each run's median, its ratio to the first, and how strong its gradient is beside the first's."""
    seconds = in_turns(runs, turns)
    base = next(iter(seconds.values()))
    pulls = {}
    for name, run in runs.items():
        run()
        assert logits.grad is not None
        pulls[name] = float(logits.grad.norm())
    first = next(iter(pulls.values()))
    print(f"\n| {title} | CPU ms | times cross-entropy (middle half) | pull |\n|---|---:|---:|---:|")
    for name, values in seconds.items():
        ratios = sorted(value / peer for value, peer in zip(values, base, strict=True))
        middle = f"{ratios[len(ratios) // 4]:.1f} to {ratios[-1 - len(ratios) // 4]:.1f}"
        print(
            f"| {name} | {1e3 * statistics.median(values):.1f} | {statistics.median(ratios):.1f} ({middle}) "
            f"| {pulls[name] / first:.2f} |"
        )


def in_turns(runs: dict[str, Callable[[], object]], turns: int) -> dict[str, list[float]]:
    """Return the CPU seconds of each run in each turn, after one to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(turns + 1):
        for name, run in runs.items():
            start = time.process_time()
            run()
            if turn:
                seconds[name].append(time.process_time() - start)
    return seconds


def semantic(logits: Tensor, target: Tensor) -> dict[str, Callable[[], object]]:
    """Return a step of each loss for decode heads."""
    init_default_scope("mmseg")
    import mmseg.models  # noqa: F401 (registers them)

    configs = {
        "cross-entropy": dict(type="CrossEntropyLoss", avg_non_ignore=True),
        **{name: dict(type=name) for name in OURS},
        "LovaszSoftmaxLoss, background=0": dict(type="LovaszSoftmaxLoss", background=0),
        "mmseg's DiceLoss": dict(type="DiceLoss", use_sigmoid=False, ignore_index=None),
        "mmseg's TverskyLoss": dict(type="TverskyLoss"),
        "mmseg's LovaszLoss": dict(type="LovaszLoss", reduction="none"),
    }
    return {name: step(MODELS.build(config), logits, target) for name, config in configs.items()}


def instances(logits: Tensor, target: Tensor) -> dict[str, Callable[[], object]]:
    """Return a step of each loss for mask heads, which give the logits of all classes; a RoI has one."""
    init_default_scope("mmdet")
    import mmdet.models  # noqa: F401 (registers them)

    labels = torch.arange(len(target)) % logits.shape[1]
    plain = MODELS.build(dict(type="CrossEntropyLoss", use_mask=True))
    runs = {"cross-entropy": step(plain, logits, target.float(), labels)}
    for name in (*OURS, "DiceLoss"):
        wrapped = losses.InstanceMaskLoss([dict(type=name)])
        runs[name if name in OURS else f"mmdet's {name}"] = step(wrapped, logits, target.float(), labels)
    return runs


def step(loss: Callable[..., Tensor], logits: Tensor, *rest: Tensor) -> Callable[[], object]:
    def run() -> None:
        logits.grad = None
        loss(logits, *rest).backward()

    return run


def scene(
    images: int, classes: int, height: int, width: int, *, share: float = 0.09
) -> tuple[Tensor, Tensor]:
    """Draw blobs of each class on background, and logits that are fairly sure and often right."""
    drawn = torch.Generator().manual_seed(0)
    coarse = torch.randn(images, classes - 1, max(2, height // 24), max(2, width // 24), generator=drawn)
    size = (height, width)
    fine = torch.nn.functional.interpolate(coarse, size=size, mode="bilinear")
    best, kind = fine.max(dim=1)
    threshold = best.flatten()[:: max(1, best.numel() // 100_000)].quantile(1 - share)
    target = torch.where(best > threshold, kind + 1, 0)
    noise = torch.randn(images, classes, *size, generator=drawn)
    logits = noise + 5.0 * torch.nn.functional.one_hot(target, classes).movedim(-1, 1)
    return logits.contiguous().requires_grad_(), target


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1, help="of torch (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=9)
    return parser.parse_args()


if __name__ == "__main__":
    main()
