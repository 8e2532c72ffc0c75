"""What paths tell of picture files: their splits and roles, and what is left to know one from another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data_converters.names import name_of, parted, role_of, split_families, split_of, words
from segloop.data.image_files import IMAGE_SUFFIXES
from segloop.data.layout import files_below
from segloop.data.split_names import split_name
from segloop.utils.errors import DataError

Key = tuple[str, ...]
GIF = ".gif"  # which masks may be (DRIVE, Carvana), and no image that is trained on


@dataclass(frozen=True, slots=True)
class Place:
    """A picture: its path below the root, its split if a folder tells one, what is left of its folders."""

    file: Path
    split: str | None
    folders: Key
    stem: str


def picture_files(folder: Path) -> list[Path]:
    """Return all picture files below a folder, hidden ones left out, sorted by their paths."""
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder.")
    found = (file for file in files_below(folder) if file.suffix.lower() in (*IMAGE_SUFFIXES, GIF))
    return sorted(
        file for file in found if "__MACOSX" not in file.relative_to(folder).parts and file.is_file()
    )


def folder_role(file: Path, root: Path) -> str | None:
    """Return what the innermost telling folder below a root says that a file is: `mask`, `image` or nothing.

    >>> folder_role(Path("set/train/masks/a/1.png"), Path("set"))
    'mask'
    """
    parts = file.relative_to(root).parts[:-1]
    return next((role for part in reversed(parts) if (role := role_of(part))), None)


def placed(files: Sequence[Path], root: Path) -> list[Place]:
    """Take the paths of files apart; folders side by side may differ by their split alone."""
    beside: dict[tuple[str, ...], dict[str, None]] = defaultdict(dict)
    for parts in dict.fromkeys(file.relative_to(root).parts[:-1] for file in files):
        for depth, part in enumerate(parts):
            beside[parts[:depth]][part] = None
    families = {above: split_families(inner) for above, inner in beside.items()}
    return [_place(file, root, families) for file in files]


def _place(file: Path, root: Path, families: Mapping[tuple[str, ...], Mapping[str, str]]) -> Place:
    """Take a path apart: splits and roles out of the folders, what is left stays."""
    split, kept = None, []
    parts = file.relative_to(root).parts[:-1]
    for depth, part in enumerate(parts):
        own = split_of(part)
        if own is None and (own := families[parts[:depth]].get(part)):
            rest = [word for word in words(parted(part)) if split_name(word) is None]
            kept += ["_".join(left)] if (left := name_of(rest)) else []
        split = own or split
        if own is None and role_of(part) is None and words(part) != ["dataset"]:
            kept.append(part)
        elif own is None and (left := name_of(words(part))):
            kept.append("_".join(left))
    return Place(file, split, tuple(kept), file.stem)


def without_shared(places: list[Place]) -> list[Place]:
    """Leave out the folders that all have in common: they tell no image from another."""
    several = [each.folders for each in places]
    shared = 0
    while all(len(each) > shared and each[shared] == several[0][shared] for each in several):
        shared += 1
    return [replace(each, folders=each.folders[shared:]) for each in places]
