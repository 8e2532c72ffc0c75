"""What a proposal goes by: the numbers of a prepared set, and the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from segloop.data.annotations import LabelSet
from segloop.data.statistics import Tally
from segloop.data.statistics.advice import window_size
from segloop.data.statistics.bins import SIZES, quantile


@dataclass(frozen=True)
class Seen:
    """A prepared set: `kind` is `semantic` or `instances`, `tally` counts its training images.

    `largest_hw` is of all splits; `splits` are images by split. `gpu` says that the training will run on one.
    `fullest` is the most objects of an image of the whole set, where `tally` is of a sample; else 0.
    """

    name: str
    kind: str
    labels: LabelSet
    tally: Tally
    splits: Mapping[str, int]
    largest_hw: tuple[int, int]
    gpu: bool = False
    fullest: int = 0

    @cached_property
    def num_classes(self) -> int:
        """How many classes a head predicts: with the background of index maps, without that of objects."""
        return len(self.foreground) if self.kind == "instances" else len(self.labels)

    @cached_property
    def foreground(self) -> tuple[str, ...]:
        """The names of all classes but the background."""
        return tuple(n for place, n in enumerate(self.labels.names) if place != self.labels.background)

    @cached_property
    def training_images(self) -> int:
        """How many images are trained on."""
        return self.splits.get("train", 0)

    @cached_property
    def sizes(self) -> list[tuple[int, int]]:
        """Heights and widths that training images have."""
        return sorted(self.tally.image_sizes)

    @cached_property
    def usual_side(self) -> int:
        """The longer side of the median training image, in pixels."""
        sides = sorted(
            max(hw) for hw, count in self.tally.image_sizes.items() for _ in range(min(count, 1000))
        )
        return sides[len(sides) // 2]

    @cached_property
    def object_side(self) -> float | None:
        """The side of a square of the median object's area, in pixels; None without objects."""
        return quantile(self.tally.sizes.sum(axis=0), SIZES.values, 0.5)

    @cached_property
    def most_objects(self) -> int:
        """The most objects that one image holds, of those that were looked at and those that were counted."""
        return max(self.fullest, max(self.tally.per_image[-1], default=0))

    @cached_property
    def wanted_window(self) -> int | None:
        """The window that shows nearly every object with what is around it; None: the whole image."""
        found = window_size(self.tally, self.kind)
        return None if found is None or found.whole else found.side

    @cached_property
    def shares(self) -> np.ndarray:
        """The share of the scored pixels of each label, and last of no label at all."""
        return self.tally.pixels / max(1, self.tally.scored)


def size_text(size_hw: tuple[int, int]) -> str:
    """Return a size as people write it, width first.

    >>> size_text((480, 640))
    '640x480'
    """
    return f"{size_hw[1]}x{size_hw[0]}"
