"""Finds the images that a command names: files, folders, patterns, LIST files, data sets."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_converters.base import BadRecord, ReadOptions
from data_converters.detect import FOR_EACH, detect, signs_of
from data_converters.formats import find_format
from data_converters.places import check_image_options, check_read_options
from segloop.data.annotations import ImageRecord, image_id_of
from segloop.data.image_files import IMAGE_SUFFIXES, has_pages
from segloop.data.info import FILE_NAME, DatasetInfo
from segloop.data.layout import image_ids, leads_back, read_list
from segloop.utils.errors import DataError, UserError, listing, nearest, together

AUTO, FOLDER = "auto", "images"
LISTS = (".txt", ".lst", ".list")
SHOWN = 3  # ids in a line
_PATTERN = frozenset("*?[")


@dataclass(frozen=True)
class Inputs:
    """The images in the order in which they were named, and what to tell about how they were found."""

    images: tuple[ImageRecord, ...]
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Files:
    """Image files, and the folder that their ids begin below."""

    root: Path
    files: tuple[Path, ...]


def find_inputs(
    words: Sequence[str], *, from_format: str = AUTO, options: ReadOptions | None = None
) -> Inputs:
    """Return the images that words name, each once; all words that name none are told together.

    A word is an image, a folder (all images below it), a pattern with `*`, `?` or `**`, a LIST file, or a
    data set of any format; `from_format` names its format, or `images` for a folder to be read as images.

    An image's id is its path below the root, without suffix. The root of a folder is the folder, of a pattern
    the folders before its first sign, of an image and of a list the folder that it lies in, of a list with
    `options.images` that folder. Several words without a data set share the folder that all of them are in.
    """
    if not words:
        raise UserError("No images were named: a file, a folder, a pattern in quotes, a LIST or a data set.")
    options = options or ReadOptions()
    plain: list[_Files] = []
    records: list[ImageRecord] = []
    told: list[str] = []
    problems: list[UserError] = []
    for word in words:
        try:
            found = _of_word(word, from_format, options, told)
        except UserError as error:
            problems.append(error)
            continue
        if isinstance(found, _Files):
            plain.append(found)
        else:
            records += found
    if problems:
        raise together(problems)
    if plain and not records:
        check_image_options(options, lists=any(Path(word).suffix.lower() in LISTS for word in words))
    images = _unique([*_records(plain, split=options.split), *records])
    if not images:
        raise DataError(f"There is no image in {', '.join(words)}.")
    if several := [each.image_id for each in images if each.file is not None and has_pages(each.file)]:
        more = ", …" if len(several) > SHOWN else ""
        shown = ", ".join(several[:SHOWN]) + more
        told.append(f"{len(several)} image(s) have several pages, of which the first is taken: {shown}")
    return Inputs(tuple(images), tuple(told))


def _of_word(
    word: str, from_format: str, options: ReadOptions, told: list[str]
) -> _Files | list[ImageRecord]:
    path = Path(word)
    if not path.exists() and _PATTERN & set(word):
        return _of_pattern(word)
    if not path.exists():
        there = [each.name for each in path.parent.glob("*")] if path.parent.is_dir() else []
        raise UserError(f"There is no {word}.{nearest(path.name, there)}")
    if path.is_dir():
        if from_format == FOLDER or (from_format == AUTO and not _is_set(path)):
            return _of_folder(path)
    elif path.suffix.lower() in IMAGE_SUFFIXES:
        return _Files(path.parent, (path,))
    elif path.suffix.lower() in LISTS:
        return _of_list(path, options.images)
    form = from_format
    if from_format in (AUTO, FOLDER):
        if not signs_of(path):
            raise UserError(
                f"{word} is no image ({' '.join(IMAGE_SUFFIXES)}), no LIST ({' '.join(LISTS)}) and no data "
                "set of a format that is known."
            )
        form, reason = detect(path)
        told.append(f"{path} is read as {form}: {reason}")
    return _of_set(path, form, options)


def _is_set(folder: Path) -> bool:
    """Tell whether a folder is a data set: JSON files beside some images leave out no others."""
    return any(sign.format not in FOR_EACH for sign in signs_of(folder))


def _of_folder(folder: Path) -> _Files:
    found = image_ids(folder, IMAGE_SUFFIXES)
    if not found:
        raise UserError(f"The folder {folder} holds no image ({' '.join(IMAGE_SUFFIXES)}).")
    return _Files(folder, tuple(found[name] for name in sorted(found)))


def _of_pattern(pattern: str) -> _Files:
    parts, fixed = Path(pattern).parts, list[str]()
    for part in parts[:-1]:
        if _PATTERN & set(part) and not Path(*fixed, part).is_dir():  # a folder may be named c[1]
            break
        fixed.append(part)
    root, signs = Path(*fixed), "/".join(parts[len(fixed) :])
    matching = glob.glob(f"{glob.escape(str(root))}/{signs}", recursive=True)  # noqa: PTH207 - ** and hidden
    found = [Path(each) for each in sorted(matching)]
    folders = {folder for each in found for folder in each.parents}
    back = {folder for folder in folders if leads_back(folder)}
    files = [
        each
        for each in found
        if each.is_file() and each.suffix.lower() in IMAGE_SUFFIXES and back.isdisjoint(each.parents)
    ]
    if not files:
        raise UserError(f"{pattern} matches no image ({' '.join(IMAGE_SUFFIXES)}).")
    return _Files(root, tuple(files))


def _of_list(file: Path, images: Path | None) -> _Files:
    """Return the images of a LIST: ids or names below `images`, or below the list's own folder."""
    root = file.parent if images is None else images
    found, missing, outside = [], [], []
    folders: dict[Path, dict[str, list[Path]]] = {}
    for listed in read_list(file):
        name = os.path.relpath(root / listed, root)
        if name.startswith(os.pardir):
            outside.append(listed)
            continue
        place = root / name
        if place.parent not in folders:
            folders[place.parent] = _images_by_stem(place.parent)
        there = [each for each in (place, *folders[place.parent].get(place.name, ())) if each.is_file()]
        if len(there) > 1:
            raise UserError(f"{file}: {name} is both {there[0]} and {there[1]}; remove or rename one.")
        if there:
            found.append(there[0])
        else:
            missing.append(listed)
    if outside:
        raise UserError(
            f"{file} names {len(outside)} image(s) outside of {root}; --images names a folder that all of "
            f"them lie in:\n{listing(outside)}"
        )
    if missing:
        hint = " --images names the folder." if images is None else ""
        raise UserError(
            f"{file} names {len(missing)} image(s) that are not in {root}:{hint}\n{listing(missing)}"
        )
    if not found:
        raise UserError(f"The list {file} is empty.")
    return _Files(root, tuple(found))


