"""Files and folders that are the old one or the whole new one, however long the new one takes to make."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from segloop.utils.errors import UserError
from segloop.utils.locks import make_parents, remove_parents, take

_LOCK, _FORMER = "lock", "former"


@contextlib.contextmanager
def staged(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """Give a place of `target`'s name to make a file or folder at; it becomes `target` after the block.

    The place lies in a hidden folder beside `target`. If the block raises or is interrupted, nothing of it is
    left and `target` is as it was; what a killed process left, the next call for `target` removes. An
    existing `target` is refused, or with `replace` exchanged at the very end.
    """
    target = target.absolute()
    if target.is_symlink():
        target = target.resolve()  # what it points to is exchanged, and the link stays
    made = make_parents(target.parent)
    remove_leftovers(target)
    try:
        if not replace:
            refuse_existing(target)
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
    except BaseException:
        remove_parents(made)
        raise
    with (folder / _LOCK).open("w") as lock:
        take(lock)
        try:
            yield folder / target.name
            if not replace:
                refuse_existing(target)  # somebody else's may have come meanwhile
            _exchange(folder, target)
        except BaseException:
            _give_back(folder, target)
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            remove_parents(made)


def refuse_existing(target: Path) -> None:
    """Refuse a file that exists, or a folder that holds anything."""
    if target.is_dir():
        if any(target.iterdir()):
            raise UserError(f"{target} exists already and is not empty. --force replaces it.")
    elif target.exists():
        raise UserError(f"{target} exists already. --force replaces it.")


def _exchange(folder: Path, target: Path) -> None:
    """Put what was made in the place of `target`; a former one waits in `folder` until that is done."""
    made = folder / target.name
    if made.is_file():
        with made.open("rb") as file:
            os.fsync(file.fileno())
    if target.is_dir() or made.is_dir():  # only a file takes another file's place in one step
        if target.exists():
            (folder / _FORMER).mkdir()
            target.rename(folder / _FORMER / target.name)
        made.rename(target)
    else:
        made.replace(target)


def _give_back(folder: Path, target: Path) -> None:
    former = folder / _FORMER / target.name
    if former.exists() and not target.exists():
        former.rename(target)


def remove_leftovers(target: Path) -> None:
    """Remove what killed processes left beside `target`; one killed between two renames had the former."""
    for folder in target.parent.glob(".*.part"):
        if not re.fullmatch(rf"\.{re.escape(target.name)}\.[a-z0-9_]{{8}}\.part", folder.name):
            continue  # of another target: `a.b` is none of `a`
        with contextlib.suppress(OSError), (folder / _LOCK).open("a") as lock:
            if take(lock):  # where nobody can tell, leftovers may be in use
                _give_back(folder, target)
                shutil.rmtree(folder, ignore_errors=True)
