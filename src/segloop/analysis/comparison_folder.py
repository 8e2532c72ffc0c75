"""Writes a comparison: numbers, tables of images, a page with pictures, Markdown, and text for a terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np

from segloop.analysis.analyze import Analysis, plain
from segloop.analysis.cases import open_case
from segloop.analysis.compare import Comparison
from segloop.analysis.significance import pair_up
from segloop.utils.atomic import write_json, write_text
from segloop.utils.errors import UserError
from segloop.utils.staging import refuse_existing, staged
from segloop.viz import comparison_tables
from segloop.viz.comparison_page import comparison_page
from segloop.viz.page import write_page
from segloop.viz.pair_pictures import duel
from segloop.viz.tables import as_markdown, as_text

FILES: tuple[tuple[str, str], ...] = (
    ("compare.json", "all numbers of this page, fractions"),
    ("images.csv", "every compared image: the score of each RUN, who is best, by how much"),
    ("wins.csv", "every pair and image: both scores, the difference, who wins; the largest difference first"),
    ("compare.md", "the tables in Markdown"),
)
OWN = "compare.json"  # a folder with it is a comparison, and may be replaced by another
CELL = 44  # letters of a cell on a terminal
CHANGED = "; the picture or its labels were changed since, and the scores are of the test"


def require_free(out: Path) -> None:
    """Refuse a folder that holds anything but an earlier comparison."""
    if not (out / OWN).is_file():
        try:
            refuse_existing(out)
        except UserError:
            raise UserError(f"{out} exists and is no comparison. Say another folder with --out.") from None


def write_comparison(
    comparison: Comparison, out: Path, *, progress: Callable[[int, int], None] | None = None
) -> Path:
    """Write the folder, whole or not at all; return the page. An earlier comparison there is replaced."""
    require_free(out)
    try:
        with staged(out, replace=True) as folder:
            folder.mkdir()
            pictures = draw_wins(comparison, progress=progress)
            write_json(folder / "compare.json", comparison.numbers)
            write_text(folder / "images.csv", image_table(comparison))
            write_text(folder / "wins.csv", win_table(comparison))
            write_text(folder / "compare.md", markdown(comparison))
            write_page(folder / "index.html", comparison_page(comparison.numbers, pictures, files=FILES))
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}.") from error
    return out / "index.html"


def text(comparison: Comparison) -> str:
    """Return the comparison for a terminal."""
    told = [
        as_text(each, widest=CELL if each.title != "RUNs" else 200)
        for each in comparison_tables.tables(comparison.numbers)
    ]
    return "\n\n".join([*told, *(f"Note: {each}" for each in comparison.numbers["notes"])])


def markdown(comparison: Comparison) -> str:
    """Return the comparison as Markdown."""
    numbers = comparison.numbers
    verdicts = [
        f"- {' and '.join(each['pair'])}: {each['verdict']['text']} "
        f"({numbers['score']}, {each['pair'][1]} − {each['pair'][0]}: "
        f"{comparison_tables.interval(each['differences'][numbers['score']]['value'], signed=True)})"
        for each in numbers["pairs"]
    ]
    data = f" of {numbers['data']}" if numbers["data"] else ""
    data += f" in {numbers['groups']:,} groups" if numbers.get("groups") else ""
    lead = f"{numbers['images']:,} images{data}, split {numbers['split']}."
    notes = [f"- Note: {each}" for each in numbers["notes"]]
    rules = [f"- {each}" for each in dict.fromkeys(numbers["rules"].values())]
    parts = [
        "# Comparison of tests",
        lead,
        "\n".join([*verdicts, *notes]),
        *(as_markdown(each) for each in comparison_tables.tables(numbers)),
        "\n".join(["## Rules of the numbers", "", *rules]),
    ]
    return "\n\n".join(parts) + "\n"


def image_table(comparison: Comparison) -> str:
    """Return `images.csv`: a row per image, by id, with the score of each RUN, the best and its lead."""
    scores = np.column_stack([sheet.per_image for sheet in comparison.sheets])
    rows = []
    for image_id, values in zip(comparison.sheets[0].image_ids, scores, strict=True):
        known = values[~np.isnan(values)]
        # one without a score found nothing where there is nothing: as good as it gets
        filled = np.where(np.isnan(values), 1.0, values) if len(known) else values
        ahead = np.sort(filled)[::-1]
        best = comparison.letters[int(np.argmax(filled))] if len(known) and ahead[0] > ahead[1] else ""
        lead = plain(float(ahead[0] - ahead[1])) if len(known) else None
        rows.append([image_id, *(plain(float(value)) for value in values), best, lead])
    return _csv(["image_id", *comparison.letters, "best", "lead"], rows)


def win_table(comparison: Comparison) -> str:
    """Return `wins.csv`: each pair and image, the largest difference first, ties by id."""
    rows: list[list[object]] = []
    ids = comparison.sheets[0].image_ids
    for one, other in combinations(range(len(comparison.runs)), 2):
        first, second = (comparison.sheets[place].per_image for place in (one, other))
        gap = pair_up(first, second)
        letters = comparison.letters[one], comparison.letters[other]
        for place in np.lexsort((np.array(ids), -np.abs(gap))).tolist():
            if not np.isnan(gap[place]):
                value = float(gap[place])
                winner = "" if value == 0 else letters[int(value > 0)]
                values = (plain(float(each[place])) for each in (first, second))
                rows.append([*letters, ids[place], *values, plain(value), winner])
    return _csv(["one", "other", "image_id", "score_one", "score_other", "difference", "winner"], rows)


def _csv(head: list[str], rows: list[list[object]]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(head)
    table.writerows([["" if each is None else each for each in row] for row in rows])
    return text.getvalue()


def draw_wins(
    comparison: Comparison, *, progress: Callable[[int, int], None] | None = None
) -> dict[str, list[tuple[np.ndarray, str]]]:
    """Draw the images that are shown, and no other: RGB with what to say below, by "A:B:winner"."""
    found: dict[str, list[tuple[np.ndarray, str]]] = {}
    wanted = [
        (pair["pair"], winner, rank, each)
        for pair in comparison.numbers["pairs"]
        for winner, won in pair["won"].items()
        for rank, each in enumerate(won, start=1)
    ]
    key = comparison.numbers["score_of_images"]
    for done, (pair, winner, rank, each) in enumerate(wanted, start=1):
        places = [comparison.letters.index(letter) for letter in pair]
        image_id = each["image_id"]
        cases = [open_case(_opened(comparison, place, image_id), image_id) for place in places]
        at = comparison.sheets[0].image_ids.index(image_id)
        scores = ", ".join(
            f"{letter} {_told(float(comparison.sheets[place].per_image[at]))}"
            for letter, place in zip(pair, places, strict=True)
        )
        tested = (comparison.runs[place] for place in places)
        root = comparison.data_root
        changed = not all(run.is_as_tested(image_id, data_root=root) for run in tested)
        found.setdefault(":".join([*pair, winner]), []).append(
            (duel(*cases), f"{rank}. {image_id}, {key}: {scores}{CHANGED if changed else ''}")
        )
        if progress is not None:
            progress(done, len(wanted))
    return found


def _told(score: float) -> str:
    return "rightly empty" if np.isnan(score) else comparison_tables.percent(score)


def _opened(comparison: Comparison, place: int, image_id: str) -> Analysis:
    """Return as much of an analysis as it takes to open an image."""
    errors = comparison.sheets[place].errors
    return Analysis(
        comparison.runs[place],
        comparison.data_root,
        {},
        {},
        [],
        {image_id: errors[image_id]} if errors else {},
    )
