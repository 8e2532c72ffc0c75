"""Time the counting of one image beside mmseg's, interleaved: python benchmarks/counting_speed.py.

With --files both masks are read from PNG files first, mmseg's as its loader does, ours as an analysis does;
with --set N, N pairs of files are counted as a set, mmseg's metric in its one process, ours in as many as
there are cores.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from segloop.analysis.counts import class_counts, confusion
from segloop.data.index_masks import read_index_mask
from segloop.data.png import encode_grey
from segloop.utils.workers import cpu_count, map_ordered

if __name__ != "__mp_main__":  # the processes that count files need none of it
    from segloop import ops

    ops.install()

    import mmcv
    import torch
    from mmseg.evaluation.metrics import IoUMetric


def main() -> int:
    args = parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.set:
        return count_set(args)
    truth, pred = draw_pair(args.size, args.classes, seed=0, noise=args.noise)
    pred64, truth64 = pred.astype(np.int64), truth.astype(np.int64)  # what the models and mmseg's loader give
    tensors = torch.from_numpy(pred64), torch.from_numpy(truth64)

    def theirs() -> list[int]:
        area = IoUMetric.intersect_and_union(*tensors, args.classes, 255)[0]
        return area.long().tolist()

    def ours_int64() -> list[int]:
        return class_counts(confusion(pred64, truth64, num_classes=args.classes)).tp.tolist()

    def ours_uint8() -> list[int]:
        return class_counts(confusion(pred, truth, num_classes=args.classes)).tp.tolist()

    peers: dict[str, Callable[[], list[int]]] = {
        "mmseg intersect_and_union": theirs,
        "ours, int64 in": ours_int64,
        "ours, uint8 in": ours_uint8,
    }
    with tempfile.TemporaryDirectory() as folder:
        if args.files:
            peers |= from_files(Path(folder), pred, truth, classes=args.classes)
        compare(peers, args)
    return 0


def from_files(
    folder: Path, pred: np.ndarray, truth: np.ndarray, *, classes: int
) -> dict[str, Callable[[], list[int]]]:
    """Write both masks as PNGs and return the two ways to count them from there."""
    files = folder / "pred.png", folder / "truth.png"
    for file, mask in zip(files, (pred, truth), strict=True):
        file.write_bytes(encode_grey(mask))

    return {
        "mmseg, from files": lambda: count_as_mmseg(files, classes=classes).tolist(),
        "ours, from files": lambda: count_files(files, classes=classes).tolist(),
    }


def count_as_mmseg(files: tuple[Path, Path], *, classes: int) -> np.ndarray:
    """Read both masks as mmseg's loader does, and count them with its metric."""
    masks = (
        torch.from_numpy(
            mmcv.imfrombytes(file.read_bytes(), flag="unchanged", backend="pillow").astype(np.int64)
        )
        for file in files
    )
    return IoUMetric.intersect_and_union(*masks, classes, 255)[0].long().numpy()


def count_files(files: tuple[Path, Path], *, classes: int) -> np.ndarray:
    """Read and count both masks as an analysis does."""
    counted = confusion(*(read_index_mask(file) for file in files), num_classes=classes)
    return class_counts(counted).tp


def count_set(args: argparse.Namespace) -> int:
    """Count a set of files in turns of both ways, and print the seconds an image takes."""
    with tempfile.TemporaryDirectory() as folder:
        pairs = []
        for number in range(32):  # files are read again and again, so both find them in the system's cache
            pred_file, truth_file = (Path(folder) / f"{kind}{number}.png" for kind in ("pred", "truth"))
            truth, pred = draw_pair(args.size, args.classes, seed=number, noise=args.noise)
            pred_file.write_bytes(encode_grey(pred))
            truth_file.write_bytes(encode_grey(truth))
            pairs.append((pred_file, truth_file))
        few, many = max(args.set // 10, 1), args.set  # theirs takes long enough on a tenth
        ratios = []
        for _ in range(5):
            start = time.perf_counter()
            theirs = [count_as_mmseg(pairs[n % len(pairs)], classes=args.classes) for n in range(few)]
            middle = time.perf_counter()
            job = partial(count_files, classes=args.classes)
            ours = list(map_ordered(job, [pairs[n % len(pairs)] for n in range(many)], chunk=100))
            end = time.perf_counter()
            assert all((a == b).all() for a, b in zip(theirs, ours, strict=False)), "the counts differ"
            ratios.append((middle - start) / few / ((end - middle) / many))
            theirs_ms, ours_ms = 1000 * (middle - start) / few, 1000 * (end - middle) / many
            print(
                f"mmseg {theirs_ms:7.3f} ms an image, ours {ours_ms:7.3f} ms in {cpu_count()} processes, "
                f"their start included: {ratios[-1]:.1f} times"
            )
    print(f"median {np.median(ratios):.1f} times mmseg")
    return 0


def compare(peers: dict[str, Callable[[], list[int]]], args: argparse.Namespace) -> None:
    """Run the peers in turns and print what each takes, and how many times it is as fast as mmseg."""
    assert len({tuple(run()) for run in peers.values()}) == 1, "the counts differ"
    clock = time.process_time if args.cpu_time else time.perf_counter
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(args.repeats):
        for name, run in peers.items():
            start = clock()
            run()
            seconds[name].append(clock() - start)

    print(
        f"{args.size}x{args.size}, {args.classes} classes, {args.repeats} interleaved rounds, "
        f"torch {torch.__version__} with {torch.get_num_threads()} threads"
    )
    for name, values in seconds.items():
        peer = "mmseg, from files" if "from files" in name else "mmseg intersect_and_union"
        base = np.array(seconds[peer])
        ratio = base / np.array(values)
        low, middle, high = np.percentile(ratio, [10, 50, 90])
        print(
            f"{name:28s} median {1000 * np.median(values):7.3f} ms   "
            f"{middle:6.1f} times mmseg (10–90 % of the rounds: {low:.1f}–{high:.1f})   "
            f"best {1000 * min(values):7.3f} ms, {base.min() / min(values):6.1f} times"
        )


def draw_pair(size: int, classes: int, *, seed: int, noise: float = 0.01) -> tuple[np.ndarray, np.ndarray]:
    """Return a truth of smooth regions with 3 % ignored and a prediction with shifted edges and spots."""
    draw = np.random.default_rng(seed)
    coarse = draw.integers(0, classes, (size // 24 + 1, size // 24 + 1), dtype=np.uint8)
    truth = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_NEAREST)
    pred = np.roll(truth, (3, 2), axis=(0, 1))
    spots = draw.random((size, size)) < noise
    pred[spots] = draw.integers(0, classes, int(spots.sum()), dtype=np.uint8)
    truth = truth.copy()
    truth[: max(1, size // 32)] = 255
    return truth, pred


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512, help="edge of the square image, in pixels")
    parser.add_argument("--classes", type=int, default=19)
    parser.add_argument("--noise", type=float, default=0.01, help="share of pixels that were drawn by lot")
    parser.add_argument("--repeats", type=int, default=100, help="interleaved rounds")
    parser.add_argument(
        "--cpu-time", action="store_true", help="count CPU seconds, where a machine does other work as well"
    )
    parser.add_argument("--files", action="store_true", help="count from PNG files, too")
    parser.add_argument("--set", type=int, default=0, help="so many pairs of files as a set; 10000 says much")
    parser.add_argument("--threads", type=int, default=0, help="torch threads; 0 leaves torch's own choice")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
