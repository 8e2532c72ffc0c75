"""The counter appears when a step is slow, as a live line or as plain lines."""

from __future__ import annotations

import io
import threading

import pytest

from segloop.utils.progress import counted


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_redraws_one_line_on_a_terminal_and_takes_it_away() -> None:
    stream = Terminal()
    with counted("masks", stream=stream, patience_s=0, every_s=0) as progress:
        progress(1, 4)
        progress(4, 4)
    assert "\r1 of 4 masks" in stream.getvalue()
    assert stream.getvalue().endswith("\r")
    assert "\n" not in stream.getvalue()


def test_writes_lines_elsewhere_and_nothing_for_a_short_step() -> None:
    stream = io.StringIO()
    with counted("masks", stream=stream, patience_s=0, every_s=0) as progress:
        progress(2, 4)
    assert stream.getvalue().startswith("2 of 4 masks")
    stream = io.StringIO()
    with counted("masks", stream=stream) as progress:
        progress(4, 4)
    assert stream.getvalue() == ""


class Awaited(io.StringIO):
    """A stream that tells when something was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def flush(self) -> None:
        self.written.set()


def test_a_step_that_counts_nothing_is_named() -> None:
    stream = Awaited()
    with counted("masks counted", stream=stream, silence_s=0):
        assert stream.written.wait(5)
    assert stream.getvalue() == "masks counted …\n"


def test_the_first_line_does_not_wait_for_the_next_ones() -> None:
    stream = io.StringIO()
    with counted("masks", stream=stream, patience_s=0) as progress:
        progress(2, 4)
        progress(3, 4)
    assert stream.getvalue().startswith("2 of 4 masks")
    assert stream.getvalue().count("\n") == 1


def test_what_is_left_goes_by_the_pace_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 100.0, 100.0, 110.0, 110.0])  # starting took 100 s, ten items 10 s
    monkeypatch.setattr("segloop.utils.progress.time.monotonic", lambda: next(clock))
    stream = io.StringIO()
    with counted("masks", stream=stream, patience_s=0, every_s=0) as progress:
        progress(1, 21)
        progress(11, 21)
    assert stream.getvalue().splitlines() == ["1 of 21 masks", "11 of 21 masks, 10 s left"]
