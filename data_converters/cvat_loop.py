"""What the CVAT loop reads and writes with: CVAT's XML image by image, and whole sets in any format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data_converters.base import ReadOptions, WriteOptions
from segloop.utils.errors import UserError

if TYPE_CHECKING:  # numpy comes with it, and `--help` has no use for that
    from segloop.data.annotations import ImageRecord, LabelledImages, LabelSet


def write(
    labels: LabelSet, records: Sequence[ImageRecord], target: Path, *, masks: str = "rle"
) -> Mapping[str, tuple[int, str]]:
    """Write an XML, its images numbered from 0 in this order; return by kind what it could not hold.

    `masks` is `rle`, or `polygon:TOL` for outlines; how many pixels those get wrong is `outline-pixels`.
    """
    from data_converters import cvat

    writer = cvat.writer(labels, facts={}, options=WriteOptions(masks=masks, media="none"))
    found: dict[str, tuple[int, str]] = {}
    writer.open(target)
    try:
        for record in records:
            rendered = writer.render(record)
            writer.add(rendered)
            for loss in rendered.losses:
                count, example = found.get(loss.kind, (0, loss.example))
                found[loss.kind] = (count + loss.count, example)
    finally:
        writer.close()
    return found


def read(source: Path) -> LabelledImages:
    """Open an XML, or a zip with one, that CVAT exported; image files are not looked for."""
    from data_converters import cvat

    return cvat.read(source, options=ReadOptions())


class codec:
    """The reader and the writer of CVAT for images 1.1."""

    read = staticmethod(read)
    write = staticmethod(write)


def open_set(
    source: Path, *, form: str, images: Path | None, split: str | None, labels: Sequence[str]
) -> tuple[LabelledImages, str]:
    """Open a data set; return it and the name of its format, which `auto` finds out and tells."""
    from data_converters.detect import detect
    from data_converters.formats import find_format
    from data_converters.places import check_read_options

    if not source.exists():
        raise UserError(f"{source} does not exist.")
    if form == "auto":
        form, reason = detect(source)
        print(f"{source} is read as {form}: {reason}")
    options = ReadOptions(images=images, split=split, labels=tuple(labels))
    check_read_options(find_format(form), options)
    return find_format(form).read(source, options=options), form


def deliver(images: LabelledImages, folder: Path, formats: Sequence[str]) -> None:
    """Write a set in each format into a folder, and say what a format could not hold."""
    from data_converters.convert import refuse_bad, transfer
    from data_converters.formats import find_format
    from data_converters.report import Report, Tally

    for name in formats:
        form = find_format(name)
        place = folder / (name if "folder" in form.target else f"{name}{form.target[0]}")
        writer = form.writer(
            images, options=WriteOptions(media="none" if "media" in form.write_options else None)
        )

        def refuse(tally: Tally, place: Path = place) -> None:
            refuse_bad(tally, Path("CVAT"), place, skip_bad=False)

        tally = transfer(images, writer, place, workers=1, refuse=refuse)
        start = Report(source=Path("CVAT"), target=place, from_format="cvat", to_format=name, written=True)
        for loss in tally.report(start, keeps=writer.keeps, told=()).losses:
            print(f"{name} does not hold {loss.count} x {loss.kind} ({loss.meaning})")
