"""Keeps other processes out of what one of them writes, for as long as it lives."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from segloop.utils.errors import UserError


def take(file: IO[Any] | int) -> bool | None:
    """Lock an open file or folder until it is closed; tell whether it is ours, None where nobody can tell."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a disk of another machine may have no locks
        return None
    return True


def lock(file: IO[Any] | int, busy: str) -> None:
    """Lock an open file or folder until it is closed; say `busy` where another process has it."""
    if take(file) is False:
        raise UserError(busy)


@contextlib.contextmanager
def alone_in(folder: Path, busy: str) -> Iterator[None]:
    """Make a folder, and keep it to this process for a block; if it stays empty it goes again."""
    try:
        made = make_parents(folder)
    except OSError as error:
        raise UserError(f"{folder} cannot be made: {error.strerror}.") from error
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders
        yield
        return
    try:
        lock(handle, busy)
        yield
    finally:
        os.close(handle)
        remove_parents(made)


def make_parents(folder: Path) -> list[Path]:
    """Make a folder and those above it; return those that are new, the deepest first."""
    made = []
    for each in [folder, *folder.parents]:
        if each.exists():
            break
        made.append(each)
    folder.mkdir(parents=True, exist_ok=True)
    return made


def remove_parents(made: list[Path]) -> None:
    """Remove those folders of `make_parents` that stayed empty."""
    for folder in made:
        with contextlib.suppress(OSError):  # in use after all
            folder.rmdir()
