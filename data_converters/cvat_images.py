"""One image of CVAT's XML as a record, read from its place in the file in any process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from data_converters.archives import Member, Shelf, Unpacked
from data_converters.base import BadRecord
from data_converters.cvat_shapes import Element, Kinds, ShapeReader, parse_element
from data_converters.cvat_xml import Untrusted, describe
from segloop.data.annotations import ImageRecord, Remark, SizeHW
from segloop.data.image_files import MOST_PIXELS, image_size
from segloop.utils.errors import UserError


class Place(NamedTuple):
    """What is known of an image before it is read: where it stands, and what it is called."""

    start: int
    stop: int
    line: int
    image_id: str
    name: str
    split: str | None
    file: Path | Member | None


@dataclass(frozen=True)
class Export:
    """What holds for all images of an export, and how to get at its bytes; it travels to workers."""

    xml: Path | Unpacked
    encoding: str
    kinds: Kinds
    size_hw: SizeHW | None = None  # of images whose size nothing tells
    shelf: Shelf | None = None
    images: str | None = None  # where image files must be
    join_groups: bool = False

    def shapes(self, size_hw: SizeHW | None) -> ShapeReader:
        """Return what reads the shapes of an image of a size."""
        return ShapeReader(self.kinds, size_hw, join_groups=self.join_groups)

    def parse(self, start: int, stop: int, line: int, *, image_id: str) -> Element:
        """Parse the part of the XML from its byte `start` to before `stop`."""
        path = self.xml.file if isinstance(self.xml, Unpacked) else self.xml
        try:
            with path.open("rb") as file:
                file.seek(start)
                data = file.read(stop - start)
            return parse_element(data, encoding=self.encoding, line=line)
        except (expat.ExpatError, Untrusted, OSError) as error:
            told = describe(error) if isinstance(error, expat.ExpatError) else error
            raise BadRecord(
                image_id, [f"line {line}: the file has changed since it was opened ({told})"]
            ) from None

    def open_image(self, file: Path | Member | None, problems: list[str]) -> Path | None:
        """Return the image's file, taken out of the archive if it lies in one."""
        if file is None and self.images:
            problems.append(f"the image is not in {self.images}")
        if isinstance(file, Member):
            assert self.shelf is not None
            try:
                return self.shelf.file(file)
            except UserError as error:
                problems.append(str(error))
                return None
        return file

    def size_of(self, told: SizeHW | None, file: Path | None, problems: list[str]) -> SizeHW | None:
        """Return an image's size, as the labels tell it or its file does; they must agree."""
        if file is not None:
            try:
                seen = image_size(file)
            except UserError as error:
                problems.append(str(error))
                return told
            if told is not None and told != seen:
                problems.append(
                    f"the labels are for {told[1]}x{told[0]} pixels, and {file.name} has {seen[1]}x{seen[0]} "
                    "(after its EXIF orientation)"
                )
            return told or seen
        return told or self.size_hw


@dataclass(frozen=True)
class ReadImage:
    """Reads an <image>."""

    export: Export

    def __call__(self, place: Place) -> ImageRecord:
        """Return the image's record; all that is wrong with it is one BadRecord."""
        element = self.export.parse(place.start, place.stop, place.line, image_id=place.image_id)
        problems: list[str] = []
        file = self.export.open_image(place.file, problems)
        size_hw = self.export.size_of(_told_size(element, problems), file, problems)
        reader = self.export.shapes(size_hw)
        tags = reader.tags([each for each in element.inner if each.tag == "tag"])
        instances = reader.instances([each for each in element.inner if each.tag != "tag"])
        if problems or reader.problems:
            raise BadRecord(place.image_id, problems + reader.problems)
        return ImageRecord(
            image_id=place.image_id,
            name=place.name,
            file=file,
            size_hw=size_hw,
            split=place.split,
            tags=tags,
            instances=tuple(instances),
            remarks=remarks_of(reader, place.image_id),
        )


def remarks_of(reader: ShapeReader, image_id: str) -> tuple[Remark, ...]:
    """Return what was noticed of an image's shapes, with its id."""
    return tuple(
        replace(each, example=f"{image_id}: {each.example}" if each.example else image_id)
        for each in reader.remarks
    )


def _told_size(element: Element, problems: list[str]) -> SizeHW | None:
    values: Mapping[str, str] = element.values
    if "width" not in values and "height" not in values:
        return None
    sides = [values.get(name, "").strip() for name in ("height", "width")]
    if not all(side.isascii() and side.isdigit() and len(side) < 10 and int(side) for side in sides):
        problems.append(
            f"{element} has the width {values.get('width')!r} and height {values.get('height')!r}"
        )
        return None
    height, width = map(int, sides)
    if height * width > MOST_PIXELS:
        problems.append(f"{element} has {width}x{height} pixels; the limit is {MOST_PIXELS} in all")
        return None
    return height, width
