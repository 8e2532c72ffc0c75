"""Numbers of prepared sets, without any file, for the tests of proposals."""

from __future__ import annotations

from collections import Counter

from segloop.data.annotations import Label, LabelSet
from segloop.data.statistics import Tally
from segloop.data.statistics.bins import SIZES
from segloop.experiments.proposal.seen import Seen


def seen(
    *,
    kind: str = "semantic",
    names: tuple[str, ...] = ("background", "rust"),
    background: int | None = 0,
    pixels: tuple[int, ...] = (900, 100),
    size_hw: tuple[int, int] = (64, 64),
    side: int = 12,
    most: int = 3,
    images: int = 40,
    splits: dict[str, int] | None = None,
    gpu: bool = False,
) -> Seen:
    """Return a set of images of one size, with objects that are all squares of one side."""
    tally = Tally(len(names))
    tally.images = images
    tally.pixels[: len(pixels)] = pixels
    tally.image_sizes = Counter({size_hw: images})
    place = SIZES.place(side)
    tally.sizes[-1, place] = tally.boxes[place, place] = 10
    tally.objects[-1] = 10
    tally.per_image[-1] = Counter({most: images})
    tally.color_pixels, tally.color_sum[:], tally.color_squares[:] = 2, (20, 40, 60), (400, 1600, 3600)
    return Seen(
        name="x",
        kind=kind,
        labels=LabelSet(tuple(map(Label, names)), background=background),
        tally=tally,
        splits=splits or {"train": images, "val": 10, "test": 10},
        largest_hw=size_hw,
        gpu=gpu,
    )
