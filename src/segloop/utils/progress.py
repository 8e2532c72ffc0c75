"""A counter with an ETA for slow steps: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO

SILENCE_S = 2.0  # after which a step that has counted nothing yet says what it is at


@contextlib.contextmanager
def counted(
    unit: str,
    *,
    stream: IO[str] | None = None,
    patience_s: float = 1.0,
    every_s: float | None = None,
    silence_s: float = SILENCE_S,
) -> Iterator[Callable[[int, int], None]]:
    """Yield `progress(done, total)` that shows how far a step is, once it has taken longer than `patience_s`.

    On a terminal one line is redrawn five times a second; elsewhere the first line comes as soon, and then
    one every half minute. A step that has told nothing within `silence_s` is named all the same.
    """
    line = _Line(unit, sys.stderr if stream is None else stream, patience_s, every_s)
    timer = threading.Timer(silence_s, line.name_it)
    timer.daemon = True
    timer.start()
    try:
        yield line.progress
    finally:
        timer.cancel()
        timer.join()  # nothing is written behind the step
        line.end()


class _Line:
    """What is shown of one step; the timer's thread writes to it as well."""

    def __init__(self, unit: str, stream: IO[str], patience_s: float, every_s: float | None) -> None:
        self._unit, self._stream, self._patience_s = unit, stream, patience_s
        self._live = stream.isatty()
        self._pause = every_s if every_s is not None else 0.2 if self._live else 30.0
        self._began = time.monotonic()
        self._first: tuple[int, float] | None = None  # what was counted first, and when
        self._shown: float | None = None
        self._drawn = False
        self._lock = threading.Lock()

    def progress(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done and self._first is None:
            self._first = done, now
        early = self._shown is not None and now - self._shown < self._pause and done < total
        if early or now - self._began < self._patience_s:
            return
        text = f"{done} of {total} {self._unit}" if done else f"{self._unit} …"
        if self._first and done > self._first[0]:  # the first took as long as all processes took to start
            pace = (now - self._first[1]) / (done - self._first[0])
            text += f", {pace * (total - done):.0f} s left"
        self._write(text)

    def name_it(self) -> None:
        if self._shown is None:
            self._write(f"{self._unit} …")

    def _write(self, text: str) -> None:
        with self._lock:
            self._shown = time.monotonic()
            self._stream.write(f"\r{text:<60}" if self._live else f"{text}\n")
            self._stream.flush()
            self._drawn = self._live

    def end(self) -> None:
        if self._drawn:
            self._stream.write("\r" + " " * 60 + "\r")
            self._stream.flush()
