"""Sections on what came out: scores with intervals, best and worst, errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segloop.analysis.report import pictures
from segloop.analysis.report.blocks import (
    Block,
    Content,
    Gallery,
    Heading,
    Note,
    Paragraph,
    Part,
    Row,
    Span,
    Table,
    cite,
    code,
    percent,
)
from segloop.analysis.report.contents import Contents
from segloop.analysis.report.facts import Facts
from segloop.analysis.report.intervals import headline, rule_in_words
from segloop.viz import analysis_sections, instance_sections

CLASS_SCORES = ("Dice", "IoU", "spacecraft/IoU", "coco/segm_mAP", "cityscapes/AP", "pq/PQ")
RANKINGS = {
    "best": "Best",
    "worst": "Worst",
    "costly": "Most costly: what the mean would gain if the image were perfect",
}


def results(report: Contents) -> Part:
    """Return the scores of the first RUN, over the set and by class, with their intervals."""
    facts = report.first
    means = facts.run.metrics.get("image_means") or {}
    keys = headline(facts.scores, facts.run.class_names)
    head: list[Content] = ["score", "over the set, %", "95 % interval"]
    if means:
        head.append("mean of images, %")
    rows = []
    for key in keys:
        value, low, high = facts.scores[key]
        cells: list[Content] = [key, percent(value, 2), _interval(low, high)]
        if means:
            cells.append(percent(means.get(key), 2))
        rows.append(cells)
    blocks: list[Block] = [Table("Scores", head, rows, range(1, len(head)))]
    by_class = _by_class(facts)
    if by_class is not None:
        blocks += [Heading("By class"), by_class]
    rule: list[str | Span] = [
        rule_in_words(facts.run, group=facts.group, repeats=facts.repeats, seed=facts.seed)
    ]
    rule += [part for key in report.known("efron1979bootstrap") for part in (" ", cite(key))]
    blocks.append(Paragraph(rule, small=True))
    images = facts.run.metrics.get("images", len(facts.run.images))
    lead = f"{images:,} images of the split {facts.run.meta['split']}."
    return Part("Results", blocks, lead=lead)


def _interval(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{percent(low, 2)} to {percent(high, 2)}"


def _by_class(facts: Facts) -> Table | None:
    names = facts.run.class_names
    scores = [each for each in CLASS_SCORES if any(f"{each}.{name}" in facts.scores for name in names)]
    if not scores:
        return None
    rows = []
    for name in names:
        cells: list[Content] = [name]
        for score in scores:
            value, low, high = facts.scores.get(f"{score}.{name}", (float("nan"), None, None))
            spread = "" if low is None else f" ({_interval(low, high)})"
            cells.append(f"{percent(value, 2)}{spread}")
        rows.append(Row(cells, [name]))
    return Table(
        "Scores by class", ["class", *(f"{score}, %" for score in scores)], rows, range(1, 1 + len(scores))
    )


def best_and_worst(report: Contents) -> Part:
    """Return the pictures that an analysis drew, the best and the worst."""
    facts = report.first
    blocks: list[Block] = []
    for key, title in RANKINGS.items():
        shown = pictures.ranked(facts, key)
        if shown:
            blocks += [Heading(title), Gallery(shown, least_px=440)]
    if not blocks and facts.analysis:
        blocks = [Note("The analysis ranks no image of this RUN: nothing tells a good one from a bad one.")]
        return Part("Best and worst", blocks, short="Best, worst")
    if not blocks:
        return Part("Best and worst", [_not_analysed(facts)], short="Best, worst")
    blocks.append(
        Paragraph(
            "Image, truth, prediction, errors: missed red, invented blue, wrong class orange.", small=True
        )
    )
    return Part("Best and worst", blocks, short="Best, worst")


def _not_analysed(facts: Facts) -> Note:
    place = facts.place
    return Note(
        [
            "This RUN was not analysed. It is by ",
            code(f"python tools/analyze.py {place}"),
            ", then report again.",
        ]
    )


def errors(report: Contents) -> Part:
    """Return the kinds of mistakes, what mending each would gain, what is mixed up, doubtful labels."""
    facts = report.first
    found = facts.analysis
    if not found:
        return Part("Error analysis", [_not_analysed(facts)], short="Errors")
    blocks: list[Block] = [Note(str(each), level="warn") for each in found.get("notes") or ()]
    mistakes = found.get("mistakes") or {}
    counted = "objects" if found.get("kind") == "instance" else "pixels"
    names = instance_sections.KINDS if found.get("kind") == "instance" else analysis_sections.KINDS
    kinds: list[list[Content]] = [
        [
            names[each["kind"]][0] if each["kind"] in names else each["kind"],
            f"{each[counted]:,}" if counted in each else "–",
            _gain(each.get("gain")),
        ]
        for each in mistakes.get("kinds") or ()
    ]
    if kinds:
        blocks.append(
            Table("Kinds of mistakes", ["mistake", counted, "gain if mended, points"], kinds, [1, 2])
        )
        spirit: list[str | Span] = [
            part for key in report.known("bolya2020tide") for part in (" ", cite(key))
        ]
        blocks.append(Paragraph(["Kinds in the spirit of TIDE", *spirit, "."], small=True))
    pairs = [
        Row([each["truth"], each["pred"], f"{each[counted]:,}"], [each["truth"], each["pred"]])
        for each in (mistakes.get("pairs") or ())[:15]
        if counted in each
    ]
    if pairs:
        blocks += [
            Heading("What is taken for what"),
            Table("What is taken for what", ["is", "called", counted], pairs, [2]),
        ]
    sizes: list[list[Content]] = [
        [f"{each['from']:,} to {each['to'] - 1:,}", f"{each['objects']:,}", percent(each.get("found"))]
        for each in found.get("by_size") or ()
    ]
    if sizes:
        head = ["area of the object, pixels", "objects", "found, %"]
        blocks += [Heading("By size of objects"), Table("By size of objects", head, sizes, [1, 2])]
    blocks += _suspects(found)
    told = (found.get("calibration") or {}).get("ece")
    if told is not None:
        said: list[str | Span] = [
            f"Calibration error {percent(told, 2)} %: the distance of confidence from truth"
        ]
        said += [part for key in report.known("guo2017calibration") for part in (" ", cite(key))]
        blocks.append(Paragraph([*said, "."]))
    blocks.append(
        Paragraph(["All of it: ", code("analysis/index.html"), " in the folder of the RUN."], small=True)
    )
    return Part("Error analysis", blocks, short="Errors")


def _gain(gain: float | None) -> str:
    return "–" if gain is None else f"+{100 * gain:.2f}"


def _suspects(found: Mapping[str, Any]) -> list[Block]:
    rows = [
        Row(
            [str(each["rank"]), each["image_id"], each["kind"], each["labelled"], each["predicted"]],
            [each["labelled"], each["predicted"]],
        )
        for each in (found.get("suspects") or ())[:10]
    ]
    if not rows:
        return []
    head = ["", "image", "suspected", "labelled", "predicted"]
    return [Heading("Labels to look at"), Table("Labels to look at", head, rows, [0])]
