"""Rows are aligned and cut to the width, and what they come to is the exit code."""

from __future__ import annotations

import doctest
import io

import pytest

from segloop.experiments.dry_run import report
from segloop.experiments.dry_run.report import BAD, GOOD, NAME_WIDTH, NOTE, WIDTH, Report, Row, lines
from segloop.utils.errors import ConfigError, DataError, UserError


def test_the_examples_are_true() -> None:
    assert doctest.testmod(report).failed == 0


def test_long_rows_go_on_below_their_text() -> None:
    first, second, third = lines(Row(GOOD, "memory", "word " * 30, ("→ below",)))
    assert first.startswith("✓ memory      word")
    assert len(first) <= WIDTH
    assert second.startswith(" " * (NAME_WIDTH + 2) + "word")
    assert third == " " * (NAME_WIDTH + 2) + "→ below"
    assert all("--work-dir" in line for line in lines(Row(GOOD, "a", "--work-dir " * 20)))


def test_a_note_is_no_finding() -> None:
    stream = io.StringIO()
    told = Report(stream)
    told.add([Row(GOOD, "a", "fine"), Row(NOTE, "b", "look")])
    assert told.close(ready="Go.", not_ready="Stop:") == 0
    assert stream.getvalue().endswith("\nGo.\n")


def test_findings_are_counted_and_named() -> None:
    stream = io.StringIO()
    told = Report(stream)
    told.add([Row(BAD, "a", "1"), Row(BAD, "b", "2"), Row(BAD, "a", "3")])
    assert told.close(ready="Go.", not_ready="Stop:") == 1
    assert stream.getvalue().endswith("\nStop: 3 findings: a, b.\n")


def test_what_the_run_refuses_is_raised_at_the_end() -> None:
    told = Report(io.StringIO())
    error = DataError("broken\nin lines")
    told.refuse("data", error)
    with pytest.raises(DataError) as caught:
        told.close(ready="", not_ready="")
    assert caught.value is error
    told.refuse("config", ConfigError("wrong"))
    with pytest.raises(UserError, match="broken\nin lines\n\nwrong"):
        told.close(ready="", not_ready="")


def test_a_terminal_without_the_signs_gets_others() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Report(stream).add(Row(BAD, "a", "no → sign"))
    stream.seek(0)
    assert stream.read() == "x a           no ? sign\n"
