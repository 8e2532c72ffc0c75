"""Time the IoU of all cells of an image with all found ones: run lengths beside bitmaps and pycocotools.

    python benchmarks/mask_iou_speed.py [--cells 500] [--size 520 704]

All get the same cells as they lie in memory there: run lengths, bool bitmaps, pycocotools' packed ones. They
are run in turns (bitmaps once), and ratios of CPU time are taken turn by turn. Of the pairs of bitmaps a few
rows are timed, and that time is scaled. Also told: the whole of `match` (overlaps of masks and boxes, areas,
united pixels).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from segloop.utils.cli import Parser, run

FACTOR = 5  # times as fast as bitmaps, or the exit code is 1
EDGE = 26  # pixels of a cell's box


def draw_cells(count: int, size_hw: tuple[int, int], *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return true and found cells as bool bitmaps [N, H, W]: discs that overlap here and there."""
    draw = np.random.default_rng(seed)
    height, width = size_hw
    middles = draw.random((count, 2)) * (height, width)
    radii = draw.uniform(5, EDGE / 2, count)
    y, x = np.mgrid[:height, :width]

    def discs(shift: np.ndarray) -> np.ndarray:
        bitmaps = np.zeros((count, height, width), bool)
        for bitmap, (at_y, at_x), radius in zip(bitmaps, middles + shift, radii, strict=True):
            window = tuple(slice(max(0, int(at - radius)), int(at + radius) + 2) for at in (at_y, at_x))
            bitmap[window] = (y[window] - at_y) ** 2 + (x[window] - at_x) ** 2 <= radius**2
        return bitmaps

    return discs(np.zeros((count, 2))), discs(draw.normal(0, 2, (count, 2)))


def matmul_ious(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return the matrix of IoUs by one product of all pixels."""
    flat = [side.reshape(len(side), -1).astype(np.float32) for side in (truth, found)]
    shared = flat[0] @ flat[1].T
    areas = [side.sum(axis=1) for side in flat]
    return shared / (areas[0][:, None] + areas[1][None] - shared)


def pairwise_ious(truth: np.ndarray, found: np.ndarray, *, most: int) -> np.ndarray:
    """Return the first rows of the matrix, each true mask with all found ones by `and` and `or`."""
    return np.array(
        [
            (one & found).sum(axis=(1, 2)) / np.maximum(1, (one | found).sum(axis=(1, 2)))
            for one in truth[:most]
        ]
    )


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("--cells", type=int, default=500, help="cells on each side")
    parser.add_argument("--size", type=int, nargs=2, default=(520, 704), help="height and width in pixels")
    parser.add_argument("--rounds", type=int, default=20, help="turns; bitmaps have one")
    return parser.parse_args()


def main() -> int:
    """Print times and ratios; exit code 1 if bitmaps are not slow enough."""
    args = parse_args()
    from pycocotools import mask as coco

    from segloop.analysis.instances import Instances
    from segloop.analysis.matching import match
    from segloop.analysis.overlaps import intersections, ious
    from segloop.data.masks import areas, to_strings

    size_hw = (args.size[0], args.size[1])
    truth, found = draw_cells(args.cells, size_hw)
    labels = np.zeros(args.cells, np.int64)
    sides = [Instances.of_bitmaps(side, labels, scores=np.ones(args.cells)) for side in (truth, found)]
    packed = [[{"size": list(size_hw), "counts": text} for text in to_strings(side.runs)] for side in sides]
    rows_timed = min(2, args.cells)  # all of them would take minutes

    def on_runs() -> np.ndarray:
        rows, columns, shared = intersections(sides[0].runs, sides[1].runs, size_hw)
        sizes = [np.array(areas(side.runs), np.int64) for side in sides]
        table = np.zeros((args.cells, args.cells))
        table[rows, columns] = ious(shared, sizes[0][rows], sizes[1][columns])
        return table

    peers: dict[str, tuple[Callable[[], np.ndarray], int]] = {
        "run lengths (ours)": (on_runs, 1),
        "bitmaps, one product": (lambda: matmul_ious(truth, found), 1),
        "bitmaps, pair by pair": (
            lambda: pairwise_ious(truth, found, most=rows_timed),
            args.cells // rows_timed,
        ),
        "pycocotools": (lambda: coco.iou(packed[1], packed[0], [0] * args.cells).T, 1),
        "the whole match (ours)": (lambda: np.array(len(match(*sides).pairs)), 1),
    }
    tables = {name: ask() for name, (ask, _) in peers.items()}
    for name in list(peers)[1:4]:
        wanted = tables["run lengths (ours)"][: len(tables[name])]
        assert np.allclose(tables[name], wanted, atol=1e-6), f"{name} gives other numbers"
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    for turn in range(args.rounds):
        for name, (ask, times) in peers.items():
            if turn > 0 and name.startswith("bitmaps"):  # they take too long
                continue
            start = time.process_time()
            ask()
            seconds[name].append((time.process_time() - start) * times)
    overlapping = int((tables["run lengths (ours)"] > 0).sum())
    print(
        f"{args.cells} x {args.cells} cells on {size_hw[0]}x{size_hw[1]} pixels, "
        f"of which {overlapping} pairs overlap; {args.rounds} turns"
    )
    ours = seconds["run lengths (ours)"]
    for name, values in seconds.items():
        ratio = np.median([value / mine for value, mine in zip(values, ours, strict=False)])
        print(
            f"{name:24s} median {1000 * np.median(values):10.1f} ms, {ratio:8.1f} times ours; "
            f"best {1000 * min(values):10.1f} ms, {min(values) / min(ours):8.1f} times"
        )
    slower = min(min(seconds[name]) for name in peers if name.startswith("bitmaps")) / min(ours)
    return int(slower < FACTOR)


if __name__ == "__main__":
    run(main)
