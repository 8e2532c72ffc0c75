"""Train an experiment without each part of its recipe, for the same time or the same number of iterations.

    python benchmarks/ablation.py [CONFIG] [--minutes 10 | --iterations 300] [--only VARIANT …]

Each variant is first timed for some iterations, then trained for as many as fit into the minutes, with its
schedule fitted to that, and validated once at the end. With --iterations nothing is timed first, which is the
honest way on a machine that is shared. Finished variants are kept in OUT, not trained again.

Needs: hours (minutes times variants), and a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PROBE = 40  # iterations that are timed, the first half of them to warm up


def main() -> None:
    """Train what OUT lacks, then print the table."""
    args = parse_args()
    out = args.out / Path(args.config).stem
    length = f"{args.iterations} iterations" if args.iterations else f"{args.minutes:g} minutes"
    results = {path.stem: json.loads(path.read_text()) for path in sorted(out.glob("*.json"))}
    for number, (name, change) in enumerate(VARIANTS.items()):
        stem = f"{number:02d}"
        if (args.only and name not in args.only) or results.get(stem, {}).get("length") == length:
            continue
        config = variant(args.config, change)
        if config is None:
            continue
        print(f"{time.strftime('%H:%M:%S')}  {name}", file=sys.stderr)
        results[stem] = {"name": name, "length": length, **measure(config, out / stem, args)}
        (out / f"{stem}.json").write_text(json.dumps(results[stem]))
    done = [results[stem] for stem in sorted(results) if results[stem].get("length") == length]
    print(f"| {Path(args.config).stem}, {length} | iterations | s | mDice | mDice_fg |")
    print("|---|---:|---:|---:|---:|")
    for row in done:
        print(
            f"| {row['name']} | {row['iterations']} | {row['seconds']:.3f} "
            f"| {row['mDice']:.1f} | {row['mDice_fg']:.1f} |"
        )


def variant(path: str, change: Callable[[Any], Any]) -> Any:
    """Return the changed config, or None where the experiment has no such part."""
    from segloop.experiments.config import load_config

    config = load_config(path)
    before = config.dump()
    change(config)
    return config if config.dump() != before or change is nothing else None


def measure(config: Any, folder: Path, args: argparse.Namespace) -> dict[str, float]:
    """Time the variant's iterations, then train it for the minutes."""
    folder.mkdir(parents=True, exist_ok=True)
    config.dump(folder / "variant.py")
    from segloop.viz.curves import read_scalars

    iterations = args.iterations
    if not iterations:
        train(folder, "probe", PROBE, args, interval=PROBE // 2, validate=False)
        seconds = [line["time"] for line in read_scalars(folder / "probe") if "lr" in line][-1]
        iterations = max(1, round(args.minutes * 60 / seconds))
    train(folder, "full", iterations, args, interval=20, validate=True)
    times = sorted(line["time"] for line in read_scalars(folder / "full") if "lr" in line)
    last = [line for line in read_scalars(folder / "full") if "mDice_fg" in line][-1]
    return {
        "iterations": iterations,
        "seconds": times[len(times) // 2],
        "mDice": last["mDice"],
        "mDice_fg": last["mDice_fg"],
    }


def train(
    folder: Path, name: str, iterations: int, args: argparse.Namespace, *, interval: int, validate: bool
) -> None:
    """Run tools/train.py to the end."""
    shutil.rmtree(folder / name, ignore_errors=True)
    overrides = [
        f"train_cfg.max_iters={iterations}",
        f"train_cfg.val_interval={iterations if validate else iterations + 1}",
        f"default_hooks.logger.interval={interval}",
        f"log_processor.window_size={interval}",
        "default_hooks.checkpoint.interval=1000000",
        "default_hooks.checkpoint.save_last=False",
    ]
    command = [
        sys.executable,
        str(ROOT / "tools/train.py"),
        str(folder / "variant.py"),
        "--seed",
        str(args.seed),
    ]
    command += ["--work-dir", str(folder / name), "--cfg-options", *overrides]
    with (folder / f"{name}.log").open("w") as log:
        subprocess.run(command, check=True, stdout=log, stderr=subprocess.STDOUT)


def nothing(config: Any) -> None:
    """Change nothing."""


def start_as_mmseg(config: Any) -> None:
    config.model.decode_head.init_cfg = dict(type="Normal", std=0.01, override=dict(name="conv_seg"))


def cross_entropy_alone(config: Any) -> None:
    losses = config.model.decode_head.loss_decode
    config.model.decode_head.loss_decode = [loss for loss in losses if loss.type == "CrossEntropyLoss"]


def weighted_classes(config: Any) -> None:
    head = config.model.decode_head
    head.loss_decode[0].class_weight = [0.3] + [1.0] * (head.num_classes - 1)


def windows_anywhere(config: Any) -> None:
    step(config, "RareClassCrop").prob = 0.0


def whole_images(config: Any) -> None:
    loader = config.train_dataloader
    size = step(config, "RareClassCrop").size
    drop(config, "RareClassCrop")
    loader.batch_size = max(2, round(loader.batch_size * (size / 192) ** 2))


def without_flips(config: Any) -> None:
    drop(config, "RandomFlip")


def without_colours(config: Any) -> None:
    drop(config, "PhotoMetricDistortion")


def without_dropout(config: Any) -> None:
    config.model.decode_head.dropout_ratio = 0.0
    if "dropout" in config.model.backbone:
        config.model.backbone.dropout = [0.0] * len(config.model.backbone.dropout)


def averaged_weights(config: Any) -> None:
    config.custom_hooks = [dict(type="EMAHook", momentum=0.005, begin_iter=200)]


def sgd(config: Any) -> None:
    config.optim_wrapper.optimizer = dict(type="SGD", lr=0.01, momentum=0.9, weight_decay=5e-4)


def float32(config: Any) -> None:
    config.optim_wrapper.enabled = False


def contiguous(config: Any) -> None:
    config.env_cfg.memory_format = "contiguous"


def read_every_time(config: Any) -> None:
    pipeline = config.train_dataloader.dataset.pipeline
    place = next(i for i, item in enumerate(pipeline) if item.type == "KeepInMemory")
    pipeline[place : place + 1] = pipeline[place].transforms


def stride_8(config: Any) -> None:
    backbone = config.model.backbone
    if "strides" in backbone:
        backbone.strides, backbone.dilations = (1, 2, 1, 1), (1, 1, 2, 4)


def compiled(config: Any) -> None:
    config.compile = True


def step(config: Any, kind: str) -> Any:
    """Return the first step of a kind in the training pipeline."""
    return next(item for item in config.train_dataloader.dataset.pipeline if item.type == kind)


def drop(config: Any, kind: str) -> None:
    """Take all steps of a kind out of the training pipeline."""
    data = config.train_dataloader.dataset
    data.pipeline = [item for item in data.pipeline if item.type != kind]


VARIANTS: dict[str, Callable[[Any], None]] = {
    "the recipe": nothing,
    "head starts as mmseg's": start_as_mmseg,
    "cross-entropy alone": cross_entropy_alone,
    "background weighs 0.3": weighted_classes,
    "windows anywhere": windows_anywhere,
    "whole images": whole_images,
    "no flips": without_flips,
    "no change of colours": without_colours,
    "no dropout": without_dropout,
    "averaged weights (EMA)": averaged_weights,
    "SGD": sgd,
    "float32": float32,
    "channels first": contiguous,
    "files read every time": read_every_time,
    "output stride 8": stride_8,
    "torch.compile": compiled,
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "config", nargs="?", default=str(ROOT / "configs/config_experiment_2.py"), metavar="CONFIG"
    )
    parser.add_argument(
        "--minutes", type=float, default=10, help="of training per variant (default: %(default)s)"
    )
    parser.add_argument("--iterations", type=int, metavar="N", help="train for so many, whatever they take")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, metavar="VARIANT", help="these alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("work_dirs/ablation"), metavar="OUT")
    return parser.parse_args()


if __name__ == "__main__":
    main()
