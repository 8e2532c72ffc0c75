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
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ablation_parts import VARIANTS, Missing, nothing
from train_speed import Peer, middle, take_turns

ROOT = Path(__file__).resolve().parents[1]
PROBE = 40  # iterations that are timed, the first half of them to warm up
SEMANTIC = ("mDice", "mDice_fg")
INSTANCE = ("match/IoU", "coco/segm_mAP")  # before what the config saves its best by
SPEED = "speed.json"
UNSCORED = {"step", "time", "data_time", "memory"}


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
        turns = take_turns(peers, args.turns)
    return list(middle([turn["variant"] / turn["recipe"] for turn in turns]))


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
