"""Looks over the images that have to be cut, before anything is written: what each holds, by label."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from data_converters.convert import results_of
from data_converters.prepare.base import Progress, Seen
from data_converters.prepare.joined import Key, Keys
from segloop.data.annotations import Bitmap, ImageRecord, LabelledImages, LabelSet, Opaque, Polygon
from segloop.data.drawing import bitmaps
from segloop.data.masks import areas
from segloop.data.splits import class_columns
from segloop.utils.errors import UserError

MOST_KEPT = 1 << 28  # bytes of records that wait to be written


@dataclass(frozen=True, slots=True)
class Look:
    """What one image holds: objects (or 1 for a class of an index map) and pixels, by the label's place.

    `record` is the whole record where that is small, so that nobody has to read the image's labels again.
    """

    image_id: str
    split: str | None
    file: str | None
    size_hw: tuple[int, int] | None
    counts: tuple[int, ...]
    pixels: tuple[int, ...]
    record: ImageRecord | None = None


@dataclass(frozen=True)
class Survey:
    """Images by their places in the whole; those that cannot be used are left to who reads them next."""

    labels: LabelSet
    places: tuple[int, ...]
    looks: tuple[Look, ...]

    def __len__(self) -> int:
        return len(self.looks)

    def of(self, wanted: Callable[[Look], bool]) -> Survey:
        """Return the survey of some of the images."""
        kept = [number for number, look in enumerate(self.looks) if wanted(look)]
        return Survey(self.labels, tuple(self.places[n] for n in kept), tuple(self.looks[n] for n in kept))

    def records(self) -> dict[int, ImageRecord]:
        """Return the records that were kept, by the images' places in the whole."""
        pairs = zip(self.places, self.looks, strict=True)
        return {place: look.record for place, look in pairs if look.record is not None}

    def seen(self) -> list[Seen]:
        """Return what grouping rules go by."""
        names = self.labels.names
        return [
            Seen(
                each.image_id,
                Path(each.file) if each.file else None,
                each.size_hw,
                {name: count for name, count in zip(names, each.counts, strict=True) if count},
            )
            for each in self.looks
        ]

    def columns(self) -> dict[str, np.ndarray]:
        """Return what parts are to have their share of: images that show a label, its objects, its pixels."""
        shown = [place for place in range(len(self.labels)) if place != self.labels.background]
        names = [self.labels.names[place] for place in shown]
        counts, pixels = (
            np.array([getattr(look, what) for look in self.looks], np.int64)[:, shown]
            for what in ("counts", "pixels")
        )
        columns = class_columns(pixels, names)
        for place, name in enumerate(names):
            columns[f"{name}: images"] = (counts[:, place] > 0).astype(np.float64)
            if counts[:, place].max(initial=0) > 1:
                columns[f"{name}: objects"] = counts[:, place].astype(np.float64)
        empty = counts.sum(axis=1) == 0
        if empty.any() and not empty.all():
            columns["empty: images"] = empty.astype(np.float64)
        return columns


@dataclass(frozen=True)
class LookOver:
    """Looks at images, in any process."""

    load: Callable[[Key], ImageRecord]
    labels: LabelSet

    def __call__(self, keys: Sequence[Key]) -> list[Look | None]:
        """Return what each image holds; None if it cannot be used."""
        return [self._try(key) for key in keys]

    def _try(self, key: Key) -> Look | None:
        try:
            glance = getattr(self.load, "glance", None)
            seen = None if glance is None else glance(key)
            return self.look(self.load(key)) if seen is None else self._of_counts(*seen)
        except UserError:
            return None

    def look(self, record: ImageRecord) -> Look:
        """Count the objects and pixels of each label."""
        counts, pixels = [0] * len(self.labels), [0] * len(self.labels)
        names = {name: place for place, name in enumerate(self.labels.names)}
        if record.instances:
            sizes = self._sizes(record)
            for each, size in zip(record.instances, sizes, strict=True):
                counts[names[each.label]] += 1
                pixels[names[each.label]] += size
        if record.semantic is not None:
            found = np.bincount(record.semantic.ravel(), minlength=len(names))[: len(names)]
            for place, number in enumerate(found.tolist()):
                counts[place] += number > 0
                pixels[place] += number
        return _look(record, counts, pixels, kept=record if record.semantic is None else None)

    def _of_counts(self, record: ImageRecord, found: Mapping[int, int]) -> Look:
        pixels = [found.get(place, 0) for place in range(len(self.labels))]
        return _look(record, [int(number > 0) for number in pixels], pixels)

    def _sizes(self, record: ImageRecord) -> list[int]:
        if record.size_hw is None:
            return [0] * len(record.instances)
        drawn = bitmaps(record.instances, record.size_hw)
        found = iter(areas([runs for runs in drawn if runs is not None]))
        return [0 if runs is None else next(found) for runs in drawn]


def _look(
    record: ImageRecord, counts: Sequence[int], pixels: Sequence[int], kept: ImageRecord | None = None
) -> Look:
    file = str(record.file) if record.file else None
    return Look(record.image_id, record.split, file, record.size_hw, tuple(counts), tuple(pixels), kept)


def weight(record: ImageRecord) -> int:
    """Return about how many bytes of memory a record takes."""
    whole = 1000
    for each in record.instances:
        whole += 500
        if isinstance(each.shape, Bitmap):
            whole += each.shape.runs.nbytes
        elif isinstance(each.shape, Polygon):
            whole += sum(ring.nbytes for ring in each.shape.rings)
        elif isinstance(each.shape, Opaque):
            whole += 2000  # whatever its payload is
    return whole


def survey(
    images: LabelledImages,
    parts: Sequence[int],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Survey:
    """Look over the images of some parts, in their order."""
    keys = images.keys
    assert isinstance(keys, Keys)
    places = [place for part in parts for place in keys.places(part)]
    chosen = _Chosen(keys, places)
    job = LookOver(images.load, images.labels)
    found, kept, room = [], [], MOST_KEPT
    for number, look in enumerate(results_of(job, chosen, workers=workers)):
        if look is not None:
            if look.record is not None:
                room -= weight(look.record)
                look = look if room > 0 else replace(look, record=None)
            found.append(look)
            kept.append(places[number])
        if progress is not None:
            progress(number + 1, len(places))
    return Survey(images.labels, tuple(kept), tuple(found))


class _Chosen(Sequence[Any]):
    """Some of the keys."""

    def __init__(self, keys: Sequence[Any], places: Sequence[int]) -> None:
        self._keys, self._places = keys, places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self._keys[each] for each in self._places[place]]
        return self._keys[self._places[place]]
