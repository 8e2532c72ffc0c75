"""COCO's average precision and recall of masks or boxes, from matches, as pycocotools computes them.

Found objects are taken by score, at most `max_dets` of a class in an image; each takes the free true object
of its class that it overlaps most, at least by the threshold, and one that counts before one that does not.
Crowds, and objects outside the range of areas, do not count, and neither does what is matched with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from segloop.analysis.counting_scores import mean_of
from segloop.analysis.matching import ImageMatches

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

# As pycocotools makes them: the ninth is a little less than 0.9.
THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
AREAS: dict[str, tuple[float, float]] = {
    "": (0.0, 1e10),
    "_s": (0.0, 32.0**2),
    "_m": (32.0**2, 96.0**2),
    "_l": (96.0**2, 1e10),
}
RANGES: FloatArray = np.array(list(AREAS.values()))
BITS = 1 << np.arange(len(THRESHOLDS), dtype=np.uint16)  # one for each threshold


class CocoAP:
    """Collects images; 40 bytes a found object are kept.

    The keys are `coco/segm_mAP`, `_50 _75 _s _m _l`, `coco/segm_mAP.<class>`, `coco/segm_AR@<max_dets>`,
    `coco/segm_AR_s@…` and so on; with `kind="bbox"` `coco/bbox_…`.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        *,
        kind: Literal["segm", "bbox"] = "segm",
        max_dets: Sequence[int] = (1, 10, 100),
    ) -> None:
        self.class_names = list(class_names)
        self.kind = kind
        self.max_dets = sorted(max_dets)
        self._images: list[tuple[str, int, tuple[np.ndarray, ...]]] = []
        self._true = np.zeros((len(self.class_names), len(AREAS)), np.int64)

    def add(self, matches: ImageMatches) -> None:
        """Add an image; whether objects are kept plays no part here."""
        truth, found = matches.truth, matches.found
        ignored = truth.crowd[:, None] | _outside(truth.coco_areas)  # [T, areas]
        for area in range(len(AREAS)):
            counted = truth.labels[~ignored[:, area]]
            self._true[:, area] += np.bincount(counted, minlength=len(self.class_names))
        chosen, rank = _best(found.labels, found.scores, most=self.max_dets[-1])
        if len(chosen):
            right, matched_ignored = _assign(matches, ignored, chosen, self._overlaps(matches))
            areas = found.areas.astype(np.float64) if self.kind == "segm" else found.box_areas
            free = ~(right | matched_ignored)
            wrong = free & ~_outside(areas[chosen])[:, :, None]
            columns = found.labels[chosen], found.scores[chosen], rank, _packed(right), _packed(wrong)
            self._images.append((matches.image_id, len(self._images), columns))

    def scores(self) -> dict[str, float]:
        """Return the scores; a class without true objects that count is left out of a mean."""
        # by id: so the order in which processes deliver images does not decide between equal scores
        images = [columns for _, _, columns in sorted(self._images, key=lambda each: each[:2])]
        kinds = (np.int64, np.float64, np.int64, np.uint16, np.uint16)
        shapes = ((0,), (0,), (0,), (0, len(AREAS)), (0, len(AREAS)))
        labels, scores, rank, right, wrong = (
            np.concatenate([np.zeros(shape, kind), *(columns[place] for columns in images)])
            for place, (kind, shape) in enumerate(zip(kinds, shapes, strict=True))
        )
        count = len(self.class_names)
        ap = np.full((count, len(AREAS), len(THRESHOLDS)), np.nan)
        ar = np.full((count, len(AREAS), len(self.max_dets)), np.nan)
        for label, area in np.argwhere(self._true > 0).tolist():
            number = int(self._true[label, area])
            mine = np.flatnonzero(labels == label)
            order = mine[np.argsort(-scores[mine], kind="stable")]
            ap[label, area] = _precision(right[order, area], wrong[order, area], number)
            for place, most in enumerate(self.max_dets):
                first = right[mine[rank[mine] < most], area]
                ar[label, area, place] = (_unpacked(first).sum(axis=1) / number).mean()
        return self._named(ap, ar)

    def _named(self, ap: FloatArray, ar: FloatArray) -> dict[str, float]:
        name = f"coco/{self.kind}"
        scores = {f"{name}_mAP": mean_of(ap[:, 0].ravel())}
        scores |= {f"{name}_mAP_{percent}": mean_of(ap[:, 0, place]) for percent, place in ((50, 0), (75, 5))}
        sizes = list(enumerate(AREAS))
        scores |= {f"{name}_mAP{suffix}": mean_of(ap[:, place].ravel()) for place, suffix in sizes[1:]}
        for place, most in enumerate(self.max_dets):
            scores[f"{name}_AR@{most}"] = mean_of(ar[:, 0, place])
        for area, suffix in sizes[1:]:
            scores[f"{name}_AR{suffix}@{self.max_dets[-1]}"] = mean_of(ar[:, area, -1])
        for label, each in zip(self.class_names, ap[:, 0], strict=True):
            scores[f"{name}_mAP.{label}"] = mean_of(each)
        return scores

    def _overlaps(self, matches: ImageMatches) -> FloatArray:
        """Return what counts as IoU of each pair: with a crowd, the share of the found object."""
        if self.kind == "bbox":
            return matches.pairs.box_ious
        pairs, found = matches.pairs, matches.found
        areas = found.areas[pairs.found]
        share = np.divide(pairs.shared, areas, out=np.zeros(len(pairs)), where=areas > 0)
        return np.where(matches.truth.crowd[pairs.truth], share, matches.ious())