def _images_by_stem(folder: Path) -> dict[str, list[Path]]:
    """Return the images that lie in a folder by their names without suffix, `.JPG` and `.jpg` alike."""
    found: dict[str, list[Path]] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if file.suffix.lower() in IMAGE_SUFFIXES:
            found.setdefault(file.stem, []).append(file)
    return found


def _of_set(path: Path, form: str, options: ReadOptions) -> list[ImageRecord]:
    """Return the images of a data set without their labels; bad labels are no reason to leave one out."""
    reader = find_format(form)
    check_read_options(reader, options)
    if form == "mmseg" and (path / FILE_NAME).is_file() and options.images is None and not options.list_file:
        return _of_described(path, options)
    images = reader.read(path, options=options)
    found, lost = [], []
    for key in images.keys:
        try:
            record = images.load(key)
        except BadRecord as error:
            lost.append(str(error))
            continue
        found.append(
            ImageRecord(
                image_id=record.image_id,
                name=record.name,
                file=record.file,
                size_hw=record.size_hw,
                split=record.split,
            )
        )
    lost += [f"{each.image_id}: there is no image file" for each in found if each.file is None]
    if lost:
        raise DataError(
            f"{path} ({form}): {len(lost)} image(s) cannot be taken from it. --images names the folder of "
            f"the files; --from images reads a folder without its labels.\n{listing(lost)}"
        )
    return found


def _of_described(root: Path, options: ReadOptions) -> list[ImageRecord]:
    """List the images of a set with dataset.json from their folders: nobody needs labels to predict."""
    info = DatasetInfo.read(root)
    splits = list(info.splits) if options.split is None else [options.split]
    found = []
    for split in splits:
        if split not in info.splits:
            known = ", ".join(info.splits)
            raise UserError(f"--split {split!r}: {root} has {known}.{nearest(split, info.splits)}")
        suffixes = (info.images.suffix,) if info.images.suffix else IMAGE_SUFFIXES
        folder = root / info.image_dir(split)
        there = image_ids(folder, suffixes)
        found += [
            ImageRecord(
                image_id=name, name=there[name].relative_to(folder).as_posix(), file=there[name], split=split
            )
            for name in sorted(there)
        ]
    return found


def _records(plain: Sequence[_Files], *, split: str | None) -> list[ImageRecord]:
    if not plain:
        return []
    root = plain[0].root
    if len(plain) > 1:
        root = Path(os.path.commonpath([each.root.absolute() for each in plain]))
    records = []
    for each in plain:
        for file in each.files:
            name = file.absolute().relative_to(root.absolute()).as_posix()
            records.append(ImageRecord(image_id=image_id_of(name), name=name, file=file, split=split))
    return records


def _unique(records: Iterable[ImageRecord]) -> list[ImageRecord]:
    """Return images once each; different files of one id are refused, all of them together."""
    found: dict[str, ImageRecord] = {}
    twice = []
    for record in records:
        first = found.setdefault(record.image_id, record)
        if first is record or first.file is None or record.file is None:
            continue
        # not resolve(), which raises where a link leads to itself
        if os.path.realpath(first.file) != os.path.realpath(record.file):
            twice.append(f"{record.image_id}: {first.file} and {record.file}")
    if twice:
        raise DataError(
            f"{len(twice)} image id(s) stand for two files; rename one of them, or predict one split at a "
            f"time (--split):\n{listing(twice)}"
        )
    return list(found.values())
