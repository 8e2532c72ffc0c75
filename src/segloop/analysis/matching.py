"""What true and found objects of one image share, found out once: what every score is derived from.

`match` looks at masks; what it returns needs none: who overlaps whom by how many pixels, how large each is,
what class and score it has. `match_file` stores it, the scores read it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from segloop.analysis.instances import Instances
from segloop.analysis.overlaps import intersections, ious, pixel_counts
from segloop.data.masks import areas, boxes_xyxy
from segloop.utils.errors import DataError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

FOREGROUND = -1  # stands for all classes united, among the labels of `Pixels`
LEAST_BOX_OVERLAP = 0.5  # of boxes whose masks share nothing: below, no score asks for it
BOX_ROWS = 1 << 17  # pairs of boxes looked at together


@dataclass(frozen=True, eq=False)
class Truth:
    """The true objects: class index, mask pixels, COCO's `area`, and which are crowds; each [T]."""

    labels: IntArray
    areas: IntArray
    coco_areas: FloatArray
    crowd: BoolArray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Found:
    """The found objects, each [F].

    They have class index, confidence, mask pixels, area of the box, mask pixels in what is ignored, and
    whether they are `kept`: scores that rank take all, scores that count take those.
    """

    labels: IntArray
    scores: FloatArray
    areas: IntArray
    box_areas: FloatArray
    ignored: IntArray
    kept: BoolArray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Pairs:
    """True and found objects that overlap: their indices, the pixels their masks share, and their boxes' IoU.

    With a crowd, the IoU of boxes is the share of the found box that lies in the crowd's. Each is [P], in the
    order of truth, then found.
    """

    truth: IntArray
    found: IntArray
    shared: IntArray
    box_ious: FloatArray

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True, eq=False)
class Pixels:
    """Pixels of the united masks of each class that the image has, and last of `FOREGROUND`, all classes."""

    labels: IntArray
    tp: IntArray
    fp: IntArray
    fn: IntArray


@dataclass(frozen=True, eq=False)
class ImageMatches:
    """All that scores need to know of one image; it can be pickled, sent and stored, and holds no mask."""

    image_id: str
    truth: Truth
    found: Found
    pairs: Pairs
    pixels: Pixels | None

    def ious(self) -> FloatArray:
        """Return intersection over union of the masks of each pair, crowds included."""
        pairs = self.pairs
        return ious(pairs.shared, self.truth.areas[pairs.truth], self.found.areas[pairs.found])

    def keeping(self, kept: npt.ArrayLike) -> ImageMatches:
        """Return the same with other found objects kept, as a search for thresholds needs it.

        United pixels cannot be known without the masks: `pixels` is None then.
        """
        return replace(self, found=replace(self.found, kept=np.asarray(kept, bool)), pixels=None)


def match(
    truth: Instances, found: Instances, *, image_id: str = "", kept: npt.ArrayLike | None = None
) -> ImageMatches:
    """Compare the true and the found objects of one image.

    `kept` says which found objects pass the thresholds (None: all). Scores that rank by confidence (COCO's
    and Cityscapes' AP) take all found objects, scores that count (all others) take the kept ones. Found
    objects without scores are all equally sure.
    """
    if truth.size_hw != found.size_hw:
        raise DataError(
            f"{image_id + ': ' if image_id else ''}the masks found are {_size(found)} and the true ones "
            f"{_size(truth)} (height x width); both must have the size of the image.",
            image_id=image_id or None,
        )
    count = len(found)
    keeps = np.ones(count, bool) if kept is None else np.asarray(kept, bool)
    if keeps.shape != (count,):
        raise ValueError(f"kept has shape {keeps.shape} for {count} found objects")
    crowd = np.zeros(len(truth), bool) if truth.crowd is None else truth.crowd
    true_areas = np.array(areas(truth.runs), np.int64)
    true_boxes, found_boxes = _boxes(truth), _boxes(found)
    sides = found_boxes[:, 2:] - found_boxes[:, :2]
    ignored = np.zeros(count, np.int64)
    if truth.ignore is not None:
        _, which, shared = intersections([truth.ignore], found.runs, truth.size_hw)
        ignored[which] = shared
    return ImageMatches(
        image_id,
        Truth(
            truth.labels,
            true_areas,
            true_areas.astype(np.float64) if truth.coco_areas is None else truth.coco_areas,
            crowd,
        ),
        Found(
            found.labels,
            np.ones(count) if found.scores is None else found.scores,
            np.array(areas(found.runs), np.int64),
            sides[:, 0] * sides[:, 1],
            ignored,
            keeps,
        ),
        _pairs(truth, found, true_boxes, found_boxes, crowd),
        united_pixels(truth, found, keeps),
    )


