"""Time tools/eda.py's counting beside decoding alone, on as many processes, and measure its memory.

    python benchmarks/eda_speed.py [--images 10000] [--size 480x640] [--kind jpg|png]

Decoding alone is the least that a look at every pixel can take: each image and each mask is read and decoded,
and nothing else is done. Both sides are a process for each core, in turns; what is reported is the ratio of
the CPU seconds of neighbouring turns, which a busy machine disturbs least, and that of the wall's. The images
are scenes of the demo set `multiclass`, drawn once, enlarged to the size, and linked many times.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from data_converters.base import ReadOptions
from data_converters.mmseg import read
from segloop.data.annotations import LabelledImages
from segloop.data.demo.multiclass import draw_native
from segloop.data.index_masks import read_index_mask
from segloop.data.statistics import gather
from segloop.data.statistics.measure import read_image
from segloop.utils.cli import Parser, run
from segloop.utils.workers import cpu_count, map_ordered

SCENES = 200
MiB = 1 << 20


@dataclass(frozen=True)
class Decode:
    """Decodes an image and its mask, and returns how many values they have."""

    def __call__(self, pair: tuple[str, str]) -> int:
        """Read both files."""
        cv2.setNumThreads(1)
        return read_image(Path(pair[0])).size + read_index_mask(Path(pair[1])).size


def main() -> None:
    """Make the set, let both take turns, and print the ratios."""
    parser = Parser(__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--size", default="480x640", help="height and width")
    parser.add_argument("--kind", default="jpg", choices=("jpg", "png"))
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--workers", type=int, default=cpu_count())
    args: argparse.Namespace = parser.parse_args()
    height, width = map(int, args.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        make(root, count=args.images, size_hw=(height, width), suffix=f".{args.kind}")
        images = read(root, options=ReadOptions(labels=("background", "a", "b", "c", "d", "e")))
        pairs = [(str(Path(key.images, key.name)), str(key.mask)) for key in images.keys]
        shares, walls = [], []
        for turn in range(args.turns):
            decoding = timed(lambda: decode(pairs, workers=args.workers))
            counting = timed(lambda: count(images, workers=args.workers))
            shares.append(decoding[0] / counting[0])
            walls.append(decoding[1] / counting[1])
            print(
                f"turn {turn + 1}: decoding {decoding[0]:.1f} CPU s, {decoding[1]:.1f} s; "
                f"counting {counting[0]:.1f} CPU s, {counting[1]:.1f} s",
                flush=True,
            )
        print(f"{args.images} {args.kind} images of {height}x{width} with masks, {args.workers} processes")
        share, wall = statistics.median(shares), statistics.median(walls)
        print(f"decoding is {share:.0%} of the CPU time, {wall:.0%} of the wall's")
        here = memory(resource.RUSAGE_SELF)
        print(f"largest process: {memory() / MiB:.0f} MiB, this one {here / MiB:.0f} MiB")


def make(root: Path, *, count: int, size_hw: tuple[int, int], suffix: str) -> None:
    """Write scenes and masks of a size, and link them until there are `count`."""
    demo = root.with_name("demo")
    draw_native(demo, seed=0, counts={"train": SCENES}, size=192)
    (root / "img_dir/train").mkdir(parents=True)
    (root / "ann_dir/train").mkdir(parents=True)
    images = sorted((demo / "img_dir/train").iterdir())
    for number in range(count):
        image, mask = (
            root / kind / "train" / f"{number:06d}{end}"
            for kind, end in (("img_dir", suffix), ("ann_dir", ".png"))
        )
        if number >= SCENES:
            for file in (image, mask):
                os.link(file.with_name(f"{number % SCENES:06d}{file.suffix}"), file)
            continue
        pixels = cv2.imread(str(images[number]))
        classes = read_index_mask(demo / "ann_dir/train" / images[number].name)
        size = size_hw[1], size_hw[0]
        cv2.imwrite(str(image), cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC))
        cv2.imwrite(str(mask), cv2.resize(np.asarray(classes), size, interpolation=cv2.INTER_NEAREST))


def decode(pairs: list[tuple[str, str]], *, workers: int) -> None:
    """Decode all files."""
    for _ in map_ordered(Decode(), pairs, workers=workers, chunk=32):
        pass


def count(images: LabelledImages, *, workers: int) -> None:
    """Count what tools/eda.py counts."""
    gather(images, workers=workers)


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Return the CPU seconds of this process and its children, and the wall's."""
    began, before = time.monotonic(), cpu_seconds()
    work()
    wall = time.monotonic() - began
    for child in multiprocessing.active_children():  # what it used is known once it has ended
        child.join()
    return cpu_seconds() - before, wall


def cpu_seconds() -> float:
    """Return what this process and its ended children have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def memory(who: int = resource.RUSAGE_CHILDREN) -> int:
    """Return the peak memory of a process, in bytes."""
    return resource.getrusage(who).ru_maxrss * 1024


if __name__ == "__main__":
    run(main)
