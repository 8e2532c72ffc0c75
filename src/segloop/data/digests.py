"""SHA-256 of files, read in parallel and kept beside the data, so that an unchanged file is read once."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from segloop.utils.atomic import open_atomic
from segloop.utils.workers import cpu_count

CACHE = Path(".segloop") / "digests.json"
CACHE_VERSION = 1
# A file that was changed this recently may change once more without another time or size.
SETTLED_S = 2.0
Progress = Callable[[int, int], None]


def file_digests(
    files: Sequence[Path], *, cache: Path | None = None, progress: Progress | None = None
) -> list[bytes | None]:
    """Return each file's SHA-256 (32 bytes), None where there is no file.

    With `cache`, the root of a data set, what was read is kept in `cache/.segloop/digests.json` and trusted
    while a file's size and both its times stay: nobody can set the time at which a file's state changed.
    """
    known = _read(cache)
    news: dict[str, Any] = {}
    done = 0

    def look(file: Path) -> bytes | None:
        nonlocal done
        key = _key(file, cache)
        digest = _digest(file, known.get(key), news, key)
        done += 1
        if progress:
            progress(done, len(files))
        return digest

    with ThreadPoolExecutor(max(1, cpu_count())) as pool:  # hashlib lets go of the GIL; so does reading
        found = list(pool.map(look, files))
    if cache is not None and news:
        _write(cache, known | news)
    return found


def _digest(file: Path, kept: Any, news: dict[str, Any], key: str) -> bytes | None:
    try:
        state = file.stat()
        if kept and kept[:3] == [state.st_size, state.st_mtime_ns, state.st_ctime_ns]:
            return bytes.fromhex(kept[3])
        began = time.time()
        digest = file_digest(file)
    except OSError:
        return None
    if max(state.st_mtime, state.st_ctime) < began - SETTLED_S:
        news[key] = [state.st_size, state.st_mtime_ns, state.st_ctime_ns, digest.hex()]
    return digest


def file_digest(file: Path) -> bytes:
    """Return the SHA-256 of a file (32 bytes)."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.digest()


def _key(file: Path, root: Path | None) -> str:
    if root is not None and file.is_relative_to(root):
        return file.relative_to(root).as_posix()
    return file.absolute().as_posix()


def _read(root: Path | None) -> dict[str, Any]:
    if root is None:
        return {}
    try:
        stored = json.loads((root / CACHE).read_text(encoding="utf-8"))
        files = stored["files"] if stored.get("version") == CACHE_VERSION else {}
        return {key: entry for key, entry in files.items() if len(bytes.fromhex(entry[3])) == 32}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}  # a cache that cannot be read is no cache


def _write(root: Path, files: dict[str, Any]) -> None:
    text = json.dumps({"version": CACHE_VERSION, "files": files}, sort_keys=True, separators=(",", ":"))
    try:
        with open_atomic(root / CACHE) as stream:
            stream.write(text)
    except OSError:
        pass  # a data set that cannot be written is read anew each time
