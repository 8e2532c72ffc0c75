"""The errors that a user can mend, each told in words and never as a traceback.

UserError                       a mistake in what was asked for; exit code 2
├── ConfigError                 a config or an override that cannot be run
├── DataError                   pictures or masks that do not fit; knows the image_id
├── FormatError                 a file that breaks its own format; knows file and place
└── MissingDependency           a package that is not installed; knows the command that brings it
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # how a disk says so; FAT32 ends at 4 GB a file

EXIT_DONE = 0
EXIT_FINDINGS = 1
EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130
EXIT_UNREAD = 141  # as a shell tells of what a closed pipe has ended


class UserError(Exception):
    """A mistake that the user can mend; its text is the whole message."""


class ConfigError(UserError):
    """A config, or an override of one, that cannot be run."""


class DataError(UserError):
    """Data that cannot be used as they are; `image_id` says which image, where there is one."""

    def __init__(self, message: str, *, image_id: str | None = None) -> None:
        super().__init__(message)
        self.image_id = image_id


class FormatError(UserError):
    """A file that breaks its own format; `file` and `where` (a line, a byte, a key) say the place."""

    def __init__(self, message: str, *, file: Path | str, where: str | None = None) -> None:
        place = f"{file}: {where}" if where else str(file)
        super().__init__(f"{place}: {message}")
        self.file = Path(file)
        self.where = where


class MissingDependency(UserError):
    """A package that this command needs and that is not installed."""

    def __init__(self, package: str, *, why: str, command: str) -> None:
        super().__init__(f"{package} is not installed, and {why}. Install it with: {command}")
        self.package = package


@contextmanager
def writing(place: Path | str) -> Iterator[None]:
    """Within the block, tell in words that a file or a folder cannot be written."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{place} cannot be written: {error.strerror or error}.") from error


def together(errors: Sequence[UserError]) -> UserError:
    """Return one error that tells all of these, each text once; a single one is returned as it is."""
    firsts: dict[str, UserError] = {}
    for error in errors:
        firsts.setdefault(str(error), error)
    different = list(firsts.values())
    if len(different) == 1:
        return different[0]
    text = "\n\n".join(map(str, different))
    for kind in (ConfigError, DataError):
        if all(isinstance(error, kind) for error in different):
            return kind(text)
    return UserError(text)


def listing(items: Sequence[str] | Iterable[str], *, most: int = 10) -> str:
    """Return one indented line per item, cut after `most` with a count of the rest.

    >>> print(listing(["a", "b", "c"], most=2))
      a
      b
      … and 1 more
    """
    items = list(items)
    lines = [f"  {item}" for item in items[:most]]
    if len(items) > most:
        lines.append(f"  … and {len(items) - most} more")
    return "\n".join(lines)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?` for the known name closest to `name`, or an empty string."""
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""
