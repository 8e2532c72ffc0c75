"""Facts about files, found in parallel and kept between runs for as long as the files' contents stay."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from segloop.data.image_files import ImageFacts
from segloop.data.index_masks import MaskFacts
from segloop.utils.atomic import open_atomic
from segloop.utils.workers import cpu_count

CACHE = Path(".segloop") / "checks.json"
CACHE_VERSION = 3  # raise it whenever the facts of a file change their meaning
# A file that was written so shortly before it was read may be written again within one tick of the clock that
# its times are taken from, and would look the same. git's index guards against this in the same way.
SETTLED_NS = 2_000_000_000
Facts = TypeVar("Facts", ImageFacts, MaskFacts)


class FactStore:
    """What was seen of files below a root, kept in `root/.segloop/checks.json`.

    Facts belong to a content. A file is not even opened while its size, modification time, time of change
    and number on the disk stay: no ordinary program can write to a file, or put another in its place, and
    keep all four. Where one of them differs the file is read, and looked over only if its hash is a new one.
    """

    def __init__(
        self,
        root: Path,
        *,
        enabled: bool = True,
        workers: int | None = None,
        progress: Callable[[int, int], None] | None = None,
        total: int = 0,
    ) -> None:
        self._root = root
        self._file = root / CACHE if enabled else None
        self._workers = max(1, cpu_count() if workers is None else workers)
        self._progress = progress
        self._done, self._total = 0, total
        self._old: dict[str, Any] = {}
        self._new: dict[str, Any] = {}

    def __enter__(self) -> FactStore:
        try:
            stored = json.loads(self._file.read_text(encoding="utf-8")) if self._file else {}
            self._old = stored["files"] if stored.get("version") == CACHE_VERSION else {}
        except (OSError, ValueError, KeyError, AttributeError):
            self._old = {}  # a cache that cannot be read is no cache
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None or self._file is None or self._new.items() <= self._old.items():
            return
        text = json.dumps(
            {"version": CACHE_VERSION, "files": self._old | self._new}, sort_keys=True, separators=(",", ":")
        )
        try:
            with open_atomic(self._file) as stream:
                stream.write(text)
        except OSError:
            pass  # a read-only data set is checked anew each time

    def look(
        self, role: str, files: Sequence[Path], read: Callable[[bytes], Facts], kind: type[Facts]
    ) -> list[Facts]:
        """Return the facts of each file, from the cache or from the file."""
        with ThreadPoolExecutor(self._workers) as pool:  # reading, inflating and hashing let go of the GIL
            return list(pool.map(lambda file: self._one(role, file, read, kind), files))

    def _one(self, role: str, file: Path, read: Callable[[bytes], Facts], kind: type[Facts]) -> Facts:
        key = f"{role}:{short_path(file, self._root)}"
        state, digest, stored = self._old.get(key, (None, None, None))
        try:
            now = _state(file)
            if now is None or now != state:
                data = file.read_bytes()
                state, known, digest = now, digest, hashlib.blake2b(data, digest_size=16).hexdigest()
                if digest != known:
                    stored = asdict(read(data))
        except OSError as error:  # a link that leads nowhere, a file of somebody else's
            return kind(error=error.strerror)
        self._new[key] = [state, digest, stored]
        self._done += 1
        if self._progress:
            self._progress(self._done, self._total)
        return _restore(stored, kind)


def short_path(path: Path, root: Path) -> str:
    """Return a path as seen from the root of its data set, POSIX; whole where it lies elsewhere."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _state(file: Path) -> list[int] | None:
    """Return what changes whenever a file does; None while that cannot be relied on."""
    if os.name == "nt":  # its time of change is the time of creation
        return None
    seen = file.stat()
    if time.time_ns() - seen.st_ctime_ns < SETTLED_NS:
        return None
    return [seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino]


def _restore(stored: dict[str, Any], kind: type[Facts]) -> Facts:
    """Turn JSON's lists and text keys back into what the facts hold."""
    stored = {**stored, "size_hw": tuple(stored["size_hw"])}
    if kind is MaskFacts:
        stored["values"] = {int(value): count for value, count in stored["values"].items()}
    return kind(**stored)
