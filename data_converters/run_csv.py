"""A CSV with one row of runs an object: looked over once, then found image by image, row by row.

Looking over keeps no text, only where the rows of each image lie: some 30 bytes for each stretch of rows of
one image, and the rows of an image may lie anywhere in the file. A row is a line; a quoted field ends on it.
"""

from __future__ import annotations

import re
import weakref
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias, overload

import numpy as np

from data_converters.archives import Unpacked, open_archive
from segloop.data.annotations import image_id_of
from segloop.utils.errors import DataError, FormatError, listing

# The suffix of an image's file, and its stretches of rows: first byte, end, and the line they begin on.
Span: TypeAlias = tuple[int, int, int]
Key: TypeAlias = tuple[int, tuple[Span, ...]]
Row: TypeAlias = tuple[int, list[bytes]]  # the line, and its fields

BUFFER = 1 << 14  # bytes: rows are mostly read in order, and small, but not always
MOST_ROW = 1 << 26  # bytes of a line
MOST_NAME = 4096  # bytes: no path is longer
MOST_PROBLEMS = 1000  # of one file; what has more is another kind of file
DELIMITERS = (",", ";", "\t")
# The columns that tell the CSVs of runs apart, for a word to those who take one for another.
KNOWN: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "airbus": (("ImageId", "EncodedPixels"),),
    "sartorius": (("id", "annotation"), ("id", "predicted")),
}
_FOREIGN = {
    b"\x1f\x8b": "packed by gzip; unpack it first",
    b"\xff\xfe": "UTF-16; save it as UTF-8",
    b"\xfe\xff": "UTF-16; save it as UTF-8",
}
_LONG = f"longer than {MOST_ROW} bytes"
_UNSAFE = re.compile(r"^[A-Za-z]:|[\x00-\x1f]|(^|/)\.{0,2}(/|$)")


