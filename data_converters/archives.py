"""Zip archives: looked over before anything in them is believed, and written the same each time."""

from __future__ import annotations

import os
import re
import shutil
import stat
import struct
import tempfile
import weakref
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from segloop.utils.errors import DataError, FormatError, listing

BLOCK = 1 << 20
MOST_IN_MEMORY = 1 << 30  # bytes of a member that is read at once
MOST_TIMES = 250  # as large as it is packed may a member be: text and masks reach 100, a bomb 1,000 and more
HARMLESS = 1 << 26  # bytes of a member below which nobody asks how well it is packed
METHODS = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflated"}
_HEADER = struct.Struct("<4s5HLLL2H")
_ENCRYPTED = 0x2041  # bits 0 (a password), 6 and 13 (the strong kinds)
# What zipfile comes across in bytes that are no zip, or a damaged one.
_DAMAGE = (
    zipfile.BadZipFile,
    NotImplementedError,
    ValueError,
    OSError,
    struct.error,
    EOFError,
    OverflowError,
)


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive: its name (POSIX), where it begins, and what it takes packed and unpacked."""

    name: str
    offset: int
    packed: int
    size: int
    method: int
    checksum: int


@dataclass(frozen=True)
class Archive:
    """An archive that was looked over: the files in it by name, in its order. It travels to workers."""

    path: Path
    members: Mapping[str, Member]

    def read(self, name: str) -> bytes:
        """Return what a member holds."""
        return read_member(self.path, self.members[name])

    def unpack(self, name: str) -> Unpacked:
        """Put a member where it can be read from any place in it, as often as need be."""
        return unpack_member(self.path, self.members[name])


def open_archive(path: Path | str) -> Archive:
    """Look an archive over without unpacking it.

    Refused, all together: members that climb out of the archive, links and devices, passwords, two members
    of one name, members that share bytes, ways of packing that we do not read, and what would unpack to
    far more than it is.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as opened:
            entries = opened.infolist()
        room = path.stat().st_size
    except FileNotFoundError:
        raise DataError(f"The archive {path} does not exist.") from None
    except _DAMAGE as error:
        raise FormatError(f"not a zip archive that can be read ({error})", file=path) from None
    problems = [f"{entry.filename!r} {fault}" for entry in entries for fault in _faults(entry, room)]
    files = {_posix(entry.filename): entry for entry in entries if not _is_folder(entry)}
    files = {name: entry for name, entry in files.items() if not _is_litter(name)}
    problems += [f"{name!r} is there {count} times" for name, count in _repeated(entries).items()]
    problems += list(_shared_bytes(entries))
    if problems:
        raise FormatError(f"refused, {len(problems)} problem(s)\n{listing(problems)}", file=path)
    return Archive(path, {name: _member(name, entry) for name, entry in files.items()})


def read_member(path: Path, member: Member) -> bytes:
    """Return what a member of an archive that was looked over holds, in any process."""
    if member.size > MOST_IN_MEMORY:
        raise FormatError(
            f"unpacks to {member.size} bytes, and at most {MOST_IN_MEMORY} are read at once",
            file=path,
            where=member.name,
        )
    return b"".join(_blocks(path, member))


def unpack_member(path: Path, member: Member) -> Unpacked:
    """Write a member to a temporary file."""
    descriptor, name = tempfile.mkstemp(prefix="segloop-", suffix=Path(member.name).suffix)
    unpacked = Unpacked(Path(name))
    try:
        with os.fdopen(descriptor, "wb") as file:
            for block in _blocks(path, member):
                file.write(block)
    except OSError as error:
        told = f"could not be unpacked to {unpacked.file} ({error.strerror})"
        raise FormatError(told, file=path, where=member.name) from None
    return unpacked


class Unpacked:
    """A member as a file of its own; it goes with the object that unpacked it, and copies only know of it."""

    def __init__(self, file: Path, *, owned: bool = True) -> None:
        self.file = file
        if owned:
            weakref.finalize(self, file.unlink, missing_ok=True)

    def __reduce__(self) -> tuple[Any, ...]:
        return _borrow, (self.file,)


class Shelf:
    """Members of an archive as files of their own, unpacked when they are first asked for, in any process.

    They go when the object goes that was made first; copies only know of the folder.
    """

    def __init__(self, path: Path, *, folder: Path | None = None) -> None:
        self.path = path
        self.folder = folder or Path(tempfile.mkdtemp(prefix="segloop-"))
        if folder is None:
            weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def __reduce__(self) -> tuple[Any, ...]:
        return _copy_shelf, (self.path, self.folder)

    def file(self, member: Member) -> Path:
        """Return a file with what a member holds."""
        # A number for a name: two members may differ by case alone, and some names are too long for a disk.
        file = self.folder / f"{member.offset}{Path(member.name).suffix.lower()[:8]}"
        if not file.exists():
            begun = file.with_name(f"{file.name}.{os.getpid()}")
            try:
                with begun.open("wb") as stream:
                    for block in _blocks(self.path, member):
                        stream.write(block)
                begun.replace(file)
            except OSError as error:
                told = f"could not be unpacked to {begun} ({error.strerror})"
                raise FormatError(told, file=self.path, where=member.name) from None
        return file


def _copy_shelf(path: Path, folder: Path) -> Shelf:
    return Shelf(path, folder=folder)


