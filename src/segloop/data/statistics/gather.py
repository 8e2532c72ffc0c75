"""Goes through a set once, in as many processes as there are cores, and adds up what they counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from segloop.data.annotations import LabelledImages, LabelSet
from segloop.data.split_names import split_name
from segloop.data.statistics.measure import NO_SPLIT, Chunk, Measure, chunks
from segloop.data.statistics.tally import MOST_BAD, Tally, total
from segloop.utils.errors import DataError, listing
from segloop.utils.workers import cpu_count, map_ordered

CHUNK = 32  # images; always the same, so that sums of floats are, too
PATIENCE_S = 2.0  # of work in this process before others are started, which takes about a second
ORDER = ("train", "val", "test")


@dataclass(frozen=True)
class Gathered:
    """What was counted in a set, by split, and all together."""

    labels: LabelSet
    splits: dict[str, Tally]
    whole: Tally

    @property
    def named(self) -> list[str]:
        """The names of the splits, none where the set has no splits."""
        return [name for name in self.splits if name != NO_SPLIT]

    @property
    def training(self) -> tuple[str | None, Tally]:
        """What a config may be tuned on: the training split, or everything where none is called so."""
        for name in self.splits:
            if split_name(name) == "train" and self.splits[name].images:
                return name, self.splits[name]
        return None, self.whole

    @property
    def shown(self) -> Tally:
        """What pictures are taken from: all but the test split, which nobody should get to know."""
        seen = [tally for name, tally in self.splits.items() if split_name(name) != "test"]
        hidden = len(seen) < len(self.splits)
        return total(seen, num_labels=len(self.labels)) if seen and hidden else self.whole


def gather(
    images: LabelledImages,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Gathered:
    """Count what there is to count in a set; any number of workers gives the same numbers.

    Images that cannot be used are left out and named in the tallies; if none is left, that is a DataError.
    """
    splits: dict[str, Tally] = {}
    job = Measure(images.load, images.labels)
    done, all_ = 0, len(images)
    for found in _measured(job, chunks(images.keys, size=CHUNK), workers=workers):
        for split, tally in found.items():
            if split in splits:
                splits[split].add(tally)
            else:
                splits[split] = tally
        done = min(done + CHUNK, all_)
        if progress is not None:
            progress(done, all_)
    splits = {split: splits[split] for split in sorted(splits, key=_place)}
    whole = total(list(splits.values()), num_labels=len(images.labels))
    if not whole.images:
        problems = [f"{image_id}: {problem}" for image_id, problem in whole.bad]
        raise DataError(
            f"None of the {all_} images can be used:\n{listing(problems, most=MOST_BAD)}"
            if problems
            else "The set holds no image."
        )
    return Gathered(images.labels, splits, whole)


def _place(split: str) -> tuple[int, str]:
    """Return where a split stands: training first, then validation, tests, and others by name."""
    usual = split_name(split)
    return (len(ORDER) if usual is None else ORDER.index(usual), split)


def _measured(job: Measure, parts: Sequence[Chunk], *, workers: int | None) -> Iterator[dict[str, Tally]]:
    """Measure chunk by chunk; where nobody said how many processes, begin in this one."""
    begin, started = 0, time.monotonic()
    while workers is None and cpu_count() > 1 and begin < len(parts):
        yield job(parts[begin])
        begin += 1
        spent = time.monotonic() - started
        if spent / begin * (len(parts) - begin) > PATIENCE_S:
            break
    yield from map_ordered(job, parts[begin:], workers=workers, chunk=1)
