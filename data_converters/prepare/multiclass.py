"""Any set of images with a class for each pixel, or with objects that are drawn into such masks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from data_converters.base import ReadOptions
from data_converters.coco_files import find_files
from data_converters.detect import detect, signs_of
from data_converters.formats import find_format
from data_converters.mmseg_files import MASK_SUFFIXES, find_folders, find_splits
from data_converters.names import split_families
from data_converters.places import check_read_options
from data_converters.prepare.base import CLIPS, NEAR_DUPLICATES, SPLITS, Found, Part
from data_converters.unpacking import ARCHIVES, unpack_command
from segloop.data.info import FILE_NAME, DatasetInfo, is_described
from segloop.data.layout import files_below
from segloop.data.split_names import SPLIT_NAMES, split_name
from segloop.utils.errors import DataError, UserError, listing

# Folders inside a download that are easily taken for the download itself.
INNER = re.compile(r"(img|ann)_dir|images?|annotations?|masks?|labels?|SegmentationClass")
HOW = (
    "It reads img_dir/<split> with ann_dir/<split> (index masks), COCO, CVAT and the other formats of "
    "docs/formats.md; docs/tasks/multiclass.md shows how a download may look. Nothing at hand? "
    "python tools/prepare.py multiclass --demo"
)


def find(source: Path, *, options: ReadOptions, from_format: str | None = None) -> Found:
    """Find the format of a download, where it lies, and which splits its author made."""
    root, form, reason = (source, from_format, "") if from_format else look(source)
    assert form is not None
    if from_format and not source.exists():
        raise UserError(f"{source} does not exist.")
    check_read_options(find_format(form), options)
    of_format: Callable[..., tuple[list[Part], list[str]]] = _OF_FORMAT.get(form, _by_records)
    parts, notes = of_format(root, form, options)
    if reason:
        notes.insert(0, f"It is read as {form}: {reason}.")
    return Found(
        parts=tuple(parts),
        root=root,
        groups=(CLIPS, NEAR_DUPLICATES),
        grouped_by="picture",
        facts={} if is_described(root) else {"name": root.resolve().name},
        notes=tuple(notes),
    )


def look(source: Path) -> tuple[Path, str, str]:
    """Return where a download lies, its format, and what speaks for it."""
    place = find_place(source)
    if not signs_of(place):
        return place, "mmseg", f"there are {_pairs_in(place)}"
    return place, *detect(place)


def find_place(source: Path) -> Path:
    """Return where a download lies: the source, a folder in it, or the one that it is a part of."""
    if not source.exists():
        raise UserError(f"{source} does not exist. {HOW}")
    for places in _places(source):
        fits = [place for place in places if signs_of(place) or _pairs_in(place)]
        if len(fits) > 1:
            names = listing([str(place) for place in fits])
            raise DataError(f"{source} holds {len(fits)} sets; name one:\n{names}")
        if fits:
            return fits[0]
    raise DataError(_missing(source))


def _places(source: Path) -> Iterator[list[Path]]:
    """Yield the places to look at: the source, what is one folder below, the folder that it is a part of."""
    yield [source]
    if source.is_dir():
        yield sorted(each for each in source.iterdir() if each.is_dir() and each.name[0] != ".")
        if INNER.fullmatch(source.resolve().name) or split_name(source.resolve().name):
            yield [source.resolve().parent]


def _pairs_in(place: Path) -> str:
    """Return what the folders of images and of masks are called, if there are such; else nothing."""
    if not place.is_dir():
        return ""
    folders = find_folders(place)
    above = sorted(place.glob("*/")) if folders.split_first else [place]
    found = [
        each / folders.masks
        for each in above
        if (each / folders.images).is_dir() and (each / folders.masks).is_dir()
    ]
    drawn = any(file.suffix.lower() in MASK_SUFFIXES for folder in found for file in files_below(folder))
    return f"{folders.images} and {folders.masks}" if drawn else ""


def _missing(source: Path) -> str:
    if source.is_file():
        if source.name.lower().endswith(ARCHIVES):
            return (
                f"{source} is an archive of no format that is read packed; unpack it and name the folder.\n"
                f"{listing([unpack_command(source)])}"
            )
        return f"{source} is of no format that is known. {HOW}"
    names = sorted(each.name + "/" * each.is_dir() for each in source.iterdir() if each.name[0] != ".")
    text = (
        f"{source} is no download that the task multiclass knows, nor is a folder in it. {HOW}\n"
        f"It holds:\n{listing(names) or '  nothing'}"
    )
    packed = [unpack_command(source / name) for name in names if name.lower().endswith(ARCHIVES)]
    return f"{text}\nUnpack first:\n{listing(packed)}" if packed else text


def _of_mmseg(root: Path, form: str, options: ReadOptions) -> tuple[list[Part], list[str]]:
    """Return a part for each split of mmseg's folders; a split whose masks nobody gave out is left out."""
    info = DatasetInfo.read(root) if (root / FILE_NAME).is_file() else None
    names = find_splits(root, info, options)
    if not names or options.list_file is not None:
        return [Part(format=form, source=root, options=options, splits=_Known())], []
    masks = [
        root / (info.mask_dir(name) if info else find_folders(root).prefix(name)["seg_map_path"])
        for name in names
    ]
    bare = [name for name, folder in zip(names, masks, strict=True) if not folder.is_dir()]
    notes = [f"The split {name} has no masks and is left out." for name in bare]
    kept = [name for name in names if name not in bare]
    if not kept:
        raise DataError(f"{root} has no masks: looked for\n{listing([str(folder) for folder in masks])}")
    return _by_split(root, form, options, kept), notes


