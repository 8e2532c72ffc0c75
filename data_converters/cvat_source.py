"""Where a CVAT export keeps its XML and its images: a file, a folder, or a zip."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from data_converters.archives import Archive, Member, Shelf, Unpacked, open_archive
from segloop.data.annotations import image_id_of
from segloop.data.image_files import IMAGE_SUFFIXES
from segloop.data.layout import index_files
from segloop.utils.errors import DataError, FormatError, listing

XML = "annotations.xml"
IMAGES = "images"


@dataclass
class Images:
    """The image files of an export by the paths that it may know them under."""

    root: str
    by_name: dict[str, Path | Member] = field(default_factory=dict)
    by_id: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, file: Path | Member) -> None:
        """Take a file in, by its path below the root."""
        self.by_name[name] = file
        self.by_id.setdefault(image_id_of(name), []).append(name)

    def find(self, name: str, subset: str | None) -> str | None:
        """Return the path of an image, below its subset's folder or not, with the suffix or without.

        CVAT names the frames of a video without one. A name that fits two files fits none.
        """
        for place in (f"{subset}/{name}", name) if subset else (name,):
            if place in self.by_name:
                return place
            fits = self.by_id.get(image_id_of(place), [])
            if len(fits) == 1:
                return fits[0]
        return None


@dataclass
class Source:
    """An export that was opened: its XML as a file, and the images, if it has some."""

    xml: Path
    images: Images
    owner: Unpacked | None = None  # holds the XML of a zip
    shelf: Shelf | None = None  # holds the images of a zip


def open_source(source: Path, images: Path | None) -> Source:
    """Find the XML and the images of an export; `images` is a folder that the user named."""
    if images is not None and not images.is_dir():
        raise DataError(f"There is no folder {images} with images.")
    if source.is_dir():
        xml = source / XML
        if not xml.is_file():
            raise DataError(f"{source} has no {XML}; name the XML or the zip that CVAT exported.")
        return Source(xml, _in_folder(images or source / IMAGES))
    if not source.exists():
        raise DataError(f"{source} does not exist.")
    if source.suffix.lower() != ".zip":
        return Source(source, _in_folder(images or source.parent / IMAGES))
    archive = open_archive(source)
    name = _xml_of(archive)
    unpacked = archive.unpack(name)
    if images is not None:
        return Source(unpacked.file, _in_folder(images), unpacked)
    return Source(unpacked.file, _in_archive(archive, name), unpacked, Shelf(source))


def _xml_of(archive: Archive) -> str:
    """Return the member with the annotations: CVAT takes any XML, but one of several would be a guess."""
    found = [name for name in archive.members if name.lower().endswith(".xml")]
    if XML in found:
        return XML
    if len(found) == 1:
        return found[0]
    if not found:
        raise FormatError(f"there is no {XML} in it", file=archive.path)
    told = f"it holds {len(found)} XML files and no {XML}; unpack it and convert them one by one"
    raise FormatError(f"{told}\n{listing(found)}", file=archive.path)


def _in_folder(folder: Path) -> Images:
    found = Images(str(folder))
    if folder.is_dir():
        for files in index_files(folder, IMAGE_SUFFIXES).values():
            for file in files:
                found.add(file.relative_to(folder).as_posix(), file)
    return found


def _in_archive(archive: Archive, xml: str) -> Images:
    folder = PurePosixPath(xml).parent / IMAGES
    found = Images(f"{archive.path}: {folder}")
    for name, member in archive.members.items():
        path = PurePosixPath(name)
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_relative_to(folder):
            found.add(path.relative_to(folder).as_posix(), member)
    return found
