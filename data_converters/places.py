"""What a conversion may be asked for: options that are heeded, a target of its format, not in the source."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from zipfile import is_zipfile

from data_converters.base import Format, ReadOptions, WriteOptions
from data_converters.formats import FORMATS
from segloop.data.annotations import ImageRecord, LabelledImages
from segloop.utils.errors import UserError, listing

MOST_LOOKED_AT = 30  # images of a set that tell where its images are


def check_places(source: Path, target: Path, *, reader: Format, maker: Format, options: ReadOptions) -> None:
    """Refuse a direction that a format does not have, and a target that is not its own or not free."""
    if not reader.reads:
        raise UserError(f"{reader.name} is not read; {_able('reads')} are.")
    if not maker.writes:
        raise UserError(f"{maker.name} is not written: {maker.summary}. Choose {_able('writes')}.")
    if not source.exists():
        raise UserError(f"{source} does not exist.")
    check_target(target, maker)
    _require_apart(target, [("source", source), ("images", options.images), ("list", options.list_file)])


def check_apart(target: Path, *, model: str, inputs: Sequence[str], images: Iterable[ImageRecord]) -> None:
    """Refuse to write predictions over what they are made from: --force would remove it."""
    named = [Path(word) for word in inputs if Path(word).exists()]
    _require_apart(target, [("input", each) for each in named])
    place = _real(target)
    for what, files in (
        ("model", [Path(model)] if Path(model).exists() else []),
        ("input", (image.file for image in images if image.file is not None)),
    ):
        for file in files:
            given = _real(file)
            if place == given or place in given.parents:
                raise UserError(
                    f"The target {target} holds the {what} {file}, which is only read. Name another."
                )


def _require_apart(target: Path, others: Sequence[tuple[str, Path | None]]) -> None:
    place = _real(target)
    for what, other in others:
        if other is None:
            continue
        given = _real(other)
        if place == given or given in place.parents:
            raise UserError(
                f"The target {target} lies in the {what} {other}, which is only read. Name another."
            )
        if place in given.parents:
            raise UserError(
                f"The target {target} holds the {what} {other}, which is only read. Name another."
            )
    if place == Path.cwd() or place in Path.cwd().parents:
        raise UserError(f"The target {target} holds the folder that you are in. Name another.")


def check_reports(
    reports: Sequence[Path | None], *, source: Path, images: Path | None, list_file: Path | None
) -> None:
    """Refuse reports that would take the place of a file that is read, or of each other."""
    read = [("set", source), ("images", images), ("list", list_file)]
    taken: list[Path] = []
    for report in filter(None, reports):
        if report.is_dir():
            raise UserError(f"{report} is a folder; name a file to write.")
        place = _real(report)
        for what, other in read:
            if other is not None and report.exists() and _real(other) in (place, *place.parents):
                raise UserError(
                    f"{report} is a file of the {what} {other}, which is only read. Name another."
                )
        if place in taken:
            raise UserError(f"{report} is named for two things; name a file for each.")
        taken.append(place)


def check_images_apart(target: Path, images: LabelledImages) -> None:
    """Refuse to replace a folder that holds the images of a set: they may lie beside what the user named.

    Some images are looked at, for those of a set lie together.
    """
    place = _real(target)
    for key in images.keys[:MOST_LOOKED_AT]:
        try:
            file = images.load(key).file
        except UserError:  # it is told when its turn comes
            continue
        if file is not None and place in _real(file).parents:
            raise UserError(f"The target {target} holds the image {file}, which is only read. Name another.")


def same_place(one: Path, other: Path) -> bool:
    """Tell whether two paths are one, links followed."""
    return _real(one) == _real(other)


def _real(path: Path) -> Path:
    """Return a path without links; one that leads to itself stays, where `resolve` would raise."""
    return Path(os.path.realpath(path))


def check_target(target: Path, maker: Format) -> None:
    """Refuse a target that is named as a folder where a file will be, or the other way round."""
    suffixes = [each for each in maker.target if each.startswith(".")]
    if target.suffix.lower() in suffixes:
        if target.is_dir():
            raise UserError(f"The target {target} is a folder, and {maker.name} would write a file there.")
        return
    if "folder" not in maker.target:
        wanted = " or ".join(suffixes)
        raise UserError(f"{maker.name} is written to a file that ends in {wanted}; {target} does not.")
    if target.exists() and not target.is_dir():
        raise UserError(f"The target {target} is a file, and {maker.name} would write a folder there.")


def check_options(
    reader: Format, maker: Format, read_options: ReadOptions, write_options: WriteOptions
) -> None:
    """Refuse options that neither format does anything with: somebody expects something of them."""
    idle = _idle(reader.name, read_options, reader.read_options, doing="read")
    _refuse_idle(idle + _idle_written(maker, write_options))


def in_archive(source: Path, images: Path | None) -> bool:
    """Tell whether a set's images lie in an archive, whose files are unpacked for a while only."""
    return images is None and source.is_file() and is_zipfile(source)