def united_pixels(truth: Instances, found: Instances, kept: BoolArray) -> Pixels:
    """Count the pixels of each class's united masks; ignored pixels and those of crowds are not counted."""
    crowd = np.zeros(len(truth), bool) if truth.crowd is None else truth.crowd
    true_places, found_places = np.flatnonzero(~crowd), np.flatnonzero(kept)
    true_runs = [truth.runs[place] for place in true_places]
    found_runs = [found.runs[place] for place in found_places]
    without = [truth.runs[place] for place in np.flatnonzero(crowd)]
    without += [] if truth.ignore is None else [truth.ignore]
    true_labels, found_labels = truth.labels[true_places], found.labels[found_places]

    def count(true_labels: IntArray, found_labels: IntArray) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        return pixel_counts(
            true_runs, true_labels, found_runs, found_labels, without=without, size_hw=truth.size_hw
        )

    by_class = count(true_labels, found_labels)
    everything = tuple(np.array([each.sum()], np.int64) for each in by_class)
    if len(by_class[0]) > 1:  # with one class, what is counted is all there is
        everything = count(np.zeros_like(true_labels), np.zeros_like(found_labels))
    everything = (np.array([FOREGROUND], np.int64), *everything[1:])
    return Pixels(*(np.concatenate(each) for each in zip(by_class, everything, strict=True)))


def _pairs(
    truth: Instances, found: Instances, true_boxes: FloatArray, found_boxes: FloatArray, crowd: BoolArray
) -> Pairs:
    """Return the pairs whose masks share a pixel, or of one class whose boxes overlap by half."""
    rows, columns, shared = intersections(truth.runs, found.runs, truth.size_hw)
    number = max(1, len(found))
    keys = rows * number + columns
    near_rows, near_columns = _near_boxes(truth, found, true_boxes, found_boxes, crowd)
    others = np.setdiff1d(near_rows * number + near_columns, keys, assume_unique=True)
    if len(others):
        keys = np.concatenate([keys, others])
        order = np.argsort(keys, kind="stable")
        keys, shared = keys[order], np.concatenate([shared, np.zeros(len(others), np.int64)])[order]
        rows, columns = np.divmod(keys, number)
    overlaps = _box_overlaps(true_boxes[rows], found_boxes[columns], crowd[rows])
    return Pairs(rows, columns, shared, overlaps)


def _near_boxes(
    truth: Instances, found: Instances, true_boxes: FloatArray, found_boxes: FloatArray, crowd: BoolArray
) -> tuple[IntArray, IntArray]:
    """Return the pairs of one class whose boxes overlap by half."""
    rows: list[np.ndarray] = [np.zeros(0, np.int64)]
    columns: list[np.ndarray] = [np.zeros(0, np.int64)]
    step = max(1, BOX_ROWS // max(1, len(found)))
    for begin in range(0, len(truth), step):
        some = slice(begin, begin + step)
        meets = truth.labels[some, None] == found.labels
        for low, high in ((0, 2), (1, 3)):
            meets &= true_boxes[some, low, None] < found_boxes[:, high]
            meets &= true_boxes[some, high, None] > found_boxes[:, low]
        row, column = np.nonzero(meets)
        row += begin
        near = _box_overlaps(true_boxes[row], found_boxes[column], crowd[row]) >= LEAST_BOX_OVERLAP
        rows.append(row[near])
        columns.append(column[near])
    return np.concatenate(rows), np.concatenate(columns)


def _box_overlaps(true_boxes: FloatArray, found_boxes: FloatArray, crowd: BoolArray) -> FloatArray:
    """Return the IoU of boxes pair by pair; with a crowd, the share of the found box."""
    sides = np.minimum(true_boxes[:, 2:], found_boxes[:, 2:]) - np.maximum(
        true_boxes[:, :2], found_boxes[:, :2]
    )
    shared = np.where((sides > 0).all(axis=1), sides[:, 0] * sides[:, 1], 0.0)
    true_sides, found_sides = true_boxes[:, 2:] - true_boxes[:, :2], found_boxes[:, 2:] - found_boxes[:, :2]
    found_areas = found_sides[:, 0] * found_sides[:, 1]
    whole = np.where(crowd, found_areas, found_areas + true_sides[:, 0] * true_sides[:, 1] - shared)
    return np.divide(shared, whole, out=np.zeros(len(shared)), where=whole > 0)


def _boxes(side: Instances) -> FloatArray:
    if side.boxes_xyxy is not None:
        return side.boxes_xyxy
    return boxes_xyxy(side.runs, side.size_hw).astype(np.float64).reshape(-1, 4)


def _size(side: Instances) -> str:
    return f"{side.size_hw[0]}x{side.size_hw[1]}"
