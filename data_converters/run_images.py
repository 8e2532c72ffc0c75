"""Finds the image files that the rows of a CSV name, and says which are missing and which nobody names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data_converters.run_csv import Key, Overview, Table
from segloop.data.annotations import image_id_of
from segloop.data.layout import only_listed
from segloop.utils.errors import DataError, listing


@dataclass(frozen=True)
class ImageFiles:
    """Where image files are: a folder, if there is one, and the suffixes that files in it have.

    `usual` is the suffix of images that have no file, and no suffix in their names.
    """

    folder: Path | None
    suffixes: tuple[str, ...]
    usual: str

    def locate(self, named: str, suffix: int) -> tuple[str, str, Path | None]:
        """Return id, name and file of the image that a row names; `suffix` is the place of its suffix."""
        image_id = image_id_of(named)
        if self.folder is not None and suffix >= 0:
            name = image_id + self.suffixes[suffix]
            return image_id, name, self.folder / name
        name = named.replace("\\", "/")
        return image_id, name + self.usual if image_id == name else name, None


def find_images(
    table: Table, overview: Overview, *, folder: Path | None, habits: Sequence[str], usual: str
) -> tuple[ImageFiles, list[str]]:
    """Find the files of a CSV's images and note them in its rows; return where they are, and what to tell.

    `folder` is what the user says; else it is the first of the `habits` beside the CSV that has an image.
    """
    names = overview.names
    if folder is None:
        folder, there = _habitual(table.source.parent, names, habits)
    elif folder.is_dir():
        there = _files_below(folder)
    else:
        raise DataError(f"The folder of the images, {folder}, does not exist.")
    if folder is None:
        return ImageFiles(None, (), usual), []
    suffixes: dict[str, int] = {}
    missing, renamed, unclear = [], [], []
    for place, name in enumerate(names):
        image_id = image_id_of(name)
        found = there.pop(image_id, ())
        exact = name.replace("\\", "/")[len(image_id) :]
        if len(found) > 1 and exact not in found:
            unclear.append(" and ".join(f"{image_id}{suffix}" for suffix in found))
        elif not found:
            missing.append(name)
        else:
            suffix = exact if exact in found else found[0]
            if exact and suffix != exact:
                renamed.append(f"{name} is {image_id}{suffix}")
            overview.rows.suffixes[place] = suffixes.setdefault(suffix, len(suffixes))
    if unclear:
        told = f"{len(unclear)} image(s) in {folder} are there twice; rename or remove one of each"
        raise DataError(f"{told}:\n{listing(unclear)}")
    notes = [f"{len(names) - len(missing)} of {len(names)} images are in {folder}."]
    if missing:
        notes.append(f"{len(missing)} images that the rows name are not in {folder}, first {missing[0]!r}.")
    if renamed:
        notes.append(f"{len(renamed)} images are there under another suffix, first {renamed[0]}.")
    if there:
        first, *_ = (image_id + suffixes[0] for image_id, suffixes in there.items())
        notes.append(f"{len(there)} images in {folder} have no row and are left out, first {first!r}.")
    return ImageFiles(folder, tuple(suffixes), usual), notes


def only_rows(overview: Overview, list_file: Path | None) -> Sequence[Key]:
    """Return the keys of all images of a CSV, or of those that a LIST file names."""
    if list_file is None:
        return overview.rows
    ids = list(map(image_id_of, overview.names))
    wanted = only_listed(list_file, ids)
    return [overview.rows[place] for place, image_id in enumerate(ids) if image_id in wanted]


def _habitual(
    beside: Path, names: Sequence[str], habits: Sequence[str]
) -> tuple[Path | None, dict[str, tuple[str, ...]]]:
    """Return the folder beside the CSV that has the image of a row, and what is in it."""
    for folder in (beside / habit for habit in habits):
        there = _files_below(folder) if folder.is_dir() else {}
        if there and any(image_id_of(name) in there for name in names):
            return folder, there
    return None, {}


def _files_below(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the suffixes of the image files below a folder, by id."""
    found: dict[str, tuple[str, ...]] = {}
    alone: dict[str, tuple[str, ...]] = {}  # one tuple for each suffix, not for each image
    seen = set()
    for place, inner, files in os.walk(folder, followlinks=True):
        state = Path(place).stat()
        if (state.st_dev, state.st_ino) in seen:  # a link that leads back up
            inner.clear()
            continue
        seen.add((state.st_dev, state.st_ino))
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        base = Path(place).relative_to(folder).as_posix()
        head = "" if base == "." else f"{base}/"
        for path in (head + name for name in sorted(files) if not name.startswith(".")):
            image_id = image_id_of(path)
            suffix = path[len(image_id) :]
            if suffix:
                one = alone.setdefault(suffix, (suffix,))
                found[image_id] = found[image_id] + one if image_id in found else one
    return found
