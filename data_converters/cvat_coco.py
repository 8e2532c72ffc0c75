"""CVAT's COCO 1.0: a zip, or the file in it, read as CVAT means it and written as every server takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from data_converters.archives import Archive, Shelf, open_archive
from data_converters.base import ReadOptions, WriteOptions, Writer
from data_converters.coco import open_files
from data_converters.coco_files import (
    CocoFile,
    ZippedImages,
    choose_split,
    find_files,
    require_images,
    split_of,
)
from data_converters.coco_masks import masks_mode
from data_converters.coco_outlets import FileOutlet, Outlet, ZipOutlet
from data_converters.coco_render import CVAT
from data_converters.coco_writer import CocoWriter
from data_converters.media import LINKS, choose_media
from segloop.data.annotations import LabelledImages, LabelSet
from segloop.utils.errors import FormatError, UserError, listing

# What CVAT gives back. Groups it would merge into one object, whatever their labels; z-order, scores, tags,
# colours and crowds it forgets; outlines it rounds.
KEPT = frozenset(
    ("instances", "overlaps", "boxes", "empty-masks", "attributes", "occluded", "uids")
) | frozenset(("unused-labels", "splits", "empty-images", "sizes"))


def read(source: Path, *, options: ReadOptions) -> LabelledImages:
    """Open an export of CVAT's, a zip of either layout, the folder it unpacks to, or the .json alone.

    A mask with `iscrowd: 1` is an ordinary object, for CVAT marks every mask so, unless `keep_crowds` says
    otherwise.
    """
    if options.results:
        raise UserError("CVAT exports no results; read them with --from coco.")
    if source.suffix.lower() != ".zip":
        return open_files(source, find_files(source, options), options=options, from_cvat=True)
    archive = open_archive(source)
    unpacked = {name: archive.unpack(name) for name in _label_members(archive)}
    shelf = Shelf(source)
    files = []
    for name, each in unpacked.items():
        split = split_of(Path(name))
        zipped = ZippedImages(shelf, split, top=_top(name))
        files.append(CocoFile(file=each.file, shown=source / name, split=split, zipped=zipped))
    files = choose_split(files, options.split, source=source)
    require_images(options.images)
    if options.images is not None:
        places = (options.images, *(options.images / each.split for each in files if each.split))
        files = [replace(each, zipped=None, image_folders=places) for each in files]
    shared = (tuple(unpacked.values()), shelf)
    return open_files(source, files, options=options, from_cvat=True, shared=shared)


def writer(labels: LabelSet, *, facts: Mapping[str, Any], options: WriteOptions) -> Writer:
    """Return what writes a zip, or one .json file, that CVAT imports as it is; see `CvatCocoWriter`."""
    return CvatCocoWriter(labels, facts=facts, options=options)


def _label_members(archive: Archive) -> list[str]:
    """Return the members with labels, in order."""
    files = [name for name in archive.members if name.lower().endswith(".json")]
    inner = [name for name in files if PurePosixPath(name).parent.name == "annotations"]
    found = inner or [name for name in files if "/" not in name]
    if not found:
        told = listing(list(archive.members)) or "  nothing"
        raise FormatError(
            f"no annotations/instances_<subset>.json in this zip; it holds\n{told}", file=archive.path
        )
    return sorted(found)


def _top(member: str) -> str:
    """Return the folder of an archive that holds the folder of a member with labels; who packs anew adds one.

    >>> _top("job_7/annotations/instances_default.json")
    'job_7/'
    """
    return member[: -len("/".join(PurePosixPath(member).parts[-2:]))] if "/" in member else ""


class CvatCocoWriter(CocoWriter):
    """Writes COCO that servers 2.23 to 2.73 import without a change.

    Each annotation has `segmentation`, `bbox` and `iscrowd: 0`, ids count from 1, and nothing is grouped. A
    uid stands in the attribute `uid`, and what is occluded in `occluded`; CVAT drops attributes that the
    label of the task does not declare, so declare them there.
    """

    dialect = CVAT

    def __init__(self, labels: LabelSet, *, facts: Mapping[str, Any], options: WriteOptions) -> None:
        super().__init__(labels, facts=facts, options=options)
        if options.results:
            raise UserError("CVAT imports no results: leave out --to-results, or write them with --to coco.")
        if options.media in LINKS:
            raise UserError("A zip cannot hold links: use --media copy, or none.")

    def kept(self, mode: str) -> frozenset[str]:
        """Return the FEATURES that CVAT gives back."""
        return KEPT if masks_mode(self.options.masks)[0] == "rle" else KEPT | {"polygons"}

    def outlet_for(self, target: Path) -> Outlet:
        """Return a zip, or a file that ends in .json."""
        media = choose_media(self.options.media, default="none")
        if target.suffix.lower() == ".zip":
            return ZipOutlet(target, media=media)
        if media != "none":
            raise UserError("A .json file has no place for images: name a .zip, or leave out --media.")
        return FileOutlet(target)
