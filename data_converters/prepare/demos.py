"""Makes a task's demo set for a training whose data are missing; tools hand it to the library."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def spread(count: int, usual: Mapping[str, int]) -> dict[str, int]:
    """Return so many images in all, in the usual proportions, at least one of each kind.

    >>> spread(60, {"train": 800, "val": 200, "test": 200})
    {'train': 40, 'val': 10, 'test': 10}
    """
    total = sum(usual.values())
    counts = {name: max(1, count * number // total) for name, number in usual.items()}
    largest = max(counts, key=lambda name: counts[name])
    return {**counts, largest: max(1, counts[largest] + count - sum(counts.values()))}


def make_demo(task: str, root: str, *, seed: int, count: int | None = None) -> dict[str, int]:
    """Make a task's demo set at `root`, of `count` images or all; return how many all are, by split."""
    from data_converters.prepare.record import Drawing, Wish
    from data_converters.prepare.road import prepare
    from data_converters.prepare.tasks import find_task
    from segloop.utils.progress import counted

    found = find_task(task)
    usual: Mapping[str, int] = found.generator().COUNTS
    counts = None if count is None else spread(count, usual)
    wish = Wish(task=found, source=None, drawing=Drawing(counts=counts), seed=seed)
    made = prepare(wish, Path(root), watch=counted).info.splits
    if set(made) == set(usual):
        return dict(usual)
    # Cut by us: as many of all as of these.
    return {split: round(number / sum(made.values()) * sum(usual.values())) for split, number in made.items()}


def own_or_small(task: str, *, small: Path, count: int = 60) -> Path:
    """Return where a task's prepared set lies; without one, a demo set of `count` images, made in `small`."""
    from segloop.data.info import FILE_NAME

    own = Path(os.environ.get("SEGLOOP_DATA", "data")) / task
    if (own / FILE_NAME).is_file():
        return own
    if not (small / task / FILE_NAME).is_file():
        make_demo(task, str(small / task), seed=0, count=count)
    return small / task
