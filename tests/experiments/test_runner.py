"""What reaches the console, and what only the log file keeps."""

from __future__ import annotations

import logging
import os

import pytest

from segloop.experiments.runner import ConsoleFormatter, for_console, to_console


def record(text: str, level: int = logging.INFO) -> logging.LogRecord:
    """A log record with a text."""
    return logging.LogRecord("run", level, "here.py", 1, text, None, None)


@pytest.mark.parametrize("text", ["Config:\n_base_ = []", "Exp name: a_1", "Checkpoints will be saved to x."])
def test_the_inventory_stays_in_the_file(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not for_console(record(text))
    assert for_console(record(text, logging.ERROR))
    monkeypatch.setenv("SEGLOOP_NOISY", "1")
    assert for_console(record(text))


def test_what_a_person_waits_for_is_shown() -> None:
    assert for_console(record("Iter(val) [1/1]  mDice: 50.0"))


def test_scores_per_class_are_not_repeated_under_their_table() -> None:
    text = "Iter(val) [1/1]  mDice: 50.0  IoU.solar panel: 1.5  Dice.solar panel: 3.0  time: 0.1"
    assert ConsoleFormatter("%(message)s").format(record(text)) == "Iter(val) [1/1]  mDice: 50.0  time: 0.1"


def test_lines_that_nobody_reads_any_more_are_no_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    reader, writer = os.pipe()
    os.close(reader)  # as `head` does once it has its lines
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        handler = logging.StreamHandler()
        to_console(handler)
        handler.handle(record("a line"))
        assert capsys.readouterr().err == ""
        handler.setFormatter(logging.Formatter("%(nothing)s"))
        handler.handle(record("a line"))
        assert "nothing" in capsys.readouterr().err  # a bug is told of
