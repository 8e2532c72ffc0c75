"""Time training with our recipe and with mmseg's or mmdet's own: python benchmarks/train_speed.py [CONFIG …].

Two processes train the same network with the same batch and crop, one as `tools/train.py` does it, one as
mmengine's runner does with mmseg's or mmdet's recipe (`stock_recipe.py`). They take turns of a few
iterations in one run, so that both meet the same load; what is reported is the ratio of neighbouring turns,
and the share of the peak that as many threads reach. The peer has mmcv's compiled operators where
`--stock-python` is an interpreter that has them, else ours.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PEERS = ("ours", "stock")
CONFIGS = [str(ROOT / f"configs/config_experiment_{number}.py") for number in (1, 2)]
CONFIGS.append(str(ROOT / "configs/spacecraft/mask-rcnn_r18_fpn_gn_spacecraft_demo.py"))


def main() -> None:
    """Take the options; for each config run the turns, then print a table."""
    args = parse_args()
    if args.peer:
        work(args)
        return
    peak = measure_peak(args.threads)
    print("peak, GFLOP/s: " + ", ".join(f"{name} {value:.0f}" for name, value in peak.items()))
    for config in args.configs:
        compare(config, peak, args)


def compare(config: str, peak: dict[str, float], args: argparse.Namespace) -> None:
    """Let both peers train in turns, and print what came out."""
    with tempfile.TemporaryDirectory() as folder:
        peers = {kind: Peer(kind, config, folder, args) for kind in PEERS}
        about = {kind: peer.answer() for kind, peer in peers.items()}  # ready
        turns = take_turns(peers, args.turns)
    ratio, low, high = middle([turn["stock"] / turn["ours"] for turn in turns])
    batch, flops = about["ours"]["batch"], about["ours"]["flops"]
    print(
        f"\n{Path(config).stem}: batch {batch}, {about['ours']['threads']} threads, {args.turns} turns of "
        f"{args.iterations} iterations"
    )
    for kind in PEERS:
        seconds = statistics.median(turn[kind] for turn in turns)
        reached = flops / seconds / 1e9
        shares = ", ".join(f"{reached / value:.0%} of {name}" for name, value in peak.items())
        print(
            f"  {kind:6} {seconds:6.3f} s per iteration  {batch / seconds:6.1f} images/s  "
            f"{reached:4.0f} GFLOP/s: {shares}; mmcv operators: {about[kind]['operators']}"
        )
    print(f"  ratio  {ratio:.2f} (middle half {low:.2f} to {high:.2f})")


def take_turns(peers: Mapping[str, Peer], count: int) -> list[dict[str, float]]:
    """Let trainings go on one after the other, so often, and end them; return the seconds of each turn."""
    turns = []
    for turn in range(count + 1):
        turns.append({name: peers[name].take_turn() for name in list(peers)[:: (-1) ** turn]})
        if sys.stderr.isatty():
            print(f"\rturn {turn}/{count}", end="", file=sys.stderr, flush=True)
    for peer in peers.values():
        peer.end()
    return turns[1:]  # the first fills caches


def middle(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the median, and the bounds of the middle half."""
    ordered = sorted(values)
    quarter = len(ordered) // 4
    return statistics.median(ordered), ordered[quarter], ordered[-1 - quarter]


class Peer:
    """A training that stands still until it is told to go on for some iterations."""

    def __init__(self, kind: str, config: str, folder: str, args: argparse.Namespace) -> None:
        self.kind = kind
        python = args.stock_python if kind == "stock" else sys.executable
        command = [python, "-W", "ignore", __file__, config, "--peer", kind, "--folder", folder]
        command += ["--iterations", str(args.iterations), "--threads", str(args.threads)]
        command += ["--cfg-options", *args.cfg_options] if args.cfg_options else []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith('{"'):
                return json.loads(line)
        sys.exit(f"The training of {self.kind} ended; its message is above.")

    def end(self) -> None:
        """Let it end by itself and its loader's workers with it: of one that is killed they wait for ever."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(120)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def take_turn(self) -> float:
        """Return the seconds per iteration."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self.answer()["seconds"]


