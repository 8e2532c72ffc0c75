"""Train an experiment without each part of its recipe, for the same time or the same number of iterations.

    python benchmarks/ablation.py [CONFIG] [--minutes 10 | --iterations 300] [--only VARIANT …] [--seeds 0 …]
    python benchmarks/ablation.py [CONFIG] --speed [--only VARIANT …]

Each variant is first timed for some iterations, then trained for as many as fit into the minutes, with its
schedule fitted to that, and validated once at the end. With --iterations nothing is timed first, which is the
honest way on a machine that is shared. Finished variants are kept in OUT, not trained again.

With --speed each variant trains in turns of a few iterations with the recipe, and what its step costs beside
the recipe's is kept in OUT: the table of scores has it as a column from then on.

Variants of losses and data fit semantic configs, variants of mask losses instance configs; what a config has
no room for is passed over. Of several seeds the table shows the mean with the least and the greatest, and the
difference to the recipe seed by seed, which is what a small gain shows in.

Needs: hours (minutes times variants times seeds), and a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from train_speed import Peer

ROOT = Path(__file__).resolve().parents[1]
PROBE = 40  # iterations that are timed, the first half of them to warm up
SEMANTIC = ("mDice", "mDice_fg")
INSTANCE = ("match/IoU", "coco/segm_mAP")  # before what the config saves its best by
SPEED = "speed.json"
UNSCORED = {"step", "time", "data_time", "memory"}


class Missing(Exception):
    """The config has no such part to change."""


def main() -> None:
    """Train what OUT lacks, then print the table."""
    args = parse_args()
    out = args.out / Path(args.config).stem
    length = f"{args.iterations} iterations" if args.iterations else f"{args.minutes:g} minutes"
    if args.speed:
        time_variants(args, out)
        return
    results = {path.stem: json.loads(path.read_text()) for path in sorted(out.glob("[0-9]*.json"))}
    for seed in args.seeds:
        for number, (name, change) in enumerate(VARIANTS.items()):
            stem = f"{number:02d}" + (f"-seed{seed}" if seed else "")
            if (args.only and name not in args.only) or results.get(stem, {}).get("length") == length:
                continue
            config = variant(args.config, change)
            if config is None:
                continue
            print(f"{time.strftime('%H:%M:%S')}  {name}, seed {seed}", file=sys.stderr)
            measured = measure(config, out / stem, args, seed=seed)
            results[stem] = {"name": name, "length": length, "seed": seed, **measured}
            (out / f"{stem}.json").write_text(json.dumps(results[stem]))
    done = [results[stem] for stem in sorted(results) if results[stem].get("length") == length]
    done = [row for row in done if row.get("seed", 0) in args.seeds]
    if done:
        title = f"{Path(args.config).stem}, {length}"
        print("\n".join(table(done, title=title, scores=args.scores, costs=read_costs(out))))


def time_variants(args: argparse.Namespace, out: Path) -> None:
    """Time a step of each variant beside one of the recipe, then print what OUT has of that."""
    out.mkdir(parents=True, exist_ok=True)
    for name, change in VARIANTS.items():
        costs = read_costs(out)
        if name in costs or (args.only and name not in args.only):
            continue
        config = variant(args.config, change)
        if config is None or change is nothing:
            continue
        print(f"{time.strftime('%H:%M:%S')}  {name}", file=sys.stderr)
        costs[name] = measure_cost(config, args)
        (out / SPEED).write_text(json.dumps(costs))
    print(f"| {Path(args.config).stem} | time of a step beside the recipe's |\n|---|---:|")
    for name, cost in read_costs(out).items():
        print(f"| {name} | {spell_cost(cost)} |")


def measure_cost(config: Any, args: argparse.Namespace) -> list[float]:
    """Let a variant and the recipe train in turns; return the ratio of their times, and its middle half."""
    for hook in config.get("custom_hooks", []):
        hook.pop("begin_iter", None)  # of an average of weights: it would begin after all turns
    peer_options = argparse.Namespace(
        iterations=args.turn, threads=args.threads, cfg_options=[], stock_python=sys.executable
    )
    with tempfile.TemporaryDirectory() as folder:
        config.dump(Path(folder) / "variant.py")
        sources = {"recipe": args.config, "variant": str(Path(folder) / "variant.py")}
        peers = {name: Peer("ours", path, f"{folder}/{name}", peer_options) for name, path in sources.items()}
        for peer in peers.values():
            peer.answer()  # ready
        turns = []
        for turn in range(args.turns + 1):
            order = list(peers)[:: (-1) ** turn]
            turns.append({name: peers[name].take_turn() for name in order})
        for peer in peers.values():
            peer.end()
    ratios = sorted(turn["variant"] / turn["recipe"] for turn in turns[1:])  # the first fills caches
    quarter = len(ratios) // 4
    return [statistics.median(ratios), ratios[quarter], ratios[-1 - quarter]]


def read_costs(out: Path) -> dict[str, list[float]]:
    """Return what --speed has measured in OUT, by variant."""
    return json.loads((out / SPEED).read_text()) if (out / SPEED).exists() else {}


def spell_cost(cost: Sequence[float]) -> str:
    """Return a ratio with its middle half.

    >>> spell_cost([1.021, 0.98, 1.052])
    '1.02 (0.98 to 1.05)'
    """
    return f"{cost[0]:.2f} ({cost[1]:.2f} to {cost[2]:.2f})"


def table(
    rows: Sequence[dict[str, Any]],
    *,
    title: str,
    scores: Sequence[str] | None = None,
    costs: Mapping[str, Sequence[float]] | None = None,
) -> list[str]:
    """Return the lines of the table: a row a variant, over its seeds, with what --speed told of its cost."""
    wanted = dict.fromkeys(scores or [*SEMANTIC, *INSTANCE, rows[0].get("best", "")])
    scores = [name for name in wanted if all(name in row for row in rows)]
    variants: dict[str, dict[int, dict[str, Any]]] = {}
    for row in rows:
        variants.setdefault(row["name"], {})[row.get("seed", 0)] = row
    several = any(len(seeds) > 1 for seeds in variants.values())
    gain = [f"{scores[-1]} beside the recipe"] if several and scores else []
    cost = ["a step beside the recipe's"] if costs else []
    columns = ["iterations", "s", *cost, *(["seeds"] if several else []), *scores, *gain]
    lines = [f"| {title} | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    recipe = variants.get("the recipe", {})
    for name, seeds in variants.items():
        first = next(iter(seeds.values()))
        cells = [name, str(first["iterations"]), f"{mean([row['seconds'] for row in seeds.values()]):.3f}"]
        if costs:
            cells.append(spell_cost(costs[name]) if name in costs else "1" if name == "the recipe" else "")
        cells += [str(len(seeds))] if several else []
        cells += [spread([row[score] for row in seeds.values()]) for score in scores]
        if gain:
            both = [seed for seed in seeds if seed in recipe and name != "the recipe"]
            differences = [seeds[seed][scores[-1]] - recipe[seed][scores[-1]] for seed in both]
            cells.append(spread(differences, sign="+") if both else "")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def spread(values: Sequence[float], *, sign: str = "") -> str:
    """Return the mean, and of several values the least and the greatest.

    >>> spread([81.0]), spread([1.0, -0.5, 2.5], sign="+")
    ('81.0', '+1.0 (-0.5 to +2.5)')
    """
    told = f"{mean(values):{sign}.1f}"
    return f"{told} ({min(values):{sign}.1f} to {max(values):{sign}.1f})" if len(values) > 1 else told


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def variant(path: str, change: Callable[[Any], Any]) -> Any:
    """Return the changed config, or None where the experiment has no such part."""
    from segloop.experiments.config import load_config

    config = load_config(path)
    before = config.dump()
    try:
        change(config)
    except Missing:
        return None
    return config if config.dump() != before or change is nothing else None


def measure(config: Any, folder: Path, args: argparse.Namespace, *, seed: int) -> dict[str, Any]:
    """Time the variant's iterations, then train it for the minutes; return its scores in percent."""
    folder.mkdir(parents=True, exist_ok=True)
    config.dump(folder / "variant.py")
    from segloop.viz.curves import read_scalars

    iterations = args.iterations
    if not iterations:
        train(folder, "probe", PROBE, seed=seed, interval=PROBE // 2, validate=False)
        seconds = [line["time"] for line in read_scalars(folder / "probe") if "lr" in line][-1]
        iterations = max(1, round(args.minutes * 60 / seconds))
    train(folder, "full", iterations, seed=seed, interval=min(20, iterations), validate=True)
    lines = read_scalars(folder / "full")
    times = sorted(line["time"] for line in lines if "lr" in line)
    last = [line for line in lines if "lr" not in line][-1]
    scores = {name: value for name, value in last.items() if name not in UNSCORED}
    best = config.default_hooks.checkpoint.get("save_best", "")
    return {"iterations": iterations, "seconds": times[len(times) // 2], "best": best, **scores}


def train(folder: Path, name: str, iterations: int, *, seed: int, interval: int, validate: bool) -> None:
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
        str(seed),
    ]
    command += ["--work-dir", str(folder / name), "--cfg-options", *overrides]
    with (folder / f"{name}.log").open("w") as log:
        subprocess.run(command, check=True, stdout=log, stderr=subprocess.STDOUT)


def nothing(config: Any) -> None:
    """Change nothing."""


def start_as_mmseg(config: Any) -> None:
    decode_head(config).init_cfg = dict(type="Normal", std=0.01, override=dict(name="conv_seg"))


def cross_entropy_alone(config: Any) -> None:
    losses = decode_head(config).loss_decode
    config.model.decode_head.loss_decode = [loss for loss in losses if loss.type == "CrossEntropyLoss"]


def weighted_classes(config: Any) -> None:
    head = decode_head(config)
    head.loss_decode[0].update(class_weight=[0.3] + [1.0] * (head.num_classes - 1), avg_non_ignore=False)


def instead_of_dice(**loss: Any) -> Callable[[Any], None]:
    """Return a change that puts another loss where a decode head has its Dice."""

    def change(config: Any) -> None:
        losses = decode_head(config).loss_decode
        place = next((i for i, each in enumerate(losses) if each.type == "BatchDiceLoss"), None)
        if place is None:
            raise Missing
        losses[place] = dict(background=losses[place].get("background"), **loss)

    return change


def besides(**loss: Any) -> Callable[[Any], None]:
    """Return a change that adds a loss to those of a decode head."""

    def change(config: Any) -> None:
        losses = decode_head(config).loss_decode
        background = next((each.background for each in losses if "background" in each), None)
        losses.append(dict(background=background, **loss))

    return change


def on_masks(**loss: Any) -> Callable[[Any], None]:
    """Return a change that adds a loss to that of a mask head."""

    def change(config: Any) -> None:
        head = config.model.get("roi_head", {}).get("mask_head")
        if head is None:
            raise Missing
        head.loss_mask = dict(type="InstanceMaskLoss", losses=[head.loss_mask, loss])

    return change


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
    decode_head(config).dropout_ratio = 0.0
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
    place = pipeline.index(step(config, "KeepInMemory"))
    pipeline[place : place + 1] = pipeline[place].transforms


def stride_8(config: Any) -> None:
    backbone = config.model.backbone
    if "strides" in backbone:
        backbone.strides, backbone.dilations = (1, 2, 1, 1), (1, 1, 2, 4)


def compiled(config: Any) -> None:
    config.compile = True


def step(config: Any, kind: str) -> Any:
    """Return the first step of a kind in the training pipeline."""
    for item in config.train_dataloader.dataset.pipeline:
        if item.type == kind:
            return item
    raise Missing


def decode_head(config: Any) -> Any:
    """Return the head of a semantic experiment."""
    if "decode_head" not in config.model:
        raise Missing
    return config.model.decode_head


def drop(config: Any, kind: str) -> None:
    """Take all steps of a kind out of the training pipeline."""
    data = config.train_dataloader.dataset
    data.pipeline = [item for item in data.pipeline if item.type != kind]


# The numbers of the results in OUT: new ones go to the end.
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
    "Dice of each image": instead_of_dice(type="BatchDiceLoss", per_image=True),
    "focal Tversky for Dice": instead_of_dice(type="FocalTverskyLoss"),
    "Lovász for Dice": instead_of_dice(type="LovaszSoftmaxLoss"),
    "Lovász besides": besides(type="LovaszSoftmaxLoss"),
    "boundary besides": besides(type="BoundaryDistanceLoss", loss_weight=5.0),
    "masks: Dice besides": on_masks(type="BatchDiceLoss"),
    "masks: focal Tversky besides": on_masks(type="FocalTverskyLoss"),
    "masks: Lovász besides": on_masks(type="LovaszSoftmaxLoss"),
    "masks: boundary besides": on_masks(type="BoundaryDistanceLoss"),
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
    parser.add_argument(
        "--seeds", "--seed", type=int, nargs="+", default=[0], help="train each variant so often"
    )
    parser.add_argument(
        "--speed", action="store_true", help="time a step of each variant beside the recipe's instead"
    )
    parser.add_argument("--turns", type=int, default=8, help="of each with --speed (default: %(default)s)")
    parser.add_argument(
        "--turn", type=int, default=4, metavar="N", help="iterations a turn (default: %(default)s)"
    )
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count(), help="of torch with --speed (default: all cores)"
    )
    parser.add_argument(
        "--scores", nargs="+", metavar="SCORE", help="columns of the table (default: by task)"
    )
    parser.add_argument("--out", type=Path, default=Path("work_dirs/ablation"), metavar="OUT")
    return parser.parse_args()


if __name__ == "__main__":
    main()
