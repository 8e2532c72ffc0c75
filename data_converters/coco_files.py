"""Which files of a folder are COCO's, of which split, and where their images are."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from data_converters.archives import Member, Shelf, open_archive
from data_converters.base import ReadOptions, require_split
from data_converters.coco_index import is_results
from data_converters.media import name_fault
from data_converters.named_files import folder_role
from data_converters.unpacking import ARCHIVES, unpack_command
from segloop.data.image_files import IMAGE_SUFFIXES
from segloop.data.info import FILE_NAME, DatasetInfo, is_described
from segloop.data.layout import files_below
from segloop.data.split_names import split_name
from segloop.utils.errors import DataError, FormatError, UserError, listing

MOST_NAME_BYTES = 255
NO_SPLIT = "default"  # CVAT's and Datumaro's word for images of no split
_SPLIT = re.compile(r"(?:instances|person_keypoints|image_info|annotations|labels|results)[_-](.+)")
_KINDS = ("instances", "image_info", "person_keypoints")  # of one split, the first of these is read
LAYOUT = "annotations/instances_<split>.json, or .json files in the folder or one folder below it"


@dataclass(frozen=True, kw_only=True)
class CocoFile:
    """A COCO file to read.

    `truth` is where the images and categories of results are, `shown` what the user knows the file by,
    `zipped` the images that lie in an archive beside it. `tree` is a folder somewhere below which the images
    are, if none of `image_folders` has them all. `passed_over` are files of the same split that are not read.
    """

    file: Path
    split: str | None
    shown: Path
    truth: Path | None = None
    image_folders: tuple[Path, ...] = ()
    tree: ImageTree | None = None
    zipped: ZippedImages | None = None
    passed_over: tuple[Path, ...] = ()


@dataclass(frozen=True)
class ImageFolder:
    """Images in a folder."""

    folder: Path

    def find(self, name: str) -> Path | None:
        """Return the file of an image."""
        file = self.folder / name
        return file if file.is_file() else None

    def place(self, name: str) -> str:
        """Say where an image should be."""
        return str(self.folder / name)


@dataclass(frozen=True)
class ImageTree:
    """Images in folders that the file does not name, somewhere below one folder."""

    folder: Path
    opened: int = field(default_factory=time.monotonic_ns)  # another reading looks anew

    def find(self, name: str) -> Path | None:
        """Return the file of an image, if it is the only one whose path ends so, and in no folder of masks.

        Masks are often called what their images are.
        """
        wanted = PurePosixPath(name).parts
        found = [
            file
            for file in _tree(self.folder, self.opened).get(wanted[-1], ())
            if file.parts[-len(wanted) :] == wanted
        ]
        return found[0] if len(found) == 1 and folder_role(found[0], self.folder) != "mask" else None

    def place(self, name: str) -> str:
        """Say where an image should be, and once only."""
        return f"{self.folder}/**/{name} (the only one of that name)"


@lru_cache(maxsize=2)
def _tree(folder: Path, opened: int) -> Mapping[str, Sequence[Path]]:
    """Return all image files below a folder by their names, which each process looks for once a reading."""
    found: dict[str, list[Path]] = {}
    for file in sorted(files_below(folder)):
        if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file():
            found.setdefault(file.name, []).append(file)
    return found


@dataclass(frozen=True)
class ZippedImages:
    """Images in an archive, in the layout of CVAT: below their subset's folder, or not.

    `top` is the folder of the archive that holds all, with a stroke behind it, or empty.
    """

    shelf: Shelf
    split: str | None
    top: str = ""

    def find(self, name: str) -> Path | None:
        """Return an image as a file, unpacked when it is asked for."""
        members = _members(self.shelf.path, self.shelf.folder)
        names = (f"{self.top}images/{self.split or NO_SPLIT}/{name}", f"{self.top}images/{name}")
        member = next((members[each] for each in names if each in members), None)
        return self.shelf.file(member) if member else None

    def place(self, name: str) -> str:
        """Say where an image should be."""
        return f"{self.shelf.path}/{self.top}images/{self.split or NO_SPLIT}/{name}"


@lru_cache(maxsize=2)
def _members(path: Path, unpacked: Path) -> Mapping[str, Member]:
    """Return an archive's table of contents, which each process reads once a reading; these unpack apart."""
    return open_archive(path).members