def check_links(source: Path, images: Path | None, *, media: str | None) -> None:
    """Refuse symbolic links into an archive."""
    if media == "link" and in_archive(source, images):
        raise UserError(f"Images in {source} cannot be linked to; leave out --media link, or unpack it.")


def check_read_options(reader: Format, options: ReadOptions) -> None:
    """Refuse options that a format does nothing with when it is read."""
    _refuse_idle(_idle(reader.name, options, reader.read_options, doing="read"))


def check_image_options(options: ReadOptions, *, lists: bool) -> None:
    """Refuse options that do nothing where images are named and no data set; LISTs heed `images`."""
    heeded = ("split", "images") if lists else ("split",)
    _refuse_idle(_idle("no data set", options, heeded, doing="read"))


def check_write_options(maker: Format, options: WriteOptions) -> None:
    """Refuse options that a format does nothing with when it is written."""
    _refuse_idle(_idle_written(maker, options))


def check_nothing_written(options: WriteOptions) -> None:
    """Refuse options of a format where none is written."""
    _refuse_idle(_idle("nothing", options, (), doing="written"))


def _idle_written(maker: Format, options: WriteOptions) -> list[str]:
    """Return the options that do nothing when a format is written, or do nothing beside the others."""
    idle = _idle(maker.name, options, (*maker.write_options, "draw"), doing="written")
    settles = options.overlap != WriteOptions().overlap
    if maker.name == "masks" and settles and not options.numbers:
        idle.append("--overlap when masks is written without --numbers: each object has a picture of its own")
    if maker.name == "cityscapes" and options.results:
        idle += ["--overlap when predictions of cityscapes are written: they may overlap"] * settles
        brings = options.media not in (None, "none")
        idle += ["--media when predictions of cityscapes are written: no images come along"] * brings
    return idle


def _idle(
    name: str, options: ReadOptions | WriteOptions, heeded: tuple[str, ...], *, doing: str
) -> list[str]:
    plain = type(options)()
    given = [
        each.name for each in fields(options) if getattr(options, each.name) != getattr(plain, each.name)
    ]
    idle = [each for each in given if each not in heeded]
    return [f"{_flag(each, reading=doing == 'read')} when {name} is {doing}" for each in idle]


def _refuse_idle(idle: list[str]) -> None:
    if idle:
        raise UserError(f"{len(idle)} option(s) do nothing here; leave them out:\n{listing(idle)}")


def _flag(name: str, *, reading: bool) -> str:
    odd = {"size_hw": "size", "list_file": "list", "draw": "draw-boxes"}
    if name == "results":
        return "--from-results" if reading else "--to-results"
    return f"--{odd.get(name, name).replace('_', '-')}"


def _able(what: str) -> str:
    return ", ".join(name for name, each in FORMATS.items() if getattr(each, what))
