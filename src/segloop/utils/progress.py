"""A counter with an ETA for slow steps: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import IO


@contextlib.contextmanager
def counted(
    unit: str, *, stream: IO[str] | None = None, patience_s: float = 1.0, every_s: float | None = None
) -> Iterator[Callable[[int, int], None]]:
    """Yield `progress(done, total)` that shows how far a step is, once it has taken longer than `patience_s`.

    On a terminal one line is redrawn five times a second; elsewhere a line is written every half minute.
    """
    stream = sys.stderr if stream is None else stream
    live = stream.isatty()
    pause = every_s if every_s is not None else 0.2 if live else 30.0
    began = shown = time.monotonic()
    drawn = False

    def progress(done: int, total: int) -> None:
        nonlocal shown, drawn
        now = time.monotonic()
        if now - began < patience_s or (now - shown < pause and done < total):
            return
        shown = now
        left = (now - began) / max(done, 1) * (total - done)
        line = f"{done} of {total} {unit}, {left:.0f} s left"
        stream.write(f"\r{line:<60}" if live else f"{line}\n")
        stream.flush()
        drawn = live

    try:
        yield progress
    finally:
        if drawn:
            stream.write("\r" + " " * 60 + "\r")
            stream.flush()