def split_of(file: Path) -> str | None:
    """Return the split that a file's name tells.

    >>> split_of(Path("annotations/instances_train2017.json"))
    'train2017'
    >>> split_of(Path("valid/_annotations.coco.json"))
    'valid'
    """
    stem = _plain_stem(file)
    if stem == "annotations":
        return file.parent.name if split_name(file.parent.name) else None
    match = _SPLIT.fullmatch(stem)
    return _split(match[1]) if match else None


def _plain_stem(file: Path) -> str:
    return file.name.removesuffix(".json").removesuffix(".coco").strip("_")


def find_files(source: Path, options: ReadOptions) -> list[CocoFile]:
    """Return the COCO files of a source, by split."""
    if source.is_dir():
        found = _results_in(source) if options.results else _truths_in(source)
        if not found:
            what = "results_<split>.json" if options.results else LAYOUT
            raise DataError(f"{source} holds no COCO files; expected {what}.")
    elif source.is_file() and source.name.lower().endswith(ARCHIVES):
        raise DataError(
            f"{source} is an archive, and COCO is read unpacked:\n{listing([unpack_command(source)])}\n"
            "The zips that CVAT exports are read as they are, with --from cvat-coco."
        )
    elif source.is_file():
        found = [_single(source, options)]
    else:
        raise DataError(f"{source} does not exist.")
    found = choose_split(found, options.split, source=source)
    if missing := [str(each.file) for each in found if not each.file.is_file()]:
        raise DataError(f"{source / FILE_NAME} names files that are not there:\n{listing(missing)}")
    _check_splits(source, found)
    require_images(options.images, [each.truth for each in found])
    place = options.images or (source if source.is_dir() else source.parent)
    tree = ImageTree(place) if place.is_dir() else None
    return [
        replace(each, image_folders=tuple(_image_folders(source, each, options)), tree=tree) for each in found
    ]


def require_images(images: Path | None, truths: Sequence[Path | None] = ()) -> None:
    """Refuse a folder of images that is none; it may be the file that has the images of results."""
    if images is not None and not images.is_dir() and images not in truths:
        told = "is no folder" if images.exists() else "does not exist"
        raise DataError(f"The images were expected in {images}, which {told}.")


def choose_split(found: list[CocoFile], split: str | None, *, source: Path) -> list[CocoFile]:
    """Pick a split of several files, or name that of a single one."""
    if split is None:
        return found
    if len(found) == 1:
        return [replace(found[0], split=split)]
    require_split(source, split, [each.split or NO_SPLIT for each in found])
    return [each for each in found if (each.split or NO_SPLIT) == split]


def _check_splits(source: Path, found: Sequence[CocoFile]) -> None:
    if not source.is_dir():
        return
    by_split: dict[str | None, list[Path]] = {}
    for each in found:
        by_split.setdefault(each.split, []).append(each.file)
    twice = [
        f"{split or 'no split'}: {', '.join(str(file.relative_to(source)) for file in files)}"
        for split, files in by_split.items()
        if len(files) > 1
    ]
    if twice:
        raise DataError(f"{source} has several COCO files of one split; name one of them:\n{listing(twice)}")


def _single(source: Path, options: ReadOptions) -> CocoFile:
    split = split_of(source)
    if is_results(source):
        return CocoFile(file=source, shown=source, split=split, truth=_truth_of(source, options))
    if options.results:
        raise FormatError("not a list, as results are", file=source)
    return CocoFile(file=source, shown=source, split=split)


def _truths_in(folder: Path) -> list[CocoFile]:
    """Return the files of ground truth in a folder: those that dataset.json names, or those found."""
    if is_described(folder):
        info = DatasetInfo.read(folder)
        if info.coco:
            return [_file(folder / file, _split(split)) for split, file in info.coco.items()]
    inner = sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
    places = (folder / "annotations", folder, *inner)
    for files in [_json_files([places[0]]), _json_files([places[1]]), _json_files(places[2:])]:
        by_split: dict[str | None, list[Path]] = {}
        for file in files:
            by_split.setdefault(_split_among(file, files), []).append(file)
        if by_split:
            return [each for split, those in by_split.items() for each in _of_split(split, those)]
    return []


def _of_split(split: str | None, files: Sequence[Path]) -> list[CocoFile]:
    """Return the one of several files of a split that holds instances, if names tell; else all."""
    best = _best(files)
    others = tuple(file for file in files if file not in best)
    return [replace(_file(file, split), passed_over=others) for file in best]


def _file(file: Path, split: str | None) -> CocoFile:
    return CocoFile(file=file, shown=file, split=split)


def _split(name: str) -> str | None:
    return None if name == NO_SPLIT else name