def _borrow(file: Path) -> Unpacked:
    return Unpacked(file, owned=False)


def _blocks(path: Path, member: Member) -> Iterator[bytes]:
    """Yield a member's bytes, never more than it says it has, and see that they are what was packed."""
    done, checksum = 0, 0
    try:
        with path.open("rb") as file:
            file.seek(member.offset)
            signature, *_, name, extra = _HEADER.unpack(file.read(_HEADER.size))
            if signature != b"PK\3\4":
                raise ValueError("there is no header where one should be")
            file.seek(name + extra, os.SEEK_CUR)
            for block in _inflated(file, member):
                done += len(block)
                checksum = zlib.crc32(block, checksum)
                if done > member.size:
                    raise ValueError(f"it is longer than the {member.size} bytes it says")
                yield block
        if done != member.size:
            raise ValueError(f"{member.size - done} of {member.size} bytes are missing")
        if checksum != member.checksum:
            raise ValueError("its checksum is wrong")
    except (OSError, ValueError, struct.error, zlib.error) as error:
        raise FormatError(f"damaged: {error}", file=path, where=member.name) from None


def _inflated(file: IO[bytes], member: Member) -> Iterator[bytes]:
    left = member.packed
    machine = zlib.decompressobj(-zlib.MAX_WBITS) if member.method == zipfile.ZIP_DEFLATED else None
    while left:
        packed = file.read(min(BLOCK, left))
        if not packed:
            return
        left -= len(packed)
        if machine is None:
            yield packed
            continue
        full = True
        while (packed or full) and not machine.eof:  # a full block may not have been all there was
            block = machine.decompress(packed, BLOCK)
            packed, full = machine.unconsumed_tail, len(block) == BLOCK
            yield block


def _posix(name: str) -> str:
    return name.replace("\\", "/")


def _is_folder(entry: zipfile.ZipInfo) -> bool:
    return entry.filename.endswith("/")  # ZipInfo.is_dir fails on an empty name before Python 3.12


def _is_litter(name: str) -> bool:
    """Tell what macOS and Windows put into archives on their own account."""
    return name.startswith("__MACOSX/") or name.rpartition("/")[2] in (".DS_Store", "Thumbs.db")


def _member(name: str, entry: zipfile.ZipInfo) -> Member:
    return Member(
        name, entry.header_offset, entry.compress_size, entry.file_size, entry.compress_type, entry.CRC
    )


def _faults(entry: zipfile.ZipInfo, room: int) -> Iterator[str]:
    """Yield what speaks against a member of an archive of `room` bytes."""
    name = _posix(entry.filename)
    if not name:
        yield "has no name"
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in name.split("/"):
        yield "climbs out of the archive"
    kind = stat.S_IFMT(entry.external_attr >> 16) if entry.create_system == 3 else 0  # 3 is Unix
    if stat.S_ISLNK(kind):
        yield "is a link"
    elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        yield "is no ordinary file"
    if entry.flag_bits & _ENCRYPTED:
        yield "needs a password"
    if entry.compress_type not in METHODS:
        told = zipfile.compressor_names.get(entry.compress_type, str(entry.compress_type))  # type: ignore[attr-defined]
        yield f"is packed by the method {told!r}; pack it anew, deflated"
    if not 0 <= entry.header_offset <= room - entry.compress_size - _HEADER.size:
        yield f"ends past the {room} bytes of the archive"
    if entry.file_size > max(HARMLESS, MOST_TIMES * entry.compress_size):
        yield (
            f"would unpack from {entry.compress_size} to {entry.file_size} bytes; "
            f"above {HARMLESS} bytes at most {MOST_TIMES} times the packed size is believed"
        )


def _repeated(entries: list[zipfile.ZipInfo]) -> dict[str, int]:
    counts = Counter(_posix(entry.filename) for entry in entries if not _is_folder(entry))
    return {name: count for name, count in counts.items() if count > 1}


def _shared_bytes(entries: list[zipfile.ZipInfo]) -> Iterator[str]:
    """Yield members that begin before the one before them ends: how a small archive holds a large bomb."""
    end, before = 0, ""
    for entry in sorted(entries, key=lambda each: each.header_offset):
        if entry.header_offset < end:
            yield f"{entry.filename!r} shares bytes with {before!r}"
        end = max(end, entry.header_offset + _HEADER.size + entry.compress_size)
        before = entry.filename


class ArchiveWriter:
    """Writes a zip with no clock and no user in it: the same members make the same bytes."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)

    def open(self, name: str) -> IO[bytes]:
        """Begin a member whose length is not known yet; close it before the next one."""
        return self._zip.open(_entry(name), "w", force_zip64=True)

    def add(self, name: str, data: bytes) -> None:
        """Write a member, packed."""
        self._zip.writestr(_entry(name), data)

    def add_file(self, name: str, file: Path) -> None:
        """Write a file as it is, not packed: images are already."""
        entry = _entry(name)
        entry.compress_type = zipfile.ZIP_STORED
        entry.file_size = file.stat().st_size  # zipfile takes the wide form from 2 GiB on by itself
        with file.open("rb") as source, self._zip.open(entry, "w") as target:
            shutil.copyfileobj(source, target, BLOCK)

    def close(self) -> None:
        """Write the table of contents; the archive is complete after it."""
        self._zip.close()

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            with suppress(ValueError):  # a member may still be open when something else fails
                self.close()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    return entry
