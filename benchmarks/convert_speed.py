"""Time conversions beside Datumaro's and beside the usual loop, in turns, and measure memory and growth.

    python benchmarks/convert_speed.py --datumaro PLACE [--quick] [--data DIR]

Index masks to COCO and COCO to CVAT's XML are timed beside Datumaro 1.13, a CSV of ships with 231,723 rows to
COCO beside pandas and pycocotools. Each peer is a process with one worker; they take turns, and what is
reported is the ratio of neighbouring turns. First their results are compared: as many masks, of equal areas.

Needs: an environment with Datumaro, made by
    python -m venv PLACE && PLACE/bin/pip install 'datumaro==1.13.*'
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
from collections import Counter
from pathlib import Path

import numpy as np
from convert_peer import Task, masks_of
from convert_sets import SHIP_ROWS, SHIP_SIDE, SHIPS, draw_nuclei, draw_ships, mirror_for_datumaro

from segloop.utils.cli import Parser, run

PEER = Path(__file__).with_name("convert_peer.py")
SIZES = (1_000, 10_000, 100_000)  # annotations
PER_IMAGE = 43  # annotations of an image of nuclei: 42 and the ground


class Peer:
    """A process that converts what it is told to."""

    def __init__(self, kind: str, python: str = sys.executable) -> None:
        self.kind = kind
        self.process = subprocess.Popen(
            [python, "-W", "ignore", str(PEER), kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )

    def convert(self, task: Task) -> dict[str, float]:
        """Return seconds, CPU seconds and the peak memory."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"The conversion by {self.kind} ended; its message is above.")
        return json.loads(answer)

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def environment() -> dict[str, str]:
    """Return this environment with one thread for everything that would take more."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, "1")}


def main() -> int:
    """Run what is asked for and print it."""
    args = parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.datumaro is not None and args.only in (None, "datumaro"):
            beside_datumaro(Path(folder, "datumaro"), args)
        if args.only in (None, "loop"):
            beside_the_loop(Path(folder, "ships"), args)
        if args.only in (None, "growth"):
            growth(Path(folder, "growth"), args)
    return 0


def beside_datumaro(folder: Path, args: argparse.Namespace) -> None:
    """Time index masks to COCO, and that COCO to CVAT, beside Datumaro."""
    if args.data is None:
        draw_nuclei(folder, images=args.images)
        what = f"{args.images} images of nuclei, a class for each of 42 in an image"
    else:
        (folder / "mmseg").parent.mkdir(parents=True)
        (folder / "mmseg").symlink_to(args.data.resolve(), target_is_directory=True)
        mirror_for_datumaro(args.data, folder / "datumaro", split=args.split)
        what = f"{args.data}, split {args.split}"
    truth = folder / "coco/annotations/instances_default.json"
    truth.parent.mkdir(parents=True)
    (folder / "coco/images").mkdir()  # Datumaro asks for it
    masks = {"from": "mmseg", "to": "coco", "instances": "classes", "split": args.split}
    boxes = {"from": "coco", "to": "cvat"}
    with Peer("ours") as ours, Peer("datumaro", str(args.datumaro / "bin/python")) as theirs:
        ours.convert({**masks, "source": str(folder / "mmseg"), "target": str(truth)})
        compare(
            f"mmseg to COCO: {what}",
            (ours, {**masks, "source": str(folder / "mmseg"), "target": str(folder / "ours.json")}),
            (theirs, {**masks, "source": str(folder / "datumaro"), "target": str(folder / "theirs")}),
            rounds=args.rounds,
        )
        compare(
            "the same, COCO to CVAT for images 1.1",
            (ours, {**boxes, "source": str(truth), "target": str(folder / "ours.xml")}),
            (theirs, {**boxes, "source": str(folder / "coco"), "target": str(folder / "theirs")}),
            rounds=args.rounds,
        )


def beside_the_loop(folder: Path, args: argparse.Namespace) -> None:
    """Time a CSV of ships to COCO beside the usual loop."""
    folder.mkdir(parents=True)
    ships = draw_ships(folder / "ships.csv", rows=args.rows)
    task = {"from": "airbus", "to": "coco", "source": str(folder / "ships.csv")}
    task["size_hw"] = (SHIP_SIDE, SHIP_SIDE)
    with Peer("ours") as ours, Peer("loop") as loop:
        compare(
            f"ships CSV of {args.rows} rows ({ships} ships) to COCO",
            (ours, {**task, "target": str(folder / "ours.json")}),
            (loop, {**task, "target": str(folder / "theirs.json")}),
            rounds=args.ship_rounds,
        )


def compare(title: str, *peers: tuple[Peer, Task], rounds: int) -> None:
    """Let two peers do their tasks in turns, compare what they wrote, and print the ratios."""
    (ours, _), (theirs, _) = peers
    turns = []
    found: dict[str, Counter[int]] = {}
    for number in range(rounds + 1):
        turn = {}
        for peer, task in peers if number % 2 else reversed(peers):
            turn[peer.kind] = peer.convert(task)
            if not number:
                found[peer.kind] = written(Path(task["target"]))
            remove(Path(task["target"]))
        turns.append(turn)
        if sys.stderr.isatty():
            print(f"\rround {number}/{rounds}", end="", file=sys.stderr, flush=True)
    assert found[ours.kind] == found[theirs.kind], f"{title}: the results differ"
    turns = turns[1:]  # the first fills caches
    masks = found[ours.kind].total()
    print(f"\n{title}: {masks} masks, {rounds} rounds")
    for peer, _ in peers:
        wall, cpu = (statistics.median(turn[peer.kind][clock] for turn in turns) for clock in ("wall", "cpu"))
        print(f"  {peer.kind:9}{wall:8.2f} s{cpu:8.2f} CPU s{masks / cpu:10,.0f} masks per CPU second")
    for clock in ("wall", "cpu"):
        ratios = [turn[theirs.kind][clock] / turn[ours.kind][clock] for turn in turns]
        low, middle, high = np.percentile(ratios, [10, 50, 90])
        spread = f"10–90 % of the rounds: {low:.1f}–{high:.1f}"
        print(f"  {middle:.1f} times {theirs.kind} by {clock} time ({spread})")


def written(target: Path) -> Counter[int]:
    """Count the masks that were written, by area for COCO; of XML, only that there is one is counted."""
    files = [target] if target.is_file() else sorted(each for each in target.rglob("*") if each.is_file())
    if files[0].suffix == ".xml":
        return Counter({0: sum(file.read_text(encoding="utf-8").count("<mask ") for file in files)})
    return Counter(area for file in files for _, area in masks_of(file))


def remove(target: Path) -> None:
    shutil.rmtree(target) if target.is_dir() else target.unlink()


def growth(folder: Path, args: argparse.Namespace) -> None:
    """Print time and memory of conversions of ever more annotations, and how time grows with them."""
    print("\nannotations: seconds of CPU, and bytes of memory per annotation beyond those of a tiny set")
    for road, draw in {"mmseg to coco": growing_maps, "airbus to coco": growing_ships}.items():
        made = {size: draw(folder / road.split()[0], size) for size in (10, *args.sizes)}
        report(road, made, folder)
        if road.startswith("airbus"):
            report(
                "coco to cvat",
                {size: (as_coco(task, folder), count) for size, (task, count) in made.items()},
                folder,
            )


def report(road: str, made: dict[int, tuple[Task, int]], folder: Path) -> None:
    """Convert each set in a process of its own, after a tiny one, and print the line."""
    (tiny, _), *others = made.values()
    seconds, parts = [], []
    for task, count in others:
        with Peer("ours") as peer:
            base = peer.convert({**tiny, "target": f"{folder}/tiny{tiny['suffix']}"})
            measured = peer.convert({**task, "target": f"{folder}/result{task['suffix']}"})
        remove(Path(f"{folder}/tiny{tiny['suffix']}"))
        remove(Path(f"{folder}/result{task['suffix']}"))
        room = max(0.0, measured["peak_kb"] - base["peak_kb"]) * 1024 / count
        seconds.append((count, measured["cpu"]))
        parts.append(f"{count:,}: {measured['cpu']:.2f} s, {room:,.0f} B")
    exponent = np.polyfit(*np.log(np.array(seconds)).T, 1)[0] if len(seconds) > 1 else float("nan")
    print(f"  {road:15} {'   '.join(parts)}   time grows with the power {exponent:.2f}")


def growing_maps(folder: Path, size: int) -> tuple[Task, int]:
    images = max(1, size // PER_IMAGE)
    draw_nuclei(folder / str(size), images=images)
    source = str(folder / str(size) / "mmseg")
    task = {"from": "mmseg", "to": "coco", "source": source, "suffix": ".json", "instances": "classes"}
    return task, images * PER_IMAGE


def growing_ships(folder: Path, size: int) -> tuple[Task, int]:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{size}.csv"
    ships = draw_ships(file, rows=size * SHIP_ROWS // SHIPS)
    return {"from": "airbus", "to": "coco", "source": str(file), "suffix": ".json"}, ships


def as_coco(task: Task, folder: Path) -> Task:
    """Convert a set to COCO and return the task that converts that to CVAT."""
    target = f"{folder}/{Path(task['source']).stem}.json"
    with Peer("ours") as peer:
        peer.convert({**task, "target": target})
    return {"from": "coco", "to": "cvat", "source": target, "suffix": ".xml"}


def parse_args() -> argparse.Namespace:
    parser = Parser(__doc__)
    parser.add_argument("--datumaro", type=Path, metavar="PLACE", help="environment that has Datumaro 1.13")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="a set in mmseg's layout in place of drawn nuclei"
    )
    parser.add_argument("--split", default="train", metavar="NAME", help="of --data (default: train)")
    parser.add_argument("--only", choices=("datumaro", "loop", "growth"), help="one of the three parts")
    parser.add_argument("--quick", action="store_true", help="small sets and few rounds")
    args = parser.parse_args()
    args.images, args.rounds = (20, 3) if args.quick else (120, 10)
    args.rows, args.ship_rounds = (10_000, 1) if args.quick else (SHIP_ROWS, 2)
    args.sizes = (500, 5_000) if args.quick else SIZES
    return args


if __name__ == "__main__":
    run(main)
