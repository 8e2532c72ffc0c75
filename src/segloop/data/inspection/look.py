"""Looks at images, some at a time and in any process: files, pixels, and what is drawn over them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np

from segloop.data import checks
from segloop.data.annotations import ImageRecord, LabelSet, SizeHW
from segloop.data.drawing import bitmaps
from segloop.data.image_files import image_facts
from segloop.data.inspection.edges import Fit, map_outline, measure_fit, run_outline
from segloop.data.inspection.parts import Flaw, find_flaws, find_holes, hollow
from segloop.data.masks import (
    Parts,
    Pieces,
    Runs,
    decode_patches,
    label_pieces,
    measure_pieces,
    paint,
    run_pieces,
)
from segloop.data.similar import BYTES, decode_grey, image_hash
from segloop.utils.errors import DataError, UserError

ENOUGH = 256  # pixels of the shorter side that outlines are compared with; larger images are halved
NOTHING = bytes(BYTES)
Problem: TypeAlias = tuple[str, str]  # kind and text
_BROKEN = f"{checks.KINDS['broken-image'][0]}: "


@dataclass(slots=True)
class Seen:
    """What is kept of an image: small, whatever its size.

    `hash` is that of `segloop.data.similar`, zeros without a picture; `drawn` tells labels apart. `parts`
    counts connected parts by label.
    """

    image_id: str
    split: str | None = None
    file: Path | None = None
    size_hw: SizeHW | None = None
    problems: tuple[Problem, ...] = ()
    remarks: tuple[Any, ...] = ()
    objects: int = 0
    labelled: bool = False
    void: bool = False  # every pixel is ignored
    semantic: bool = False
    used: frozenset[str] = frozenset()
    empty: tuple[str, ...] = ()  # labels of objects without a pixel
    hash: bytes = NOTHING
    decoded: bool = False
    drawn: int = 0
    flaws: tuple[Flaw, ...] = ()
    parts: Mapping[int, int] = field(default_factory=dict)
    fit: Fit | None = None


@dataclass(frozen=True)
class Look:
    """Looks at some images, given the keys that load them; travels to workers."""

    load: Callable[[Any], ImageRecord]
    labels: LabelSet

    def __call__(self, keys: tuple[Any, ...]) -> list[Seen]:
        """Return what is seen of each image. Parts of all of them are measured in one step."""
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)  # other processes have the other cores
        try:
            return self._look(keys)
        finally:
            cv2.setNumThreads(threads)

    def _look(self, keys: tuple[Any, ...]) -> list[Seen]:
        seen: list[Seen] = []
        drawings: list[Drawing | None] = []
        for key in keys:
            split = getattr(key, "split", None)
            try:
                record = self.load(key)
                split = record.split
                drawing = Drawing.of(record, self.labels)
            except UserError as error:
                seen.append(_bad(error, split))
                drawings.append(None)
                continue
            each = _seen(record, drawing, self.labels)
            _look_at_file(each, drawing, self.labels)
            seen.append(each)
            drawings.append(drawing)
        measured = [drawing for drawing in drawings if drawing is not None]
        parts = measure_pieces([drawing.pieces for drawing in measured])
        begin = np.searchsorted(parts.image, np.arange(len(measured) + 1))
        place = 0
        for each, drawing in zip(seen, drawings, strict=True):
            if drawing is not None:
                _look_at_parts(
                    each, drawing, _some(parts, int(begin[place]), int(begin[place + 1])), self.labels
                )
                place += 1
        return seen


@dataclass(frozen=True)
class Drawing:
    """What is drawn on an image: an index map, or the runs of its objects, and where they lie."""

    size_hw: SizeHW
    pieces: Pieces
    semantic: np.ndarray | None
    runs: tuple[Runs, ...]
    owners: np.ndarray  # the label of each object

    @classmethod
    def of(cls, record: ImageRecord, labels: LabelSet) -> Drawing | None:
        """Return what is drawn on an image; None where that is nothing, or its size is not known."""
        if record.instances and record.size_hw is not None:
            found = bitmaps(record.instances, record.size_hw)
            kept = [
                (each, runs)
                for each, runs in zip(record.instances, found, strict=True)
                if runs is not None and not each.crowd
            ]
            places = {name: place for place, name in enumerate(labels.names)}
            strange = sorted({each.label for each in record.instances} - set(places))
            if strange:
                told = f"labels that are not declared: {', '.join(strange)}"
                raise DataError(told, image_id=record.image_id)
            runs = tuple(each for _, each in kept)
            owners = np.array([places[each.label] for each, _ in kept], np.int64)
            return cls(record.size_hw, run_pieces(runs, record.size_hw), None, runs, owners)
        if record.semantic is None:
            return None
        size_hw = record.semantic.shape[0], record.semantic.shape[1]
        by_column = cv2.transpose(record.semantic).T  # the same map; its columns are read ten times as fast
        pieces = label_pieces(by_column, without=(labels.ignore_index,))
        return cls(size_hw, pieces, record.semantic, (), np.arange(max(len(labels), 1)))

    def labels_of(self, owners: np.ndarray) -> np.ndarray:
        """Return the label of each part, given whose it is."""
        return owners if self.semantic is not None else self.owners[owners]


def _bad(error: UserError, split: str | None) -> Seen:
    """Return what a record that cannot be used says of itself."""
    problems = [str(each) for each in getattr(error, "problems", ()) or (str(error),)]
    told = (
        ("image" if each.startswith(_BROKEN) else "labels", each.removeprefix(_BROKEN)) for each in problems
    )
    return Seen(getattr(error, "image_id", None) or "", split, problems=tuple(told))


def _seen(record: ImageRecord, drawing: Drawing | None, labels: LabelSet) -> Seen:
    values: np.ndarray = np.zeros(0, np.int64)
    if drawing is not None and drawing.semantic is not None:
        values = np.flatnonzero(np.bincount(drawing.pieces.owner))
    foreground = [value for value in values.tolist() if value != labels.background and value < len(labels)]
    used = {each.label for each in record.instances} | {each.label for each in record.tags}
    return Seen(
        record.image_id,
        record.split,
        record.file,
        record.size_hw,
        remarks=record.remarks,
        objects=len(record.instances),
        labelled=bool(record.instances or record.tags or foreground),
        void=record.semantic is not None and not len(values),
        semantic=record.semantic is not None,
        used=frozenset(used | {labels.names[value] for value in foreground}),
        empty=_without_pixels(record, drawing),
        drawn=_checksum(drawing),
    )


def _without_pixels(record: ImageRecord, drawing: Drawing | None) -> tuple[str, ...]:
    if drawing is None or drawing.semantic is not None:
        return ()
    shapes = [each for each in record.instances if not each.crowd]
    drawn = bitmaps(shapes, drawing.size_hw) if any(len(each) < 2 for each in drawing.runs) else []
    return tuple(
        each.label for each, runs in zip(shapes, drawn, strict=False) if runs is not None and len(runs) < 2
    )


def _checksum(drawing: Drawing | None) -> int:
    """Return a checksum of what is drawn; in whatever order objects come."""
    if drawing is None:
        return 0
    if drawing.semantic is not None:
        return zlib.crc32(np.ascontiguousarray(drawing.semantic).data)
    objects = sorted(zip(drawing.owners.tolist(), map(bytes, drawing.runs), strict=True))
    return zlib.crc32(b"".join(b"%d:%d:%b" % (label, len(runs), runs) for label, runs in objects))


def _look_at_file(seen: Seen, drawing: Drawing | None, labels: LabelSet) -> None:
    """Read and decode the image: is it whole, what does it look like, do outlines lie on its edges."""
    if seen.file is None:
        return
    try:
        data = seen.file.read_bytes()
    except OSError as error:
        seen.problems = (("image", f"{seen.file}: {error.strerror or error}"),)
        return
    facts = image_facts(data)
    grey = None if facts.error else decode_grey(data, facts, enough=ENOUGH)
    if grey is None:
        seen.problems = (("image", f"{seen.file}: {facts.error or 'cannot be decoded'}"),)
        return
    while min(grey.shape) >= 2 * ENOUGH:
        grey = cv2.resize(grey, (grey.shape[1] // 2, grey.shape[0] // 2), interpolation=cv2.INTER_AREA)
    seen.decoded = True
    seen.hash = image_hash(grey).tobytes()
    if drawing is not None and any(seen.hash):
        if drawing.semantic is not None:
            outline = map_outline(drawing.semantic, void=labels.ignore_index)
        else:
            outline = run_outline(drawing.runs, drawing.pieces, drawing.size_hw)
        seen.fit = measure_fit(_eight_bits(grey), outline, drawing.size_hw)


def _eight_bits(grey: np.ndarray) -> np.ndarray:
    if grey.dtype == np.uint8:
        return grey
    most = max(float(grey.max()), 1.0)
    return cv2.convertScaleAbs(grey.astype(np.float32), alpha=255 / most)


def _some(parts: Parts, begin: int, end: int) -> Parts:
    """Return some of the parts, which lie side by side."""
    return Parts(**{name: getattr(parts, name)[begin:end] for name in Parts.__dataclass_fields__})


def _look_at_parts(seen: Seen, drawing: Drawing, parts: Parts, labels: LabelSet) -> None:
    of_part = drawing.labels_of(parts.owner)
    counts = np.bincount(of_part).tolist()
    seen.parts = {number: count for number, count in enumerate(counts) if count}
    if drawing.semantic is not None:
        seen.objects = sum(count for number, count in seen.parts.items() if number != labels.background)
    flaws = find_flaws(parts, of_part, drawing.size_hw)
    doubtful = hollow(parts)
    if drawing.semantic is not None:
        doubtful = doubtful[of_part[doubtful] != labels.background]
    if len(doubtful):
        crop = _crops_of_map if drawing.semantic is not None else _crops_of_runs
        flaws += find_holes(crop(drawing, parts, doubtful, labels), parts, of_part)
    seen.flaws = tuple(flaws)


Crops: TypeAlias = Iterator[tuple[int, np.ndarray, np.ndarray]]


def _crops_of_map(drawing: Drawing, parts: Parts, places: np.ndarray, labels: LabelSet) -> Crops:
    assert drawing.semantic is not None
    nothing = [labels.ignore_index] if labels.background is None else [labels.ignore_index, labels.background]
    for place in places.tolist():
        left, top, right, bottom = parts.boxes_xyxy[place]
        crop = drawing.semantic[top:bottom, left:right]
        yield place, crop == parts.owner[place], ~np.isin(crop, nothing)


def _crops_of_runs(drawing: Drawing, parts: Parts, places: np.ndarray, labels: LabelSet) -> Crops:
    everything = np.zeros(drawing.size_hw, np.uint8)
    paint(drawing.runs, [1] * len(drawing.runs), everything)
    for place in places.tolist():
        (patch,) = decode_patches([drawing.runs[parts.owner[place]]], drawing.size_hw)
        left, top, right, bottom = parts.boxes_xyxy[place]
        pixels = patch.bitmap[top - patch.top : bottom - patch.top, left - patch.left : right - patch.left]
        yield place, pixels, everything[top:bottom, left:right] > 0
