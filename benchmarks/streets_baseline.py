"""Measure how far simple means go on the Cityscapes demo: pixels, patches, and connected parts.

    python benchmarks/streets_baseline.py [--quick]

How well do random forests (scikit-learn; plain, with half of the pixels foreground, and balanced: the best
one counts) tell the eight classes of objects by a pixel's colour, or by the 9x9 patch around it? The score is
the mean Dice over the eight classes, counts pooled over every fourth row and column of the val scenes. How
many objects of 100 pixels or more would connected parts find, if the class of each pixel were known? A part
finds an object if their intersection is over half of their union. And how well does a forest tell the class
of such an object from a small grey picture of its box? The score is the mean over the classes of the share
that it names right.

What all of it comes to is `cityscapes/AP`: a forest of 9x9 patches, half of them foreground, gives each pixel
(of every second row and column) chances, which are smoothed. Objects are the connected parts of the likeliest
class, as sure as their pixels are in the mean; or the connected parts of what is foreground over a level,
each named by the forest that tells objects by their boxes, and as sure as both are. The way, the smoothing,
the level and the least size are those that do best on a fifth of the train scenes, which no forest has seen.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np

from benchmarks.demo_difficulty import FORESTS, FULL, QUICK, STRIDE, patches_at, score_forests
from segloop.analysis.instance_scores import InstanceScorer
from segloop.analysis.instances import Instances
from segloop.analysis.matching import match
from segloop.data.cityscapes import BY_NAME, OBJECTS, THINGS, label_ids
from segloop.data.demo.cityscapes import SIZE, draw_scene, instance_ids
from segloop.data.masks import Runs, areas, boxes_xyxy, encode_labels, label_components, paint, unite
from segloop.utils.cli import Parser, run
from segloop.utils.workers import map_ordered

LIMITS = {1: 0.25, 9: 0.45}
PARTS = (0.5, 0.9)  # what connected parts may find: neither hopeless nor all there is
NAMED = (0.5, 0.9)  # what a forest may name right of objects whose box is known: classes can be told apart
CROP = 16  # pixels of a side of the small picture
SCENES = {"train": 100, "val": 50}
SMALLEST = 100  # pixels of an object that the official evaluation counts
IGNORED = 255
AP_LIMIT = 0.05  # of cityscapes/AP
STEP = 2  # rows and columns of the pixels that the forest is asked about
Pair = tuple[np.ndarray, np.ndarray]  # an RGB image, and its map of ids


def class_table() -> np.ndarray:
    """Return the class of each label id: 1 to 8 for objects, 0 for what is none, IGNORED for void."""
    table = np.zeros(256, np.uint8)
    table[[label.id for label in BY_NAME.values() if label.ignored and label.id >= 0]] = IGNORED
    table[[label.id for label in THINGS]] = np.arange(1, len(THINGS) + 1)
    return table


def class_map(ids: np.ndarray) -> np.ndarray:
    """Return the class of each pixel; groups, which nobody counted, are ignored."""
    classes = class_table()[label_ids(ids)]
    classes[(ids < OBJECTS) & (classes > 0)] = IGNORED
    return classes


def draw_pair(index: int, *, split: str, size: int) -> Pair:
    """Return a scene of seed 0."""
    image, outlines = draw_scene(seed=0, split=split, index=index, size=size)
    return image, instance_ids(outlines, (size, 2 * size))


def draw_pairs(split: str, count: int, *, size: int = SIZE) -> list[Pair]:
    """Return so many scenes of a split, evenly spread over its towns."""
    indices = range(0, 4 * count, 4)
    return list(map_ordered(partial(draw_pair, split=split, size=size), indices))


def forest_scores(
    train: Sequence[Pair],
    val: Sequence[Pair],
    *,
    side: int,
    train_pixels: int,
    trees: int,
    forests: Sequence[str] = FORESTS,
    seed: int = 0,
) -> dict[str, float]:
    """Return the foreground mDice of each forest."""
    generator = np.random.default_rng(seed)
    images, masks = np.stack([image for image, _ in train]), np.stack([class_map(ids) for _, ids in train])
    held_out, truth = np.stack([image for image, _ in val]), np.stack([class_map(ids) for _, ids in val])
    scored = np.argwhere(masks != IGNORED)
    uniform = scored[generator.integers(0, len(scored), train_pixels)]
    things = np.argwhere((masks > 0) & (masks != IGNORED))
    rich = np.concatenate(
        [uniform[: train_pixels // 2], things[generator.integers(0, len(things), train_pixels // 2)]]
    )
    grid = np.argwhere(truth[:, ::STRIDE, ::STRIDE] != IGNORED) * [1, STRIDE, STRIDE]
    places = {name: uniform if name == "as drawn" else rich for name in forests}
    return score_forests(
        (images, masks),
        (held_out, truth),
        places,
        grid,
        classes=len(THINGS) + 1,
        side=side,
        trees=trees,
        seed=seed,
    )


def found_by_parts(ids: np.ndarray) -> tuple[int, int]:
    """Return how many objects the connected parts of their classes find, and how many there are."""
    parts = np.zeros(ids.shape, np.int32)
    runs_of = label_components(class_map(ids), without=(0, IGNORED))
    pieces = [runs for group in runs_of.values() for runs in group]
    paint(pieces, range(1, len(pieces) + 1), parts)
    sizes = np.bincount(parts.ravel())
    found = total = 0
    for value, runs in encode_labels(ids).items():
        count = areas([runs])[0]
        if value < OBJECTS or count < SMALLEST or class_table()[value // OBJECTS] in (0, IGNORED):
            continue
        total += 1
        inside = np.bincount(parts[ids == value], minlength=len(sizes))[1:]
        found += bool((inside / (count + sizes[1:] - inside) > 0.5).any())
    return found, total


def crops(pairs: Sequence[Pair]) -> tuple[np.ndarray, np.ndarray]:
    """Return for each object that counts what a small grey picture of its box shows, and its class from 0."""
    looks, classes = [], []
    for image, ids in pairs:
        grey = image.mean(axis=2, dtype=np.float32)
        for value, runs in encode_labels(ids).items():
            label = int(class_table()[value // OBJECTS]) if value >= OBJECTS else 0
            if label in (0, IGNORED) or areas([runs])[0] < SMALLEST:
                continue
            looks.append(look(grey, runs))
            classes.append(label - 1)
    return np.array(looks), np.array(classes)


def look(grey: np.ndarray, runs: Runs) -> np.ndarray:
    """Return what a small picture of an object's box shows, whatever its brightness, and the box's sides."""
    left, top, right, bottom = boxes_xyxy([runs], grey.shape)[0].tolist()
    small = cv2.resize(grey[top:bottom, left:right], (CROP, CROP), interpolation=cv2.INTER_AREA)
    shape = np.log([bottom - top, right - left, (bottom - top) / (right - left)])
    return np.concatenate([((small - small.mean()) / (small.std() + 1)).ravel(), shape])


def named_right(train: Sequence[Pair], val: Sequence[Pair], *, trees: int = 200, seed: int = 0) -> float:
    """Return the mean over the classes of the share of their objects that a forest names right."""
    looks, truth = crops(val)
    right = naming_forest(train, trees=trees, seed=seed).predict(looks) == truth
    return float(np.mean([right[truth == label].mean() for label in np.unique(truth)]))


def naming_forest(train: Sequence[Pair], *, trees: int = 200, seed: int = 0) -> Any:
    """Return a forest that tells objects by what `look` shows of them."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(trees, class_weight="balanced", n_jobs=-1, random_state=seed)
    return forest.fit(*crops(train))


