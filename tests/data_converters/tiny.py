"""A format for tests of the converter: a line an image, written as a line an image or a folder of that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data_converters.base import FEATURES, BadRecord, Format, Loss, ReadOptions, Rendered, WriteOptions
from segloop.data import masks
from segloop.data.annotations import Bitmap, ImageRecord, Instance, Label, LabelledImages, LabelSet, Tag
from segloop.data.drawing import bitmaps
from segloop.utils.errors import DataError, FormatError

SIZE = (4, 6)
TINY = Format(
    name="tiny",
    module="tests.data_converters.tiny",
    summary="for tests",
    target=("folder", ".tiny"),
)


def columns(left: int, right: int) -> Bitmap:
    """Return a mask of whole columns."""
    mask = np.zeros(SIZE, bool)
    mask[:, left:right] = True
    return Bitmap(SIZE, masks.encode(mask))


def load(line: str) -> ImageRecord:
    """Read a line: {"id": …, "objects": [{"columns": [a, b], …}], "problems": […]}."""
    told = json.loads(line)
    if told.get("crash"):
        raise ZeroDivisionError("a bug")
    if told.get("problems"):
        raise BadRecord(told["id"], told["problems"])
    return ImageRecord(
        image_id=told["id"],
        name=f"{told['id']}.png",
        size_hw=SIZE,
        instances=tuple(
            Instance(label=each.pop("label", "car"), shape=columns(*each.pop("columns")), **each)
            for each in told.get("objects", [])
        ),
        tags=tuple(Tag(label) for label in told.get("tags", [])),
    )


def read(source: Path, *, options: ReadOptions) -> LabelledImages:
    """Read a file of lines."""
    lines = source.read_text(encoding="utf-8").splitlines()
    if lines[:1] == ["broken"]:
        raise FormatError("is broken", file=source, where="line 1")
    labels = LabelSet((Label("car", color=(1, 2, 3)), Label("tree")))
    return LabelledImages(labels=labels, keys=lines, load=load, told=("read by tiny",))


@dataclass
class TinyWriter:
    """Keeps everything but scores and colours, or what `options.masks` names after a colon."""

    options: WriteOptions
    keeps: frozenset[str] = frozenset(FEATURES) - {"scores", "colors"}
    told: list[str] = field(default_factory=list)
    _lines: list[str] | None = None

    def render(self, record: ImageRecord) -> Rendered:
        """Write a line; an object that ends in the last column loses a pixel, and an id `odd` is refused."""
        if record.image_id == "odd":
            raise BadRecord("odd", ["cannot be written"])
        assert self._lines is None, "a copy that renders was opened"
        runs = [each for each in bitmaps(record.instances, SIZE) if each is not None]
        areas = masks.areas(runs)
        cut = sum(1 for each in runs if len(each) % 2 == 0)
        losses = (Loss("cut", cut, record.image_id),) if cut else ()
        if record.image_id == "silent":
            areas, losses = [area - 1 for area in areas], ()
        line = f"{record.image_id} {areas}"
        return Rendered(record.image_id, line, len(areas), sum(areas) - cut, losses)

    def open(self, target: Path) -> None:
        """Begin."""
        self._target, self._lines = target, []

    def add(self, rendered: Rendered) -> None:
        """Remember a line."""
        assert self._lines is not None
        if rendered.payload in self._lines:
            raise BadRecord(rendered.image_id, ["is there twice"])
        self._lines.append(rendered.payload)

    def close(self) -> None:
        """Write all lines; one that says `full` fails as a disk does, `late` as a set that does not fit."""
        for fault, error in (
            ("full", OSError(28, "No space left on device")),
            ("late", DataError("too late")),
        ):
            if any(line.startswith(fault) for line in self._lines or []):
                raise error
        self.told.append("written by tiny")
        file = self._target
        if file.suffix != ".tiny":
            file.mkdir()
            file = file / "lines"
        file.write_text("\n".join(self._lines or []) + "\n", encoding="utf-8")


def writer(labels: LabelSet, *, facts: Mapping[str, Any], options: WriteOptions) -> TinyWriter:
    """Return a writer."""
    return TinyWriter(options)
