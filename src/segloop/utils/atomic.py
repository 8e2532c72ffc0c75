"""Files that are either the old one or the whole new one, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, TextIO

from segloop.utils.errors import FormatError

STREAMS = (Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd"))  # /dev/stdout may stand for a file


@contextlib.contextmanager
def open_atomic(path: Path | str, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file beside `path`; rename it to `path` once it is written and on disk.

    If the block raises, `path` stays as it was and nothing is left beside it. A pipe, or a device such as
    /dev/null, is written into: a file in its place would be one for the whole machine.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Names of files that are no UTF-8 are written out: `\udce9`, which in JSON stands for the same name.
    text = {"encoding": "utf-8", "errors": "backslashreplace", "newline": ""}
    options: dict[str, Any] = {} if "b" in mode else text
    if path.parent in STREAMS or (path.exists() and not path.is_file()):
        with path.open(mode, **options) as file:
            yield file
        return
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, mode, **options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes 0600, which hides results from colleagues
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path | str, text: str) -> None:
    """Write a text file atomically."""
    with open_atomic(path) as file:
        file.write(text)


def write_json(path: Path | str, value: Any) -> None:
    """Write JSON atomically: sorted keys, two blanks of indent, a newline at the end."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


@contextlib.contextmanager
def open_gzip(path: Path) -> Iterator[TextIO]:
    """Open a gzip file for text, the same bytes at any time: neither its name nor a clock goes into it."""
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="") as file,
    ):
        yield file


def read_json(path: Path | str) -> Any:
    """Return what a JSON file holds; a FormatError tells what is no JSON, an OSError what cannot be read."""
    try:
        return json.loads(
            Path(path).read_bytes()
        )  # json knows the marks of UTF-8 and UTF-16: Windows writes them
    except ValueError as error:
        raise FormatError(f"not valid JSON ({error})", file=path) from None


def read_record(path: Path | str) -> dict[str, Any] | None:
    """Return the object that a JSON file holds; None where there is no such file, or none that is whole."""
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def clear_remains(folder: Path) -> None:
    """Remove the temporary files of writers that were killed; nobody may be writing into the folder."""
    for rest in folder.glob(".*.tmp"):
        if re.fullmatch(r"\..+\.[a-z0-9_]{8}\.tmp", rest.name):
            rest.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
