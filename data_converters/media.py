"""Where files of a target go: names that stay inside it, and image files that are copied or linked there."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path, PurePosixPath

from data_converters.base import BadRecord
from segloop.data.annotations import ImageRecord
from segloop.data.digests import file_digest
from segloop.utils.errors import DataError, UserError, nearest

MEDIA = ("copy", "hardlink", "link", "none")
LINKS = ("hardlink", "link")  # which no archive can hold
_DRIVE = re.compile(r"[A-Za-z]:")
_PLAIN = re.compile(r"\w[\w .+-]*(?:/\w[\w .+-]*)*")  # most names, which are fine at a glance


def choose_media(wanted: str | None, *, default: str) -> str:
    """Return what is to happen to image files; None asks for the format's own habit."""
    if wanted is None:
        return default
    if wanted not in MEDIA:
        hint = nearest(wanted, MEDIA)
        raise UserError(f"There is no way {wanted!r} to bring images along; choose {', '.join(MEDIA)}.{hint}")
    return wanted


def name_fault(name: str) -> str | None:
    r"""Say what keeps a name from being a path below a folder; None if nothing does.

    >>> name_fault("a/../../b"), name_fault("плата/R&D [1] — x.png")
    ("it climbs out of its folder with '..'", None)
    """
    if _PLAIN.fullmatch(name):
        return None
    parts = name.split("/")
    if not name or "" in parts[1:] or "." in parts:
        return "it is no path to a file"
    if name.startswith("/") or _DRIVE.match(name):
        return "it is an absolute path"
    if ".." in name.replace("\\", "/").split("/"):
        return "it climbs out of its folder with '..'"
    if "\\" in name:
        return "it has a backslash: its archive was made on Windows; `unzip` or 7-Zip makes folders of them"
    if "\0" in name:
        return "it holds a character that no file's name may have"
    if any(part.startswith(".") for part in parts):
        return "files and folders that begin with a dot are hidden, and not read again"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "it is no UTF-8 text"
    return None


def file_suffix(record: ImageRecord) -> str:
    """Return the suffix of an image's file with its dot; empty where neither name nor file has one."""
    suffix = record.name[len(record.image_id) :] if record.name.startswith(record.image_id) else ""
    if not suffix.startswith("."):
        suffix = PurePosixPath(record.name).suffix or (record.file.suffix if record.file else "")
    return suffix


def image_digest(file: Path, image_id: str) -> bytes:
    """Return the SHA-256 of an image file that is to be brought along."""
    try:
        return file_digest(file)
    except OSError as error:
        raise BadRecord(image_id, [f"the image {file} cannot be read: {error.strerror or error}"]) from error


def place_image(source: Path, target: Path, *, media: str) -> None:
    """Copy an image file's bytes to `target`, or make a link there; the source is only read.

    A hard link is a second name of the same file: it takes no room and outlives the source.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if media == "link":
            target.symlink_to(source.absolute())
        elif media == "hardlink":
            os.link(source.resolve(), target)  # resolved, for some systems would link to a link itself
        else:
            shutil.copyfile(source, target)
    except OSError as error:
        raise DataError(
            f"The image {source} could not be brought along: {error.strerror or error}."
        ) from error
