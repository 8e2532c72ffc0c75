"""Finds a download in the folder that was named, one above or one below, or says what is missing there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data_converters.unpacking import ARCHIVES, unpack_command
from segloop.utils.errors import DataError, listing

MOST_NAMES = 12


def find_root(source: Path, *wanted: Sequence[str], task: str, hint: str = "") -> tuple[Path, int]:
    """Return the folder that holds what is wanted, and which of the ways to hold it this one is.

    Each of `wanted` is a way that a download may look: names or glob patterns, relative to its root, that are
    all there (`"train.csv"`, `"gtFine/*/"`; a trailing slash asks for a folder). Looked at are the source,
    the folders in it and the one above it, in this order. `hint` is the next step for who has none yet.

    Raises a DataError that says what was looked for, what is there, and whether it is still packed.
    """
    if not source.exists():
        raise DataError(f"{source} does not exist.{_said(hint)}")
    if source.is_file():
        raise DataError(_of_file(source, task, wanted))
    for places in ([source], _folders(source), [source.resolve().parent]):
        fits = [(place, way) for place in places for way in [_way(place, wanted)] if way is not None]
        if len(fits) > 1:
            names = listing([str(place) for place, _ in fits])
            raise DataError(f"{source} holds {len(fits)} downloads of the task {task}; name one:\n{names}")
        if fits:
            return fits[0]
    raise DataError(_missing(source, task, wanted) + _said(hint))


def _way(place: Path, wanted: Sequence[Sequence[str]]) -> int | None:
    """Return the first way to look that a folder has; None if it has none."""
    return next((way for way, names in enumerate(wanted) if all(_has(place, name) for name in names)), None)


def _has(place: Path, name: str) -> bool:
    folder = name.endswith("/")
    found = place.glob(name.rstrip("/")) if any(sign in name for sign in "*?[") else iter([place / name])
    return any(each.is_dir() if folder else each.exists() for each in found)


def _folders(place: Path) -> list[Path]:
    return sorted(each for each in place.iterdir() if each.is_dir() and not each.name.startswith("."))


def _missing(source: Path, task: str, wanted: Sequence[Sequence[str]]) -> str:
    """Say what was looked for, what is there, and what of it lies in archives."""
    ways = [", ".join(names) for names in wanted]
    names = sorted(each.name + "/" * each.is_dir() for each in source.iterdir() if each.name[0] != ".")
    there = ", ".join(names[:MOST_NAMES]) + (f" … ({len(names)} in all)" if len(names) > MOST_NAMES else "")
    text = (
        f"{source} is no download of the task {task}. Looked for, in it, one folder below and one above:\n"
        f"{listing(ways)}\nIt holds: {there or 'nothing'}."
    )
    packed = [name for name in names if name.lower().endswith(ARCHIVES)]
    if packed:
        lines = [unpack_command(source / name) for name in packed]
        text += f"\n{len(packed)} archive(s) are there that have to be unpacked first:\n{listing(lines)}"
    return text


def _of_file(source: Path, task: str, wanted: Sequence[Sequence[str]]) -> str:
    if source.name.lower().endswith(ARCHIVES):
        return (
            f"{source} is an archive. Images are read where they lie, and never out of archives: unpack it, "
            f"and name the folder.\n{listing([unpack_command(source)])}"
        )
    ways = listing([", ".join(names) for names in wanted])
    return f"{source} is a file. The task {task} reads a folder that holds:\n{ways}"


def _said(hint: str) -> str:
    return f"\n{hint}" if hint else ""
