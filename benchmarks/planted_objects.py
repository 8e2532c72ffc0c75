"""Plant mistakes into good labels of objects and count how many of the suspects are theirs.

    python benchmarks/planted_objects.py RUN --seeds 0 1 2 3 4

The twin of planted_errors.py for RUNs of objects. What the model found is what it found; in some images one
true object is left out, named wrongly, moved, or one is labelled where there is none. What tools/analyze.py
would suspect of the RUN is held against what was planted, beside what loss alone ranks.

Needs: a RUN of objects.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.planted_errors import precision
from segloop.analysis.instance_gathering import Candidate, gather_objects
from segloop.analysis.instance_suspects import suspicion_by_image, suspicions
from segloop.analysis.instances import Instances
from segloop.analysis.matching import ImageMatches, match
from segloop.analysis.ranking import order
from segloop.analysis.runs import Run, read_run
from segloop.data.masks import Runs, boxes_xyxy, decode, encode, from_strings, rasterize

KINDS = ("left out", "wrong class", "moved", "made up")
LEAST = 80  # pixels of an object that a mistake is made with
MOVES = (5, 9)  # pixels, from and below
FAR = (30, 90)  # so many pixels away an object is made up
Box = tuple[int, int, int, int]


@dataclass
class TrueObject:
    """A true object: its mask, class, and whether it is a crowd."""

    runs: Runs
    label: int
    crowd: bool = False


@dataclass(frozen=True)
class Planted:
    """A mistake in an image: of which kind, and the boxes where a model that is right would contradict it."""

    image_id: str
    kind: str
    boxes: tuple[Box, ...]


def plant(
    own: list[TrueObject], kind: str, *, size_hw: tuple[int, int], num_classes: int, draw: np.random.Generator
) -> tuple[Box, ...] | None:
    """Make one mistake among the objects of an image; return the boxes that it is in, None for no mistake."""
    masks = [decode(each.runs, size_hw).astype(bool) for each in own]
    large = [place for place, each in enumerate(own) if not each.crowd and masks[place].sum() >= LEAST]
    if not large:
        return None
    place = large[int(draw.integers(len(large)))]
    mask, label = masks[place], own[place].label
    if kind == "left out":
        del own[place]
        return (box_of(mask),)
    if kind == "wrong class":
        others = [each for each in range(num_classes) if each != label]
        own[place] = TrueObject(own[place].runs, others[int(draw.integers(len(others)))])
        return (box_of(mask),)
    far = MOVES if kind == "moved" else FAR
    moved = shifted(mask, angle=draw.uniform(0, 2 * np.pi), far=draw.uniform(*far))
    if moved.sum() < LEAST / 2:
        return None
    if kind == "moved":
        own[place] = TrueObject(encode(moved), label)
        return box_of(mask), box_of(moved)
    if (moved & np.logical_or.reduce(masks)).any():
        return None
    own.append(TrueObject(encode(moved), label))
    return (box_of(moved),)


def spoiled(
    run: Run, *, share: float, seed: int
) -> tuple[list[ImageMatches], list[list[Box]], list[Planted]]:
    """Return the matches of a RUN with mistakes in its labels, boxes of what is in them, and the mistakes.

    Boxes are of the true objects, then of the found ones.
    """
    draw = np.random.default_rng(seed)
    kinds = KINDS if len(run.class_names) > 1 else tuple(kind for kind in KINDS if kind != "wrong class")
    kept = {matches.image_id: matches.found.kept for matches in run.matches()}
    told: list[ImageMatches] = []
    boxes: list[list[Box]] = []
    planted: list[Planted] = []
    for image_id, size_hw, own in true_objects(run):
        if draw.random() < share:
            kind = kinds[int(draw.integers(len(kinds)))]
            found_in = plant(own, kind, size_hw=size_hw, num_classes=len(run.class_names), draw=draw)
            if found_in is not None:
                planted.append(Planted(image_id, kind, found_in))
        found = run.found(image_id)
        truth = Instances(
            runs=[each.runs for each in own],
            labels=np.array([each.label for each in own], np.int64),
            size_hw=size_hw,
            crowd=np.array([each.crowd for each in own], bool),
        )
        told.append(match(truth, found, image_id=image_id, kept=kept[image_id]))
        both = np.asarray(boxes_xyxy([*truth.runs, *found.runs], size_hw)).reshape(-1, 4)
        boxes.append([(int(x1), int(y1), int(x2), int(y2)) for x1, y1, x2, y2 in both.tolist()])
    return told, boxes, planted


def true_objects(run: Run) -> Iterator[tuple[str, tuple[int, int], list[TrueObject]]]:
    """Yield each image of a RUN with its size and its true objects, out of the COCO file."""
    places = {number: place for place, number in enumerate(run.meta["category_ids"])}
    listed: dict[str, list[dict[str, Any]]] = {}
    for file in sorted({str(run.truth_file(image_id)) for image_id in run.images["image_id"]}):
        for each in json.loads(Path(file).read_text(encoding="utf-8"))["annotations"]:
            listed.setdefault(str(each["image_id"]), []).append(each)
    for row in run.images.to_dict("records"):
        size_hw = int(row["height"]), int(row["width"])
        own = [
            TrueObject(runs_of(each, size_hw), places[each["category_id"]], bool(each.get("iscrowd")))
            for each in listed.get(str(row["coco_id"]), ())
            if each["category_id"] in places
        ]
        yield str(row["image_id"]), size_hw, own


def runs_of(annotation: dict[str, Any], size_hw: tuple[int, int]) -> Runs:
    """Return the mask of an annotation as run lengths."""
    told = annotation["segmentation"]
    if isinstance(told, list):
        return rasterize([tuple(np.reshape(ring, (-1, 2)) for ring in told)], size_hw)[0]
    counts = told["counts"]
    return from_strings([counts])[0] if isinstance(counts, str) else np.asarray(counts)


def shifted(mask: np.ndarray, *, angle: float, far: float) -> np.ndarray:
    """Return a mask moved by so many pixels; what leaves the image is cut."""
    moved = np.zeros_like(mask)
    rows, columns = np.nonzero(mask)
    rows, columns = rows + round(far * np.sin(angle)), columns + round(far * np.cos(angle))
    inside = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
    moved[rows[inside], columns[inside]] = True
    return moved


def box_of(mask: np.ndarray) -> Box:
    """Return left, top, right, bottom of a mask."""
    size_hw = mask.shape[0], mask.shape[1]
    left, top, right, bottom = np.asarray(boxes_xyxy([encode(mask)], size_hw))[0].tolist()
    return int(left), int(top), int(right), int(bottom)


def is_hit(image_id: str, box: Box, planted: Sequence[Planted]) -> bool:
    """Return whether a box and one of a planted mistake of its image have an IoU of a half or more."""
    left, top, right, bottom = box
    for each in planted:
        for x1, y1, x2, y2 in each.boxes if each.image_id == image_id else ():
            shared = max(0, min(right, x2) - max(left, x1)) * max(0, min(bottom, y2) - max(top, y1))
            if 2 * shared >= (right - left) * (bottom - top) + (x2 - x1) * (y2 - y1) - shared:
                return True
    return False


def loss(each: Candidate) -> float:
    """Return the loss that an object makes: pixels in doubt times -log of what is left of certainty."""
    return float(each.pixels * -np.log(max(1 - each.score, 1e-3)))


def measured(run: Run, *, share: float, seed: int, at: int) -> dict[str, float]:
    """Return the precision of each ranking with the mistakes of one seed, and the share found by kind."""
    images, boxes, planted = spoiled(run, share=share, seed=seed)
    gathered = gather_objects(images, class_names=run.class_names, keys=[], total=len(images))
    ids = gathered.image_ids
    place_of = {image_id: place for place, image_id in enumerate(ids)}
    ranked = suspicions(gathered)

    def hit(each: Candidate) -> bool:
        place = place_of[each.image_id]
        at = len(images[place].truth) + each.found if each.found >= 0 else each.truth
        return is_hit(each.image_id, boxes[place][at], planted)

    by_suspicion = [each for _, each in ranked]
    by_loss = sorted(by_suspicion, key=lambda each: -loss(each))
    losses = dict.fromkeys(ids, 0.0)
    for each in by_suspicion:
        losses[each.image_id] += loss(each)
    spoilt = {each.image_id for each in planted}
    rankings = {
        "images by suspicion": np.array(suspicion_by_image(ranked, ids)),
        "images by summed loss": np.array([losses[each] for each in ids]),
        "images by 1 - quality": 1 - np.nan_to_num(np.array(gathered.quality)),
    }
    found = [hit(each) for each in by_suspicion[:at]]
    told = {
        "objects by suspicion": precision(found, at),
        "objects by loss": precision([hit(each) for each in by_loss[:at]], at),
    }
    for name, values in rankings.items():
        places = order(values, ids, descending=True).tolist()
        told[name] = precision([ids[place] in spoilt for place in places], at)
    told["images by chance"] = len(spoilt) / len(ids)
    first = {each.image_id for each, is_one in zip(by_suspicion, found, strict=False) if is_one}
    for kind in KINDS:
        own = [each for each in planted if each.kind == kind]
        told[f"of those {kind}"] = sum(each.image_id in first for each in own) / max(len(own), 1)
    return told


def main() -> int:
    args = parse_args()
    run = read_run(args.run)
    runs = [measured(run, share=args.share, seed=seed, at=args.at) for seed in args.seeds]
    print(f"{run.name}: {len(run.images)} images, precision at {args.at}, {len(runs)} seeds (least to most)")
    for name in runs[0]:
        values = [each[name] for each in runs]
        print(f"  {name:24}{np.mean(values):.2f}  ({min(values):.2f} to {max(values):.2f})")
    return 0


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", help="a RUN of objects, a work_dir or a config")
    parser.add_argument("--share", type=float, default=0.35, help="of the images that get a mistake")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--at", type=int, default=50)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
