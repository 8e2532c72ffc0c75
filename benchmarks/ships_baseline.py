"""Measure how far a threshold and connected components go on the ships demo: they must not go far.

    python benchmarks/ships_baseline.py [--root data/ships]

A pixel is called ship if it stands out by more than a threshold, in one of three ways: bright; other than
the image's median colour; other than the median around it. Its connected part counts if it has neither too
few nor too many pixels. Threshold and areas are those with the best mean Dice on the train images that show
ships. Scored are the val images: Dice, the mean over images with ships; F2 as the competition has it, the
mean over all. Whoever predicts nothing has a Dice of 0, and an F2 of the share of empty images.

Needs: the demo set, which `python tools/prepare.py ships --demo` draws.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from segloop.analysis.counting_scores import competition_f2, hits
from segloop.analysis.instances import Instances
from segloop.analysis.matching import match
from segloop.utils.cli import Parser, run

Pair = tuple[np.ndarray, np.ndarray]  # an RGB image, and the number of the ship at each pixel
Look = Callable[[np.ndarray], np.ndarray]
DICE_LIMITS = (0.20, 0.45)
F2_LIMITS = (0.20, 0.40)


def bright(image: np.ndarray) -> np.ndarray:
    """Return how bright each pixel is."""
    return image.mean(axis=2, dtype=np.float32)


def unlike_all(image: np.ndarray) -> np.ndarray:
    """Return how far each pixel is from the image's median colour."""
    middle = np.median(image.reshape(-1, 3), axis=0).astype(np.float32)
    return np.abs(image - middle).max(axis=2)


def unlike_around(image: np.ndarray) -> np.ndarray:
    """Return how far each pixel is from the median of the 31 x 31 pixels around it."""
    return cv2.absdiff(image, cv2.medianBlur(np.ascontiguousarray(image), 31)).max(axis=2).astype(np.float32)


LOOKS: dict[str, tuple[Look, Sequence[float]]] = {
    "bright": (bright, (110, 140, 170, 200)),
    "unlike all": (unlike_all, (25, 35, 45, 60, 80)),
    "unlike around": (unlike_around, (25, 35, 45, 60, 80)),
}
AREAS = tuple(itertools.product((5, 15, 30), (600, 1200, 1 << 30)))


@dataclass(frozen=True)
class Score:
    """What the best setting of one look reached on held-out images."""

    threshold: float
    areas: tuple[int, int]
    dice: float
    f2: float
    f2_ships: float  # over the images with ships alone
    clean: float  # share of the empty images in which nothing was found


def parts(heights: np.ndarray, threshold: float, least: int, most: int) -> np.ndarray:
    """Return the number of the connected part at each pixel over the threshold; 0 where it does not count."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((heights > threshold).astype(np.uint8))
    areas = stats[:, cv2.CC_STAT_AREA]
    counts = (areas >= least) & (areas <= most)
    counts[0] = False
    return (np.cumsum(counts) * counts)[labels]


def dice_of(found: np.ndarray, truth: np.ndarray) -> float:
    """Return the Dice of two maps of numbers, objects against the rest."""
    both = np.count_nonzero((found > 0) & (truth > 0))
    return 2 * both / max(1, np.count_nonzero(found) + np.count_nonzero(truth))


def f2_of(found: np.ndarray, truth: np.ndarray) -> float:
    """Return `ships/F2` of an image from two maps, in which 0 is nothing and each other number a ship."""
    sides = [Instances.of_numbers(side) for side in (truth, found)]
    return competition_f2(*hits(match(*sides)))


def measure(train: Iterable[Pair], held_out: Iterable[Pair], *, look: str) -> Score:
    """Choose the setting on one set of images and score it on the other."""
    view, thresholds = LOOKS[look]
    shown = [(view(image), truth) for image, truth in train if truth.any()]
    _, threshold, (least, most) = max(
        (np.mean([dice_of(parts(heights, level, *areas), truth) for heights, truth in shown]), level, areas)
        for level in thresholds
        for areas in AREAS
    )
    dice, f2, empty = [], [], []
    for image, truth in held_out:
        found = parts(view(image), threshold, least, most)
        empty.append(not truth.any())
        f2.append(f2_of(found, truth))
        if truth.any():
            dice.append(dice_of(found, truth))
    ships = ~np.array(empty)
    scores = np.array(f2)
    return Score(
        threshold,
        (least, most),
        float(np.mean(dice)),
        float(scores.mean()),
        float(scores[ships].mean()),
        float(scores[~ships].mean()),
    )


def read_split(root: Path, split: str) -> list[Pair]:
    """Return the images of a prepared set, and the numbers of their ships."""
    from data_converters.base import ReadOptions
    from data_converters.formats import find_format
    from segloop.data.annotations import Bitmap
    from segloop.data.masks import decode

    pairs = []
    for record in find_format("coco").read(root, options=ReadOptions(split=split)):
        image = cv2.imread(str(record.file), cv2.IMREAD_COLOR)[..., ::-1]
        truth = np.zeros(image.shape[:2], np.uint16)
        for number, instance in enumerate(record.instances, start=1):
            assert isinstance(instance.shape, Bitmap)
            truth[decode(instance.shape.runs, truth.shape) > 0] = number
        pairs.append((image, truth))
    return pairs


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("--root", type=Path, default=Path("data/ships"), help="the prepared demo set")
    return parser.parse_args()


def main() -> int:
    """Print a line for each way to stand out; exit code 1 if the best one is outside the limits."""
    args = parse_args()
    train, val = read_split(args.root, "train"), read_split(args.root, "val")
    empty = sum(not truth.any() for _, truth in val) / len(val)
    print(f"{len(train)} train and {len(val)} val images, {100 * empty:.0f} % of val empty")
    scores = []
    for look in LOOKS:
        start = time.perf_counter()
        scores.append(score := measure(train, val, look=look))
        print(
            f"{look:<14} > {score.threshold:g}, {score.areas[0]} to {score.areas[1]} pixels: Dice "
            f"{score.dice:.3f}, F2 {score.f2:.3f} ({score.f2_ships:.3f} with ships; {100 * score.clean:.0f} "
            f"% of the empty left empty; {time.perf_counter() - start:.0f} s)"
        )
    best = max(scores, key=lambda score: score.dice)
    print(f"limits: Dice {DICE_LIMITS[0]} to {DICE_LIMITS[1]}, F2 {F2_LIMITS[0]} to {F2_LIMITS[1]}")
    return int(not within_limits(best))


def within_limits(score: Score) -> bool:
    """Return whether a threshold finds some ships and not too many."""
    return DICE_LIMITS[0] < score.dice < DICE_LIMITS[1] and F2_LIMITS[0] < score.f2 < F2_LIMITS[1]


if __name__ == "__main__":
    run(main)
