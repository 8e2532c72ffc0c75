"""Writes CVAT for images 1.1: an XML, or a zip with images."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from data_converters.archives import ArchiveWriter
from data_converters.base import FEATURES, BadRecord, Rendered, WriteOptions
from data_converters.cvat_fragments import Fragments, Tally
from data_converters.cvat_meta import NO_SUBSET, meta_text
from data_converters.cvat_source import IMAGES, XML
from data_converters.cvat_xml import BLOCK, in_quotes, writable
from data_converters.media import LINKS, choose_media, name_fault
from segloop.data.annotations import Bitmap, ImageRecord, Instance, LabelSet, Polygon, SizeHW
from segloop.data.drawing import bitmaps, with_instances
from segloop.data.masks import (
    Runs,
    Spans,
    areas,
    contour_polygons,
    exact_polygons,
    rasterize,
    to_spans,
    unite,
)
from segloop.utils.errors import DataError, UserError, listing, nearest

HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
TAIL = "</annotations>\n"
LONGEST_LABEL = 64  # characters; CVAT's server refuses more
NOT_KEPT = ("subpixel", "scores", "crowds", "ignore", "supercategories", "background")
KEEPS = frozenset(FEATURES) - set(NOT_KEPT)


@dataclass(frozen=True)
class Page:
    """An image as it will stand in the file, but for its number."""

    text: bytes
    split: str | None
    name: str
    file: Path | None
    declared: tuple[tuple[str, str], ...]  # labels, and attributes that they do not declare
    numbered: bool  # whether z_order was


@dataclass
class CvatWriter:
    """Writes images one after the other, and what they share in front of them at the end.

    Labels are all but the background. A set with splits is written as CVAT writes a project, with a `subset`
    at each image; one without as a task.
    """

    labels: LabelSet
    kinds: Mapping[str, Mapping[str, str]]  # of the attributes that each label declares
    facts: Mapping[str, Any]
    options: WriteOptions
    media: str | None  # None: a zip gets the images that there are, an XML none
    tolerance: float | None  # of outlines in pixels: None keeps masks, 0 is exact
    keeps: frozenset[str] = KEEPS
    told: list[str] = field(default_factory=list)
    _target: Path = Path()
    _body: IO[bytes] | None = None
    _archive: ArchiveWriter | None = None
    _seen: set[tuple[str | None, str]] = field(default_factory=set)
    _members: set[str] = field(default_factory=set)  # image files in the zip
    _numbered: int = 0
    _splits: dict[str, None] = field(default_factory=dict)
    _declared: dict[str, dict[str, None]] = field(default_factory=dict)

    @classmethod
    def plan(cls, labels: LabelSet, *, facts: Mapping[str, Any], options: WriteOptions) -> CvatWriter:
        """Return a writer of these labels; a label that XML cannot hold is refused."""
        odd = [repr(name) for name in labels.names if writable(name) != name]
        if odd:
            raise DataError(f"XML cannot hold the names of {len(odd)} label(s); rename them:\n{listing(odd)}")
        media = None if options.media is None else choose_media(options.media, default="none")
        if media in LINKS:
            raise UserError("CVAT's zip holds the images themselves; choose --media copy or none.")
        kinds = {
            label.name: {each.name: each.kind for each in label.attributes} for label in labels.foreground
        }
        writer = cls(labels, kinds, facts, options, media, outline_tolerance(options.masks))
        strange = [name for name in kinds if len(name) > LONGEST_LABEL or name != name.strip()]
        if strange:
            writer.told.append(
                f"CVAT's server will not take {len(strange)} label(s) as they are, for they have more than "
                f"{LONGEST_LABEL} characters, or blanks at an end: {strange[0]!r}."
            )
        return writer

    def render(self, record: ImageRecord) -> Rendered:
        """Write an image as text; its number is not known yet."""
        record = with_instances(
            record, self.labels, mode=self.options.instances, connectivity=self.options.connectivity
        )
        size_hw = _checked(record, self.labels)
        tally = Tally(record.image_id)
        instances: Sequence[Instance] = [each for each in record.instances if each.label in self.kinds]
        for each in record.instances:
            if each.label not in self.kinds:
                tally.add("background-objects", each.label)
        masks = _spans(instances, size_hw)
        instances, numbered = number_overlaps(instances, masks)
        pixels = int((masks.stops - masks.starts).sum()) + _outlined_area(instances, size_hw)
        if self.tolerance is not None and size_hw is not None:
            instances, wrong, gone = outlined(instances, size_hw, self.tolerance)
            masks, pixels = _spans(instances, size_hw), pixels - gone
            if wrong:
                tally.add("outline-pixels", "", wrong)
        fragments = Fragments(self.kinds, tally)
        tags = [each for each in record.tags if each.label in self.kinds]
        inside = "".join([*fragments.objects(instances, masks), *fragments.tags(tags)])
        if record.split == NO_SUBSET:
            tally.add("splits", f"{NO_SUBSET!r}, CVAT's word for none")
        file = record.file
        if self.media == "none" or file is None or not file.is_file():
            file = None
        if self.media == "copy" and file is None:
            tally.add("image-files", "")
        subset = "" if record.split is None else f' subset="{in_quotes(writable(record.split))}"'
        size = "" if size_hw is None else f' width="{size_hw[1]}" height="{size_hw[0]}"'
        text = f' name="{in_quotes(record.name)}"{subset}{size}>\n{inside}  </image>\n'
        page = Page(
            text.encode(), record.split, record.name, file, tuple(fragments.declared), numbered=numbered
        )
        return Rendered(record.image_id, page, fragments.written, pixels, tally.losses())

    def open(self, target: Path) -> None:
        """Begin an XML or a zip."""
        self._target = target
        if target.suffix.lower() == ".zip":
            self._archive = ArchiveWriter(target)
        elif self.media == "copy":
            raise UserError("An XML has no place for images: name a .zip, or leave out --media.")
        self._body = tempfile.TemporaryFile(dir=target.parent)  # noqa: SIM115 - closed in `close`

    def add(self, rendered: Rendered) -> None:
        """Write an image down, with the next number."""
        page: Page = rendered.payload
        assert self._body is not None
        if (page.split, rendered.image_id) in self._seen:
            raise DataError(f"There are two images {rendered.image_id!r}.", image_id=rendered.image_id)
        folder = IMAGES if page.split is None else f"{IMAGES}/{page.split}"
        member = f"{folder}/{page.name}"
        if self._archive is not None and page.file is not None:
            if member in self._members:
                raise BadRecord(rendered.image_id, [f"another image has the file {member} already"])
            self._members.add(member)
        self._body.write(b'  <image id="%d"' % len(self._seen))
        self._body.write(page.text)
        self._seen.add((page.split, rendered.image_id))
        if self._archive is not None and page.file is not None:
            try:
                self._archive.add_file(member, page.file)
            except OSError as error:
                told = f"The image {page.file} could not be brought along: {error.strerror or error}."
                raise DataError(told, image_id=rendered.image_id) from error
        self._numbered += page.numbered
        if page.split is not None:
            self._splits.setdefault(page.split)
        for label, name in page.declared:
            self._declared.setdefault(label, {}).setdefault(name)

    def close(self) -> None:
        """Put <meta>, which is known only now, in front of the images."""
        if self._body is None:
            return
        meta = meta_text(
            self.labels.foreground,
            declared=self._declared,
            subsets=self._splits,
            count=len(self._seen),
            facts=self.facts,
        )
        with self._body as body:
            body.seek(0)
            with self._target.open("wb") if self._archive is None else self._archive.open(XML) as file:
                file.write(f"{HEAD}{meta}".encode())
                shutil.copyfileobj(body, file, BLOCK)
                file.write(TAIL.encode())
        if self._archive is not None:
            self._archive.close()
        if self._numbered:
            self.told.append(
                f"z_order was numbered on {self._numbered} image(s), from the first object to the last: "
                "masks overlap there and had the same one, and CVAT draws equals in any order."
            )


def writer(labels: LabelSet, *, facts: Mapping[str, Any], options: WriteOptions) -> CvatWriter:
    """Return what writes a set of these labels."""
    return CvatWriter.plan(labels, facts=facts, options=options)


def outline_tolerance(masks: str) -> float | None:
    """Return how far outlines may be off, in pixels; None where masks stay masks.

    >>> [outline_tolerance(masks) for masks in ("rle", "exact-polygon", "polygon:1.5")]
    [None, 0.0, 1.5]
    """
    if masks == "rle":
        return None
    if masks == "exact-polygon":
        return 0.0
    word, _, text = masks.partition(":")
    try:
        tolerance = float(text)
    except ValueError:
        tolerance = math.nan
    if word != "polygon" or not 0 <= tolerance < math.inf:
        raise UserError(
            f"There is no way {masks!r} to write masks; choose rle, exact-polygon or polygon:TOL."
        )
    return tolerance


def _checked(record: ImageRecord, labels: LabelSet) -> SizeHW | None:
    """Return an image's size, and refuse what CVAT's XML cannot hold or no image can have."""
    known = set(labels.names)
    met = {each.label for each in record.instances} | {each.label for each in record.tags}
    problems = [
        f"the label {label!r} is not declared.{nearest(label, known)}" for label in sorted(met - known)
    ]
    if fault := name_fault(record.name):
        problems.append(f"its name {record.name!r}: {fault}")
    elif writable(record.name) != record.name:
        problems.append(f"its name {record.name!r} holds a character that XML cannot hold")
    if record.split is not None and (fault := name_fault(record.split)):
        problems.append(f"its split {record.split!r}: {fault}")
    sizes = [each.shape.size_hw for each in record.instances if isinstance(each.shape, Bitmap)]
    size_hw = record.size_hw or (sizes[0] if sizes else None)
    wrong = sum(tuple(each) != tuple(size_hw or ()) for each in sizes)
    if wrong and size_hw:
        problems.append(f"{wrong} mask(s) are of another size than the image, {size_hw[1]}x{size_hw[0]}")
    if problems:
        raise BadRecord(record.image_id, problems)
    return size_hw


def _spans(instances: Sequence[Instance], size_hw: SizeHW | None) -> Spans:
    """Return where the bitmaps among objects are set."""
    runs = [each.shape.runs for each in instances if isinstance(each.shape, Bitmap)]
    return to_spans(runs, size_hw or (0, 0))


def number_overlaps(instances: Sequence[Instance], masks: Spans) -> tuple[Sequence[Instance], bool]:
    """Return the objects with a z_order of their own each, if masks overlap that have the same one.

    The order stays: by z_order, and of equals the later lies over the earlier.
    """
    starts, stops = masks.starts, masks.stops
    orders = [each.z_order for each in instances if isinstance(each.shape, Bitmap)]
    if len(set(orders)) > 1:  # a line of its own for each
        rank = np.unique(np.array(orders, object), return_inverse=True)[1].astype(np.int64)
        shift = rank[masks.owners] * (int(stops.max(initial=0)) + 1)
        starts, stops = starts + shift, stops + shift
    if not (np.sort(starts)[1:] < np.sort(stops)[:-1]).any():
        return instances, False
    places = sorted(range(len(instances)), key=lambda place: instances[place].z_order)
    found = list(instances)
    for z_order, place in enumerate(places):
        found[place] = replace(instances[place], z_order=z_order)
    return found, True


def outlined(
    instances: Sequence[Instance], size_hw: SizeHW, tolerance: float
) -> tuple[list[Instance], int, int]:
    """Return objects with outlines for masks, how many pixels are wrong by that, and how many are gone."""
    places = [place for place, each in enumerate(instances) if isinstance(each.shape, Bitmap)]
    runs: list[Runs] = [instances[place].shape.runs for place in places]  # type: ignore[union-attr]
    outlines = contour_polygons(runs, size_hw, tolerance) if tolerance else exact_polygons(runs, size_hw)
    found = list(instances)
    for place, rings in zip(places, outlines, strict=True):
        if rings:  # an empty mask has none, and stays a mask
            found[place] = replace(found[place], shape=Polygon(rings))
    if not tolerance or not runs:
        return found, 0, 0
    drawn = rasterize(outlines, size_hw)
    pairs = [each for pair in zip(runs, drawn, strict=True) for each in pair]
    both, old, new = sum(areas(unite(pairs, [2] * len(runs), size_hw))), sum(areas(runs)), sum(areas(drawn))
    return found, 2 * both - old - new, both - new


def _outlined_area(instances: Sequence[Instance], size_hw: SizeHW | None) -> int:
    """Return how many pixels the polygons among objects have, with the decimals that are written."""
    outlines = [
        replace(each, shape=Polygon(tuple(ring.round(2) for ring in each.shape.rings)))
        for each in instances
        if isinstance(each.shape, Polygon)
    ]
    if size_hw is None or not outlines:
        return 0
    return sum(areas([runs for runs in bitmaps(outlines, size_hw) if runs is not None]))
