"""The sections of the page of an instance RUN's analysis that a semantic one has otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segloop.viz import charts
from segloop.viz.analysis_sections import MOST_ROWS, Numbers, named, percent, with_interval
from segloop.viz.page import (
    Content,
    Section,
    chipped,
    columns,
    facts,
    fold,
    heading,
    join,
    note,
    paragraph,
    table,
    tag,
)
from segloop.viz.plots import Line, plot
from segloop.viz.tables import first_of

KINDS: Mapping[str, tuple[str, tuple[int, int, int]]] = {
    "class": ("wrong class", (240, 170, 30)),
    "place": ("wrong place", (160, 110, 220)),
    "both": ("wrong class and place", (190, 120, 60)),
    "double": ("found twice", (0, 150, 150)),
    "invented": ("invented", (40, 110, 235)),
    "missed": ("missed", (230, 60, 50)),
    "outline": ("outline off", (120, 130, 140)),
}


def tiles(numbers: Numbers) -> Content:
    """Return the most important numbers."""
    told = numbers["mistakes"]
    rows: list[tuple[Content, Content]] = [(percent(told["quality"]), "quality of all objects")]
    first = [key for key in ("coco/segm_mAP", "cells/mAP", "ships/F2", "pq/PQ") if key in numbers["scores"]]
    rows += [(percent(numbers["scores"][key][0]), key) for key in first[:2]]
    rows += [
        (f"{told['right']:,} of {told['true']:,}", "true objects found"),
        (f"{told['found'] - told['right']:,} of {told['found']:,}", "found ones wrong"),
    ]
    gains = [each for each in told["kinds"] if each["gain"]]
    if gains:
        most = max(gains, key=lambda each: each["gain"])
        rows.append((f"+{percent(most['gain'])}", f"if “{KINDS[most['kind']][0]}” were mended"))
    return facts(rows)


def scores(numbers: Numbers) -> Section:
    """Return all scores by name, each with its interval, and the classes."""
    of_set = {
        key: triple
        for key, triple in numbers["scores"].items()
        if not any(f".{name}" in key for name in _names(numbers))
    }
    rows = [[key, with_interval(triple)] for key, triple in of_set.items() if triple[0] is not None]
    classes = sorted(numbers["classes"], key=lambda each: (each["quality"] is None, each["quality"] or 0))
    head = ["class", "true", "found", "quality", "recall", "precision", "mean IoU"]
    listed = [
        [
            named(numbers, each["index"]),
            f"{each['true']:,}",
            f"{each['found']:,}",
            *(percent(each[key]) for key in ("quality", "recall", "precision", "iou")),
        ]
        for each in classes
    ]
    more = [
        [key, with_interval(triple)]
        for key, triple in numbers["scores"].items()
        if key not in of_set and triple[0] is not None
    ]
    blocks: list[Content] = [
        table(["score", "over the set"], rows, numbers=[1]),
        heading("By class, the weakest first"),
        table(head, listed[:MOST_ROWS], numbers=range(1, 7)),
    ]
    if len(listed) > MOST_ROWS:
        rest = table(head, listed[MOST_ROWS:], numbers=range(1, 7))
        blocks.append(fold(f"{len(listed) - MOST_ROWS} more classes", rest))
    if more:
        blocks.append(
            fold("The scores of classes by name", table(["score", "over the set"], more, numbers=[1]))
        )
    return Section("Scores", blocks, lead="Percent, with 95 % intervals over images.")


def mistakes(numbers: Numbers) -> Section:
    """Return the kinds of mistakes, what mending each would gain, and which classes are mixed up."""
    told = numbers["mistakes"]
    if not any(each["objects"] for each in told["kinds"]):
        return Section("Mistakes", [note("Every object was found exactly.", level="good")])
    most = max(max((each["gain"] or 0 for each in told["kinds"]), default=0), 1e-9)
    rows = []
    for each in told["kinds"]:
        name, color = KINDS[each["kind"]]
        gain = each["gain"] or 0
        text = "–" if each["gain"] is None else f"{'+' if gain >= 0 else ''}{percent(each['gain'])}"
        bar = charts.bar(gain / most, color)
        rows.append([chipped(color, name), f"{each['objects']:,}", text, bar])
    blocks: list[Content] = [table(["kind", "objects", "quality if mended", ""], rows, numbers=[1, 2])]
    blocks.append(paragraph(numbers["rules"]["quality"], small=True))
    if "confusion" in numbers:
        counts = np.array(numbers["confusion"], np.float64)
        rates = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        rates[-1] = 0  # of what is invented there is no whole to have a share of
        texts = [[f"{value:,.0f}" if value else "" for value in row] for row in counts]
        names = [*_names(numbers), "nothing"]
        what = "True objects, in rows, by what was found in their place (IoU over 0.5), in columns"
        blocks += [heading("What is taken for what"), charts.matrix(rates, names, texts=texts, told=what)]
        blocks.append(paragraph(f"{what}.", small=True))
    return Section("Mistakes", blocks, lead=f"{told['right']:,} of {told['true']:,} objects were found.")


def calibration(numbers: Numbers) -> Section | None:
    """Return whether scores mean what they say, and what a threshold of score would do."""
    told = numbers["calibration"]
    if told is None:
        return None
    bins, at = told["bins"], told["thresholds"]
    points = [(x, y) for x, y in zip(bins["confidence"], bins["accuracy"], strict=True) if x is not None]
    reliable = plot(
        [Line("right", "var(--accent)", points, dots=True)],
        told="Share of right objects by score; the dashed line is where they are equal",
        x_label="score, %",
        y_label="right, %",
        diagonal=True,
    )
    lines = [
        Line(name, color, list(zip(at["from"], at[name], strict=True)))
        for name, color in (("precision", "var(--accent)"), ("recall", "var(--warn)"), ("f1", "var(--faint)"))
    ]
    curves = plot(
        lines, told="Precision, recall and F1 by threshold of score", x_label="threshold of score, %"
    )
    best = _best(at)
    rows = [
        [each["name"], f"{each['pixels']:,}", percent(each["ece"], 2), percent(each["over"], 2)]
        for each in sorted(told["classes"], key=lambda each: -(each["ece"] or 0))
        if each["pixels"]
    ]
    head = ["class", "found", "calibration error, %", "overconfident by, %"]
    verdict = "over" if told["confidence"] > told["accuracy"] else "under"
    lead = f"Calibration error {percent(told['ece'])} %: on the whole {verdict}confident.{best}"
    blocks: list[Content] = [
        columns(
            [
                join([tag("h4", "Reliability"), reliable]),
                join([tag("h4", "If objects below a threshold did not count"), curves]),
            ],
            least_px=300,
        ),
        fold(first_of("By class", len(rows), MOST_ROWS), table(head, rows[:MOST_ROWS], numbers=[1, 2, 3])),
    ]
    return Section("Calibration", blocks, lead=lead)


def _best(at: Mapping[str, Sequence[Any]]) -> str:
    """Say at which threshold F1 is highest."""
    known = [(value, start) for value, start in zip(at["f1"], at["from"], strict=True) if value is not None]
    if not known:
        return ""
    value, start = max(known, key=lambda each: each[0])
    return f" F1 is highest, {percent(value)} %, from a score of {start:.2f} on; tools/tune.py looks closer."


def _names(numbers: Numbers) -> list[str]:
    return list(numbers["class_names"])