class ByteFile:
    """A file whose parts are read in any process: each copy opens it when it first reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: IO[bytes] | None = None

    def read(self, begin: int, end: int) -> bytes:
        """Return the bytes from `begin` to before `end`."""
        try:
            if self._opened is None:
                self._opened = self.path.open("rb", buffering=BUFFER)
                weakref.finalize(self, self._opened.close)
            self._opened.seek(begin)
            return self._opened.read(end - begin)
        except OSError as error:
            raise DataError(f"The file {self.path} cannot be read: {error.strerror}.") from error

    def __reduce__(self) -> tuple[type[ByteFile], tuple[Path]]:
        return ByteFile, (self.path,)


@dataclass(frozen=True)
class Table:
    """A CSV whose header was read: `body` is the byte where its rows begin.

    `source` is what the user named; `unpacked` keeps the member of a zip for as long as the table lives.
    """

    file: ByteFile
    source: Path
    columns: tuple[str, ...]
    delimiter: str
    body: int
    unpacked: Unpacked | None = None

    def find(self, *names: str) -> int | None:
        """Return where the first of these columns is, however its case; None if there is none of them."""
        folded = _folded(self.columns)
        return next((folded.index(name) for name in _folded(names) if name in folded), None)

    def place(self, *names: str) -> int:
        """Return where the first of these columns is, of which the header was seen to have one."""
        place = self.find(*names)
        assert place is not None
        return place

    def others(self, *used: int | None) -> dict[str, int]:
        """Return the columns beside those used; an index that pandas saved on its own account is none."""
        return {
            name: place
            for place, name in enumerate(self.columns)
            if place not in used and name and not name.startswith("Unnamed:")
        }


def open_table(source: Path, *, form: str, usual: str) -> Table:
    """Read the header of a CSV; `source` is the file, a zip of it, or the folder that it lies in.

    `usual` is the name that the competition gave to the file, `form` the format that is expected.
    """
    file = _in_folder(source, usual) if source.is_dir() else source
    try:
        unpacked = _unpack(file, usual) if _head(file).startswith(b"PK\x03\x04") else None
        head = _head(unpacked.file if unpacked else file)
    except FileNotFoundError:
        raise DataError(f"The file {file} does not exist.") from None
    except OSError as error:
        raise DataError(f"The file {file} cannot be read: {error.strerror}.") from None
    columns, delimiter = _columns(head, file, form)
    rows = ByteFile(unpacked.file if unpacked else file)
    return Table(rows, file, columns, delimiter, len(head), unpacked)


def _head(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.readline(MOST_ROW)


def _in_folder(folder: Path, usual: str) -> Path:
    if (folder / usual).is_file():
        return folder / usual
    found = sorted(path.name for path in folder.iterdir() if path.suffix.lower() == ".csv")
    if len(found) == 1:
        return folder / found[0]
    told = f"has {len(found)} CSV files; name one of them:\n{listing(found)}" if found else "has no CSV file"
    raise DataError(f"The folder {folder} {told}")


def _unpack(file: Path, usual: str) -> Unpacked:
    archive = open_archive(file)
    found = sorted(name for name in archive.members if name.lower().endswith(".csv"))
    chosen = [name for name in found if name.rpartition("/")[2] == usual] or found
    if len(chosen) == 1:
        return archive.unpack(chosen[0])
    told = f"has {len(found)} CSV files; unpack the one that is meant:\n{listing(found)}"
    raise FormatError(told if found else "has no CSV file in it", file=file)


def _columns(head: bytes, file: Path, form: str) -> tuple[tuple[str, ...], str]:
    """Return the names in a header and what parts them."""
    for begin, what in _FOREIGN.items():
        if head.startswith(begin):
            raise FormatError(f"is {what}", file=file)
    if b"\r" in head.rstrip(b"\r\n"):
        raise FormatError("its lines end with CR alone; save it with LF or CRLF", file=file)
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"not UTF-8 ({error.reason})", file=file, where=f"byte {error.start}") from None
    for delimiter in DELIMITERS:
        fields = split_row(text.encode(), delimiter.encode()) or []
        names = tuple(field.decode().strip() for field in fields)
        if _has(names, form):
            twice = sorted({name for name in names if name and _folded(names).count(name.casefold()) > 1})
            if twice:
                raise FormatError(f"columns are there twice: {', '.join(twice)}", file=file, where="line 1")
            return names, delimiter
        for other in (other for other in KNOWN if _has(names, other)):
            told = f"these are columns of {other}, whose runs go the other way; read it with --from {other}"
            raise FormatError(told, file=file, where="line 1")
    needs = " or ".join(",".join(names) for names in KNOWN[form])
    shown = text.strip() if len(text) <= 80 else f"{text[:80].strip()} …"
    raise FormatError(f"{form} has the columns {needs}; here is {shown!r}", file=file, where="line 1")


def _has(names: Sequence[str], form: str) -> bool:
    return any(set(_folded(names)) >= set(_folded(each)) for each in KNOWN[form])


def _folded(names: Sequence[str]) -> list[str]:
    return [name.casefold() for name in names]


@dataclass(frozen=True, eq=False)
class ImageRows(Sequence[Key]):
    """Where the rows of each image are: the keys of a set, made when they are asked for.

    `starts`, `stops` (bytes) and `lines` are of stretches of rows, those of image k at
    `first[k]:first[k + 1]`; `suffixes` says which suffix its file has, -1 where there is no file.
    """

    # Arrays of Python's, for they give plain numbers, ten times as fast as numpy's.
    starts: array[int]
    stops: array[int]
    lines: array[int]
    first: array[int]
    suffixes: array[int]

    def __len__(self) -> int:
        return len(self.first) - 1

    @overload
    def __getitem__(self, index: int) -> Key: ...
    @overload
    def __getitem__(self, index: slice) -> list[Key]: ...

    def __getitem__(self, index: int | slice) -> Key | list[Key]:
        if isinstance(index, slice):
            return [self[place] for place in range(len(self))[index]]
        if index < 0:
            index += len(self)
        low, high = self.first[index], self.first[index + 1]
        if high - low == 1:
            return self.suffixes[index], ((self.starts[low], self.stops[low], self.lines[low]),)
        spans = zip(self.starts[low:high], self.stops[low:high], self.lines[low:high], strict=True)
        return self.suffixes[index], tuple(spans)


@dataclass(frozen=True, eq=False)
class Overview:
    """What one pass over a CSV finds: the images, in the order of their first rows, and the labels."""

    names: list[str]
    rows: ImageRows
    labels: tuple[str, ...]
    told: tuple[str, ...]


def look_over(table: Table, *, named: int, labelled: int | None = None) -> Overview:
    """Find the rows of each image in one pass; `named` and `labelled` are the columns of names and labels.

    What cannot be put to an image is told in one FormatError: rows without a name, names that climb out of
    a folder, two names of one image.
    """
    places: dict[bytes, int] = {}
    labels: dict[bytes, None] = {}
    owners, starts, stops, lines = array("L"), array("q"), array("q"), array("q")
    problems: list[str] = []
    before, count = None, 0
    for line, begin, end, name in _scan(table, named, labelled, labels, problems):
        count += 1
        if name == before:
            stops[-1] = end
            continue
        owners.append(places.setdefault(name, len(places)))
        starts.append(begin)
        stops.append(end)
        lines.append(line)
        before = name
    if not count and not problems:
        problems.append("there is no row under the header")
    owner = np.array(owners, np.int64)
    order = np.argsort(owner, kind="stable")
    starts, stops, lines = (_sorted(each, order) for each in (starts, stops, lines))
    first = array("q", np.searchsorted(owner[order], np.arange(len(places) + 1)).tolist())
    names = _names(places, [lines[place] for place in first[:-1]], problems)
    if problems:
        more = " or more" if len(problems) >= MOST_PROBLEMS else ""
        raise FormatError(f"{len(problems)}{more} problem(s)\n{listing(problems)}", file=table.source)
    rows = ImageRows(starts, stops, lines, first, array("h", [-1]) * len(names))
    found = tuple(text.decode("utf-8", "replace") for text in labels)
    return Overview(names, rows, found, _end(table))


def _sorted(values: array[int], order: np.ndarray) -> array[int]:
    return array("q", np.array(values, np.int64)[order].tobytes())


def _scan(
    table: Table, named: int, labelled: int | None, labels: dict[bytes, None], problems: list[str]
) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield line, first byte, end and name of each row; a row without a name is a problem."""
    delimiter = table.delimiter.encode()
    simple = named == 0 and labelled is None
    end, line = table.body, 1
    with table.file.path.open("rb") as file:
        file.seek(table.body)
        while raw := file.readline(MOST_ROW):
            line += 1
            begin, end = end, end + len(raw)
            if simple and b'"' not in raw:
                name = raw.partition(delimiter)[0].rstrip(b"\r\n")
            else:
                fields = split_row(raw, delimiter) or []
                name = fields[named] if len(fields) > named else b""
                if labelled is not None and len(fields) > labelled:
                    labels[fields[labelled]] = None
            if name.strip() and len(raw) < MOST_ROW:
                yield line, begin, end, name
            elif raw.strip():
                what = f"no {table.columns[named]}"
                problems.append(f"line {line}: {what if len(raw) < MOST_ROW else _LONG}")
                if len(problems) >= MOST_PROBLEMS:
                    return