def _outside(areas: FloatArray) -> BoolArray:
    """Return whether areas lie outside of each range, [N, areas]; the bounds belong to both ranges."""
    return (areas[:, None] < RANGES[:, 0]) | (areas[:, None] > RANGES[:, 1])


def _best(labels: IntArray, scores: FloatArray, *, most: int) -> tuple[IntArray, IntArray]:
    """Return the objects with the highest scores of each class, by class, then score; and their ranks."""
    order = np.lexsort((-scores, labels))
    heads = np.searchsorted(labels[order], labels[order])
    rank = np.arange(len(order)) - heads
    return order[rank < most], rank[rank < most]


def _assign(
    matches: ImageMatches, ignored: BoolArray, chosen: IntArray, overlaps: FloatArray
) -> tuple[BoolArray, BoolArray]:
    """Return which of the chosen objects hit a true one that counts, and which one that does not.

    Each is [chosen, areas, thresholds].
    """
    truth, found, pairs = matches.truth, matches.found, matches.pairs
    place = np.full(len(found), -1)
    place[chosen] = np.arange(len(chosen))
    usable = truth.labels[pairs.truth] == found.labels[pairs.found]
    usable &= (overlaps >= THRESHOLDS[0]) & (place[pairs.found] >= 0)
    rows, columns, overlaps = pairs.truth[usable], place[pairs.found[usable]], overlaps[usable]
    counted = np.zeros((len(chosen), len(AREAS), len(THRESHOLDS)), bool)
    uncounted = np.zeros_like(counted)

    # Whoever has no rival needs no turn; a crowd can be matched by many.
    lone = np.bincount(columns, minlength=len(chosen))[columns] == 1
    lone &= truth.crowd[rows] | (np.bincount(rows, minlength=len(truth))[rows] == 1)
    over = (overlaps[lone, None] >= THRESHOLDS)[:, None]
    counted[columns[lone]] = over & ~ignored[rows[lone], :, None]
    uncounted[columns[lone]] = over & ignored[rows[lone], :, None]

    taken = np.zeros((len(truth), len(AREAS), len(THRESHOLDS)), bool)
    rest = np.flatnonzero(~lone)
    rest = rest[np.lexsort((rows[rest], columns[rest]))]
    for some in np.split(rest, np.flatnonzero(np.diff(columns[rest])) + 1) if len(rest) else []:
        one, others = columns[some[0]], rows[some]
        free = ~taken[others] | truth.crowd[others, None, None]
        free &= (overlaps[some, None] >= THRESHOLDS)[:, None]
        # those that count come first; of equal overlaps, the last
        worth = np.where(free, (overlaps[some, None] + 2.0 * ~ignored[others])[:, :, None], -1.0)
        best = len(some) - 1 - worth[::-1].argmax(axis=0)
        hit = free.any(axis=0)
        area, threshold = np.nonzero(hit)
        partner = others[best[area, threshold]]
        taken[partner, area, threshold] = True
        counted[one, area, threshold] = ~ignored[partner, area]
        uncounted[one, area, threshold] = ignored[partner, area]
    return counted, uncounted


def _precision(right: np.ndarray, wrong: np.ndarray, number: int) -> FloatArray:
    """Return the mean precision over the recalls at each threshold, from flags by falling score."""
    found = np.zeros(len(THRESHOLDS))
    for place, bit in enumerate(BITS):
        tp, fp = np.cumsum((right & bit) > 0), np.cumsum((wrong & bit) > 0)
        precision = tp / (fp + tp + np.spacing(1))
        precision = np.maximum.accumulate(precision[::-1])[::-1]
        at = np.searchsorted(tp / number, RECALLS, side="left")
        found[place] = precision[at[at < len(precision)]].sum() / len(RECALLS)
    return found


def _packed(flags: BoolArray) -> np.ndarray:
    return (flags * BITS).sum(axis=-1, dtype=np.uint16)


def _unpacked(packed: np.ndarray) -> BoolArray:
    """Return flags [thresholds, N]."""
    return (packed[None] & BITS[:, None]) > 0
