"""What the images of a CVAT export are called, so that no two are taken for one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Protocol

from data_converters.cvat_meta import subset_of
from segloop.data.annotations import image_id_of


class Named(Protocol):
    """An image's name as the file has it, its subset, the number of its task, and where that stands."""

    @property
    def name(self) -> str: ...
    @property
    def subset(self) -> str | None: ...
    @property
    def task(self) -> str | None: ...
    @property
    def line(self) -> int: ...


def posix_name(name: str) -> str:
    r"""Return a name with slashes and without steps to nowhere.

    >>> posix_name("./a\\b//1.png")
    'a/b/1.png'
    """
    if "\\" not in name and "//" not in f"{name}/" and "./" not in f"{name}/":
        return name  # the same object: there may be very many
    return PurePosixPath(name.replace("\\", "/")).as_posix()


def name_fault(name: str) -> str | None:
    """Say why a name with slashes cannot be a path below a folder of images; None if it can."""
    if name in ("", "."):
        return "is empty"
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "is the path of one machine; it should be relative"
    if ".." in name.split("/"):
        return "climbs out of the folder of the images"
    return None


def tell_apart(images: Sequence[Named]) -> tuple[list[str], list[str], list[str]]:
    """Return a name for each image, remarks, and problems.

    Names stay as they are if they differ by more than the suffix within each subset. In a project the same
    name may stand in several tasks of one subset: then all images get the folder of their task in front, and
    what is still the same is a problem.
    """
    names = [posix_name(image.name) for image in images]
    problems = [
        f"line {image.line}: the name {image.name!r} {fault}"
        for image, name in zip(images, names, strict=True)
        if (fault := name_fault(name))
    ]
    if problems or not (repeated := _repeated(names, images)):
        return names, [], problems
    if all(image.task for image in images):
        apart = [f"task_{image.task}/{name}" for image, name in zip(images, names, strict=True)]
        if not _repeated(apart, images):
            told = f"Images are called task_<id>/<name>, for {len(repeated)} name(s) repeat across tasks."
            return apart, [told], []
    return names, [], repeated


def _repeated(names: Sequence[str], images: Sequence[Named]) -> list[str]:
    """Return a line for each image of a subset that has the same id as one before it."""
    first: dict[tuple[str | None, str], int] = {}
    found = []
    for place, (image, name) in enumerate(zip(images, names, strict=True)):
        before = first.setdefault((subset_of(image.subset), image_id_of(name)), place)
        if before != place:
            lines = f"lines {images[before].line} and {image.line}"
            found.append(f"{lines}: {images[before].name!r} and {image.name!r} would be the same image")
    return found
