"""Keeps other processes out of what one of them writes, for as long as it lives."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from segloop.utils.errors import UserError
from segloop.utils.staging import make_parents, remove_parents


def lock(file: IO[bytes] | int, busy: str) -> None:
    """Lock an open file or folder until it is closed; say `busy` where another process has it."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(busy) from None
    except OSError:  # a disk of another machine may have no locks
        return


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
