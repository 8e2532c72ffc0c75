"""Reads predictions in Cityscapes' form: lists of masks, each with its label and score."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from data_converters.base import BadRecord, ReadOptions
from data_converters.cityscapes_files import PREDICTED
from data_converters.cityscapes_labels import choose
from data_converters.media import name_fault
from segloop.data.annotations import Bitmap, ImageRecord, Instance, LabelledImages, Remark, SizeHW
from segloop.data.image_files import IMAGE_SUFFIXES, image_size
from segloop.data.index_masks import read_mask
from segloop.data.layout import files_below, only_listed
from segloop.data.masks import Patch, Runs, encode_patches
from segloop.utils.errors import DataError, UserError

MOST_BYTES = 1 << 24  # of one list of predictions


class Page(NamedTuple):
    """An image by its id, and the file that lists what was predicted in it."""

    image_id: str
    file: str


def read_predictions(source: Path, *, options: ReadOptions) -> LabelledImages:
    """Open a folder of predictions; sizes come from the masks, or from the images where there are none."""
    if not source.is_dir():
        raise DataError(f"{source} is no folder.")
    if options.semantic:
        raise UserError("Predictions are of objects; --semantic reads no classes from them.")
    pages = sorted(_find(source))
    if not pages:
        raise DataError(f"{source} holds no *{PREDICTED}, one of which lists the predictions of an image.")
    if options.list_file is not None:
        wanted = only_listed(options.list_file, (page.image_id for page in pages))
        pages = [page for page in pages if page.image_id in wanted]
    choice = choose(source, options.labels, semantic=False)
    by_id = {label.id: label.name for label in choice.chosen}
    known = frozenset(label.id for label in choice.known)
    told = [] if options.images is not None else ["no --images: an image without predictions has no size"]
    return LabelledImages(
        labels=choice.label_set(),
        keys=pages,
        load=LoadPredictions(source, by_id, known, options.images, options.split),
        facts={"task": "cityscapes"},
        told=tuple(told),
    )


def _find(source: Path) -> list[Page]:
    return [
        Page(file.relative_to(source).as_posix()[: -len(PREDICTED)], str(file))
        for file in files_below(source)
        if file.name.endswith(PREDICTED)
    ]


class Line(NamedTuple):
    """What a line says: the mask's path beside the list, the label's id, the score."""

    mask: str
    label: int
    score: float


@dataclass(frozen=True)
class LoadPredictions:
    """Reads what was predicted in one image.

    `by_id` are the labels that are read; predictions of other known ones are left out, as the official
    evaluation leaves them out, and counted.
    """

    source: Path
    by_id: Mapping[int, str]
    known: frozenset[int]
    images: Path | None
    split: str | None

    def __call__(self, page: Page) -> ImageRecord:
        problems: list[str] = []
        if fault := name_fault(page.image_id):
            problems.append(f"{page.image_id!r}: {fault}")
        file = self._image(page, problems)
        size_hw = image_size(file) if file is not None else None
        listed = self._lines(page, problems)
        lines = [line for line in listed if line.label in self.by_id]
        others = [line for line in listed if line.label not in self.by_id]
        patches = []
        for line in lines:
            patch, size_hw = self._mask(page, line, size_hw, problems)
            patches.append(patch)
        if problems:
            raise BadRecord(page.image_id, problems)
        runs: Sequence[Runs] = encode_patches(patches, size_hw) if size_hw is not None else ()
        instances = tuple(
            Instance(label=self.by_id[line.label], shape=Bitmap(size_hw, each), score=line.score)  # type: ignore[arg-type]
            for line, each in zip(lines, runs, strict=True)
        )
        suffix = file.suffix if file is not None else ".png"
        return ImageRecord(
            image_id=page.image_id,
            name=page.image_id + suffix,
            file=file,
            size_hw=size_hw,
            split=self.split,
            instances=instances,
            remarks=_remarks(page, others),
        )

    def _image(self, page: Page, problems: list[str]) -> Path | None:
        if self.images is None:
            return None
        places = [self.images / f"{page.image_id}{suffix}" for suffix in IMAGE_SUFFIXES]
        found = [place for place in places if place.is_file()]
        if not found:
            problems.append(f"there is no image {page.image_id} in {self.images}")
        return found[0] if found else None

    def _lines(self, page: Page, problems: list[str]) -> list[Line]:
        """Return the lines that can be used, and note what is wrong with the others."""
        file = Path(page.file)
        try:
            if file.stat().st_size > MOST_BYTES:
                problems.append(f"{file.name}: more than {MOST_BYTES} bytes")
                return []
            rows = file.read_text(encoding="utf-8-sig").split("\n")  # Windows begins with a mark
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{file.name}: cannot be read: {getattr(error, 'strerror', None) or error}")
            return []
        lines = []
        for number, row in enumerate(rows, 1):
            if row.strip():
                line = _parse(row, self.known)
                if isinstance(line, str):
                    problems.append(f"{file.name}, line {number}: {line}")
                else:
                    lines.append(line)
        return lines

    def _mask(
        self, page: Page, line: Line, size_hw: SizeHW | None, problems: list[str]
    ) -> tuple[Patch, SizeHW | None]:
        """Return a mask and the image's size; whatever is not 0 belongs to the object."""
        nothing = Patch(0, 0, np.zeros((0, 0), bool))
        place = (PurePosixPath(page.image_id).parent / line.mask).as_posix()
        if fault := name_fault(_flat(place)):
            problems.append(f"the mask {line.mask!r}: {fault}")
            return nothing, size_hw
        facts, pixels = read_mask(Path(page.file).parent / line.mask)
        if facts.error or pixels.shape != facts.size_hw:
            problems.append(f"the mask {line.mask}: {facts.error or f'it has colours (mode {facts.mode})'}")
        elif size_hw is not None and tuple(size_hw) != pixels.shape:
            (tall, wide), (high, broad) = pixels.shape, size_hw
            problems.append(f"the mask {line.mask}: {wide}x{tall}, not {broad}x{high} (width x height)")
        else:
            return Patch(0, 0, pixels), (pixels.shape[0], pixels.shape[1])
        return nothing, size_hw


def _remarks(page: Page, others: Sequence[Line]) -> tuple[Remark, ...]:
    """Return how many predictions are of labels that are not read."""
    if not others:
        return ()
    example = f"{page.image_id}: {others[0].mask} of the label {others[0].label}"
    return (Remark("prediction(s) of labels that are not read, left out", len(others), example),)


def _flat(path: str) -> str:
    """Return a relative path with its `..` taken back as far as they go."""
    return os.path.normpath(path).replace(os.sep, "/")


def _parse(row: str, known: frozenset[int]) -> Line | str:
    parts = row.strip("\r").rsplit(" ", 2)
    if len(parts) != 3:
        return "expected a mask, a label's id and a score, with blanks between"
    mask, label, score = parts
    try:
        number, sure = float(label), float(score)
    except ValueError:
        return f"{label[:40]!r} and {score[:40]!r} are no label's id and score"
    if number not in known or number < 0:
        return f"{label[:40]} is no label's id"
    if not math.isfinite(sure):
        return f"the score {score[:40]!r} is no number"
    return Line(mask, int(number), sure)
