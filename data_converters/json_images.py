"""Sets with a JSON for each image: which files are of the format, which image each is of, which split."""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeVar

import numpy as np

from data_converters.base import ReadOptions, require_split
from data_converters.named_files import folder_role, picture_files, placed
from segloop.data.annotations import SizeHW
from segloop.data.image_files import IMAGE_SUFFIXES
from segloop.data.layout import files_below, only_listed
from segloop.utils.errors import DataError, FormatError, UserError, listing, together

Told = TypeVar("Told")
_EMBEDDED = re.compile(rb'"imageData"\s*:\s*"[^"]*"')  # megabytes of base64 that nobody reads here


class Entry(NamedTuple):
    """An image: its JSON, and its file, empty if there is none; `name` is its path with the suffix."""

    split: str | None
    image_id: str
    name: str
    json: str
    image: str


def parse(file: Path) -> dict[str, Any]:
    """Return what a JSON file holds; one that is no object, or damaged, is a FormatError."""
    told = _loaded(file)
    if not isinstance(told, dict):
        raise FormatError("no JSON object", file=file)
    return told


def _loaded(file: Path) -> Any:
    try:
        return json.loads(_EMBEDDED.sub(b'"imageData": null', file.read_bytes()))
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise FormatError(f"no JSON that can be read ({error})", file=file) from None


def require_inside(points: np.ndarray, size_hw: SizeHW) -> np.ndarray:
    """Return an outline, or the corners of a box; refuse one of which nothing is in the image."""
    low, high = points.min(axis=0), points.max(axis=0)
    if (high <= 0).any() or (low >= size_hw[::-1]).any():
        raise ValueError("it lies outside the image")
    return points


def find_json(source: Path, take: Callable[[dict[str, Any]], Told | None]) -> tuple[list[Path], list[Told]]:
    """Return the JSON files of a source that are of a format, and what `take` keeps of each.

    It returns None for a file of something else, which is passed over. Those that cannot be read are told
    together: nobody knows whether they are of the format.
    """
    if source.is_file():
        if (kept := take(parse(source))) is None:
            raise DataError(f"{source} is no JSON of this format.")
        return [source], [kept]
    files = sorted(
        file
        for file in files_below(source)
        if file.suffix == ".json" and "__MACOSX" not in file.relative_to(source).parts
    )
    with ThreadPoolExecutor(2) as pool:  # reading waits for the disk
        loaded = list(pool.map(lambda file: _try(file, take), files))
    if errors := [each for each in loaded if isinstance(each, UserError)]:
        raise together(errors)
    found = [(file, each) for file, each in zip(files, loaded, strict=True) if each is not None]
    if not found:
        raise DataError(f"{source} holds no JSON of this format.")
    return [file for file, _ in found], [each for _, each in found]


def _try(file: Path, take: Callable[[dict[str, Any]], Any]) -> Any:
    """Return what is kept of a file, which may be a hundredth of what it holds, or why it cannot be read."""
    try:
        told = _loaded(file)
    except UserError as error:
        return error
    return take(told) if isinstance(told, dict) else None


def _is_file(place: Path) -> bool:
    try:
        return place.is_file()
    except OSError:  # a name that is longer than any file's, such as a link with a signature
        return False


class Images:
    """Finds the image of a JSON: where it says, beside it, in the folder that the user names, anywhere."""

    def __init__(self, source: Path, elsewhere: Path | None) -> None:
        self.home = source if source.is_dir() else source.parent
        self.root = elsewhere or self.home
        self.used: set[Path] = set()

    @cached_property
    def files(self) -> list[Path]:
        """All images below the root."""
        return picture_files(self.root)

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = defaultdict(list)
        for file in self.files:
            found[file.name].append(file)
        return found

    def find(self, file: Path, *places: Path) -> Path | None:
        """Return the first of some places that is a file, else one of that name."""
        beside = (file.with_name(file.stem + suffix) for suffix in IMAGE_SUFFIXES)
        for place in (*places, *beside):
            if _is_file(place):
                self.used.add(place.resolve())
                return place
        found = self._named(places[0].name, file)
        if found is not None:
            self.used.add(found.resolve())
        return found

    def _named(self, name: str, file: Path) -> Path | None:
        """Return the only file of a name that is no mask and of no other split than the JSON `file`.

        Of several it is the one in folders that are called like the JSON's, splits and roles aside.
        """
        named = [each for each in self._by_name.get(name, []) if folder_role(each, self.root) != "mask"]
        if not named:
            return None
        (own,) = placed([file], self.home)
        fits = [
            each
            for each in placed(named, self.root)
            if None in (own.split, each.split) or own.split == each.split
        ]
        if len(fits) > 1:
            fits = [each for each in fits if (each.split, each.folders) == (own.split, own.folders)]
        return fits[0].file if len(fits) == 1 else None

    def told(self) -> list[str]:
        """Say how many images have no JSON."""
        bare = [file for file in self.files if file.resolve() not in self.used]
        if not bare:
            return []
        return [f"{len(bare)} image(s) have no JSON and are left out: {bare[0].relative_to(self.root)}"]


def entries_of(
    source: Path,
    files: Sequence[Path],
    names: Sequence[str],
    images: Sequence[Path | None],
    options: ReadOptions,
) -> list[Entry]:
    """Return the images by split and id; ids are paths below the source but for splits and roles."""
    root = source if source.is_dir() else source.parent
    found = []
    for file, place, name, image in zip(files, placed(files, root), names, images, strict=True):
        suffix = image.suffix if image else PurePosixPath(name).suffix or ".png"
        stem = file.stem[: -len(suffix)] if file.stem.casefold().endswith(suffix.casefold()) else file.stem
        image_id = "/".join((*place.folders, stem))
        found.append(Entry(place.split, image_id, image_id + suffix, str(file), str(image or "")))
    found = _of_split(source, found, options.split)
    if twice := _twice(found, root):
        raise DataError(f"{source} has several files of one image; remove or rename some:\n{listing(twice)}")
    if options.list_file is not None:
        wanted = only_listed(options.list_file, (each.image_id for each in found))
        found = [each for each in found if each.image_id in wanted]
    return sorted(found, key=lambda each: (each.split or "", each.image_id))


def _twice(found: Sequence[Entry], root: Path) -> list[str]:
    """Return a line for each image that is there several times, with its files below a root."""
    several: dict[tuple[str | None, str], list[Entry]] = defaultdict(list)
    for each in found:
        several[each.split, each.image_id].append(each)
    lines = []
    for (_, image_id), entries in several.items():
        labels = {each.json: None for each in entries}
        files = labels if len(labels) > 1 else [each.image for each in entries]  # one text of two images
        if len(entries) > 1:
            lines.append(f"{image_id}: {' and '.join(os.path.relpath(file, root) for file in files)}")
    return lines


def _of_split(source: Path, found: list[Entry], wanted: str | None) -> list[Entry]:
    """Return the images of a split; what has no splits belongs to the one that is named."""
    if wanted is None:
        return found
    known = sorted({each.split for each in found if each.split})
    if not known:
        return [each._replace(split=wanted) for each in found]
    require_split(source, wanted, known)
    return [each for each in found if each.split == wanted]