def _of_coco(root: Path, form: str, options: ReadOptions) -> tuple[list[Part], list[str]]:
    """Return a part for each COCO file; one that lists images without annotations is left out."""
    files = find_files(root, options)
    bare = [each for each in files if each.file.name.startswith("image_info")]
    kept = [each for each in files if each not in bare]
    notes = [f"{each.file.name} has no annotations and is left out." for each in bare]
    names = [each.split for each in kept]
    if None in names:
        return [Part(format=form, source=root, options=options, splits=_Known())], notes
    return _by_split(root, form, options, [name for name in names if name]), notes


def _by_records(root: Path, form: str, options: ReadOptions) -> tuple[list[Part], list[str]]:
    """Return one part, whose format tells the split of each image, if it has any."""
    return [Part(format=form, source=root, options=options, splits=_Known())], []


_OF_FORMAT = {"mmseg": _of_mmseg, "coco": _of_coco, "cvat-coco": _by_records}


def _by_split(root: Path, form: str, options: ReadOptions, names: Sequence[str]) -> list[Part]:
    """Return a part for each split of the author's; folders that are no splits are parts to be cut."""
    known = {name: split_name(name) for name in names}
    if not any(known.values()):
        known |= split_families(names)  # livecell_coco_train, livecell_coco_val
    found = [name for name in known.values() if name]
    twice = [name for name in names if known[name] and found.count(known[name] or "") > 1]
    if twice:
        raise DataError(
            f"{root} has several splits that mean the same: {', '.join(twice)}. Put them together."
        )
    return [
        Part(
            format=form,
            source=root,
            options=replace(options, split=name),
            split=(known[name] or name) if found else None,
            prefix="" if found or len(names) == 1 else f"{name}/",
        )
        for name in sorted(names, key=lambda name: _rank(known[name]))
    ]


def _rank(split: str | None) -> int:
    return SPLITS.index(split) if split in SPLITS else len(SPLITS)


class _Known(Mapping[str, str | None]):
    """Every name that a split of an author's has, with whatever numbers and signs stand around it."""

    def __getitem__(self, name: str) -> str:
        if (split := split_name(name)) is None:
            raise KeyError(name)
        return split

    def __iter__(self) -> Iterator[str]:
        return (name for names in SPLIT_NAMES.values() for name in names)

    def __len__(self) -> int:
        return sum(map(len, SPLIT_NAMES.values()))
