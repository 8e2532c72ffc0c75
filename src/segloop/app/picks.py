"""Keeps the images that somebody ticked: as a LIST, and as the commands that go on from it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from segloop.data.info import set_name
from segloop.utils.atomic import write_text
from segloop.utils.errors import UserError
from segloop.utils.lists import list_line

LISTS = "lists"
_NAME = re.compile(r"[^\W_][\w .-]{0,79}")


def list_text(ids: Sequence[str], *, title: str) -> str:
    """Return a LIST file: what it is, then an image_id a line.

    >>> list_text(["b", "a", "b"], title="two")
    '# two\\nb\\na\\n'
    """
    first = " ".join(title.split())
    return "".join(f"{line}\n" for line in (f"# {first}", *map(list_line, dict.fromkeys(ids))))


def list_name(text: str) -> str:
    """Return the name of a LIST that somebody typed, with or without its suffix.

    >>> list_name(" hard ones.txt"), list_name("")
    ('hard ones', 'picked')
    """
    return text.strip().removesuffix(".txt") or "picked"


def save_list(ids: Sequence[str], *, folder: Path, name: str, title: str, replace: bool = False) -> Path:
    """Write a LIST to `folder/lists/<name>.txt` and return its path; a name that is a path is refused."""
    name = list_name(name)
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


def push_words(path: Path, *, data: Path, run: Path, split: str) -> list[str]:
    """Return the words that send the images of a LIST to CVAT, with what the RUN predicts of them.

    The loop lies beside the LISTs, in the folder of RUNs that the app shows, where its page of loops looks.
    """
    words = ["tools/cvat.py", "push", str(data), "--split", split, "--images", str(path), "--run", str(run)]
    return [*words, "--loop", str(path.parent.parent / "cvat" / set_name(data.absolute()))]


def commands(path: Path, *, data: Path, run: Path, split: str) -> dict[str, str]:
    """Return what to do with a saved LIST, as command lines."""
    pick = ["--split", split, "--list", str(path)]
    convert = ["tools/convert.py", str(data), path.stem, "--to", "coco", *pick]
    return {
        "Relabel in CVAT": shlex.join(["python", *push_words(path, data=data, run=run, split=split)]),
        "Convert these images alone": shlex.join(["python", *convert]),
    }


def knows_cvat(environment: Mapping[str, str]) -> bool:
    """Return whether the environment says which server to push to, and who asks; nothing of it is shown."""
    named = environment.get("CVAT_USERNAME") and environment.get("CVAT_PASSWORD")
    known = bool(environment.get("CVAT_ACCESS_TOKEN") or named)
    return bool(environment.get("CVAT_HOST")) and known and find_spec("segloop.cvat") is not None
