"""Writes a later version of a prepared data set, laid out as the set is: masks, COCO, or both."""

from __future__ import annotations

from pathlib import Path

from data_converters.base import WriteOptions
from data_converters.convert import refuse_bad, transfer
from data_converters.prepare.targets import BOTH, make_writer
from segloop.data.annotations import LabelledImages
from segloop.data.info import DatasetInfo
from segloop.utils.errors import UserError


def target_of(info: DatasetInfo) -> str:
    """Return which of `prepare`'s targets a set is."""
    if info.masks is not None and info.coco:
        return BOTH
    return "coco" if info.coco else "mmseg"


def format_of(info: DatasetInfo) -> str:
    """Return the format that a set is read as so that nothing of its labels is lost."""
    return "coco" if info.coco else "mmseg"


def write(images: LabelledImages, target: Path, *, like: DatasetInfo, media: str) -> None:
    """Write a set as `like` is laid out; hard links that cannot be made become copies."""
    kind = target_of(like)

    def attempt(media: str) -> None:
        writer = make_writer(kind, images, options=WriteOptions(media=media))
        transfer(
            images,
            writer,
            target,
            workers=0,
            refuse=lambda tally: refuse_bad(tally, target, target, skip_bad=False),
        )

    try:
        attempt("copy" if media == "hardlink" and not _can_link(images, target) else media)
    except OSError as error:
        raise UserError(f"{target} could not be written: {error}. Nothing was left there.") from error


def _can_link(images: LabelledImages, target: Path) -> bool:
    """Tell whether an image can have a second name beside the target: on one disk, say."""
    import os
    import tempfile

    file = next((record.file for record in map(images.load, images.keys[:1]) if record.file), None)
    if file is None:
        return False
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        try:
            os.link(file.resolve(), Path(folder) / "probe")
        except OSError:
            return False
    return True