@dataclass(frozen=True)
class Cut:
    """How objects are cut out of chances."""

    blur: float  # of the chances, in pixels
    level: float | None  # of the chance to be foreground; None: by the likeliest class
    least: int  # pixels of an object


CUTS = tuple(Cut(*each) for each in itertools.product((0, 3), (None, 0.5, 0.6, 0.7, 0.8, 0.9), (25, 50, 150)))


def true_objects(ids: np.ndarray) -> Instances:
    """Return what a map of ids holds: objects, groups as crowds, and the pixels that are never scored."""
    kept, void = [], []
    for value, runs in encode_labels(ids).items():
        label = int(class_table()[value if value < OBJECTS else value // OBJECTS])
        if label == IGNORED:
            void.append(runs)
        elif label:
            kept.append((runs, label - 1, value < OBJECTS))
    return Instances(
        runs=[runs for runs, _, _ in kept],
        labels=np.array([label for _, label, _ in kept], np.int64),
        crowd=np.array([crowd for _, _, crowd in kept], bool),
        size_hw=(ids.shape[0], ids.shape[1]),
        ignore=unite(void, [len(void)], ids.shape)[0] if void else None,  # type: ignore[arg-type]
    )


def cut_objects(chances: np.ndarray, cut: Cut, name: Callable[[list[Runs]], np.ndarray]) -> Instances:
    """Return the objects in chances [H, W, 9], of which the first is that of the rest.

    `name` gives the chances of the eight classes, [N, 8], for N parts of the foreground.
    """
    smooth = cv2.GaussianBlur(chances, (0, 0), cut.blur) if cut.blur else chances
    foreground = 1 - smooth[..., 0]
    by_class = cut.level is None
    kinds = smooth.argmax(axis=2) if by_class else foreground > cut.level
    runs, labels, scores = [], [], []
    for label, parts in label_components(kinds.astype(np.uint8), without=(0,)).items():
        numbers = np.zeros(kinds.shape, np.int32)
        paint(parts, range(1, len(parts) + 1), numbers)
        sizes = np.bincount(numbers.ravel())[1:]
        sure = smooth[..., label] if by_class else foreground
        sums = np.bincount(numbers.ravel(), weights=sure.ravel())[1:]
        large = np.flatnonzero(sizes >= cut.least)
        runs += [parts[place] for place in large]
        labels += [label - 1] * len(large)
        scores += (sums / sizes)[large].tolist()
    kinds_of, sureness = np.array(labels, np.int64), np.array(scores)
    if not by_class and runs:
        named = name(runs)
        kinds_of, sureness = named.argmax(axis=1), sureness * named.max(axis=1)
    return Instances(runs=runs, labels=kinds_of, scores=sureness, size_hw=chances.shape[:2])


def instance_scores(
    train: Sequence[Pair], val: Sequence[Pair], *, train_pixels: int, trees: int, seed: int = 0
) -> tuple[Cut, dict[str, float]]:
    """Return the cut that is best on the last fifth of the train scenes, and its scores on val."""
    from sklearn.ensemble import RandomForestClassifier

    generator = np.random.default_rng(seed)
    seen, unseen = train[: len(train) * 4 // 5], train[len(train) * 4 // 5 :]
    images, masks = np.stack([image for image, _ in seen]), np.stack([class_map(ids) for _, ids in seen])
    halves = [np.argwhere(masks == 0), np.argwhere((masks > 0) & (masks != IGNORED))]
    places = np.concatenate([half[generator.integers(0, len(half), train_pixels // 2)] for half in halves])
    forest = RandomForestClassifier(trees, min_samples_leaf=3, n_jobs=-1, random_state=seed)
    forest.fit(patches_at(images, places, side=9), masks[tuple(places.T)])

    namer = naming_forest(seen, seed=seed)
    namer.n_jobs = 1  # it is asked about a few objects at a time

    def chances(image: np.ndarray) -> np.ndarray:
        rows, columns = np.mgrid[: image.shape[0] : STEP, : image.shape[1] : STEP]
        grid = np.stack([np.zeros(rows.size, np.int64), rows.ravel(), columns.ravel()], axis=1)
        given = np.zeros((len(grid), len(THINGS) + 1), np.float32)
        given[:, forest.classes_] = forest.predict_proba(patches_at(image[None], grid, side=9))
        return cv2.resize(given.reshape(*rows.shape, -1), image.shape[1::-1], interpolation=cv2.INTER_LINEAR)

    def scores(pairs: Sequence[Pair], cuts: Sequence[Cut]) -> list[dict[str, float]]:
        scorers = [
            InstanceScorer(class_names=[thing.name for thing in THINGS], groups=["cityscapes", "coco/segm"])
            for _ in cuts
        ]
        for image, ids in pairs:
            truth, given, grey = true_objects(ids), chances(image), image.mean(axis=2, dtype=np.float32)

            def name(runs: list[Runs], grey: np.ndarray = grey) -> np.ndarray:
                return namer.predict_proba(np.array([look(grey, each) for each in runs]))

            for scorer, cut in zip(scorers, cuts, strict=True):
                scorer.add(match(truth, cut_objects(given, cut, name)))
        return [scorer.scores() for scorer in scorers]

    tuned = scores(unseen, CUTS)
    best = CUTS[int(np.argmax([each["cityscapes/AP"] for each in tuned]))]
    return best, scores(val, [best])[0]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer pixels and trees")
    return parser.parse_args()


def main() -> int:
    """Print the scores; exit code 1 if one is not within its limits."""
    args = parse_args()
    train, val = (draw_pairs(split, count) for split, count in SCENES.items())
    wrong = False
    for side, limit in LIMITS.items():
        start = time.perf_counter()
        scores = forest_scores(train, val, side=side, **(QUICK if args.quick else FULL))
        best = max(scores, key=lambda name: scores[name])
        listed = ", ".join(f"{name} {score:.3f}" for name, score in scores.items())
        print(
            f"{side}x{side} pixels: foreground mDice {scores[best]:.3f} (limit {limit:.2f}; {listed}; "
            f"{time.perf_counter() - start:.0f} s)"
        )
        wrong |= scores[best] >= limit
    counts = np.array([found_by_parts(ids) for _, ids in val]).sum(axis=0)
    share = counts[0] / counts[1]
    print(
        f"connected parts of known classes: {counts[0]} of {counts[1]} objects ({share:.2f}; limits {PARTS})"
    )
    named = named_right(train, val)
    print(f"objects in known boxes: {named:.2f} of a class named right (limits {NAMED})")
    start = time.perf_counter()
    cut, scores = instance_scores(train, val, **(QUICK if args.quick else FULL))
    ap = scores["cityscapes/AP"]
    by_class = ", ".join(f"{thing.name} {scores[f'cityscapes/AP.{thing.name}']:.3f}" for thing in THINGS)
    print(
        f"objects by forest and connected parts: cityscapes/AP {ap:.4f}, "
        f"AP50 {scores['cityscapes/AP50']:.4f}, "
        f"coco/segm_mAP {scores['coco/segm_mAP']:.4f} (limit {AP_LIMIT}; {cut}; {by_class}; "
        f"{time.perf_counter() - start:.0f} s)"
    )
    wrong |= ap >= AP_LIMIT
    return int(wrong or not PARTS[0] < share < PARTS[1] or not NAMED[0] < named < NAMED[1])


if __name__ == "__main__":
    run(main)
