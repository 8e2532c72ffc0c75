"""Images with a few objects, for the tests of scores: pictures in letters, and random ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segloop.analysis.instances import Instances
from segloop.analysis.matching import ImageMatches

NAMES = ["a", "b", "c"]


def picture(text: str) -> np.ndarray:
    """Return an HxW array of letters from lines of them."""
    return np.array([list(line) for line in text.split()])


def objects(
    text: str,
    letters: str | None = None,
    *,
    labels: Sequence[int] | None = None,
    scores: Sequence[float] | None = None,
    crowd: str = "",
    ignore: str = "",
) -> Instances:
    """Return the objects that letters draw, in the order of `letters`; of class 0 unless `labels` say."""
    drawn = picture(text)
    if letters is None:
        letters = "".join(sorted(set(drawn.ravel()) - set(". " + ignore)))
    found = Instances.of_bitmaps(
        [drawn == letter for letter in letters],
        [0] * len(letters) if labels is None else labels,
        size_hw=drawn.shape,
        scores=scores,
        crowd=[letter in crowd for letter in letters],
    )
    if ignore:
        void = Instances.of_bitmaps([np.isin(drawn, list(ignore))], [0]).runs[0]
        object.__setattr__(found, "ignore", void)
    return found


def nothing(size_hw: tuple[int, int] = (4, 4)) -> Instances:
    """Return no object."""
    return Instances(runs=[], labels=np.zeros(0, np.int64), size_hw=size_hw, scores=np.zeros(0))


def random_pair(
    draw: np.random.Generator,
    *,
    size_hw: tuple[int, int] = (9, 11),
    most: int = 7,
    classes: int = 3,
    crowds: float = 0.15,
    ignore: bool = False,
) -> tuple[Instances, Instances]:
    """Return true and found objects: found ones are true ones moved and gnawed at, or anything."""
    true = [rectangle(draw, size_hw) for _ in range(draw.integers(0, most))]
    found = []
    for _ in range(draw.integers(0, most + 2)):
        mask = true[draw.integers(len(true))] if true and draw.random() < 0.8 else rectangle(draw, size_hw)
        mask = np.roll(mask, draw.integers(0, 2), draw.integers(0, 2))
        found.append(mask & (draw.random(size_hw) < draw.choice([1, 0.95, 0.8])))
    truth = Instances.of_bitmaps(
        true,
        draw.integers(0, classes, len(true)),
        size_hw=size_hw,
        crowd=draw.random(len(true)) < crowds,
    )
    if ignore:
        void = Instances.of_bitmaps([rectangle(draw, size_hw)], [0]).runs[0]
        object.__setattr__(truth, "ignore", void)
    return truth, Instances.of_bitmaps(
        found,
        draw.integers(0, classes, len(found)),
        size_hw=size_hw,
        scores=np.round(draw.random(len(found)), 1),
    )


def rectangle(draw: np.random.Generator, size_hw: tuple[int, int]) -> np.ndarray:
    """Return a bitmap with a rectangle somewhere."""
    mask = np.zeros(size_hw, bool)
    y, x = draw.integers(0, size_hw[0]), draw.integers(0, size_hw[1])
    mask[y : y + draw.integers(1, size_hw[0] + 1), x : x + draw.integers(1, size_hw[1] + 1)] = True
    return mask


def same(first: ImageMatches, second: ImageMatches) -> bool:
    """Return whether two images' matches say the same."""
    if first.image_id != second.image_id or (first.pixels is None) != (second.pixels is None):
        return False
    for name in ("truth", "found", "pairs", "pixels"):
        one, other = getattr(first, name), getattr(second, name)
        if one is not None and any(not np.array_equal(vars(one)[key], vars(other)[key]) for key in vars(one)):
            return False
    return True
