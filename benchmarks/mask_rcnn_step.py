"""Time whole Mask R-CNN R50-FPN training steps and predictions with our operators and with compiled mmcv's.

    python benchmarks/mask_rcnn_step.py [--python PYTHON]

Two worker processes, one with SEGLOOP_OPS=torch and one with SEGLOOP_OPS=compiled, take turns step by step
in one run, so that both meet the same load; what is reported is the ratio of neighbouring steps, by the clock
and by CPU time (which says what the work costs when the machine is busy). PYTHON is the interpreter of an
environment whose mmcv has compiled operators (this one, if it has them). Nothing is downloaded.

Needs: an environment whose mmcv has compiled operators.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[1] / "src"
KINDS = ("torch", "compiled")


class Worker:
    """A process that makes one step each time it is told to."""

    def __init__(self, kind: str, options: argparse.Namespace) -> None:
        self.kind = kind
        command = [options.python, "-W", "ignore", __file__, "--worker", kind]
        for name in ("images", "size", "instances", "threads"):
            command += [f"--{name}", str(getattr(options, name))]
        environment = {**os.environ, "SEGLOOP_OPS": kind, "PYTHONPATH": str(SOURCE)}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def ask(self, task: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(task + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        sys.exit(f"The worker with {self.kind} operators ended; its message is above.")


def main() -> None:
    """Take the options, run both workers in turns and print the table."""
    options = parse_args()
    if options.worker:
        work(options)
        return
    check_compiled(options.python)
    workers = {kind: Worker(kind, options) for kind in KINDS}
    print(
        f"{platform.machine()}, {options.threads} threads, {options.images} images of {options.size} x "
        f"{options.size} with {options.instances} instances each"
    )
    print(
        f"{'task':<18}{'ours, s':>9}{'mmcv, s':>9}{'ratio':>7}{'middle half':>15}{'CPU ratio':>11}"
        f"{'results':>9}"
    )
    for task in ("train", "predict", "train bfloat16", "predict bfloat16"):
        pairs = [
            {kind: workers[kind].ask(task) for kind in KINDS[:: (-1) ** turn]}
            for turn in range(options.pairs + 1)
        ]
        report(task, pairs[1:])  # the first pair fills caches
    peaks = {kind: workers[kind].ask("memory")["peak_mb"] for kind in KINDS}
    print(f"peak memory: ours {peaks['torch']:.0f} MB, mmcv {peaks['compiled']:.0f} MB")


def report(task: str, pairs: list[dict[str, dict[str, Any]]]) -> None:
    """Print the medians of one task, or why compiled mmcv could not do it."""
    ours, mmcv = ([pair[kind] for pair in pairs] for kind in KINDS)
    seconds = statistics.median(step["seconds"] for step in ours)
    if "error" in mmcv[0]:
        print(f"{task:<18}{seconds:>9.2f}{'-':>9}   mmcv {mmcv[0]['error']}", flush=True)
        return
    clock, cpu = (
        sorted(other[key] / mine[key] for mine, other in zip(ours, mmcv, strict=True))
        for key in ("seconds", "cpu_seconds")
    )
    same = all(math.isclose(a["check"], b["check"], rel_tol=1e-2) for a, b in zip(ours, mmcv, strict=True))
    spread = f"{clock[len(clock) // 4]:.2f} … {clock[-1 - len(clock) // 4]:.2f}"
    print(
        f"{task:<18}{seconds:>9.2f}{statistics.median(step['seconds'] for step in mmcv):>9.2f}"
        f"{statistics.median(clock):>7.2f}{spread:>15}{statistics.median(cpu):>11.2f}"
        f"{'equal' if same else 'differ':>9}",
        flush=True,
    )


def check_compiled(python: str) -> None:
    """Leave with the command that builds them if `python` has no compiled operators."""
    found = subprocess.run([python, "-c", "import torch, mmcv._ext"], capture_output=True, check=False)
    if found.returncode:
        sys.path.insert(0, str(SOURCE))
        from segloop.ops.extension import BUILD_COMMAND

        sys.exit(
            f"{python} has no compiled mmcv operators to compare with. Make a second environment, run\n"
            f"  {BUILD_COMMAND}\nthere (about 20 minutes on two cores), and give its interpreter as --python."
        )


def work(options: argparse.Namespace) -> None:
    """Answer each line on stdin with the seconds of one step, as JSON."""
    import segloop.ops

    segloop.ops.install()
    import torch

    torch.set_num_threads(options.threads)
    model, optimizer = build_model()
    batch = make_batch(options)
    tasks: dict[str, Callable[[], float]] = {
        "train": lambda: train_step(model, optimizer, batch),
        "predict": lambda: predict(model, batch),
    }
    for line in sys.stdin:
        task, *precision = line.split()
        answer: dict[str, Any] = {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
        if task in tasks:
            torch.manual_seed(0)  # the samplers of RoIs draw the same in both processes
            start, cpu = time.perf_counter(), time.process_time()
            try:
                with torch.autocast("cpu", torch.bfloat16, enabled=bool(precision)):
                    answer["check"] = tasks[task]()
            except RuntimeError as error:
                answer["error"] = f"raises: {str(error).splitlines()[0]}"
            answer["seconds"] = time.perf_counter() - start
            answer["cpu_seconds"] = time.process_time() - cpu
        print(json.dumps(answer), flush=True)


def build_model() -> tuple[Any, Any]:
    """Return mmdet's Mask R-CNN R50-FPN with random weights, and an optimizer that hardly moves it."""
    import mmdet
    import torch
    from mmengine.config import Config
    from mmengine.registry import MODELS, init_default_scope

    config = Path(mmdet.__file__).parent / ".mim/configs/_base_/models/mask-rcnn_r50_fpn.py"
    settings = Config.fromfile(config).model
    settings.backbone.init_cfg = None
    init_default_scope("mmdet")
    import mmdet.models  # registers them

    torch.manual_seed(0)
    model = MODELS.build(settings)
    # Certain of itself, as a trained model is: one class per RoI passes the threshold, a hundred get a mask.
    torch.nn.init.normal_(model.roi_head.bbox_head.fc_cls.weight, std=1.0)
    return model, torch.optim.SGD(model.parameters(), lr=1e-6)


