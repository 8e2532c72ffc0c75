"""Packages for CVAT: which images of a set go, in which tasks and under which names, and the zip of each."""

from __future__ import annotations

import hashlib
import mimetypes
import shutil
import stat
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Protocol

from segloop.cvat.labels import PART, UID, Carrier, carrier_for, labels_to_send, odd_values, too_long
from segloop.cvat.records import as_objects, as_sent
from segloop.data.annotations import ImageRecord, Label, LabelledImages, LabelSet
from segloop.data.image_files import IMAGE_SUFFIXES, image_size
from segloop.data.masks import area
from segloop.utils.errors import DataError, UserError, listing, nearest

MOST_BYTES = 1 << 29  # of the images of one task
BLOCK = 1 << 20
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Frame:
    """An image of a task: its name there, and the image of the set that it is.

    `name` is the split's folder and the path in it, the name that CVAT's server gives to a file of that path
    in a zip. `rank` is the image's place in the LIST, from 1.
    """

    name: str
    image_id: str
    split: str | None
    file: Path
    size_hw: tuple[int, int]
    rank: int | None = None
    semantic: bool = False  # whether the set holds an index map of it
    key: Any = field(default=None, compare=False, repr=False)

    @property
    def frame_id(self) -> str:
        """The name without its suffix, which is what CVAT goes by when it takes annotations in."""
        return self.name.rpartition(".")[0] or self.name


class Codec(Protocol):
    """What reads and writes CVAT for images 1.1; `data_converters.cvat_loop` is one."""

    def write(
        self, labels: LabelSet, records: Sequence[ImageRecord], target: Path, *, masks: str = "rle"
    ) -> Mapping[str, tuple[int, str]]:
        """Write an XML, its images numbered from 0 in this order; return what it could not hold."""
        ...

    def read(self, source: Path) -> LabelledImages:
        """Open an XML or a zip with one."""
        ...


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What goes to CVAT: labels to declare, images by task, and how to make each record that is sent."""

    source: LabelledImages
    labels: LabelSet
    carrier: Carrier
    chunks: tuple[tuple[Frame, ...], ...]

    @property
    def frames(self) -> tuple[Frame, ...]:
        """All images, in their order."""
        return tuple(frame for chunk in self.chunks for frame in chunk)

    def objects(self, frame: Frame) -> ImageRecord:
        """Return an image as a record of objects, each with its identity, as the set knows it."""
        record = as_objects(self.source.load(frame.key), self.source.labels)
        return replace(record, size_hw=frame.size_hw, file=frame.file)

    def sent(self, frame: Frame) -> ImageRecord:
        """Return an image as CVAT is to hold it."""
        return as_sent(self.objects(frame), self.carrier, name=frame.name, rank=frame.rank)


def plan_packages(
    images: LabelledImages,
    wanted: Sequence[str] | None = None,
    *,
    chunk: int = 100,
    progress: Progress | None = None,
    source: str = "the set",
) -> Plan:
    """Choose the images of a LIST (None: all) in its order, and cut them into tasks of `chunk` images.

    `source` is what `images` are called where some are missing. Refused, all together: ids that no image has,
    images without a file, and what CVAT could not take back.
    """
    if chunk < 1:
        raise UserError(f"A task holds at least one image; {chunk} is none.")
    frames: list[Frame] = []
    undeclared: dict[str, dict[str, None]] = {}
    odd: dict[str, dict[str, dict[str, None]]] = {}
    used: set[str] = set()
    known = {label.name: label for label in images.labels.labels if label.attributes}
    ignores, problems = False, []
    for key, record, rank in _chosen(images, wanted, progress, source):
        try:
            frames.append(_frame(key, record, rank))
            objects = as_objects(record, images.labels)
        except DataError as error:
            problems.append(str(error))
            continue
        ignores = ignores or (objects.ignore is not None and area(objects.ignore.runs) > 0)
        drawn = [(each.label, each.attributes) for each in objects.instances]
        for label, attributes in (*drawn, *((tag.label, tag.attributes) for tag in objects.tags)):
            used.update(attributes)
            undeclared.setdefault(label, {}).update(dict.fromkeys(attributes))
            problems += [f"{objects.image_id}: {label}: {told}" for told in too_long(attributes)]
            if label in known:
                for name, text in odd_values(attributes, known[label]).items():
                    odd.setdefault(label, {}).setdefault(name, {})[text] = None
    frames.sort(key=lambda frame: frame.rank or 0)
    problems += _same_names(frames)
    if problems:
        raise DataError(f"{len(problems)} image(s) cannot go to CVAT:\n{listing(problems)}")
    if not frames:
        raise UserError("No image was chosen, so there is nothing to send.")
    carrier = carrier_for(images.labels, used=used, ignores=ignores)
    labels = labels_to_send(images.labels, carrier, undeclared=undeclared, odd=odd)
    return Plan(source=images, labels=labels, carrier=carrier, chunks=tuple(_chunks(frames, chunk)))


def agree(plans: Mapping[str, Plan], *, before: tuple[LabelSet, Carrier] | None = None) -> dict[str, Plan]:
    """Return plans with the labels and the carrier of all of them, for one project holds all tasks.

    `before` is what the project was given for earlier tasks: it stays declared, and is called as it was.
    """
    values = list(plans.values())
    carriers = [plan.carrier for plan in values]
    declared = [label for plan in values for label in plan.labels.labels]
    if before is not None and before[0].labels:
        carriers.append(before[1])
        declared = [*before[0].labels, *declared]
    longest = [
        max((getattr(each, name) for each in carriers), key=len) for name in ("score", "rank", "crowd")
    ]
    ignore = max((each.ignore for each in carriers if each.ignore), key=len, default=None)
    carrier = Carrier(longest[0], longest[1], longest[2], ignore)
    if any(each != carrier for each in carriers) and len({each.names for each in carriers}) > 1:
        raise UserError(
            "Truth and predictions, or what was pushed before, use the names of attributes differently; "
            "push them into two loops: --loop DIR."
        )
    labels: dict[str, Label] = {}
    for label in declared:
        known = labels.setdefault(label.name, label)
        names = {each.name for each in known.attributes}
        extra = tuple(each for each in label.attributes if each.name not in names)
        labels[label.name] = replace(known, attributes=(*known.attributes, *extra))
    together = LabelSet(tuple(labels.values()), ignore_index=values[0].labels.ignore_index)
    return {kind: replace(plan, labels=together, carrier=carrier) for kind, plan in plans.items()}


def _chosen(
    images: LabelledImages, wanted: Sequence[str] | None, progress: Progress | None, source: str
) -> Iterator[tuple[Any, ImageRecord, int | None]]:
    """Yield key, record and rank of the images in the set's order, each read once and none held on to."""
    ranks = None if wanted is None else {name: place for place, name in enumerate(dict.fromkeys(wanted), 1)}
    found: Counter[str] = Counter()
    for number, key in enumerate(images.keys, 1):
        record = images.load(key)
        if progress is not None:
            progress(number, len(images))
        if ranks is None:
            yield key, record, None
            continue
        for name in (record.image_id, f"{record.split}/{record.image_id}"):
            if name in ranks:
                found[name] += 1
                yield key, record, ranks[name]
                break
    if ranks is None:
        return
    missing = [name for name in ranks if name not in found]
    if missing:
        known = [images.load(key).image_id for key in images.keys[:1000]]
        hint = nearest(missing[0], known)
        raise UserError(
            f"The list names {len(missing)} image(s) that {source} has not.{hint}\n{listing(missing)}"
        )
    several = [name for name, count in found.items() if count > 1]
    if several:
        raise UserError(
            f"{len(several)} id(s) of the list are in several splits; write <split>/<id>, or choose a split:"
            f"\n{listing(several)}"
        )


