"""Says which images belong together: those of one folder, of one scene in their names, of a table's row."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segloop.utils.errors import ConfigError, DataError, listing, nearest

KINDS = ("folder", "regex", "table")


def groups_of(
    ids: Sequence[str], by: Mapping[str, Any] | None, *, root: Path | str = "."
) -> list[str] | None:
    """Return each image's group as `by` says, or None where it says nothing.

    `by` is `dict(folder=1)`, `dict(regex=…)` or `dict(table=FILE, column=…)`; a table's path is relative to
    `root`.
    """
    if not by:
        return None
    kinds = [kind for kind in KINDS if by.get(kind) is not None]
    if len(kinds) != 1 or (by.get("column") is not None and kinds != ["table"]):
        raise ConfigError(
            f"A group is a folder, a regex, or a table with its column; this is neither: {dict(by)}."
        )
    if kinds == ["folder"]:
        return by_folder(ids, int(by["folder"]))
    if kinds == ["regex"]:
        return by_regex(ids, by["regex"])
    return by_table(ids, Path(root) / by["table"], column=by.get("column") or "group")


def by_words(by: Mapping[str, Any] | None) -> str:
    """Return in words what makes a group.

    >>> by_words(dict(table="scenes.csv", column="scene"))
    'table=scenes.csv, column=scene'
    """
    return ", ".join(f"{key}={value}" for key, value in (by or {}).items())


def by_folder(ids: Sequence[str], levels: int = 1) -> list[str]:
    """Return the first folders of each image_id; an image in no folder is a group of its own.

    Where no image is in a folder there are no such groups, and that is a DataError.

    >>> by_folder(["berlin/1", "berlin/2", "bonn/a/1", "x"])
    ['berlin/', 'berlin/', 'bonn/', 'x']
    """
    if levels < 1:
        raise ConfigError(f"A group of folders has 1 level or more, not {levels}.")
    if ids and not any("/" in image_id for image_id in ids):
        raise DataError(f"No image is in a folder that would be its group:\n{listing(ids, most=3)}")
    found = []
    for image_id in ids:
        *folders, _ = image_id.split("/")
        found.append("/".join(folders[:levels]) + "/" if folders else image_id)
    return found


def by_regex(ids: Sequence[str], pattern: str) -> list[str]:
    r"""Return what a pattern finds in each image_id: its own groups if it has any, else all that it matched.

    >>> by_regex(["scene1_crop2", "scene1_crop3"], r"(scene\d+)_")
    ['scene1', 'scene1']
    """
    try:
        finds = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"The regex {pattern!r} cannot be read: {error}.") from error
    found = [_found(finds.search(image_id)) for image_id in ids]
    lost = [image_id for image_id, group in zip(ids, found, strict=True) if not group.strip("/")]
    if lost:
        raise DataError(f"The regex {pattern!r} finds no group in {len(lost)} image(s):\n{listing(lost)}")
    return found


def _found(match: re.Match[str] | None) -> str:
    if match is None:
        return ""
    return "/".join(match.groups("")) if match.re.groups else match[0]


def by_table(ids: Sequence[str], path: Path, *, column: str = "group") -> list[str]:
    """Return each image's entry in a column of a table (.csv, else tabs) that has a column `image_id` too."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, delimiter="," if path.suffix.lower() == ".csv" else "\t")
            head = list(table.fieldnames or ())
            missing = [name for name in ("image_id", column) if name not in head]
            if missing:
                raise DataError(f"{path} has no column {missing[0]!r}.{nearest(missing[0], head)}")
            rows = [(row["image_id"], row[column] or "") for row in table]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"The table {path} cannot be read: {getattr(error, 'strerror', None) or error}."
        ) from error
    known = dict(rows)
    torn = sorted({image_id for image_id, group in rows if known[image_id] != group})
    if torn:
        raise DataError(f"{path} puts {len(torn)} image(s) into several groups:\n{listing(torn)}")
    lost = [image_id for image_id in ids if not known.get(image_id)]
    if lost:
        raise DataError(f"{path} names no {column} of {len(lost)} image(s):\n{listing(lost)}")
    return [known[image_id] for image_id in ids]