def _names(places: Mapping[bytes, int], lines: Sequence[int], problems: list[str]) -> list[str]:
    """Return the images' names as text; what cannot be a name, or two of one image, is a problem."""
    found = b"\n".join(places).decode("utf-8", "replace").split("\n") if places else []
    if not found or _are_plain(found):
        return found
    seen: dict[str, int] = {}
    for (raw, place), name, line in zip(places.items(), found, lines, strict=True):
        image_id = image_id_of(name)
        shown = repr(name if len(name) <= 80 else f"{name[:80]} …")
        if len(raw) > MOST_NAME:
            problems.append(f"line {line}: the name {shown} is longer than a path can be")
        elif name.encode() != raw:
            problems.append(f"line {line}: the name {shown} is not UTF-8")
        elif _UNSAFE.search(image_id):
            problems.append(f"line {line}: {shown} names no file within a folder")
        elif seen.setdefault(image_id, place) != place:
            other = seen[image_id]
            both = f"{found[other]!r} (line {lines[other]}) and {shown} (line {line})"
            problems.append(f"{both} would be the same image")
    return found


def _are_plain(names: Sequence[str]) -> bool:
    """Tell whether all are short names with one and the same suffix: then nothing is wrong with any."""
    text = "".join(names)
    endings = {name.rpartition(".")[2] for name in names}
    plain = len(endings) == 1 and endings.pop().isalnum() and max(map(len, names)) < MOST_NAME // 4
    return plain and text.isprintable() and "\ufffd" not in text and not any(sign in text for sign in "/\\:")


def _end(table: Table) -> tuple[str, ...]:
    """Say so if the file does not end with the end of a line: it may have been cut off."""
    with table.file.path.open("rb") as file:
        file.seek(-1, 2)
        if file.read() == b"\n":
            return ()
    return ("The last line has no end; if the file was cut off, runs are missing there.",)


def split_row(raw: bytes, delimiter: bytes) -> list[bytes] | None:
    """Return the fields of a line; None if a quoted one does not end.

    >>> split_row(b'"a, b.jpg",1 2\\r\\n', b",")
    [b'a, b.jpg', b'1 2']
    """
    # Not csv: its limit of 131,072 characters a field is one for the whole process.
    raw = raw.rstrip(b"\r\n")
    if b'"' not in raw:
        return raw.split(delimiter)
    fields, at = [], 0
    while at <= len(raw):
        if raw[at : at + 1] != b'"':  # a quote inside a bare field is a letter like others
            end = raw.find(delimiter, at)
            end = len(raw) if end < 0 else end
            fields.append(raw[at:end])
        else:
            end = raw.find(b'"', at + 1)
            while end >= 0 and raw[end + 1 : end + 2] == b'"':
                end = raw.find(b'"', end + 2)
            if end < 0 or raw[end + 1 : end + 2] not in (delimiter, b""):
                return None
            fields.append(raw[at + 1 : end].replace(b'""', b'"'))
            end += 1
        at = end + 1
    return fields


def read_rows(table: Table, spans: Sequence[Span], *, named: int) -> tuple[str, list[Row]]:
    """Return the name of an image, and line and fields of each of its rows; `named` is the column of names.

    A row in which a quoted field does not end has no fields.
    """
    delimiter = table.delimiter.encode()
    rows: list[Row] = []
    for begin, end, first in spans:
        for line, raw in enumerate(table.file.read(begin, end).split(b"\n"), first):
            if b'"' in raw:
                rows.append((line, split_row(raw, delimiter) or []))
            elif raw and (raw := raw.rstrip(b"\r")).strip():
                rows.append((line, raw.split(delimiter)))
    names = {fields[named] for _, fields in rows if len(fields) > named}
    if len(names) != 1:
        raise FormatError("the file changed while it was read", file=table.source)
    return names.pop().decode("utf-8", "replace"), rows
