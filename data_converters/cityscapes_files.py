"""Where a Cityscapes tree has the image and the truth of each picture, and which of the two is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from data_converters.base import ReadOptions, require_split
from segloop.data.checks import Finding
from segloop.data.image_files import IMAGE_SUFFIXES
from segloop.data.layout import files_below, index_files, only_listed
from segloop.utils.errors import DataError, UserError, listing

IMAGES = "leftImg8bit"
TRUTHS = ("gtFine", "gtCoarse")  # the first that is there is read
TAG = f"_{IMAGES}"  # ends the name of an image, before its suffix
INSTANCES, CLASSES, POLYGONS = "instanceIds.png", "labelIds.png", "polygons.json"
PREDICTED = "_pred.txt"
LAYOUT = (
    "leftImg8bit/<split>/<city>/<name>_leftImg8bit.png and, in gtFine/<split>/<city>, "
    "<name>_gtFine_instanceIds.png or _polygons.json, as Cityscapes' zips unpack"
)
_TRUTH = re.compile(
    rf"(.+)_({'|'.join(TRUTHS)})_({INSTANCES}|{CLASSES}|{POLYGONS})".replace(".png", r"\.png")
)
_OFFICIAL = re.compile(r"(?:.*/)?[^/]+_\d{6}_\d{6}")  # <city>_<sequence>_<frame>


class Entry(NamedTuple):
    """An image and its truth, or what is wrong with the pair.

    `images` is the folder below which `name` lies; it is empty where only labels came. `stem` is the truth's
    path up to the kinds of files that there are.
    """

    split: str | None
    image_id: str
    name: str
    images: str
    stem: str
    kinds: tuple[str, ...]
    trouble: str = ""

    def file(self, kind: str) -> Path | None:
        """Return the file of a kind, if there is one."""
        return Path(f"{self.stem}_{kind}") if kind in self.kinds else None


class Tree(NamedTuple):
    """What was found: the folder that holds all, the images by split and id, and remarks."""

    root: Path
    entries: list[Entry]
    told: list[str]


def find_tree(source: Path, options: ReadOptions) -> Tree:
    """Return the images that are asked for, by split and id, each with its truth."""
    if not source.is_dir():
        raise DataError(f"{source} is no folder. Expected is {LAYOUT}.")
    truths = {name: folder for name in TRUTHS if (folder := find_folder(source, name)) is not None}
    if not truths:
        if any(source.rglob(f"*{PREDICTED}")):
            raise UserError(f"{source} holds predictions (*{PREDICTED}); --from-results reads them.")
        raise DataError(f"{source} holds no {' or '.join(TRUTHS)}. Expected is {LAYOUT}.")
    name, folder = next(iter(truths.items()))
    told = [f"{name} is read, and {other} is not" for other in list(truths)[1:]]
    images = options.images or find_folder(source.parent if source == folder else source, IMAGES)
    if options.images is not None and not options.images.is_dir():
        raise DataError(f"The images were expected in {options.images}, which is no folder.")
    if images is None:
        told.append(f"there is no {IMAGES}: the labels alone tell names and sizes")
    labels = _index_truth(folder)
    splits = _splits(source, labels, images, options)
    entries = [each for split in splits for each in _join(split, labels, images, named=options.split)]
    if not entries:
        raise DataError(
            f"{folder} holds no *_{INSTANCES}, *_{CLASSES} or *_{POLYGONS}. Expected is {LAYOUT}."
        )
    entries.sort(key=lambda each: (each.split or "", each.image_id))
    if options.list_file is not None:
        wanted = only_listed(options.list_file, (each.image_id for each in entries))
        entries = [each for each in entries if each.image_id in wanted]
    return Tree(folder.parent, entries, told)


def find_folder(source: Path, name: str) -> Path | None:
    """Return the folder of a name: the source itself, one in it, or the only one a folder further down.

    The zips are often unpacked into folders of their own: gtFine_trainvaltest/gtFine.
    """
    if source.name == name:
        return source
    if (source / name).is_dir():
        return source / name
    found = [place for place in sorted(source.glob(f"*/{name}")) if place.is_dir()]
    if len(found) > 1:
        raise UserError(f"{source} holds several {name}; name one:\n{listing(map(str, found))}")
    return found[0] if found else None


def image_name(stem: str) -> str:
    """Return what an image would be called whose file is not there.

    >>> image_name("ulm/ulm_000000_000019"), image_name("a/1")
    ('ulm/ulm_000000_000019_leftImg8bit.png', 'a/1.png')
    """
    return f"{stem}{TAG if _OFFICIAL.fullmatch(stem) else ''}.png"


def _index_truth(folder: Path) -> dict[str | None, dict[str, list[tuple[str, str]]]]:
    """Return by split and stem the files of truth below a folder: where each is, and of which kind."""
    found: dict[str | None, dict[str, list[tuple[str, str]]]] = {}
    for file in files_below(folder):
        if match := _TRUTH.fullmatch(file.name):
            parts = file.relative_to(folder).parts[:-1]
            stem = "/".join((*parts[1:], match[1]))
            where = str(file.with_name(f"{match[1]}_{match[2]}"))
            found.setdefault(parts[0] if parts else None, {}).setdefault(stem, []).append((where, match[3]))
    return found


def _splits(
    source: Path,
    labels: dict[str | None, dict[str, list[tuple[str, str]]]],
    images: Path | None,
    options: ReadOptions,
) -> Sequence[str | None]:
    """Return the splits that are read; a tree without splits has the one that is named."""
    known: list[str | None] = sorted(labels, key=lambda split: split or "")
    if images is not None and None not in labels:
        known += [
            each.name
            for each in sorted(images.iterdir())
            if each.is_dir()
            and not each.name.startswith(".")
            and each.name not in labels
            and options.images is None
        ]
    if options.split is None or known == [None]:
        return known
    require_split(source, options.split, [str(split) for split in known])
    return [options.split]


def _join(
    split: str | None,
    labels: dict[str | None, dict[str, list[tuple[str, str]]]],
    images: Path | None,
    *,
    named: str | None,
) -> Iterator[Entry]:
    """Yield the images of a split with their truth, and those that only one of the two knows."""
    truth = labels.get(split, {})
    called = named if split is None else split
    folder = images
    if images is not None and split is not None and (images.name == IMAGES or (images / split).is_dir()):
        folder = images / split
    files = index_files(folder, IMAGE_SUFFIXES) if folder is not None else {}
    by_stem: dict[str, list[Path]] = {}
    for image_id, paths in files.items():
        by_stem.setdefault(image_id.removesuffix(TAG), []).extend(paths)
    for stem, paths in by_stem.items():
        name = paths[0].relative_to(folder or "").as_posix()
        image_id = name[: -len(paths[0].suffix)]
        if len(paths) > 1:
            text = f"{' and '.join(path.name for path in paths[:2])} would be the same image"
            yield Entry(called, image_id, name, "", "", (), str(Finding("same-id", name, text)))
        elif stem not in truth:
            text = f"there is no {stem}_{TRUTHS[0]}_{INSTANCES} and no _{POLYGONS} for it"
            yield Entry(called, image_id, name, "", "", (), str(Finding("no-mask", name, text)))
        else:
            stems = sorted({where for where, _ in truth[stem]})
            yield Entry(called, image_id, name, str(folder), stems[0], tuple(kind for _, kind in truth[stem]))
    for stem, found in truth.items():
        if stem in by_stem:
            continue
        name = image_name(stem)
        trouble = ""
        if folder is not None:
            trouble = str(Finding("no-image", f"{found[0][0]}_{found[0][1]}", f"no image {name} in {folder}"))
        kinds = tuple(kind for _, kind in found)
        yield Entry(called, name.removesuffix(".png"), name, "", found[0][0], kinds, trouble)