def _frame(key: Any, record: ImageRecord, rank: int | None) -> Frame:
    """Return where an image goes; one that has no file, or whose file is of another size, is a DataError."""
    where = record.image_id if record.split is None else f"{record.split}/{record.image_id}"
    if record.file is None or not record.file.is_file():
        raise DataError(f"{where}: there is no image file; --images-dir names their folder", image_id=where)
    name = record.name if record.split is None else f"{record.split}/{record.name}"
    if not _is_image(name):
        name += record.file.suffix if name == where else ""
    if not _is_image(name):
        raise DataError(f"{where}: CVAT would not take {name} for an image, by its name", image_id=where)
    if fault := _fault(name):
        raise DataError(f"{where}: its name {fault}", image_id=where)
    size_hw = image_size(record.file)
    if record.size_hw is not None and tuple(record.size_hw) != size_hw:
        told, seen = (f"{width}x{height}" for height, width in (record.size_hw, size_hw))
        raise DataError(f"{where}: the labels are for {told} pixels, and the file has {seen}", image_id=where)
    return Frame(
        name, record.image_id, record.split, record.file, size_hw, rank, record.semantic is not None, key
    )


def _is_image(name: str) -> bool:
    """Tell whether CVAT takes a file for an image, by its name; this machine may know fewer kinds."""
    known = (mimetypes.guess_type(name)[0] or "").startswith("image/")
    return known or name.lower().endswith(IMAGE_SUFFIXES)


def _fault(name: str) -> str | None:
    parts = name.split("/")
    if "" in parts or "." in parts or ".." in parts:
        return "is no path below a folder"
    if "\\" in name or any(ord(letter) < 32 for letter in name):
        return "holds a character that a zip or an XML cannot hold"
    if any(part.startswith(".") for part in parts) or parts[0] == "__MACOSX":
        return "is hidden"
    return None


def _same_names(frames: Sequence[Frame]) -> list[str]:
    """Tell of images that CVAT would take for each other, for it leaves suffixes out of account."""
    first: dict[str, Frame] = {}
    return [
        f"{frame.name} and {first[frame.frame_id].name} are the same to CVAT; rename one"
        for frame in frames
        if first.setdefault(frame.frame_id, frame) is not frame
    ]


def _chunks(frames: Sequence[Frame], most: int) -> Iterator[tuple[Frame, ...]]:
    """Yield tasks of at most so many images, and of at most `MOST_BYTES` if they have more than one."""
    chunk: list[Frame] = []
    size = 0
    for frame in frames:
        weight = frame.file.stat().st_size
        if chunk and (len(chunk) == most or size + weight > MOST_BYTES):
            yield tuple(chunk)
            chunk, size = [], 0
        chunk.append(frame)
        size += weight
    yield tuple(chunk)


def write_images(frames: Sequence[Frame], target: Path, *, progress: Progress | None = None) -> None:
    """Write a zip of images under the names that CVAT will know them by; the same bytes each time.

    A link goes as what it points to. Files go byte for byte, so EXIF and 16 bits stay as they are.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for number, frame in enumerate(frames, 1):
            entry = zipfile.ZipInfo(frame.name, (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            try:
                entry.file_size = frame.file.stat().st_size
                with frame.file.open("rb") as source, archive.open(entry, "w") as inside:
                    _copy(source, inside)
            except OSError as error:
                told = f"The image {frame.file} cannot be read: {error.strerror or error}."
                raise DataError(told, image_id=frame.image_id) from error
            if progress is not None:
                progress(number, len(frames))


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    shutil.copyfileobj(source, target, BLOCK)


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


__all__ = ["PART", "UID", "Codec", "Frame", "Plan", "agree", "digest_of", "plan_packages", "write_images"]
