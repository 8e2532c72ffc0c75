"""What went wrong with objects, in the spirit of TIDE, and what mending each kind of mistake would gain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from segloop.analysis.assignment import excused, one_to_one
from segloop.analysis.matching import ImageMatches, Pairs

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

NEAR = 0.1  # IoU up to which two objects have nothing to do with each other; TIDE's bound
HIT = 0.5
KINDS = ("class", "place", "both", "double", "invented", "missed", "outline")
KIND_RULES: dict[str, str] = {
    "class": "found in its place (IoU over 0.5) and given another class",
    "place": "of the right class, and only near it (IoU over 0.1 to 0.5)",
    "both": "near an object of another class",
    "double": "one more for an object that was found already",
    "invented": "near nothing",
    "missed": "a true object that nothing was found for, not even with a wrong class or place",
    "outline": "found, with an outline that is not the true one",
}
RIGHT, SPARED = -1, -2  # of found objects: no mistake; not counted
RULE = (
    "Quality: the sum of the IoU of matched objects (of one class, IoU over 0.5) over TP + FP/2 + FN/2, all "
    "classes together. What mending a kind would gain: wrong classes and places become right (with the mean "
    "IoU of those that are), what is double, invented or both is not there, what is missed need not be "
    "found, outlines are perfect; one kind at a time, so gains do not add up."
)


@dataclass(frozen=True, eq=False)
class ImageErrors:
    """What became of each found and each true object of an image.

    `kinds` [F] is a place in KINDS, RIGHT or SPARED; `partners` [F] the true object that it is about, -1 for
    none; `overlaps` [F] their IoU. `hit` [T] says which true objects were found, `missed` [T] which were not
    at all, `counted` [T] which are to be found.
    """

    image_id: str
    kinds: IntArray
    partners: IntArray
    overlaps: FloatArray
    hit: BoolArray
    missed: BoolArray
    counted: BoolArray


def find_errors(matches: ImageMatches) -> ImageErrors:
    """Say of each kept found object, and each true one, what became of it."""
    truth, found, pairs = matches.truth, matches.found, matches.pairs
    chosen = one_to_one(matches, same_class=True)
    spared = ~found.kept | excused(matches, same_class=True)
    kinds = np.where(spared, SPARED, KINDS.index("invented"))
    partners, overlaps = np.full(len(found), -1), np.zeros(len(found))
    kinds[chosen.found], partners[chosen.found], overlaps[chosen.found] = RIGHT, chosen.truth, chosen.ious
    hit = np.zeros(len(truth), bool)
    hit[chosen.truth] = True
    counted = ~truth.crowd
    touched = hit.copy()
    ious = matches.ious()
    best: dict[int, tuple[int, float, int]] = {}
    for row, column, iou in zip(pairs.truth.tolist(), pairs.found.tolist(), ious.tolist(), strict=True):
        if iou <= NEAR or truth.crowd[row] or kinds[column] < 0:  # what is right is no mistake with others
            continue
        same = bool(truth.labels[row] == found.labels[column])
        kind = _kind(same=same, over=iou > HIT, hit=bool(hit[row]))
        rank = (ORDER.index(kind), -iou, row)
        if column not in best or rank < (ORDER.index(best[column][0]), -best[column][1], best[column][2]):
            best[column] = kind, iou, row
    for column, (kind, iou, row) in best.items():
        kinds[column], partners[column], overlaps[column] = kind, row, iou
        if KINDS[kind] in ("class", "place"):
            touched[row] = True
    return ImageErrors(matches.image_id, kinds, partners, overlaps, hit, counted & ~touched, counted)


ORDER = [KINDS.index(name) for name in ("class", "place", "double", "both")]


def _kind(*, same: bool, over: bool, hit: bool) -> int:
    """Return what a found object is to a true one that is near, if it is not its partner."""
    if same:
        name = "double" if hit else "place"
    else:
        name = "class" if over and not hit else "both"
    return KINDS.index(name)


def confused(matches: ImageMatches, errors: ImageErrors, *, nothing: int) -> tuple[IntArray, IntArray]:
    """Return the true and the predicted class of each object that counts, `nothing` where there is none.

    What is right is paired with what it was found for; of the rest, a true and a found object whose IoU is
    over 0.5, whatever their classes.
    """
    truth, found, pairs = matches.truth, matches.found, matches.pairs
    left = ~errors.hit[pairs.truth] & (errors.kinds[pairs.found] >= 0)
    rest = replace(matches, pairs=Pairs(*(each[left] for each in vars(pairs).values())))
    others = one_to_one(rest, same_class=False)
    right = np.flatnonzero(errors.kinds == RIGHT)
    lone_true, lone_found = errors.counted & ~errors.hit, errors.kinds >= 0
    lone_true[others.truth] = lone_found[others.found] = False
    true = truth.labels[errors.partners[right]], truth.labels[others.truth], truth.labels[lone_true]
    pred = found.labels[right], found.labels[others.found], found.labels[lone_found]
    return (
        np.concatenate([*true, np.full(len(pred[2]), nothing)]),
        np.concatenate([*pred[:2], np.full(len(true[2]), nothing), pred[2]]),
    )


@dataclass
class ErrorSums:
    """Sums over images: what quality and its gains are made of."""

    tp: int = 0
    found: int = 0
    true: int = 0
    iou: float = 0.0
    kinds: IntArray = field(default_factory=lambda: np.zeros(len(KINDS), np.int64))
    mendable: IntArray = field(default_factory=lambda: np.zeros(len(KINDS), np.int64))  # true objects to gain

    def add(self, errors: ImageErrors) -> None:
        """Add an image."""
        right = errors.kinds == RIGHT
        self.tp += int(right.sum())
        self.found += int((errors.kinds != SPARED).sum())
        self.true += int(errors.counted.sum())
        self.iou += float(errors.overlaps[right].sum())
        self.kinds += np.bincount(errors.kinds[errors.kinds >= 0], minlength=len(KINDS))
        self.kinds[KINDS.index("missed")] += int(errors.missed.sum())
        self.kinds[KINDS.index("outline")] += int((errors.overlaps[right] < 1).sum())
        for name in ("class", "place"):
            own = errors.kinds == KINDS.index(name)
            self.mendable[KINDS.index(name)] += len(np.unique(errors.partners[own]))

    @property
    def quality(self) -> float:
        """Return the quality over the images; NaN where there is and was found nothing."""
        return _quality(self.iou, self.found, self.true)

    def gain(self, kind: str) -> float:
        """Return what the quality would gain if one kind of mistake were mended."""
        iou, found, true = self.iou, self.found, self.true
        place = KINDS.index(kind)
        number = int(self.kinds[place])
        if kind in ("class", "place"):
            mended = int(self.mendable[place])
            iou += mended * (self.iou / self.tp if self.tp else 1.0)
            found -= number - mended  # several for one object: one becomes right, the others go
        elif kind in ("both", "double", "invented"):
            found -= number
        elif kind == "missed":
            true -= number
        else:
            iou = float(self.tp)
        return _quality(iou, found, true) - self.quality


def image_quality(errors: ImageErrors) -> float:
    """Return the quality of one image; NaN where there is and was found nothing."""
    sums = ErrorSums()
    sums.add(errors)
    return sums.quality


def break_down(sums: ErrorSums) -> dict[str, Any]:
    """Return the number and the gain of each kind of mistake, for JSON."""
    return {
        "quality": sums.quality,
        "found": sums.found,
        "true": sums.true,
        "right": sums.tp,
        "kinds": [
            {"kind": kind, "objects": int(number), "gain": sums.gain(kind)}
            for kind, number in zip(KINDS, sums.kinds.tolist(), strict=True)
        ],
    }


def costs(errors: Iterable[ImageErrors], sums: ErrorSums) -> FloatArray:
    """Return what the quality over the set would gain if each image were perfect, [images]."""
    values = []
    for each in errors:
        own = ErrorSums()
        own.add(each)
        better = _quality(sums.iou - own.iou + own.true, sums.found - own.found + own.true, sums.true)
        values.append(better - sums.quality)
    return np.array(values, np.float64)


def _quality(iou: float, found: int, true: int) -> float:
    return 2 * iou / (found + true) if found + true else float("nan")
