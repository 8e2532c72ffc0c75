"""Which images are hard, judged by labels and pixels alone, and where outlines follow no edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segloop.data.statistics.tally import TRAITS, Tally

TELLING = 0.8  # a trait is named where the image is beyond this share of the others
LOOSE = 1.05  # outlines with gradients below them hardly larger than beside them


@dataclass(frozen=True)
class Hard:
    """An image by its number in the set: how hard, from 0 to 1, and the share it surpasses in each trait."""

    number: int
    score: float
    traits: dict[str, float]

    @property
    def telling(self) -> list[str]:
        """The traits that make it hard, the strongest first."""
        strong = [name for name, share in self.traits.items() if share >= TELLING]
        return sorted(strong, key=lambda name: -self.traits[name])


def hardest(tally: Tally, *, most: int) -> list[Hard]:
    """Return the hardest images: the mean, over the traits, of the share of images that have less of it.

    Traits are small objects, faint ones (near the colour around them), soft pictures, many objects, and many
    classes. A trait in which all images are alike counts for none.
    """
    table = tally.trait_table
    if len(table) == 0:
        return []
    ranks = np.stack([_rank(table[:, 1 + place]) for place in range(len(TRAITS))], axis=1)
    telling = ~np.isnan(ranks).all(axis=0)
    if not telling.any():
        return []
    filled = np.where(np.isnan(ranks), 0.5, ranks)
    score = filled[:, telling].mean(axis=1)
    order = np.lexsort((table[:, 0], -score))[:most]
    return [
        Hard(
            number=int(table[row, 0]),
            score=float(score[row]),
            traits={name: float(filled[row, place]) for place, name in enumerate(TRAITS) if telling[place]},
        )
        for row in order.tolist()
    ]


def loosest(tally: Tally, *, most: int) -> list[tuple[int, float]]:
    """Return images whose outlines follow the picture's edges least: number, and gradient on over beside."""
    table = tally.trait_table
    order = np.lexsort((table[:, 0], table[:, -1]))[:most]
    return [(int(table[row, 0]), float(table[row, -1])) for row in order.tolist()]


def _rank(values: np.ndarray) -> np.ndarray:
    """Return the share of the values that each is above, equals halved; NaN where it is, or all are equal."""
    known = ~np.isnan(values)
    ranks = np.full(len(values), np.nan)
    found, inverse, counts = np.unique(values[known], return_inverse=True, return_counts=True)
    if len(found) < 2:
        return ranks
    below = np.cumsum(counts) - counts
    ranks[known] = ((below + counts / 2) / known.sum())[inverse]
    return ranks
