"""Gathers the measures of all images into tables that stay small: counts by image and class, and sums."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segloop.analysis.boundaries import BoundaryCounts
from segloop.analysis.counts import ClassCounts
from segloop.analysis.measures import GRID, SIZE_BINS, TRAITS, ImageMeasure
from segloop.analysis.regions import KINDS, Regions

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

COLUMNS = ("tp", "fp", "fn", "line_truth", "line_truth_met", "line_pred", "line_pred_met")
PIECE = 2**21  # numbers of a dense table that are held at once


@dataclass(frozen=True, eq=False)
class Gathered:
    """What was measured of a RUN.

    `rows` holds an image, a class and COLUMNS [n, 9] for each class that an image has in truth, prediction or
    outlines, sorted. `confusion` is [truth, pred]; `mistakes` are wrong pixels [kind, truth, pred]; `sizes`
    are objects, pixels, found pixels and objects mostly found [class, bin, 4]; `found_by_size` are pixels of
    objects and found ones per image and bin [images, bins, 2]. `regions` are the candidates of all images,
    `owner` says whose each is. `wrong` and `counted` are summed over images, by position.
    """

    image_ids: list[str]
    num_classes: int
    background: int | None
    rows: IntArray
    confusion: IntArray
    mistakes: IntArray
    sizes: IntArray
    found_by_size: IntArray
    regions: Regions
    owner: IntArray
    wrong: FloatArray
    counted: FloatArray
    traits: FloatArray
    relabelled: list[str]

    def __len__(self) -> int:
        return len(self.image_ids)

    def pieces(self) -> Iterator[tuple[slice, ClassCounts, BoundaryCounts]]:
        """Yield the images some at a time, with their counts as arrays [images, classes]."""
        step = max(1, PIECE // (self.num_classes * len(COLUMNS)))
        for begin in range(0, len(self), step):
            end = min(begin + step, len(self))
            low, high = np.searchsorted(self.rows[:, 0], [begin, end])
            rows = self.rows[low:high]
            dense = np.zeros((len(COLUMNS), end - begin, self.num_classes), np.int64)
            dense[:, rows[:, 0] - begin, rows[:, 1]] = rows[:, 2:].T
            yield slice(begin, end), ClassCounts(*dense[:3]), BoundaryCounts(*dense[3:])

    def totals(self) -> tuple[ClassCounts, BoundaryCounts]:
        """Return the counts of the set, by class."""
        sums = np.zeros((self.num_classes, len(COLUMNS)), np.int64)
        np.add.at(sums, self.rows[:, 1], self.rows[:, 2:])
        return ClassCounts(*sums.T[:3]), BoundaryCounts(*sums.T[3:])

    def weighted(self, weights: FloatArray) -> tuple[ClassCounts, BoundaryCounts]:
        """Return the counts of resamples [resamples, classes], given how often each has each image."""
        from scipy import sparse  # where it is needed: it takes a tenth of a second to come

        place = self.rows[:, 1], self.rows[:, 0]
        shape = self.num_classes, len(self)
        sums = []
        for column in range(len(COLUMNS)):
            table = sparse.csr_matrix((self.rows[:, 2 + column].astype(np.float64), place), shape=shape)
            sums.append(np.asarray(table @ weights.T).T.round().astype(np.int64))
        return ClassCounts(*sums[:3]), BoundaryCounts(*sums[3:])


def gather(measures: Iterable[ImageMeasure], *, num_classes: int, background: int | None) -> Gathered:
    """Take in the measures of images, one after another."""
    ids: list[str] = []
    rows: list[IntArray] = []
    regions: list[Regions] = []
    owner: list[int] = []
    traits: list[tuple[float, ...]] = []
    by_size: list[IntArray] = []
    relabelled: list[str] = []
    confusion = np.zeros((num_classes, num_classes), np.int64)
    mistakes = np.zeros((len(KINDS), num_classes, num_classes), np.int64)
    sizes = np.zeros((num_classes, SIZE_BINS, 4), np.int64)
    wrong, counted = np.zeros((GRID, GRID)), np.zeros((GRID, GRID))
    for number, each in enumerate(measures):
        ids.append(each.image_id)
        rows.append(_rows(number, each))
        truth, pred, pixels = each.pairs
        np.add.at(confusion, (truth, pred), pixels)
        truth, pred, kind, pixels = each.mistakes
        np.add.at(mistakes, (kind, truth, pred), pixels)
        np.add.at(sizes, (each.sizes[0], each.sizes[1]), each.sizes[2:].T)
        found = np.zeros((SIZE_BINS, 2), np.int64)
        np.add.at(found, each.sizes[1], each.sizes[[3, 4]].T)
        by_size.append(found)
        if each.regions is not None:
            regions.append(each.regions)
            owner += [number] * len(each.regions)
        wrong += each.wrong
        counted += each.counted
        traits.append(each.traits)
        relabelled += [each.image_id] if each.relabelled else []
    return Gathered(
        image_ids=ids,
        num_classes=num_classes,
        background=background,
        rows=np.concatenate(rows) if rows else np.zeros((0, 9), np.int64),
        confusion=confusion,
        mistakes=mistakes,
        sizes=sizes,
        found_by_size=np.array(by_size, np.int64).reshape(-1, SIZE_BINS, 2),
        regions=_joined(regions),
        owner=np.array(owner, np.int64),
        wrong=wrong,
        counted=counted,
        traits=np.array(traits, np.float64).reshape(-1, len(TRAITS)),
        relabelled=relabelled,
    )


def _rows(number: int, measure: ImageMeasure) -> IntArray:
    """Return image, class and COLUMNS of one image."""
    truth, pred, pixels = measure.pairs
    outlined = measure.outlines[0]
    classes = np.unique(np.concatenate([truth, pred, outlined]))
    rows = np.zeros((len(classes), 2 + len(COLUMNS)), np.int64)
    rows[:, 0], rows[:, 1] = number, classes
    right = truth == pred
    for column, labels, chosen in ((2, truth, right), (3, pred, ~right), (4, truth, ~right)):
        np.add.at(rows[:, column], np.searchsorted(classes, labels[chosen]), pixels[chosen])
    rows[np.searchsorted(classes, outlined), 5:] = measure.outlines[1:].T
    return rows


def _joined(parts: list[Regions]) -> Regions:
    if not parts:
        whole, share = np.zeros(0, np.int64), np.zeros(0)
        return Regions(whole, whole, whole, whole, share, share, share, share, np.zeros((0, 4), np.int64))
    return Regions(**{name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])})