def _json_files(folders: Iterable[Path]) -> list[Path]:
    found = [file for folder in folders if folder.is_dir() for file in sorted(folder.glob("*.json"))]
    return [
        file
        for file in found
        if file.is_file()
        and not (file.name == FILE_NAME and is_described(file.parent))
        and not file.name.startswith((".", "captions_", "stuff_", "panoptic_", "results"))
    ]


def _split_among(file: Path, files: Sequence[Path]) -> str | None:
    """Return what a file's name tells; a plain one is a split where several stand beside each other."""
    split = split_of(file)
    if split is not None or _SPLIT.fullmatch(_plain_stem(file)):  # of no split, as `instances_default` says
        return split
    beside = [each for each in files if each.parent == file.parent]
    if len(beside) > 1:
        return _split(file.stem)
    return _split(file.parent.name) if len(files) > 1 else None


def _best(files: Sequence[Path]) -> Sequence[Path]:
    """Return the one of several files of a split that holds instances, if names tell; else all."""
    for kind in _KINDS:
        chosen = [file for file in files if file.name.startswith(f"{kind}_")]
        if chosen:
            return chosen
    return files


def _results_in(folder: Path) -> list[CocoFile]:
    found = []
    for file in sorted(folder.glob("results*.json")):
        split = split_of(file)
        stems = [f"{kind}_{split or NO_SPLIT}.json" for kind in ("image_info", "instances")]
        truths = [folder / "annotations" / stem for stem in stems]
        truth = next((each for each in truths if each.is_file()), None)
        if truth is None:
            raise DataError(f"{file} needs {truths[0]} or {truths[1]}, which has its images and categories.")
        found.append(CocoFile(file=file, shown=file, split=split, truth=truth))
    return found


def _truth_of(file: Path, options: ReadOptions) -> Path:
    """Return the file with the images and categories of results: the one named, or the one beside."""
    if options.images is not None and options.images.is_file():
        return options.images
    folders = [file.parent, file.parent / "annotations", file.parent.parent / "annotations"]
    beside = [each for each in _json_files(folders) if each != file and not is_results(each)]
    named = [each for each in beside if split_of(file) and split_of(each) == split_of(file)]
    for found in (named, beside):
        if len(_best(found)) == 1:
            return _best(found)[0]
    told = f"; there are several:\n{listing([str(each) for each in beside])}" if beside else "."
    raise UserError(
        f"{file} is a list of results, which know neither file names nor classes. "
        f"Name the COCO file that has them: --images FILE.json{told}"
    )


def _image_folders(source: Path, found: CocoFile, options: ReadOptions) -> list[Path]:
    """Return where the images of a file may be, likeliest first."""
    split = found.split or NO_SPLIT
    if options.images is not None and options.images.is_dir():
        return [options.images / split, options.images]
    folders = []
    home = (found.truth or found.file).parent
    root = home.parent if home.name == "annotations" else home
    if is_described(source):
        folders.append(source / DatasetInfo.read(source).images.directory(split))
    folders += [root / "images" / split, root / split, root / "img_dir" / split]
    return [*folders, root / "images", root / "data", home, root]


def image_name(value: Any) -> tuple[str, str]:
    """Return an image's path, POSIX and without detours, and what keeps it from being one."""
    if not isinstance(value, str):
        return "", "it is no text"
    if len(value) < MOST_NAME_BYTES // 4 and name_fault(value) is None:
        return value, ""
    name = PurePosixPath(value.replace("\\", "/")).as_posix()
    fault = name_fault(name)
    if fault is None and any(len(part.encode()) > MOST_NAME_BYTES for part in name.split("/")):
        fault = f"no file's name is longer than {MOST_NAME_BYTES} bytes"
    return name, fault or ""


def find_images(found: CocoFile, names: Sequence[str]) -> ImageFolder | ImageTree | ZippedImages | None:
    """Return the folder that holds most of some images, the first of several; None if none holds any.

    Where none holds all, and more of them lie in several folders, that is a tree of images.
    """
    if found.zipped is not None:
        return found.zipped if any(found.zipped.find(name) for name in names) else None
    counts = [
        sum((folder / name).is_file() for name in names) if folder.is_dir() else 0
        for folder in found.image_folders
    ]
    best = max(counts, default=0)
    tree = found.tree if best < len(names) else None
    if tree is not None and sum(tree.find(name) is not None for name in names if name) > best:
        return tree
    return ImageFolder(found.image_folders[counts.index(best)]) if best else None
