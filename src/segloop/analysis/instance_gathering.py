"""Goes once through the matches of an instance RUN and keeps what an analysis needs of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from segloop.analysis.assignment import excused, one_to_one
from segloop.analysis.counting_scores import image_foreground_iou
from segloop.analysis.instance_errors import (
    KINDS,
    RIGHT,
    SPARED,
    ErrorSums,
    ImageErrors,
    confused,
    find_errors,
    image_quality,
)
from segloop.analysis.instance_intervals import InstanceIntervals
from segloop.analysis.matching import ImageMatches
from segloop.analysis.measures import SIZE_BINS

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

BINS = 100  # of score
MOST_CANDIDATES = 12  # of an image


@dataclass(frozen=True)
class Candidate:
    """An object that may be labelled wrongly: what mistake it would be of the model, and how sure it is.

    `found` and `truth` are places among the image's objects, -1 for none; `pixels` are those in doubt.
    """

    image_id: str
    kind: str  # of KINDS
    found: int
    truth: int
    label: int  # predicted, -1 for none
    true_label: int  # -1 for none
    score: float
    pixels: int


@dataclass(eq=False)
class GatheredObjects:
    """Sums over the images of an instance RUN, columns per image, and candidates for wrong labels.

    `confusion` counts objects [truth, predicted], each with one more place, for what was missed or invented.
    `sizes` are objects and found ones [class, bin of area, 2]. `scored` counts found objects by [class, wrong
    or right, bin of score], with the sums of their scores in `score_sums`.
    """

    num_classes: int
    intervals: InstanceIntervals
    image_ids: list[str] = field(default_factory=list)
    sums: ErrorSums = field(default_factory=ErrorSums)
    errors: list[ImageErrors] = field(default_factory=list)
    quality: list[float] = field(default_factory=list)
    foreground_iou: list[float] = field(default_factory=list)
    found_by_size: list[IntArray] = field(default_factory=list)
    objects: list[int] = field(default_factory=list)
    object_pixels: list[int] = field(default_factory=list)
    surprise: list[float] = field(default_factory=list)
    class_counts: list[IntArray] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    confusion: IntArray = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    sizes: IntArray = field(default_factory=lambda: np.zeros((0, 0, 0), np.int64))
    scored: IntArray = field(default_factory=lambda: np.zeros((0, 0, 0), np.int64))
    score_sums: FloatArray = field(default_factory=lambda: np.zeros((0, 0, 0)))
    true_objects: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))

    def __post_init__(self) -> None:
        count = self.num_classes
        self.confusion = np.zeros((count + 1, count + 1), np.int64)
        self.sizes = np.zeros((count, SIZE_BINS, 2), np.int64)
        self.scored = np.zeros((count, 2, BINS), np.int64)
        self.score_sums = np.zeros((count, 2, BINS))
        self.true_objects = np.zeros(count, np.int64)

    def __len__(self) -> int:
        return len(self.image_ids)

    def add(self, matches: ImageMatches) -> None:
        """Take in an image."""
        errors = find_errors(matches)
        self.image_ids.append(matches.image_id)
        self.intervals.add(matches)
        self.sums.add(errors)
        self.errors.append(errors)
        self.quality.append(image_quality(errors))
        self.foreground_iou.append(image_foreground_iou(matches))
        self.objects.append(int(errors.counted.sum()))
        self.object_pixels.append(int(matches.truth.areas[errors.counted].sum()))
        self._add_classes(matches, errors)
        self._add_sizes(matches, errors)
        self._add_scores(matches)
        wrong = (errors.kinds != SPARED) & (errors.kinds != RIGHT)
        number = max(int((errors.kinds != SPARED).sum()), 1)
        self.surprise.append(float(matches.found.scores[wrong].sum()) / number)
        self.candidates += _candidates(matches, errors)

    def _add_classes(self, matches: ImageMatches, errors: ImageErrors) -> None:
        truth, found = matches.truth, matches.found
        np.add.at(self.confusion, confused(matches, errors, nothing=self.num_classes), 1)
        right, kept = errors.kinds == RIGHT, errors.kinds != SPARED
        counts = np.zeros((4, self.num_classes))  # IoU, true, found, wrong
        np.add.at(counts[0], found.labels[right], errors.overlaps[right])
        np.add.at(counts[1], truth.labels[errors.counted], 1)
        np.add.at(counts[2], found.labels[kept], 1)
        np.add.at(counts[3], found.labels[kept & ~right], 1)
        np.add.at(counts[3], truth.labels[errors.counted & ~errors.hit], 1)
        self.class_counts.append(counts.astype(np.float32))
        self.true_objects += np.bincount(truth.labels[errors.counted], minlength=self.num_classes)

    def _add_sizes(self, matches: ImageMatches, errors: ImageErrors) -> None:
        truth = matches.truth
        level = np.log2(np.maximum(truth.areas, 1)).astype(np.int64).clip(max=SIZE_BINS - 1)
        by_size = np.zeros((SIZE_BINS, 2), np.int64)
        for column, which in enumerate((errors.counted, errors.counted & errors.hit)):
            np.add.at(self.sizes[:, :, column], (truth.labels[which], level[which]), 1)
            np.add.at(by_size[:, column], level[which], 1)
        self.found_by_size.append(by_size)

    def _add_scores(self, matches: ImageMatches) -> None:
        """Count all found objects, whatever was kept, by score and by whether they are right.

        Of several on one true object the surest is, for a threshold of score takes away the others first.
        """
        everything = matches.keeping(np.ones(len(matches.found), bool))
        found = everything.found
        right = np.zeros(len(found), bool)
        right[one_to_one(everything, same_class=True, surest_first=True).found] = True
        judged = right | ~excused(everything, same_class=True)
        level = np.minimum((found.scores * BINS).astype(np.int64), BINS - 1).clip(min=0)
        place = found.labels[judged], right[judged].astype(np.int64), level[judged]
        np.add.at(self.scored, place, 1)
        np.add.at(self.score_sums, place, found.scores[judged])


def gather_objects(
    images: Iterable[ImageMatches],
    *,
    class_names: Sequence[str],
    keys: Sequence[str],
    total: int,
    max_dets: Sequence[int] = (1, 10, 100),
    progress: Callable[[int, int], None] | None = None,
) -> GatheredObjects:
    """Take in the matches of a RUN; `keys` are the scores whose intervals are wanted, with its `max_dets`."""
    intervals = InstanceIntervals(class_names, keys, max_dets=max_dets)
    gathered = GatheredObjects(len(class_names), intervals)
    for done, matches in enumerate(images, start=1):
        gathered.add(matches)
        if progress is not None:
            progress(done, total)
    return gathered


def _candidates(matches: ImageMatches, errors: ImageErrors) -> list[Candidate]:
    """Return the objects of an image that contradict its labels, the surest and largest."""
    truth, found, pairs = matches.truth, matches.found, matches.pairs
    told: list[tuple[float, Candidate]] = []
    near = np.zeros(len(truth))  # the best score of anything near a true object
    close = matches.ious() > 0.1
    np.maximum.at(near, pairs.truth[close], found.scores[pairs.found[close]])

    def tell(kind: str, column: int, row: int, score: float, pixels: int) -> None:
        label = int(found.labels[column]) if column >= 0 else -1
        true_label = int(truth.labels[row]) if row >= 0 else -1
        each = Candidate(matches.image_id, kind, column, row, label, true_label, score, pixels)
        told.append((score * pixels**0.5, each))

    for column in np.flatnonzero(errors.kinds >= 0).tolist():
        kind = KINDS[errors.kinds[column]]
        if kind in ("class", "invented"):
            row = int(errors.partners[column])
            tell(kind, column, row, float(found.scores[column]), int(found.areas[column]))
    for column in np.flatnonzero((errors.kinds == RIGHT) & (errors.overlaps < 0.75)).tolist():
        row, iou = int(errors.partners[column]), float(errors.overlaps[column])
        both = int(found.areas[column]) + int(truth.areas[row])
        tell("outline", column, row, float(found.scores[column]), round(both * (1 - iou) / (1 + iou)))
    for row in np.flatnonzero(errors.missed).tolist():
        tell("missed", -1, row, float(1 - near[row]), int(truth.areas[row]))
    told.sort(key=lambda each: -each[0])
    return [each for _, each in told[:MOST_CANDIDATES]]