def work(args: argparse.Namespace) -> None:
    """Train as one of the peers, stopping after each turn."""
    from stock_recipe import stock

    from data_converters.prepare.demos import make_demo
    from segloop.experiments.config import load_config
    from segloop.experiments.data_checks import draw_demo
    from segloop.experiments.launch import build_runner, settle_precision
    from segloop.utils.quiet import quiet

    quiet()
    import torch

    from segloop.ops import status

    torch.set_num_threads(args.threads)
    config: Any = load_config(
        args.configs[0],
        overrides=["train_cfg.max_iters=1000000", "train_cfg.val_interval=1000000", *args.cfg_options],
        work_dir=f"{args.folder}/{args.peer}",
    )
    draw_demo(config, make_demo)
    settle_precision(config)
    config = stock(config) if args.peer == "stock" else config
    from mmengine.hooks import Hook
    from mmengine.runner import Runner

    class Turns(Hook):
        """Waits for the word at the start of each turn, and tells the time that it took."""

        priority = "VERY_LOW"

        def __init__(self) -> None:
            self.began = 0.0

        def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
            if batch_idx == 0:
                self.wait()

        def after_train_iter(
            self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
        ) -> None:
            if (batch_idx + 1) % args.iterations == 0:
                print(
                    json.dumps({"seconds": (time.perf_counter() - self.began) / args.iterations}), flush=True
                )
                self.wait()

        def wait(self) -> None:
            if not sys.stdin.readline():
                for worker in multiprocessing.active_children():  # of the loader: they would wait for ever
                    worker.kill()
                os._exit(0)
            self.began = time.perf_counter()

    runner = Runner.from_cfg(config) if args.peer == "stock" else build_runner(config)
    runner.register_hook(Turns())
    about = {
        "batch": config.train_dataloader.batch_size,
        "flops": train_flops(runner),
        "threads": args.threads,
        "operators": status().kind,
    }
    print(json.dumps(about), flush=True)
    runner.train()


def train_flops(runner: Any) -> float:
    """Return the floating-point operations of one iteration: a forward pass, and twice that backward."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    if runner.cfg.get("default_scope") == "mmdet":
        batch = next(iter(runner.build_dataloader(runner.cfg.train_dataloader)))
        model = runner.model.train()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(**model.data_preprocessor(batch, True), mode="loss")
        return 3.0 * counter.get_total_flops()

    images = next(iter(runner.build_dataloader(runner.cfg.train_dataloader)))["inputs"]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        device = next(runner.model.parameters()).device
        runner.model.eval()._forward(torch.zeros(1, *images[0].shape, device=device))
    return 3.0 * counter.get_total_flops() * runner.cfg.train_dataloader.batch_size


def measure_peak(threads: int) -> dict[str, float]:
    """Return the GFLOP/s of so many threads in a matrix product and a 3x3 convolution, as precise as ours."""
    import torch
    from torch.nn import functional

    from segloop.experiments.optim import fast_bfloat16

    torch.set_num_threads(threads)
    # Without instructions for bfloat16 torch computes it on one core, a hundred times as slowly.
    name, kind = ("bf16", torch.bfloat16) if fast_bfloat16() else ("float32", torch.float32)
    left, right = (torch.randn(2048, 2048).to(kind) for _ in range(2))
    image = torch.randn(16, 256, 32, 32).to(kind, memory_format=torch.channels_last)
    kernel = torch.randn(256, 256, 3, 3).to(kind)
    flops = 2 * 16 * 32**2 * 256**2 * 9
    return {
        f"{name} matrix peak": 2 * 2048**3 / fastest(lambda: left @ right) / 1e9,
        f"{name} convolution peak": flops
        / fastest(lambda: functional.conv2d(image, kernel, padding=1))
        / 1e9,
    }


def fastest(run: Callable[[], Any], repeats: int = 12) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "configs",
        nargs="*",
        default=CONFIGS,
        metavar="CONFIG",
        help="default: both experiments, and the spacecraft demo",
    )
    parser.add_argument("--turns", type=int, default=10, help="turns of each (default: %(default)s)")
    parser.add_argument(
        "--iterations", type=int, default=4, help="iterations per turn (default: %(default)s)"
    )
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count(), help="torch's threads (default: all cores)"
    )
    parser.add_argument(
        "--cfg-options", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="for both peers"
    )
    parser.add_argument(
        "--stock-python", default=sys.executable, metavar="PYTHON", help="interpreter of the peer"
    )
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
