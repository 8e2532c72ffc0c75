"""Writes a comparison of labels down: tables and page, the old folder or the whole new one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from segloop.cvat.diff import Diff
from segloop.cvat.diff_page import diff_page
from segloop.cvat.diff_tables import write_tables
from segloop.utils.errors import UserError
from segloop.utils.staging import staged
from segloop.viz.page import write_page

PAGE, RECORD = "index.html", "diff.json"


def require_free(folder: Path) -> None:
    """Refuse a folder that holds something other than an earlier comparison."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; --out names a folder.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / RECORD).is_file():
        raise UserError(
            f"{folder} holds something else than a comparison of labels; name another with --out."
        )


def write_diff(
    diff: Diff, folder: Path, *, pictures: int = 24, progress: Callable[[int, int], None] | None = None
) -> Path:
    """Write tables and page into a folder, whole or not at all, and return the page."""
    require_free(folder)
    with staged(folder, replace=True) as place:
        place.mkdir()
        write_tables(diff, place)
        write_page(place / PAGE, diff_page(diff, pictures=pictures, progress=progress))
    return folder / PAGE
