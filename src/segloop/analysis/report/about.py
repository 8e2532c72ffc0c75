"""Sections on what the work is about: problem, goals, data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segloop.analysis.report import pictures
from segloop.analysis.report.blocks import (
    Block,
    Bullets,
    Content,
    Gallery,
    Heading,
    Note,
    Paragraph,
    Part,
    Row,
    Span,
    Table,
    Tiles,
    cite,
    code,
    percent,
)
from segloop.analysis.report.contents import Contents
from segloop.analysis.report.facts import Facts
from segloop.viz.page import css_color

DONE = {"yes": ("good", "done"), "no": ("bad", "not reached"), "open": ("warn", "open")}


def problem(report: Contents) -> Part:
    """Return what is to be solved, and the answer in a few numbers."""
    first, task = report.first, report.task
    blocks: list[Block] = []
    sources: list[str | Span] = [part for key in task.cite for part in (" ", cite(key))]
    if task.problem:
        blocks.append(Paragraph([task.problem, *sources]))
    else:
        how = (
            "a class for each pixel"
            if first.run.kind == "semantic"
            else "each object with its mask and class"
        )
        blocks.append(
            Paragraph([f"The model predicts {how}. ", code("problem:"), " in a goals.yaml says more."])
        )
    tiles = []
    for facts in report.runs[:4]:
        key = facts.main_score
        if key is not None:
            value, low, high = facts.scores[key]
            spread = "" if low is None else f", {percent(low)} to {percent(high)}"
            tiles.append((percent(value), f"{key}, {facts.name}{spread}"))
    if task.goals:
        done = sum(verdict.done == "yes" for _, verdict in report.verdicts)
        tiles.append((f"{done} of {len(task.goals)}", "goals reached"))
    if tiles:
        blocks.append(Tiles(tiles))
    return Part("Problem", blocks)


def goals(report: Contents) -> Part | None:
    """Return the goals of the task, with points, and whether each is reached."""
    if not report.task.goals:
        return Part(
            "Goals",
            [
                Note(
                    [
                        "This task has no goals.yaml. One beside the data set is found, or name it: ",
                        code("--goals FILE"),
                    ]
                )
            ],
        )
    rows: list[list[Content]] = []
    got = 0.0
    for goal, verdict in report.verdicts:
        level, word = DONE[verdict.done]
        got += goal.points if verdict.done == "yes" else 0
        by = verdict.why or verdict.run
        value = "–" if verdict.value is None else f"{verdict.value:.4f}"
        told: list[str | Span] = [goal.goal]
        if goal.source:
            told.append(f" ({goal.source})")
        rows.append([told, goal.bar_text, value, by, f"{goal.points:g}", Span(level, word)])
    total = sum(goal.points for goal in report.task.goals)
    head = ["goal", "bar", "value", "by", "points", "Done"]
    blocks: list[Block] = [
        Table("Goals", head, rows, numbers=[2, 4]),
        Paragraph(
            "Done is computed: the score from metrics.json, the minutes from train.json, the kind of data "
            "from dataset.json. Open is what the given RUNs cannot say.",
            small=True,
        ),
    ]
    return Part("Goals", blocks, lead=f"{got:g} of {total:g} points.")


def data(report: Contents) -> Part:
    """Return the data set: where it is from, splits, classes, examples."""
    facts = report.first
    info, meta = facts.info, facts.run.meta.get("data") or {}
    blocks: list[Block] = []
    if info is None:
        where = (
            "is not where the RUN says; --data-root says where it is now"
            if facts.data_root is None
            else ("has no dataset.json that can be read")
        )
        blocks.append(Note(f"The data set {meta.get('name') or ''} {where}.", level="warn"))
        blocks.append(Paragraph(f"Classes: {', '.join(facts.run.class_names)}."))
        return Part("Data set", blocks, short="Data")
    total = sum(info.splits.values())
    tiles = [(f"{total:,}", "images"), (str(len(info.foreground)), "classes of objects")]
    tiles += [(f"{count:,}", f"in {split}") for split, count in info.splits.items()]
    blocks.append(Tiles(tiles))
    blocks.append(Table("The data set", ["fact", "what"], _origin(info, meta)))
    blocks.append(_classes(facts))
    if facts.eda:
        blocks += _looks(facts.eda)
    else:
        command = f"python tools/eda.py {facts.data_place}"
        blocks.append(Note(["Shares, sizes and positions come from ", code(command), "."]))
    shown = pictures.examples(facts)
    if shown:
        blocks += [Heading("Examples of training images, with their labels"), Gallery(shown, least_px=150)]
    return Part("Data set", blocks, lead=f"{info.name}, task {info.task}.", short="Data")


def _origin(info: Any, meta: Mapping[str, Any]) -> list[list[Content]]:
    rows: list[list[Content]] = [
        ["source", info.source or "not recorded"],
        ["licence", info.licence or "not recorded; none is asserted"],
        ["split", info.cut or "not recorded"],
        ["content hash", code(str(meta.get("content_hash") or info.content_hash or "–"))],
    ]
    if info.generator:
        rows.insert(1, ["drawn by", f"{info.generator}, seed {info.seed}: a demo set, no photographs"])
    return rows


def _classes(facts: Facts) -> Table:
    info = facts.info
    assert info is not None
    measured = {each["name"]: each for each in facts.eda.get("classes") or ()}
    rows = []
    for index, each in enumerate(info.classes):
        told = measured.get(each.name, {})
        side = (told.get("side") or {}).get("median")
        cells: list[Content] = [
            Span("chip", each.name, css_color(each.color)),
            "background" if index == info.background else "",
        ]
        if measured:
            cells += [
                percent(told.get("pixel_share"), 2),
                percent(told.get("image_share")),
                f"{told['objects']:,}" if told.get("objects") is not None else "–",
                f"{side:.0f}" if side else "–",
            ]
        rows.append(Row(cells, [each.name]))
    head: list[Content] = ["class", ""]
    head += ["of the pixels, %", "of the images, %", "objects", "median side, px"] if measured else []
    return Table("Classes of the data set", head, rows, numbers=range(2, len(head)))


def _looks(eda: Mapping[str, Any]) -> list[Block]:
    """Return what an EDA found worth a line."""
    images = eda.get("images") or {}
    told: list[Content] = []
    if images.get("least_side"):
        least, largest = images["least_side"], images["largest_side"]
        sides = f"{least} to {largest}" if largest != least else str(least)
        told.append(f"Images have sides of {sides} pixels.")
    if images.get("mean_rgb"):
        mean, deviation = (
            ", ".join(f"{value:.0f}" for value in images.get(key) or ()) for key in ("mean_rgb", "std_rgb")
        )
        told.append(f"Mean colour {mean}, deviation {deviation} (RGB, 0 to 255).")
    told += [f"{each['title']}: {each['why']}" for each in (eda.get("advice") or [])[:6]]
    return [Heading("What the EDA says"), Bullets(told)] if told else []
