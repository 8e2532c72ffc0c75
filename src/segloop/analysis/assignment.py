"""Gives each true object at most one found one, best overlaps first, as the scores that count need it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segloop.analysis.matching import ImageMatches
from segloop.analysis.overlaps import ious

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

# k / 20 and shared / union are both rounded once, so that an IoU of exactly 0.65 is not over 0.65.
THRESHOLDS: FloatArray = np.arange(10, 20) / 20


@dataclass(frozen=True, eq=False)
class Assignment:
    """Pairs of a true and a found object, each object once, as they were made; arrays of one length."""

    truth: IntArray
    found: IntArray
    ious: FloatArray


def one_to_one(
    matches: ImageMatches, *, same_class: bool, less_ignored: bool = False, surest_first: bool = False
) -> Assignment:
    """Pair kept found objects with true ones that are no crowds, where the IoU is over 0.5.

    Pairs are made in the order of IoU, then of score, and an object that has a partner is passed over. So the
    pairs for a higher threshold are those of the answer whose IoU is over it. Where neither side overlaps
    itself nothing is passed over, for over 0.5 each has one partner at most. With `less_ignored` the union
    leaves out what of the found mask is ignored. With `surest_first` the score comes before the IoU, so that
    who is less sure takes no partner away: the pairs above a threshold of score are those of all that is.
    """
    truth, found, pairs = matches.truth, matches.found, matches.pairs
    rows, columns = pairs.truth, pairs.found
    areas = found.areas - found.ignored if less_ignored else found.areas
    overlap = ious(pairs.shared, truth.areas[rows], areas[columns])
    usable = (overlap > 0.5) & found.kept[columns] & ~truth.crowd[rows]
    if same_class:
        usable &= truth.labels[rows] == found.labels[columns]
    rows, columns, overlap = rows[usable], columns[usable], overlap[usable]
    keys = -found.scores[columns], -overlap  # the last one counts most
    order = np.lexsort((columns, rows, *(reversed(keys) if surest_first else keys)))
    rows, columns, overlap = rows[order], columns[order], overlap[order]
    alone = (np.bincount(rows, minlength=len(truth))[rows] == 1) & (
        np.bincount(columns, minlength=len(found))[columns] == 1
    )
    chosen = alone.copy()
    true_taken, found_taken = set(), set()
    for place in np.flatnonzero(~alone).tolist():
        row, column = int(rows[place]), int(columns[place])
        if row not in true_taken and column not in found_taken:
            true_taken.add(row)
            found_taken.add(column)
            chosen[place] = True
    return Assignment(rows[chosen], columns[chosen], overlap[chosen])


def excused(matches: ImageMatches, *, same_class: bool) -> BoolArray:
    """Return which found objects are no mistake where they hit nothing, [F].

    More than half of their pixels lie in what is ignored or in crowds (with `same_class`: of their class).
    """
    truth, found, pairs = matches.truth, matches.found, matches.pairs
    inside = truth.crowd[pairs.truth]
    if same_class:
        inside = inside & (truth.labels[pairs.truth] == found.labels[pairs.found])
    pixels = found.ignored.copy()
    np.add.at(pixels, pairs.found[inside], pairs.shared[inside])
    return 2 * pixels > found.areas
