"""The files of a CVAT Segmentation mask 1.1 export: a folder or a zip, its lists of images, its pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from data_converters.archives import Member, Shelf, open_archive, read_member
from data_converters.base import ReadOptions
from data_converters.cvat_meta import subset_of
from data_converters.cvat_names import name_fault, posix_name
from data_converters.cvat_source import Images
from segloop.data.annotations import image_id_of
from segloop.data.image_files import IMAGE_SUFFIXES
from segloop.data.layout import files_below, index_files
from segloop.utils.errors import DataError, FormatError, UserError, listing

LABELMAP = "labelmap.txt"
LISTS = "ImageSets/Segmentation/"
CLASSES, OBJECTS, IMAGES = "SegmentationClass/", "SegmentationObject/", "JPEGImages/"
MOST_TEXT = 1 << 26  # bytes of a list


@dataclass
class Tree:
    """The files of an export by their paths, in a folder or in a zip."""

    source: Path
    files: dict[str, Path | Member] = field(default_factory=dict)
    shelf: Shelf | None = None

    def find(self, *names: str) -> Path | Member | None:
        """Return the first of some files that is there."""
        return next((self.files[name] for name in names if name in self.files), None)

    def text(self, name: str) -> str:
        """Return a text file; UTF-8, with or without a mark at its beginning."""
        place = self.files[name]
        size = place.size if isinstance(place, Member) else place.stat().st_size
        if size > MOST_TEXT:
            raise FormatError(f"has {size} bytes; at most {MOST_TEXT} are read", file=self.source, where=name)
        try:
            return read_place(self.source, place).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise FormatError(f"no UTF-8 text ({error})", file=self.source, where=name) from None


def open_tree(source: Path) -> Tree:
    """List the files of an export; it may lie in the only folder of an archive."""
    if source.is_dir():
        files: dict[str, Path | Member] = {}
        for top in ("", CLASSES, OBJECTS, LISTS, IMAGES):
            places = files_below(source / top) if top else source.glob("*")
            files.update({each.relative_to(source).as_posix(): each for each in places if each.is_file()})
        return Tree(source, files)
    if not source.exists():
        raise DataError(f"{source} does not exist.")
    archive = open_archive(source)
    tops = [name.removesuffix(LABELMAP) for name in archive.members if PurePosixPath(name).name == LABELMAP]
    top = tops[0] if len(tops) == 1 else ""
    return Tree(
        source,
        {name.removeprefix(top): each for name, each in archive.members.items() if name.startswith(top)},
        Shelf(source),
    )


def listed_images(tree: Tree, options: ReadOptions, told: list[str]) -> list[tuple[str, str | None]]:
    """Return the images and their splits, as the lists name them; without lists, all that have a mask."""
    found: list[tuple[str, str | None]] = []
    seen: set[str] = set()
    problems: list[str] = []
    lists = [name for name in sorted(tree.files) if name.startswith(LISTS) and name.endswith(".txt")]
    known = [subset_of(name[len(LISTS) : -4]) for name in lists]
    wanted = options.split if options.split in known else None
    if options.split and not wanted and any(known):
        there = ", ".join(split or "one without a name" for split in known)
        raise UserError(f"{tree.source} has no list {options.split!r}; it has {there}.")
    for file, split in zip(lists, known, strict=True):
        if wanted is not None and split != wanted:
            continue
        for number, line in enumerate(tree.text(file).splitlines(), 1):
            name = line.strip()
            if not name or name.startswith("#"):
                continue
            if len(name) > 2 and name[0] == name[-1] == '"':  # so are names with blanks
                name = name[1:-1]
            name, where = posix_name(name), f"{file}: line {number}"
            if fault := name_fault(name):
                problems.append(f"{where}: the name {name!r} {fault}")
            elif image_id_of(name) in seen:
                problems.append(
                    f"{where}: {name!r} is listed twice; --split chooses one of lists that overlap"
                )
            seen.add(image_id_of(name))
            found.append((name, split or options.split))
    if problems:
        raise FormatError(f"{len(problems)} problem(s)\n{listing(problems)}", file=tree.source)
    names = sorted(
        name[len(CLASSES) : -4]
        for name in tree.files
        if name.startswith(CLASSES) and name.lower().endswith(".png")
    )
    if not lists:
        told.append(f"There are no lists in {LISTS}: each mask in {CLASSES} is an image.")
        return [(name, options.split) for name in names]
    lone = [name for name in names if not {name, image_id_of(name)} & seen]
    if lone and wanted is None:
        told.append(f"{len(lone)} mask(s) in {CLASSES} that no list names are left out: {lone[0]}")
    return found


def image_files(tree: Tree, options: ReadOptions) -> Images:
    """Return the image files: where the user says, or in JPEGImages."""
    if options.images is not None:
        if not options.images.is_dir():
            raise DataError(f"There is no folder {options.images} with images.")
        found = Images(str(options.images))
        for files in index_files(options.images, IMAGE_SUFFIXES).values():
            for file in files:
                found.add(file.relative_to(options.images).as_posix(), file)
        return found
    found = Images(f"{tree.source}: {IMAGES}")
    for name, place in tree.files.items():
        if name.startswith(IMAGES) and PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES:
            found.add(name[len(IMAGES) :], place)
    return found


def read_place(source: Path, place: Path | Member) -> bytes:
    """Return what a file holds, in a folder or in the archive."""
    if isinstance(place, Member):
        return read_member(source, place)
    try:
        return place.read_bytes()
    except OSError as error:
        raise DataError(f"{place} cannot be read ({error.strerror}).") from None
