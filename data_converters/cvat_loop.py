"""What the CVAT loop reads and writes with: CVAT's XML image by image, and whole sets in any format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from data_converters.base import Format, ReadOptions, WriteOptions
from segloop.utils.errors import DataError, UserError, listing, nearest

if TYPE_CHECKING:  # numpy comes with it, and `--help` has no use for that
    from segloop.data.annotations import ImageRecord, LabelledImages, LabelSet
    from segloop.data.info import DatasetInfo

# What a label without parts takes in CVAT, beside what is drawn.
TAKEN = ("rotated-box", "ellipse", "cuboid", "polyline", "points")


def write(
    labels: LabelSet, records: Sequence[ImageRecord], target: Path, *, masks: str = "rle"
) -> Mapping[str, tuple[int, str]]:
    """Write an XML, its images numbered from 0 in this order; return by kind what it could not hold.

    `masks` is `rle`, or `polygon:TOL` for outlines; how many pixels those get wrong is `outline-pixels`.
    Skeletons are left out: the loop's labels have no parts, and CVAT's server would refuse the whole file.
    """
    from data_converters import cvat
    from data_converters.cvat_fragments import Tally
    from segloop.data.annotations import Opaque

    writer = cvat.writer(labels, facts={}, options=WriteOptions(masks=masks, media="none"))
    found: dict[str, tuple[int, str]] = {}
    writer.open(target)
    try:
        for record in records:
            kept, losses = [], Tally(record.image_id)
            for each in record.instances:
                if isinstance(each.shape, Opaque) and each.shape.kind not in TAKEN:
                    losses.add("opaque", f"{each.label}, {each.shape.kind}")
                else:
                    kept.append(each)
            rendered = writer.render(replace(record, instances=tuple(kept)))
            writer.add(rendered)
            for loss in (*losses.losses(), *rendered.losses):
                count, example = found.get(loss.kind, (0, loss.example))
                found[loss.kind] = (count + loss.count, example)
    finally:
        writer.close()
    return found


def read(source: Path) -> LabelledImages:
    """Open an XML, or a zip with one, that CVAT exported; image files are not looked for."""
    from data_converters import cvat

    return cvat.read(source, options=ReadOptions())


def owner(source: Path) -> dict[str, Any]:
    """Return whose an export is, by its head: `task_id`, `task`, `job_id`, `assignee`, as far as it tells."""
    from data_converters.cvat_source import open_source

    opened = open_source(source, None)
    with opened.xml.open("rb") as file:
        return _owner(file)


def _owner(file: IO[bytes]) -> dict[str, Any]:
    from xml.etree import ElementTree

    for _, element in ElementTree.iterparse(file, events=("end",)):
        if element.tag == "image":
            return {}
        if element.tag != "meta":
            continue
        for kind in ("task", "job"):
            node = element.find(kind)
            if node is None:
                continue
            number = node.findtext("id") or ""
            texts = {
                "task": node.findtext("name"),
                "assignee": node.findtext("assignee/username") or node.findtext("assignee"),
            }
            found = {name: text.strip() for name, text in texts.items() if text and text.strip()}
            return {f"{kind}_id": int(number) if number.isdecimal() else None, **found}
        return {}
    return {}


class codec:
    """The reader and the writer of CVAT for images 1.1."""

    read = staticmethod(read)
    write = staticmethod(write)
    owner = staticmethod(owner)


def open_set(
    source: Path, *, form: str, images: Path | None, split: str | None, labels: Sequence[str]
) -> tuple[LabelledImages, str]:
    """Open a data set; return it and the name of its format, which `auto` finds out and tells."""
    from data_converters.detect import detect
    from data_converters.formats import find_format

    if not source.exists():
        raise UserError(f"{source} does not exist.")
    if form == "auto":
        form, reason = detect(source)
        print(f"{source} is read as {form}: {reason}")
    options = ReadOptions(images=images, split=split, labels=tuple(labels))
    return _opened(find_format(form), source, options), form


def _opened(form: Format, source: Path, options: ReadOptions) -> LabelledImages:
    """Read a set; options that its format does nothing with are refused, by the names of the loop's flags."""
    from data_converters.places import check_read_options

    if options.images is not None and "images" not in form.read_options:
        raise UserError(f"--images-dir does nothing when {form.name} is read; leave it out.")
    check_read_options(form, options)
    return form.read(source, options=options)


def require_written(formats: Sequence[str]) -> None:
    """Refuse formats that are not there, or are only read."""
    from data_converters.formats import find_format

    for name in formats:
        form = find_format(name)
        if not form.writes:
            raise UserError(f"--to {form.name}: it is not written: {form.summary}.")


def deliver(images: LabelledImages, folder: Path, formats: Sequence[str]) -> None:
    """Write a set in each format into a folder, and say what a format could not hold."""
    from data_converters.convert import MOST_TOLD, transfer
    from data_converters.formats import find_format
    from data_converters.report import Report, Tally, told_of_all

    for name in formats:
        form = find_format(name)
        place = folder / (name if "folder" in form.target else f"{name}{form.target[0]}")
        writer = form.writer(
            images, options=WriteOptions(media="none" if "media" in form.write_options else None)
        )

        def refuse(tally: Tally, name: str = name) -> None:
            if tally.bad:
                raise DataError(
                    f"{name} cannot hold {len(tally.bad)} of the images, so nothing was written. --to names "
                    f"other formats.\n{listing(told_of_all(tally.bad), most=MOST_TOLD)}"
                )

        tally = transfer(images, writer, place, workers=1, refuse=refuse)
        start = Report(source=Path("CVAT"), target=place, from_format="cvat", to_format=name, written=True)
        for loss in tally.report(start, keeps=writer.keeps, told=()).losses:
            print(f"{name} does not hold {loss.count} x {loss.kind} ({loss.meaning})")


def open_labels(
    source: Path, *, form: str = "auto", images: Path | None = None, split: str | None = None
) -> tuple[LabelledImages, str]:
    """Open a set of any format; of a prepared set that has both, the objects and not the index masks."""
    from data_converters.detect import detect
    from data_converters.formats import find_format
    from data_converters.versions import format_of
    from segloop.data.info import FILE_NAME, DatasetInfo

    if not source.exists():
        there = [each.name for each in source.parent.glob("*")] if source.parent.is_dir() else []
        raise UserError(f"{source} does not exist.{nearest(source.name, there)}")
    if form == "auto" and (source / FILE_NAME).is_file():
        form = format_of(DatasetInfo.read(source))
    elif form == "auto":
        form, _ = detect(source)
    return _opened(find_format(form), source, ReadOptions(images=images, split=split)), form


def write_version(images: LabelledImages, target: Path, *, like: DatasetInfo, media: str) -> None:
    """Write a set as another one is laid out; see `data_converters.versions`."""
    from data_converters.versions import write

    write(images, target, like=like, media=media)
