"""Chooses the batches that a dry run tries: those that ask most of the machine, then some as they come."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from torch.utils.data import DataLoader, IterableDataset

from segloop.data.image_files import ImageFacts
from segloop.data.sampling import KEPT

MOST = 10_000  # samples that are asked for their size


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What the samples of a data set ask for; `sizes_hw` and `instances` are of the samples `indices`."""

    samples: int
    indices: list[int]
    sizes_hw: list[tuple[int, int]]
    instances: list[int]

    @property
    def largest_hw(self) -> tuple[int, int] | None:
        """The size of the image with the most pixels."""
        return max(self.sizes_hw, key=_pixels, default=None)

    @property
    def most_instances(self) -> int:
        """The most instances that one image has."""
        return max(self.instances, default=0)

    def batches(self, batch_size: int) -> list[list[int]]:
        """Return a batch of the largest images, and where there are instances one of the fullest."""
        by_size = sorted(range(len(self.indices)), key=lambda place: -_pixels(self.sizes_hw[place]))
        by_count = sorted(range(len(self.indices)), key=lambda place: -self.instances[place])
        orders = [by_size, by_count] if self.most_instances else [by_size]
        chosen = [[self.indices[place] for place in _filled(order, batch_size)] for order in orders]
        return [batch for number, batch in enumerate(chosen) if batch and batch not in chosen[:number]]


def demand(dataset: Any, facts: Mapping[Path, ImageFacts]) -> Demand:
    """Look up how large the images of a data set are and how many instances they show.

    `facts` are those of files that were checked; other images are opened for their size.
    """
    count = len(dataset)
    indices = sorted({place * count // min(count, MOST) for place in range(min(count, MOST))})
    sizes, instances = [], []
    for index in indices:
        try:
            info = dataset.get_data_info(index)
        except (AttributeError, NotImplementedError):  # no data set of mmengine's kind
            return Demand(samples=count, indices=[0], sizes_hw=[(0, 0)], instances=[0])
        sizes.append(_size_hw(info, facts))
        learnt = [each for each in info.get("instances") or () if not each.get("ignore_flag")]
        instances.append(len(learnt))
    return Demand(samples=count, indices=indices, sizes_hw=sizes, instances=instances)


def as_they_come(loader: DataLoader, count: int) -> list[list[int]]:
    """Return the first batches of a loader as its own sampler gives them."""
    return [list(batch) for batch in itertools.islice(iter(loader.batch_sampler or ()), count)]


def has_places(loader: DataLoader) -> bool:
    """Return whether batches of a loader can be chosen; a stream gives what it gives."""
    return not isinstance(loader.dataset, IterableDataset) and loader.batch_sampler is not None


def with_batches(loader: DataLoader, batches: Sequence[list[int]]) -> DataLoader:
    """Return a loader of these batches that is otherwise as the given one, its processes included."""
    kept = {name: getattr(loader, name) for name in KEPT if hasattr(loader, name)}
    return DataLoader(loader.dataset, batch_sampler=list(batches), **kept)


def _size_hw(info: Mapping[str, Any], facts: Mapping[Path, ImageFacts]) -> tuple[int, int]:
    if "height" in info and "width" in info:
        return int(info["height"]), int(info["width"])
    path = info.get("img_path")
    if path is None:
        return 0, 0
    if (known := facts.get(Path(path))) is not None:
        return known.size_hw
    try:
        with Image.open(path) as image:
            width, height = image.size
            return height, width
    except OSError:  # the step that loads it will tell
        return 0, 0


def _filled(order: Sequence[int], count: int) -> list[int]:
    """Return the first `count` of an order, from its beginning again where it is too short."""
    return list(itertools.islice(itertools.cycle(order), count)) if order else []


def _pixels(size_hw: tuple[int, int]) -> int:
    return size_hw[0] * size_hw[1]
