"""Takes the wrong pixels apart: kinds of mistakes, what mending each would gain, classes mixed up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from segloop.analysis.counts import ClassCounts, class_counts
from segloop.analysis.gathering import Gathered
from segloop.analysis.regions import KINDS
from segloop.analysis.scores import class_scores, foreground_classes

IntArray = npt.NDArray[np.int64]

MOST_PAIRS = 30
RULE = (
    "What mending a kind would gain: all its pixels are counted as right, everything else stays; then "
    "mDice_fg is computed again. Gains do not add up: a score is no sum of its mistakes."
)


def mended(confusion: IntArray, mistakes: IntArray) -> ClassCounts:
    """Return the counts of classes after mistakes, pixels by [truth, pred], are right.

    >>> mended(np.array([[5, 2], [1, 4]]), np.array([[0, 2], [0, 0]])).fp
    array([1, 0])
    """
    better = confusion - mistakes
    better[np.diag_indices(len(better))] += mistakes.sum(axis=1)
    return class_counts(better)


def mean_left(dice: npt.NDArray[np.float64]) -> float:
    """Return the mean of the classes that are still there; 1 without one, for then nothing is wrong.

    >>> mean_left(np.array([0.5, np.nan])), mean_left(np.array([np.nan]))
    (0.5, 1.0)
    """
    there = dice[~np.isnan(dice)]
    return float(there.mean()) if len(there) else 1.0


def break_down(gathered: Gathered, class_names: Sequence[str]) -> dict[str, Any]:
    """Return pixels, share and gain of each kind of mistake, over the set and per class, for JSON.

    A class's gain is that of its own Dice, if the mistakes of that kind that it has part in were right.
    """
    wanted = foreground_classes(gathered.num_classes, gathered.background)
    now = class_scores(class_counts(gathered.confusion)).dice
    wanted &= ~np.isnan(now)
    wrong, counted = int(gathered.mistakes.sum()), int(gathered.confusion.sum())
    kinds = []
    for number, kind in enumerate(KINDS):
        pixels = gathered.mistakes[number]
        after = class_scores(mended(gathered.confusion, pixels)).dice
        of_class = np.where(np.isnan(after), 1.0, after) - now  # it was only invented, and is so no more
        total = int(pixels.sum())
        kinds.append(
            {
                "kind": kind,
                "pixels": total,
                "of_wrong": total / wrong if wrong else 0.0,
                "of_all": total / counted if counted else 0.0,
                "gain": mean_left(after[wanted]) - float(now[wanted].mean())
                if wanted.any()
                else float("nan"),
                "gain_by_class": [float(value) for value in of_class],
                "pixels_by_class": (pixels.sum(axis=0) + pixels.sum(axis=1)).tolist(),
            }
        )
    return {
        "kinds": kinds,
        "wrong": wrong,
        "pixels": counted,
        "pairs": mixed_up(gathered.confusion, class_names),
    }


def mixed_up(
    confusion: IntArray, class_names: Sequence[str], *, most: int = MOST_PAIRS
) -> list[dict[str, Any]]:
    """Return the pairs of true and predicted class with the most wrong pixels, for JSON.

    `of_truth` is the share of the true class's pixels that were called the other.
    """
    wrong = confusion - np.diag(np.diag(confusion))
    truth, pred = np.nonzero(wrong)
    pixels = wrong[truth, pred]
    chosen = np.argsort(-pixels, kind="stable")[:most]
    total = confusion.sum(axis=1)
    return [
        {
            "truth": class_names[t],
            "pred": class_names[p],
            "pixels": int(wrong[t, p]),
            "of_truth": float(wrong[t, p] / max(total[t], 1)),
        }
        for t, p in zip(truth[chosen].tolist(), pred[chosen].tolist(), strict=True)
    ]
