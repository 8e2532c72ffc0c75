"""Where a COCO writer's files go: a folder, one file, or a zip."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Protocol

from data_converters.archives import ArchiveWriter
from data_converters.media import place_image
from segloop.data.digests import file_digest
from segloop.data.info import join_digests
from segloop.utils.errors import DataError


class Outlet(Protocol):
    """A place for files of given names. `scratch` is a folder for files without a name."""

    single: bool  # there is one file of labels, whatever it is called
    media: str
    scratch: Path

    def stream(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Open a file to write."""
        ...

    def bring(self, file: Path, name: str) -> None:
        """Bring an image along."""
        ...

    def close(self) -> None:
        """Complete the place."""
        ...


class FolderOutlet:
    """A folder; it knows the digest of each file that was put there."""

    single = False

    def __init__(self, root: Path, *, media: str) -> None:
        self.root, self.media, self.scratch = root, media, root
        self._files: list[str] = []
        root.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def stream(self, name: str) -> Iterator[IO[bytes]]:
        """Open a file to write."""
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        self._files.append(name)
        with file.open("wb") as opened:
            yield opened

    def bring(self, file: Path, name: str) -> None:
        """Copy or link an image."""
        place_image(file, self.root / name, media=self.media)
        self._files.append(name)

    def content_hash(self) -> str:
        """Return the hash of all files, as `segloop.data.info.content_hash` does."""
        return join_digests(self.digests())

    def digests(self) -> dict[str, bytes]:
        """Return the SHA-256 of each file, by its name."""
        return {name: file_digest(self.root / name) for name in self._files}

    def close(self) -> None:
        """Do nothing more."""


class FileOutlet:
    """A file of labels alone."""

    single, media = True, "none"

    def __init__(self, file: Path) -> None:
        self.file, self.scratch = file, file.parent
        file.parent.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def stream(self, name: str) -> Iterator[IO[bytes]]:
        """Open the file to write."""
        with self.file.open("wb") as opened:
            yield opened

    def bring(self, file: Path, name: str) -> None:
        """Refuse an image."""
        raise AssertionError("there is no place for images")

    def close(self) -> None:
        """Do nothing more."""


class ZipOutlet:
    """A zip with labels, and images if they are wanted."""

    single = False

    def __init__(self, file: Path, *, media: str) -> None:
        self.media, self.scratch = media, file.parent
        file.parent.mkdir(parents=True, exist_ok=True)
        self._writer = ArchiveWriter(file)

    def stream(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Open a member to write."""
        return self._writer.open(name)

    def bring(self, file: Path, name: str) -> None:
        """Put an image into the zip."""
        try:
            self._writer.add_file(name, file)
        except OSError as error:
            told = f"The image {file} could not be brought along: {error.strerror or error}."
            raise DataError(told) from error

    def close(self) -> None:
        """Write the table of contents."""
        self._writer.close()
