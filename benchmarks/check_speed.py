"""Time a check beside the mere decoding of its images and masks, in turns: python benchmarks/check_speed.py.

A set of JPEGs and index masks is drawn first. The share is the time that decoding takes of the time that the
check takes, by the clock and by the processors: at 1 the check costs no more than to look at the pixels.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from data_converters.base import ReadOptions
from data_converters.mmseg import read
from segloop.data.inspection import inspect_set
from segloop.utils.workers import map_ordered

CLASSES = ("background", "disc", "square")


def main() -> int:
    args = parse_args()
    if args.once:
        run(args.once, args.root, workers=args.workers)
        return 0
    with tempfile.TemporaryDirectory(dir=args.dir) as place:
        root = Path(place)
        draw_set(root, count=args.images, size=args.size, workers=args.workers)
        seconds: dict[str, list[float]] = {"decode": [], "check": []}
        work: dict[str, list[float]] = {"decode": [], "check": []}
        memory: dict[str, float] = {}
        for _ in range(args.repeats):
            for what, times in seconds.items():
                command = [
                    sys.executable,
                    __file__,
                    "--once",
                    what,
                    "--root",
                    place,
                    "--workers",
                    str(args.workers),
                ]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                spent, worked, memory[what] = map(float, done.stdout.split()[-3:])
                times.append(spent)
                work[what].append(worked)
    print(f"{args.images} JPEGs of {args.size}x{args.size} with masks, {args.workers} processes")
    for what, times in seconds.items():
        print(
            f"{what:7}{statistics.median(times):8.1f} s, {statistics.median(work[what]):7.1f} s of "
            f"processors, {memory[what]:4.0f} MB in the largest process"
        )
    for name, pairs in (("clock", seconds), ("processors", work)):
        shares = [decode / check for decode, check in zip(*pairs.values(), strict=True)]
        print(
            f"share by {name}: {statistics.median(shares):.2f} (from {min(shares):.2f} to {max(shares):.2f})"
        )
    return 0


def run(what: str, root: Path, *, workers: int) -> None:
    """Do one of the two and print its seconds, those of all processors, and its peak memory in MB."""
    started = time.perf_counter()
    if what == "decode":
        pairs = [
            (str(file), str(root / "ann_dir" / file.parent.name / f"{file.stem}.png"))
            for file in sorted(root.glob("img_dir/*/*.jpg"))
        ]
        assert all(map_ordered(decode, pairs, workers=workers, chunk=16))
    else:
        images = read(root, options=ReadOptions(labels=CLASSES))
        inspect_set(images, source=str(root), form="mmseg", workers=workers)
    spent = time.perf_counter() - started
    for process in multiprocessing.active_children():
        process.join()  # what a process did is counted when it has ended
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    worked = sum(each.ru_utime + each.ru_stime for each in used)
    print(spent, worked, max(each.ru_maxrss for each in used) / 1024)


def decode(pair: tuple[str, str]) -> bool:
    """Decode an image and its mask as loaders do."""
    cv2.setNumThreads(1)
    image, mask = cv2.imread(pair[0], cv2.IMREAD_COLOR), cv2.imread(pair[1], cv2.IMREAD_UNCHANGED)
    return image is not None and mask is not None


def draw_set(root: Path, *, count: int, size: int, workers: int) -> None:
    """Draw scenes of discs and squares on mottled grounds, nine of ten for training."""
    for folder in ("img_dir", "ann_dir"):
        for split in ("train", "val"):
            (root / folder / split).mkdir(parents=True)
    jobs = [(str(root), number, size) for number in range(count)]
    for _ in map_ordered(draw_scene, jobs, workers=workers, chunk=16):
        pass


def draw_scene(job: tuple[str, int, int]) -> None:
    """Draw one scene."""
    root, number, size = job
    rng = np.random.default_rng(number)
    image = cv2.resize(
        rng.integers(60, 160, (24, 24, 3), dtype=np.uint8), (size, size), interpolation=cv2.INTER_CUBIC
    )
    mask = np.zeros((size, size), np.uint8)
    for _ in range(12):
        x, y, reach = (int(value) for value in rng.integers((0, 0, 8), (size, size, size // 10)))
        color = tuple(int(value) for value in rng.integers(0, 256, 3))
        if rng.random() < 0.5:
            cv2.circle(image, (x, y), reach, color, -1)
            cv2.circle(mask, (x, y), reach, 1, -1)
        else:
            cv2.rectangle(image, (x, y), (x + reach, y + reach), color, -1)
            cv2.rectangle(mask, (x, y), (x + reach, y + reach), 2, -1)
    grain = rng.integers(0, 24, image.shape, dtype=np.uint8)
    split = "val" if number % 10 == 9 else "train"
    cv2.imwrite(
        f"{root}/img_dir/{split}/{number:06d}.jpg", cv2.add(image, grain), [cv2.IMWRITE_JPEG_QUALITY, 90]
    )
    cv2.imwrite(f"{root}/ann_dir/{split}/{number:06d}.png", mask)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--dir", type=Path, help="where the set is drawn (default: the system's temporary folder)"
    )
    parser.add_argument("--once", choices=("decode", "check"), help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
