"""The page of a comparison: who is better, how surely, on which images, at what cost, and what differs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segloop.viz import comparison_tables as tables
from segloop.viz.page import (
    Content,
    Figure,
    Html,
    Section,
    columns,
    gallery,
    heading,
    join,
    note,
    page,
    paragraph,
    picture,
    tag,
    words,
)
from segloop.viz.pair_pictures import HOW_TO_READ
from segloop.viz.plots import Line, plot
from segloop.viz.tables import Table, as_html

Numbers = Mapping[str, Any]
# by pair and winner, "A:B:A": picture and what to say below it
Pictures = Mapping[str, Sequence[tuple[np.ndarray, str]]]
# told apart on white and on black, and by colour-blind eyes; with more RUNs they come again, dashed by none
COLORS = ("#0b8f88", "#d9712c", "#6a6fd0", "#b8902a", "#c04f7f", "#4f8f3a", "#5c7f99", "#9a6a4a")


def comparison_page(numbers: Numbers, pictures: Pictures, *, files: Sequence[tuple[str, str]]) -> str:
    """Return the page, from the numbers of `compare.json`, its pictures, and the files beside it."""
    parts = [
        _section("Scores", [tables.scores(numbers)]),
        _section("Pairs", [tables.pairs(numbers)], short="Pairs"),
        _section("Classes", [tables.classes(numbers)]),
        *_images(numbers, pictures),
        _curves(numbers),
        _section("Costs", [tables.costs(numbers)]),
        _config(numbers),
        _rules(numbers, files),
    ]
    names = [each["name"].partition("/")[0] for each in numbers["runs"]]
    data = f" of {numbers['data']}" if numbers["data"] else ""
    data += f" in {numbers['groups']:,} groups" if numbers.get("groups") else ""
    lead = f"{numbers['images']:,} images{data}, split {numbers['split']}; {numbers['score']} decides."
    return page(
        " · ".join(f"{each['letter']} {name}" for each, name in zip(numbers["runs"], names, strict=True)),
        [part for part in parts if part is not None],
        eyebrow="Comparison of tests",
        lead=lead,
        top=[
            _verdicts(numbers),
            as_html(tables.runs(numbers)),
            *(note(text, level="warn") for text in numbers["notes"]),
        ],
        footer=join(
            [
                "Made by ",
                words("tools/compare.py"),
                ". The same numbers stand in ",
                words("compare.json"),
                ".",
            ]
        ),
    )


def _verdicts(numbers: Numbers) -> Html:
    """Return who is better, first of all."""
    items = []
    for each in numbers["pairs"][:10]:
        one, other = each["pair"]
        told = tables.interval(each["differences"][numbers["score"]]["value"], signed=True)
        text = f"{one} and {other}: {each['verdict']['text']} ({other} − {one}: {told} points)."
        items.append(note(text, level="good" if each["verdict"]["better"] else "info"))
    return join(items)


def _section(title: str, told: Sequence[Table], *, short: str = "") -> Section | None:
    kept = [each for each in told if each.rows]
    return Section(title, [as_html(each) for each in kept], short=short) if kept else None


def _images(numbers: Numbers, pictures: Pictures) -> list[Section]:
    """Return the images that each model of a pair wins by most."""
    blocks: list[Content] = []
    for each in numbers["pairs"]:
        one, other = each["pair"]
        for winner in (one, other):
            shots = pictures.get(f"{one}:{other}:{winner}", ())
            if shots:
                loser = other if winner == one else one
                blocks.append(heading(f"{winner} is better than {loser}"))
                figures = [Figure(picture(image, alt=text), text) for image, text in shots]
                blocks.append(gallery(figures, least_px=420))
    if not blocks:
        return []
    lead = f"By {numbers['score_of_images']} of the image, the largest differences first. {HOW_TO_READ}"
    return [Section("Images that one wins", blocks, lead=lead, short="Images")]


def _curves(numbers: Numbers) -> Section | None:
    """Return losses and scores of the trainings, and the minutes to a score."""
    name = numbers["score"].partition(" ")[0]
    charts = [
        _chart(numbers, "score", f"{name} of val, %", by_minutes=True, scale=100),
        _chart(numbers, "score", f"{name} of val, %", by_minutes=False, scale=100),
        _chart(numbers, "loss", "Training loss", by_minutes=False),
        _chart(numbers, "val_loss", "Validation loss", by_minutes=False),
    ]
    blocks: list[Content] = [columns([each for each in charts if each], least_px=320)] if any(charts) else []
    times = tables.times(numbers)
    if times.rows:
        blocks += [heading(times.title), as_html(times)]
    return Section("Training", blocks) if blocks else None


def _chart(numbers: Numbers, key: str, label: str, *, by_minutes: bool, scale: float = 0) -> Html | None:
    """Return a curve of each RUN that logged it, from zero to the highest or to `scale`."""
    column = 1 if by_minutes else 0
    lines = []
    for place, (run, curves) in enumerate(zip(numbers["runs"], numbers["curves"], strict=True)):
        points = [(point[column], point[2]) for point in curves.get(key, ())]
        if points:
            color = COLORS[place % len(COLORS)]
            lines.append(Line(f"{run['letter']} {_short(run['name'])}", color, points, dots=len(points) < 30))
    if not lines:
        return None
    values = [y for line in lines for _, y in line.points if y is not None]
    across = "minutes of training" if by_minutes else "iteration"
    chart = plot(
        lines,
        told=f"{label} by {across}",
        x_label=across,
        x_range=(0, round_up(max(x for line in lines for x, _ in line.points))),
        y_range=(0, scale or round_up(max(values, default=1))),
        percent=False,
    )
    legend = [] if len(lines) > 1 else [paragraph(lines[0].name, small=True)]
    return join([tag("h4", f"{label}, by {across}"), chart, *legend])


def round_up(value: float) -> float:
    """Return the next number whose quarters are short, for the end of an axis.

    >>> round_up(13.2), round_up(400), round_up(0.031), round_up(0)
    (16.0, 400.0, 0.032, 1.0)
    """
    if value <= 0:
        return 1.0
    unit = 10 ** math.floor(math.log10(value))
    steps = (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10)
    return float(f"{next(step for step in steps if value <= step * unit * (1 + 1e-9)) * unit:.6g}")


def _config(numbers: Numbers) -> Section | None:
    told, tests = tables.config(numbers), tables.tests(numbers)
    lost = numbers["config"]["missing"]
    text = f"No config is left of {', '.join(lost)}." if lost else "Nothing: hyper-parameters are the same."
    parts = [as_html(told) if told.rows else paragraph(text)]
    parts += [heading(tests.title), as_html(tests)] if tests.rows else []
    return Section(told.title, parts, short="Configs")


def _rules(numbers: Numbers, files: Sequence[tuple[str, str]]) -> Section:
    listed = tag("ul", *(tag("li", tag("a", name, href=name), f": {text}") for name, text in files))
    rules = tag("ul", *(tag("li", text) for text in dict.fromkeys(numbers["rules"].values())))
    return Section("Files and rules", [listed, heading("Rules of the numbers"), rules], short="Rules")


def _short(name: str, most: int = 28) -> str:
    name = name.partition("/")[0]
    return name if len(name) <= most else f"{name[: most - 1]}…"
