"""Tables that are told three ways: as text for a terminal, as Markdown, as part of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from segloop.viz.page import Content, Html, join, paragraph, table


@dataclass(frozen=True)
class Table:
    """A heading, columns and rows of text; the columns in `numbers` go to the right; `note` stands below."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()
    note: str = ""


def as_text(told: Table, *, widest: int = 60) -> str:
    """Return the table in columns for a terminal; cells are cut after `widest` letters.

    >>> print(as_text(Table("", ["run", "Dice"], [["A", "9"], ["BB", "10"]], numbers=[1])))
    run  Dice
    A       9
    BB     10
    """
    cells = [[_cut(cell, widest) for cell in row] for row in (told.head, *told.rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(told.head))]
    lines = [
        "  ".join(
            cell.rjust(width) if column in told.numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    head = [told.title] if told.title else []
    return "\n".join([*head, *lines, *([told.note] if told.note else [])])


def as_markdown(told: Table, *, level: int = 2) -> str:
    """Return the table as Markdown, under a heading.

    >>> print(as_markdown(Table("", ["a", "b"], [["x|y", "1"]], numbers=[1])))
    | a | b |
    |---|---:|
    | x\\|y | 1 |
    """
    rule = "|".join("---:" if column in told.numbers else "---" for column in range(len(told.head)))
    rows = [_row(row) for row in told.rows]
    lines = [_row(told.head), f"|{rule}|", *rows]
    head = [f"{'#' * level} {told.title}", ""] if told.title else []
    return "\n".join([*head, *lines, *(["", told.note] if told.note else [])])


def as_html(told: Table) -> Html:
    """Return the table as part of a page, without its title."""
    drawn: list[Content] = [table(told.head, told.rows, numbers=told.numbers)]
    if told.note:
        drawn.append(paragraph(told.note, small=True))
    return join(drawn)


def first_of(title: str, count: int, most: int) -> str:
    """Return the title of a table with so many rows, which says where it shows `most` of them.

    >>> first_of("By class", 3, 40), first_of("By class", 150, 40)
    ('By class', 'By class: the first 40 of 150')
    """
    return title if count <= most else f"{title}: the first {most} of {count:,}"


def _row(cells: Sequence[str]) -> str:
    escaped = (cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def _cut(text: str, widest: int) -> str:
    return text if len(text) <= widest else f"{text[: widest - 1]}…"
