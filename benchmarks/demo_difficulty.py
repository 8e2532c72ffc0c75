"""Measure how far colour and small patches alone go on a demo set with index masks: they must not go far.

    python benchmarks/demo_difficulty.py [multiclass|spacecraft] [--root data/multiclass] [--quick]

Trains random forests (scikit-learn; plain, with half of the pixels foreground, and balanced: the best one
counts) on pixels of the train split and prints the mean Dice over the foreground classes, counts pooled over
every fourth row and column of the val split. LIMITS are for the colour of a pixel and for 9x9 patches: what
is above them takes more context. Where the background is black, the best threshold on brightness is tried as
well: the IoU of all foreground, the mean over the images of val.

Needs: the demo set, which `python tools/prepare.py TASK --demo` draws.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from segloop.data.info import DatasetInfo
from segloop.utils.cli import Parser, run

# Task, side of the patch -> the foreground mDice that no forest may reach. Space is black: that much is easy.
LIMITS = {"multiclass": {1: 0.30, 9: 0.50}, "spacecraft": {1: 0.45, 9: 0.50}}
THRESHOLD_LIMITS = {"spacecraft": 0.55}
FULL = {"train_pixels": 100_000, "trees": 60}
QUICK = {"train_pixels": 20_000, "trees": 30}
STRIDE = 4
FORESTS = ("as drawn", "half foreground", "balanced")


def foreground_dice(confusion: np.ndarray) -> float:
    """Return the mean Dice over classes 1.. of a confusion matrix, rows truth, columns prediction."""
    both = confusion.sum(0) + confusion.sum(1)
    dice = 2 * confusion.diagonal() / np.maximum(both, 1)
    return float(dice[1:].mean())


def read_split(root: Path, info: DatasetInfo, split: str, *, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return up to `most` images, NxHxWx3 uint8, evenly spread over the split, and their masks."""
    files = sorted((root / info.image_dir(split)).glob("*.png"))
    files = files[:: max(1, len(files) // most)][:most]
    images = np.stack([cv2.imread(str(file), cv2.IMREAD_COLOR) for file in files])
    masks = [_indices(root / info.mask_dir(split) / file.name) for file in files]
    return images, np.stack(masks)


def _indices(file: Path) -> np.ndarray:
    from PIL import Image  # OpenCV would turn the palette's indices into colours

    return np.asarray(Image.open(file))


def patches_at(images: np.ndarray, places: np.ndarray, *, side: int) -> np.ndarray:
    """Return the side x side patches around places (n, y, x), as rows of features."""
    half = side // 2
    padded = np.pad(images, ((0, 0), (half, half), (half, half), (0, 0)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))
    return windows[places[:, 0], places[:, 1], places[:, 2]].reshape(len(places), -1)


def measure(
    root: Path,
    *,
    side: int,
    train_pixels: int,
    trees: int,
    forests: Sequence[str] = FORESTS,
    seed: int = 0,
) -> dict[str, float]:
    """Return the foreground mDice of each forest."""
    info = DatasetInfo.read(root)
    generator = np.random.default_rng(seed)
    images, masks = read_split(root, info, "train", most=400)
    draws = [generator.integers(0, extent, train_pixels) for extent in masks.shape]
    uniform = np.stack(draws, axis=1)
    foreground = np.argwhere(masks > 0)
    rich = np.concatenate(
        [uniform[: train_pixels // 2], generator.permutation(foreground)[: train_pixels // 2]]
    )  # half of its pixels are foreground: it knows the classes better and cries wolf more often
    held_out, truth = read_split(root, info, "val", most=200)
    grid = np.argwhere(np.ones_like(truth[:, ::STRIDE, ::STRIDE], bool)) * [1, STRIDE, STRIDE]
    places = {name: uniform if name == "as drawn" else rich for name in forests}
    return score_forests(
        (images, masks),
        (held_out, truth),
        places,
        grid,
        classes=info.num_classes,
        side=side,
        trees=trees,
        seed=seed,
    )


def score_forests(
    train: tuple[np.ndarray, np.ndarray],
    val: tuple[np.ndarray, np.ndarray],
    places: Mapping[str, np.ndarray],
    grid: np.ndarray,
    *,
    classes: int,
    side: int,
    trees: int,
    seed: int,
) -> dict[str, float]:
    """Return the foreground mDice, on a grid of val, of a forest for each name, trained at its places."""
    from sklearn.ensemble import RandomForestClassifier

    (images, masks), (held_out, truth) = train, val
    scores = {}
    for name, chosen in places.items():
        weight = "balanced" if name == "balanced" else None
        forest = RandomForestClassifier(
            trees, min_samples_leaf=3, class_weight=weight, n_jobs=-1, random_state=seed
        )
        forest.fit(patches_at(images, chosen, side=side), masks[tuple(chosen.T)])
        confusion = np.zeros((classes, classes), np.int64)
        for part in np.array_split(grid, max(1, len(grid) // 300_000)):
            guess = forest.predict(patches_at(held_out, part, side=side)).astype(np.int64)
            pair = truth[tuple(part.T)].astype(np.int64) * classes + guess
            confusion += np.bincount(pair, minlength=confusion.size).reshape(confusion.shape)
        scores[name] = foreground_dice(confusion)
    return scores


def foreground_iou(images: np.ndarray, masks: np.ndarray, *, threshold: int) -> float:
    """Return `spacecraft/image_fgIoU` of what is brighter than a threshold; empty images are left out."""
    bright, wanted = images.max(axis=3) > threshold, masks > 0
    both, either = ((bright & wanted).sum((1, 2)), (bright | wanted).sum((1, 2)))
    return float((both[either > 0] / either[either > 0]).mean()) if either.any() else float("nan")


def measure_threshold(root: Path) -> tuple[int, float]:
    """Return the threshold on brightness that is best on train, and its foreground IoU on val."""
    info = DatasetInfo.read(root)
    images, masks = read_split(root, info, "train", most=400)
    best = max(range(4, 252, 4), key=lambda value: foreground_iou(images, masks, threshold=value))
    return best, foreground_iou(*read_split(root, info, "val", most=200), threshold=best)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("task", nargs="?", default="multiclass", choices=LIMITS, help="which demo set")
    parser.add_argument("--root", type=Path, help="the prepared demo set (default: data/TASK)")
    parser.add_argument("--quick", action="store_true", help="fewer pixels and trees: half a minute")
    return parser.parse_args()


def main() -> int:
    """Print both numbers; exit code 1 if one is over its limit."""
    args = parse_args()
    size = QUICK if args.quick else FULL
    root = args.root or Path("data") / args.task
    easy = False
    for side, limit in LIMITS[args.task].items():
        start = time.perf_counter()
        scores = measure(root, side=side, **size)
        best = max(scores, key=lambda name: scores[name])
        listed = ", ".join(f"{name} {score:.3f}" for name, score in scores.items())
        print(
            f"{side}x{side} pixels: foreground mDice {scores[best]:.3f} (limit {limit:.2f}; {listed}; "
            f"{time.perf_counter() - start:.0f} s)"
        )
        easy |= scores[best] >= limit
    if args.task in THRESHOLD_LIMITS:
        limit = THRESHOLD_LIMITS[args.task]
        threshold, score = measure_threshold(root)
        print(f"brighter than {threshold}: {args.task}/image_fgIoU {score:.3f} (limit {limit:.2f})")
        easy |= score >= limit
    return int(easy)


if __name__ == "__main__":
    run(main)
