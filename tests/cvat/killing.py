"""Kills the code of a block at any one of its steps: what it writes, moves, removes, or asks a server for.

A killed process does nothing more, so that from that step on each further one is refused, too: no `finally`
can tidy up. Steps are counted by Python's audit events.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

STEPS = frozenset(
    {
        *(f"os.{name}" for name in ("mkdir", "rename", "remove", "rmdir", "link", "symlink", "truncate")),
        *("os.chmod", "os.utime", "shutil.copyfile", "shutil.rmtree", "tempfile.mkstemp"),
        *("tempfile.mkdtemp", "http.client.send"),
    }
)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Killed(BaseException):
    """The end of a process."""


class Death:
    """Counts steps, and lets none happen from number `at` on; None lets all happen."""

    def __init__(self, at: int | None) -> None:
        self.at, self.steps = at, 0
        self.thread = threading.get_ident()  # the server's, too, is in this process, and lives on

    def step(self) -> None:
        self.steps += 1
        if self.at is not None and self.steps > self.at:
            raise Killed(f"at step {self.at}")


_now: Death | None = None
_heard = False


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _now is None or threading.get_ident() != _now.thread:
        return
    if event in STEPS or (event == "open" and _writes(arguments)):
        _now.step()


def _writes(arguments: tuple[Any, ...]) -> bool:
    path, mode, flags = arguments
    if not isinstance(path, str | bytes | os.PathLike) or str(path).startswith("/dev/"):
        return False
    return bool(set(mode) & set("wax+")) if isinstance(mode, str) else bool((flags or 0) & WRITES)


@contextlib.contextmanager
def killed_at(at: int | None) -> Iterator[Death]:
    """Kill the block at a step, if it has that many; it ends there. `steps` says how many it took."""
    global _now, _heard
    if not _heard:  # a hook cannot be taken away again
        sys.addaudithook(_hear)
        _heard = True
    _now = death = Death(at)
    try:
        yield death
    except Killed:
        pass
    finally:
        _now = None
