"""Where folders of masks have images and masks: a folder an image, or images and numbered masks apart."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeAlias, TypeVar

from data_converters.base import ReadOptions
from data_converters.masks_table import MASK, NUMBER, OBJECTS, Row
from segloop.data.checks import Finding, pair_files, raise_findings
from segloop.data.image_files import IMAGE_SUFFIXES
from segloop.data.layout import Layout, files_below, index_files, leads_back, only_listed
from segloop.utils.errors import DataError, nearest

IMAGES, MASKS, NUMBERS = "images", "masks", "instances"
LAYOUT = (
    "a folder for each image with images/<name>.png and masks/*.png, a mask for each object, as in the Data "
    "Science Bowl 2018; or images/ and instances/ (or masks/) with a mask of object numbers for each image. "
    "Either may lie in folders of splits"
)
LITTER = "__MACOSX"  # has the same folders, and no picture in them
MOST_TRIED = 100  # images that are looked up among the masks to tell the forms apart
Split: TypeAlias = "str | None"
Table: TypeAlias = Mapping[tuple[str, str], Sequence[Row]]
T = TypeVar("T")


class Base(NamedTuple):
    """Where a split has its images, if it has any, and its masks of numbers."""

    images: Path | None
    masks: Path


class Entry(NamedTuple):
    """An image and its masks, and what the table says of its objects; or what is wrong with one of them.

    `images` is the folder that has the image; it is empty if there is none. `name` is the image's path below
    it, or empty if it is for the folder to tell. `masks` is a folder with a mask for each object, or a mask
    of numbers.
    """

    split: str | None
    image_id: str
    images: str
    name: str
    masks: str
    rows: tuple[Row, ...] | None = None
    trouble: str = ""


def find_entries(
    source: Path, options: ReadOptions, table: Table | None, form: str = ""
) -> tuple[str, list[Entry]]:
    """Return the form of the masks, MASK or NUMBER, and the images that are asked for, by split and id.

    The table of objects, where there is one, tells the form and which folders are splits.
    """
    if options.images is not None and not options.images.is_dir():
        raise DataError(f"The images were expected in {options.images}, which is no folder.")
    splits = {split for split, _ in table} if table is not None else None
    bases = _bases(source, options, splits) if form != MASK else {}
    if bases:
        form = NUMBER
        found = list(_numbered(source, _pick(source, bases, options.split)))
    else:
        form = form or MASK
        cases = _pick(source, _cases(source, table), options.split)
        found = [each._replace(split=split) for split, group in cases.items() for each in group]
    if not found:
        raise DataError(f"{source} holds no masks that we know. Expected is {LAYOUT}.")
    if table is not None:
        found = list(_joined(found, table))
    found.sort(key=lambda each: (each.split or "", each.image_id))
    if options.list_file is not None:
        wanted = only_listed(options.list_file, (each.image_id for each in found))
        found = [each for each in found if each.image_id in wanted]
    return form, found


def _pick(source: Path, groups: Mapping[Split, T], wanted: Split) -> dict[Split, T]:
    """Return the group of a split; what has no splits belongs to the one that is named."""
    if wanted is None or not groups:
        return dict(groups)
    if [*groups] == [None]:
        return {wanted: groups[None]}
    if wanted not in groups:
        known = [split for split in groups if split]
        hint = nearest(wanted, known)
        raise DataError(f"{source} has no split {wanted!r} (it has: {', '.join(known)}).{hint}")
    return {wanted: groups[wanted]}


def _bases(source: Path, options: ReadOptions, splits: set[str] | None) -> dict[Split, Base]:
    """Return where images and masks of numbers lie, by split; nothing where the masks have another form."""
    inner = [each for each in sorted(source.iterdir()) if each.is_dir() and not each.name.startswith(".")]
    whole = _base(source, options.images or source / IMAGES)
    found: dict[Split, Base] = {}
    if whole is not None:
        found[None] = whole
        inner = [each for each in inner if each.name not in (IMAGES, MASKS, NUMBERS)]
    for folder in inner if any(splits or ()) or (splits is None and not found) else ():
        images = folder / IMAGES
        if options.images is not None:
            images = options.images / folder.name
            images = images if images.is_dir() else options.images
        base = _base(folder, images)
        if base is not None:
            found[folder.name] = base
    if not found and options.images is not None and _are_paired(options.images, source):
        found[None] = Base(options.images, source)
    return found


def _base(folder: Path, images: Path) -> Base | None:
    if (folder / NUMBERS).is_dir():
        return Base(images if images.is_dir() else None, folder / NUMBERS)
    if (folder / MASKS).is_dir() and images.is_dir() and _are_paired(images, folder / MASKS):
        return Base(images, folder / MASKS)
    return None


def _are_paired(images: Path, masks: Path) -> bool:
    """Tell whether masks are called like images; where there is one for each object, they are not."""
    names = islice(index_files(images, IMAGE_SUFFIXES), MOST_TRIED)
    suffixes = [*IMAGE_SUFFIXES, *(suffix.upper() for suffix in IMAGE_SUFFIXES)]
    return any((masks / f"{name}{suffix}").is_file() for name in names for suffix in suffixes)


def _numbered(source: Path, bases: Mapping[Split, Base]) -> Iterator[Entry]:
    findings: list[Finding] = []
    for split, (images, masks) in bases.items():
        if images is None:
            for name, files in index_files(masks, IMAGE_SUFFIXES).items():
                names = ", ".join(file.relative_to(masks).as_posix() for file in files)
                twice = f"{names}: which is the mask of {name}?" if len(files) > 1 else ""
                yield Entry(split, name, "", f"{name}.png", str(files[0]), trouble=twice)
            continue
        suffixes = Counter(file.suffix.lower() for file in files_below(masks))
        suffix = max(IMAGE_SUFFIXES, key=lambda each: suffixes[each])
        places = {"img_path": str(images.absolute()), "seg_map_path": str(masks.absolute())}
        layout = Layout(
            root=source.absolute(),
            data_prefix=places,
            image_suffixes=IMAGE_SUFFIXES,
            mask_suffix=suffix,
            metainfo={},
            ignore_index=0,
        )
        pairs, trouble = pair_files(split or "all", layout)
        for image_id, image, mask in pairs:
            yield Entry(split, image_id, str(images), image.relative_to(layout.images).as_posix(), str(mask))
        for each in trouble:
            if each.image_id is None or each.kind == "same-id":
                findings.append(each)
            else:
                yield Entry(split, each.image_id, "", each.file, "", trouble=str(each))
    raise_findings(findings)


def _cases(source: Path, table: Table | None) -> dict[Split, list[Entry]]:
    """Return the images that have a folder each, by split: the first folder on the way to all of them.

    Where the table has images of no split beside others, it tells which these are.
    """
    places = [folder.relative_to(source).parts for folder in _case_folders(source)]
    flat = any(len(parts) < 2 for parts in places) if table is None else not any(split for split, _ in table)
    found: dict[Split, list[Entry]] = {}
    for parts in places:
        folder = source.joinpath(*parts)
        alone = flat or len(parts) < 2 or (table is not None and ("", "/".join(parts)) in table)
        split = None if alone else parts[0]
        image_id = "/".join(parts if alone else parts[1:]) or source.absolute().name
        images, masks = folder / IMAGES, folder / MASKS
        trouble = "" if masks.is_dir() else f"the folder {masks.relative_to(source)} does not exist"
        found.setdefault(split, []).append(
            Entry(split, image_id, str(images), "", str(masks), trouble=trouble)
        )
    return found


def _joined(found: Sequence[Entry], table: Table) -> Iterator[Entry]:
    """Yield the images with their rows of the table, and those that only one of the two knows with that."""
    named = any(split for split, _ in table)  # else the splits of `found` are what the user calls them
    left = dict(table)
    for each in found:
        rows = left.pop((each.split or "" if named else "", each.image_id), None)
        trouble = each.trouble or ("" if rows is not None else f"{OBJECTS} does not know this image")
        yield each._replace(rows=None if rows is None else tuple(rows), trouble=trouble)
    wanted = {each.split or "" for each in found} if named else {""}
    for (split, image_id), rows in left.items():
        if split in wanted:
            trouble = f"{OBJECTS}, line {rows[0].line}: there are no masks of this image"
            yield Entry(split or None, image_id, "", "", "", trouble=trouble)


def _case_folders(source: Path) -> Iterator[Path]:
    """Yield the folders that hold masks, or an image in a folder of its own."""
    for place, inner, _ in os.walk(source, followlinks=True):
        folder = Path(place)
        inner[:] = sorted(
            name
            for name in inner
            if not name.startswith(".") and name != LITTER and not leads_back(folder / name)
        )
        own = {MASKS} & set(inner)
        if IMAGES in inner and image_files(folder / IMAGES):
            own.add(IMAGES)
        if own:
            yield folder
            inner[:] = [name for name in inner if name not in own]


def image_files(folder: Path) -> list[Path]:
    """Return the image files that lie in a folder itself, by name."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        names = [
            entry.name
            for entry in entries
            if entry.name.lower().endswith(IMAGE_SUFFIXES) and not entry.name.startswith(".")
        ]
    return [folder / name for name in sorted(names)]