def make_batch(options: argparse.Namespace) -> dict[str, list[Any]]:
    """Return random images with elliptic instances from small to large."""
    import numpy as np
    import torch
    from mmdet.structures import DetDataSample
    from mmdet.structures.mask import BitmapMasks
    from mmengine.structures import InstanceData

    rng = np.random.default_rng(0)
    size = options.size
    y, x = np.mgrid[:size, :size]
    inputs, samples = [], []
    for _ in range(options.images):
        masks, boxes = [], []
        for radius in np.geomspace(size / 32, size / 3, options.instances):
            center = rng.uniform(radius, size - radius, 2)
            mask = (x - center[0]) ** 2 + (1.5 * (y - center[1])) ** 2 < radius**2
            masks.append(mask.astype(np.uint8))
            reach = np.array([radius, radius / 1.5])
            boxes.append(np.concatenate([center - reach, center + reach]))
        sample = DetDataSample(
            metainfo={"img_shape": (size, size), "ori_shape": (size, size), "scale_factor": (1.0, 1.0)}
        )
        sample.gt_instances = InstanceData(
            bboxes=torch.tensor(np.array(boxes), dtype=torch.float32),
            labels=torch.from_numpy(rng.integers(0, 80, options.instances)),
            masks=BitmapMasks(np.stack(masks), size, size),
        )
        samples.append(sample)
        inputs.append(torch.from_numpy(rng.integers(0, 256, (3, size, size), dtype=np.uint8)))
    return {"inputs": inputs, "data_samples": samples}


def train_step(model: Any, optimizer: Any, batch: dict[str, list[Any]]) -> float:
    """Make one training step and return the loss."""
    model.train()
    data = model.data_preprocessor(batch, True)
    loss, _ = model.parse_losses(model(**data, mode="loss"))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss)


def predict(model: Any, batch: dict[str, list[Any]]) -> float:
    """Predict the batch and return the number of masks."""
    import torch

    model.eval()
    with torch.no_grad():
        results = model(**model.data_preprocessor(batch, False), mode="predict")
    return float(sum(len(result.pred_instances.masks) for result in results))


def parse_args() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", default=sys.executable, help="interpreter of the compiled environment")
    parser.add_argument("--pairs", type=int, default=7, help="pairs of steps for each task")
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--instances", type=int, default=6)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--worker", choices=KINDS, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
