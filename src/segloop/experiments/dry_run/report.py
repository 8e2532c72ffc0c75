"""The report of a dry run: aligned rows with a mark each, printed as they are found, and their sum."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO

from segloop.utils.errors import EXIT_DONE, EXIT_FINDINGS, UserError, together

GOOD, NOTE, BAD = "✓", "!", "✗"
PLAIN = {GOOD: "+", NOTE: "!", BAD: "x"}  # for a terminal without these signs
NAME_WIDTH, WIDTH = 12, 110


@dataclass(frozen=True)
class Row:
    """One line: a mark, what it is about, what was found, and lines below it."""

    mark: str
    name: str
    text: str
    below: tuple[str, ...] = ()


class Report:
    """Prints rows and remembers what they come to.

    `GOOD` is as it should be, `NOTE` should be known before a start, `BAD` is a finding: the run would fail
    or go wrong. Mistakes of the user's, which the run itself would refuse, are kept and raised at the end.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        self.stream = sys.stdout if stream is None else stream
        self.rows: list[Row] = []
        self.errors: list[UserError] = []

    def say(self, line: str) -> None:
        """Print a line that is no row."""
        print(_encodable(line, self.stream), file=self.stream, flush=True)

    def add(self, rows: Row | Iterable[Row]) -> None:
        """Print rows."""
        for row in [rows] if isinstance(rows, Row) else rows:
            self.rows.append(row)
            for line in lines(row):
                self.say(line)

    def refuse(self, name: str, error: UserError) -> None:
        """Keep an error that the run itself would end with; its text follows below the report."""
        self.errors.append(error)
        first, *rest = str(error).splitlines() or [""]
        cut = textwrap.shorten(first, 2 * WIDTH - 4 * NAME_WIDTH, placeholder=" …")
        self.add(Row(BAD, name, f"{cut} …" if rest and cut == first else cut))

    @property
    def findings(self) -> list[Row]:
        """The rows that say that the run would fail or go wrong."""
        return [row for row in self.rows if row.mark == BAD]

    def close(self, *, ready: str, not_ready: str) -> int:
        """Say in one line what the rows come to; raise what the run would refuse; return the exit code."""
        found = self.findings
        if not found:
            self.say(f"\n{ready}")
            return EXIT_DONE
        count = "1 finding" if len(found) == 1 else f"{len(found)} findings"
        names = ", ".join(dict.fromkeys(row.name for row in found))
        self.say(f"\n{not_ready} {count}: {names}.")
        if self.errors:
            raise together(self.errors)
        return EXIT_FINDINGS


def lines(row: Row) -> list[str]:
    """Return a row as lines of text, its later lines indented to the first one's text."""
    indent = " " * (NAME_WIDTH + 2)
    head = f"{row.mark} {row.name:<{NAME_WIDTH}}"
    first, *rest = _wrap(row.text, WIDTH - len(indent)) or [""]
    text = [f"{head}{first}", *(f"{indent}{line}" for line in rest)]
    return [line.rstrip() for line in (*text, *(f"{indent}{line}" for line in row.below))]


def table(rows: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return lines with the cells in columns: the first to the right, for numbers, the others to the left.

    >>> table([("7", "a"), ("12", "b")])
    (' 7  a', '12  b')
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    aligned = ([row[0].rjust(widths[0]), *map(str.ljust, row[1:], widths[1:])] for row in rows)
    return tuple("  ".join(cells).rstrip() for cells in aligned)


def plural(number: int, what: str) -> str:
    """Write a number and what it counts.

    >>> plural(1, "image"), plural(2, "batch")
    ('1 image', '2 batches')
    """
    if number == 1:
        return f"{number} {what}"
    return f"{number} {what}{'es' if what.endswith('ch') else 's'}"


def duration(seconds: float) -> str:
    """Write a duration for a person.

    >>> duration(0.0042), duration(75), duration(754), duration(40_000), duration(300_000)
    ('4 ms', '75 s', '13 min', '11 h 7 min', '3 d 11 h')
    """
    if seconds < 0.1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


def size(count: float) -> str:
    """Write a number of bytes for a person.

    >>> size(900), size(12_300_000), size(4_560_000_000)
    ('1 kB', '12 MB', '4.6 GB')
    """
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if count >= unit:
            value = count / unit
            return f"{value:.1f} {name}" if value < 10 else f"{value:.0f} {name}"
    return f"{max(1, round(count / 1e3))} kB"


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _encodable(line: str, stream: IO[str]) -> str:
    """Return the line with signs that the stream can write."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        line.encode(encoding)
    except UnicodeEncodeError:
        for sign, plain in PLAIN.items():
            line = line.replace(sign, plain)
        return line.encode(encoding, "replace").decode(encoding)
    return line
