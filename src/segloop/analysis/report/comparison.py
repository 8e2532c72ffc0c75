"""The section that holds several models against each other; its numbers are those of tools/compare.py."""

from __future__ import annotations

from collections.abc import Sequence

from segloop.analysis.compare import Comparison, compare
from segloop.analysis.comparison_folder import draw_wins
from segloop.analysis.report.blocks import (
    Block,
    Content,
    Fold,
    Gallery,
    Heading,
    Note,
    Paragraph,
    Part,
    Row,
    Table,
    code,
)
from segloop.analysis.report.contents import Contents
from segloop.analysis.report.pictures import photo
from segloop.utils.errors import UserError
from segloop.viz import comparison_tables, tables
from segloop.viz.pair_pictures import HOW_TO_READ

MOST_PAIRS = 3  # with pictures; of more models tools/compare.py draws all
WINS = 2  # images drawn that each side of a pair wins
MOST_ROWS = 40  # of a table; the others fold
CALLED_SHORT = "Models"


def comparison(report: Contents) -> Part | None:
    """Return the RUNs side by side, where there are several: on the images that all have in common."""
    if len(report.runs) < 2:
        return None
    first = report.first
    pairs = len(report.runs) * (len(report.runs) - 1) // 2
    try:
        found = compare(
            [facts.run for facts in report.runs],
            common=True,
            group=first.group,
            repeats=first.repeats,
            seed=first.seed,
            topk=WINS if pairs <= MOST_PAIRS else 0,
            data_root=first.given_root,
        )
    except UserError as error:
        return Part("Comparison of models", [Note(str(error), level="bad")], short=CALLED_SHORT)
    numbers = found.numbers
    lead = f"On {numbers['images']:,} images; {numbers['score']} decides."
    blocks: list[Block] = [Note(each, level="warn") for each in numbers["notes"]]
    blocks += [_verdict(found, place) for place in range(min(pairs, 10))]
    for told in comparison_tables.tables(numbers):
        blocks += _as_blocks(told, numbers["class_names"])
    blocks += _wins(found)
    blocks.append(
        Paragraph(
            ["Every image, curves by minutes, and the rules of the numbers: ", code(_command(report)), "."],
            small=True,
        )
    )
    return Part("Comparison of models", blocks, lead=lead, short=CALLED_SHORT)


def _command(report: Contents) -> str:
    places = (each.place for each in report.runs)
    return " ".join(["python tools/compare.py", *places])


def _verdict(found: Comparison, place: int) -> Note:
    each = found.numbers["pairs"][place]
    one, other = each["pair"]
    told = comparison_tables.interval(each["differences"][found.numbers["score"]]["value"], signed=True)
    return Note(
        f"{one} and {other}: {each['verdict']['text']} ({other} − {one}: {told} points).",
        level="good" if each["verdict"]["better"] else "info",
    )


def _as_blocks(told: tables.Table, class_names: Sequence[str]) -> list[Block]:
    """Return a table under its heading, with what stands below it."""
    rows: list[Row | Sequence[Content]] = [_about(row, class_names) for row in told.rows]
    blocks: list[Block] = [
        Heading(told.title),
        Table(told.title, list(told.head), rows[:MOST_ROWS], list(told.numbers)),
    ]
    if len(rows) > MOST_ROWS:
        more = Table(f"{told.title}, more", list(told.head), rows[MOST_ROWS:], list(told.numbers))
        blocks.append(Fold(f"{len(rows) - MOST_ROWS} more", [more]))
    if told.note:
        blocks.append(Paragraph(told.note, small=True))
    return blocks


def _about(row: Sequence[str], class_names: Sequence[str]) -> Row | Sequence[Content]:
    """Return a row; one that is about a class says so, and the filter of the page finds it."""
    own = [name for name in class_names if row[0].endswith(f".{name}")]
    return Row(list(row), [max(own, key=len)]) if own else list(row)


def _wins(found: Comparison) -> list[Block]:
    """Return the images that each of a pair wins by most, where the data set can be read."""
    try:
        drawn = draw_wins(found)
    except (UserError, OSError) as error:
        return [Note(f"The images that one wins cannot be drawn: {error}")]
    blocks: list[Block] = []
    for key, shots in drawn.items():
        one, other, winner = key.split(":")
        loser = other if winner == one else one
        photos = [
            photo(f"{winner}_over_{loser}_{rank}", image, caption, ())
            for rank, (image, caption) in enumerate(shots, start=1)
        ]
        blocks += [Heading(f"{winner} is better than {loser}"), Gallery(photos, least_px=440)]
    if blocks:
        blocks.append(Paragraph(HOW_TO_READ, small=True))
    return blocks
