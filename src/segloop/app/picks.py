"""Keeps the images that somebody ticked: as a LIST, and as the commands that go on from it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from segloop.utils.atomic import write_text
from segloop.utils.errors import UserError

LISTS = "lists"
_NAME = re.compile(r"[^\W_][\w .-]{0,79}")


def list_text(ids: Sequence[str], *, title: str) -> str:
    """Return a LIST file: what it is, then an image_id a line.

    >>> list_text(["b", "a", "b"], title="two")
    '# two\\nb\\na\\n'
    """
    first = " ".join(title.split())
    return "".join(f"{line}\n" for line in (f"# {first}", *dict.fromkeys(ids)))


def save_list(ids: Sequence[str], *, folder: Path, name: str, title: str, replace: bool = False) -> Path:
    """Write a LIST to `folder/lists/<name>.txt` and return its path; a name that is a path is refused."""
    name = name.strip().removesuffix(".txt")
    if not ids:
        raise UserError("No image is ticked.")
    if not _NAME.fullmatch(name):
        raise UserError(
            f"{name!r} cannot be the name of a LIST: letters, digits, blanks, dots and dashes, 80 at most."
        )
    path = folder / LISTS / f"{name}.txt"
    if path.exists() and not replace:
        raise UserError(f"{path} exists. Choose another name, or tick that it may be replaced.")
    try:
        write_text(path, list_text(ids, title=title))
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error
    return path


def commands(path: Path, *, data: Path, run: Path) -> dict[str, str]:
    """Return what to do with a saved LIST, as command lines."""
    listed, root, tested = (shlex.quote(str(each)) for each in (path, data, run))
    return {
        "Relabel in CVAT": f"python tools/cvat.py push {root} --images {listed} --run {tested}",
        "Convert these images alone": (
            f"python tools/convert.py {root} {shlex.quote(path.stem)} --to coco --list {listed}"
        ),
    }
