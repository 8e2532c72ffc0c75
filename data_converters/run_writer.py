"""Writes CSVs of runs, image by image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from data_converters.base import BadRecord, Loss, Rendered, WriteOptions
from segloop.data.annotations import ImageRecord, Instance, LabelSet, SizeHW
from segloop.data.drawing import bitmaps, with_instances
from segloop.data.masks import Runs, area, to_pairs
from segloop.utils.errors import DataError

BLOCK = 1 << 20  # bytes that are kept before they are written


class RowWriter:
    """A writer whose payloads are rows, in bytes; `header` is the first line.

    The file is open only while a block is written, so that nothing stays open if a conversion ends early.
    """

    header: str
    keeps: frozenset[str] = frozenset()

    def __init__(self, labels: LabelSet, options: WriteOptions) -> None:
        self.labels = labels
        self.options = options
        self._target: Path | None = None
        self._waiting: list[bytes] = []
        self._size = 0
        self._seen: dict[str, str] = {}

    def open(self, target: Path) -> None:
        """Begin the file."""
        self._target = target
        target.write_bytes(f"{self.header}\n".encode())

    def name_of(self, image_id: str) -> str:
        """Return what tells the rows of an image from those of others."""
        return image_id

    def add(self, rendered: Rendered) -> None:
        """Write the rows of an image; a second one of the same name is refused."""
        name, image_id = self.name_of(rendered.image_id), rendered.image_id
        if name in self._seen:
            other = "an image of another split" if self._seen[name] == image_id else repr(self._seen[name])
            raise BadRecord(image_id, [f"{other} has the same name; rows of one name are of one image"])
        self._seen[name] = image_id
        self._waiting.append(rendered.payload)
        self._size += len(rendered.payload)
        if self._size >= BLOCK:
            self._write()

    def close(self) -> None:
        """Write what is left."""
        self._write()

    def _write(self) -> None:
        assert self._target is not None, "open comes first"
        with self._target.open("ab") as file:
            file.writelines(self._waiting)
        self._waiting, self._size = [], 0


def drawn_instances(
    record: ImageRecord, labels: LabelSet, options: WriteOptions
) -> tuple[ImageRecord, list[Instance], list[Runs]]:
    """Return an image with its index map as objects, and those of its objects that have pixels."""
    record = with_instances(record, labels, mode=options.instances, connectivity=options.connectivity)
    if record.size_hw is None and record.instances:
        told = f"{record.image_id}: its size is not known, so nothing can be drawn"
        raise DataError(told, image_id=record.image_id)
    runs = bitmaps(record.instances, record.size_hw or (0, 0))
    both = [
        (instance, each)
        for instance, each in zip(record.instances, runs, strict=True)
        if each is not None and area(each)
    ]
    return record, [instance for instance, _ in both], [each for _, each in both]


def run_texts(
    runs: Sequence[Runs], size_hw: SizeHW | None, *, order: Literal["columns", "rows"]
) -> list[str]:
    """Return starts and lengths of each mask as text."""
    if size_hw is None:
        return []
    return [" ".join(map(str, flat.tolist())) for flat in to_pairs(runs, size_hw, order=order)]


def field(text: str) -> str:
    r"""Return a text as a field of a CSV; one with a line break is refused, for a row is a line.

    One that is no text, as names of old archives, is refused, too.

    >>> print(field('a, "b".jpg'), field("a b.jpg"))
    "a, ""b"".jpg" a b.jpg
    """
    if "\n" in text or "\r" in text:
        raise DataError(f"{text!r} has a line break in it, which a row of this CSV cannot hold.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{text!r} is no UTF-8 text, which this CSV is.") from error
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text


def other_labels(record: ImageRecord, drawn: Sequence[Instance], label: str) -> tuple[Loss, ...]:
    """Tell which objects had another label than the only one that there is."""
    names = [instance.label for instance in drawn if instance.label != label]
    return (Loss("labels", len(names), f"{record.image_id}: {names[0]}"),) if names else ()
