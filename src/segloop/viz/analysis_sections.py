"""The sections of the page of an analysis, from the numbers of `analysis.json` and the pictures it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segloop.viz import charts
from segloop.viz.page import (
    Content,
    Figure,
    Html,
    Section,
    chipped,
    code,
    columns,
    fold,
    gallery,
    heading,
    join,
    label,
    note,
    paragraph,
    picture,
    table,
    tag,
)
from segloop.viz.plots import Line, plot
from segloop.viz.tables import first_of

Numbers = Mapping[str, Any]
Pictures = Mapping[str, Sequence[tuple[np.ndarray, str]]]  # by ranking: picture and what to say below it

MOST_ROWS = 40
KINDS: Mapping[str, tuple[str, tuple[int, int, int]]] = {
    "class": ("wrong class", (240, 170, 30)),
    "edge": ("outline off", (120, 130, 140)),
    "missed": ("missed", (230, 60, 50)),
    "invented": ("invented", (40, 110, 235)),
}
RANKINGS: Mapping[str, tuple[str, str]] = {
    "worst": ("Worst", "Lowest score of the image itself. Small objects weigh as much as large ones."),
    "costly": ("Most costly", "What the score over the set would gain if this image were perfect."),
    "surprising": ("Most surprising", "Confident and wrong: the confidence of what is wrong, over all."),
    "best": ("Best", "Highest score of the image."),
}


def percent(value: float | None, digits: int = 1) -> str:
    """Return a fraction as percent, a dash for none.

    >>> percent(0.5), percent(None)
    ('50.0', '–')
    """
    return "–" if value is None else f"{100 * value:.{digits}f}"


def with_interval(triple: Sequence[float | None]) -> Html:
    """Return a score with its interval below it, in percent."""
    value, low, high = triple
    told = percent(value)
    if low is None or high is None:
        return Html(told)
    spread = tag("span", f"{percent(low)} – {percent(high)}", class_="dim small")
    return join([told, Html("<br>"), spread])


def scores(numbers: Numbers) -> Section:
    """Return means and classes, each with its interval."""
    found = numbers["scores"]
    keys = [key for key in found["set"] if found["set"][key][0] is not None]
    rows = [[key, with_interval(found["set"][key]), with_interval(found["image"][key])] for key in keys]
    blocks: list[Content] = [table(["mean", "over the set", "mean of images"], rows, numbers=[1, 2])]
    classes = sorted(
        (each for each in found["classes"] if each["set"]["dice"][0] is not None),
        key=lambda each: each["set"]["dice"][0],
    )
    head = ["class", "images", "of pixels", "Dice", "IoU", "precision", "recall", "boundary F"]

    def row(each: Mapping[str, Any]) -> list[Content]:
        measured = [
            with_interval(each["set"][key]) for key in ("dice", "iou", "precision", "recall", "boundary_f")
        ]
        return [
            named(numbers, each["index"]),
            f"{each['images']:,}",
            f"{percent(each['share'], 2)} %",
            *measured,
        ]

    blocks.append(heading("By class, the weakest first"))
    blocks.append(table(head, [row(each) for each in classes[:MOST_ROWS]], numbers=range(1, 8)))
    if len(classes) > MOST_ROWS:
        more = table(head, [row(each) for each in classes[MOST_ROWS:]], numbers=range(1, 8))
        blocks.append(fold(f"{len(classes) - MOST_ROWS} more classes", more))
    absent = [each["name"] for each in found["classes"] if each["set"]["dice"][0] is None]
    if absent:
        blocks.append(
            paragraph(f"Neither in truth nor in predictions, and in no mean: {_some(absent)}.", small=True)
        )
    return Section("Scores", blocks, lead="Percent, with 95 % intervals over images.")


def mistakes(numbers: Numbers) -> Section:
    """Return the kinds of mistakes and what mending each would gain, and the classes that are mixed up."""
    told = numbers["mistakes"]
    if not told["wrong"]:
        return Section("Mistakes", [note("Not a single pixel is wrong.", level="good")])
    most = max(max((each["gain"] or 0 for each in told["kinds"]), default=0), 1e-9)
    rows = []
    for each in told["kinds"]:
        name, color = KINDS[each["kind"]]
        gain = each["gain"]
        bar = charts.bar((gain or 0) / most, color)
        rows.append(
            [
                chipped(color, name),
                percent(each["of_wrong"]) + " %",
                percent(each["of_all"], 2) + " %",
                "–" if gain is None else f"+{percent(gain)}",
                bar,
            ]
        )
    head = ["kind", "of wrong pixels", "of all pixels", "mDice_fg if mended", ""]
    blocks: list[Content] = [table(head, rows, numbers=[1, 2, 3])]
    classes = [each for each in numbers["scores"]["classes"] if each["set"]["dice"][0] is not None]
    title = "Gain of each class's Dice, if its mistakes of a kind were mended"
    blocks.append(heading(first_of(title, len(classes), MOST_ROWS)))
    classes.sort(key=lambda each: each["set"]["dice"][0])
    gains = [
        [
            named(numbers, each["index"]),
            *(
                "–"
                if kind["gain_by_class"][each["index"]] is None
                else f"+{percent(kind['gain_by_class'][each['index']])}"
                for kind in told["kinds"]
            ),
        ]
        for each in classes[:MOST_ROWS]
    ]
    blocks.append(
        table(["class", *(KINDS[each["kind"]][0] for each in told["kinds"])], gains, numbers=range(1, 5))
    )
    if told["pairs"]:
        blocks.append(heading("What is taken for what"))
        blocks += _confusion(numbers)
        rows = [
            [each["truth"], each["pred"], f"{each['pixels']:,}", percent(each["of_truth"]) + " %"]
            for each in told["pairs"]
        ]
        blocks.append(
            fold(
                "The pairs with most pixels",
                table(["is", "called", "pixels", "of the true class"], rows, numbers=[2, 3]),
            )
        )
    return Section("Mistakes", blocks, lead=f"{told['wrong']:,} of {told['pixels']:,} pixels are wrong.")


def _confusion(numbers: Numbers) -> list[Content]:
    if "confusion" not in numbers:
        return []
    counts = np.array(numbers["confusion"], np.float64)
    rates = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    texts = [[f"{100 * value:.0f}" if value >= 0.005 else "" for value in row] for row in rates]
    told = "Share of each true class's pixels, in rows, by what they were called, in columns"
    return [
        charts.matrix(rates, numbers["class_names"], texts=texts, told=told),
        paragraph(f"{told}; percent.", small=True),
    ]


def cases(numbers: Numbers, pictures: Pictures) -> list[Section]:
    """Return a section for each ranking that has pictures."""
    sections = []
    for key, (title, lead) in RANKINGS.items():
        if pictures.get(key):
            sections.append(Section(title, [_legend(numbers), _gallery(pictures[key])], lead=lead))
    groups: list[Content] = []
    for key in pictures:
        kind, _, name = key.partition(":")
        if kind in ("class", "size") and pictures[key]:
            groups += [heading(_group(numbers, kind, name)), _gallery(pictures[key])]
    if groups:
        sections.append(Section("Worst by class and size", [_legend(numbers), *groups], short="By class"))
    return sections


def _legend(numbers: Numbers) -> Html:
    """Return what the colours of the tiles mean; of many classes, none."""
    kinds = ("missed", "invented", "class") if numbers["background"] is not None else ("class",)
    errors = [chipped(KINDS[kind][1], KINDS[kind][0]) for kind in kinds]
    classes = [
        named(numbers, index)
        for index in range(len(numbers["class_names"]))
        if index != numbers["background"] and len(numbers["class_names"]) <= 20
    ]
    return tag("p", "Image, truth, prediction, errors: ", *errors, Html("<br>"), *classes, class_="dim small")


def _group(numbers: Numbers, kind: str, name: str) -> str:
    score, found = "Dice", "least of their pixels found"
    if numbers["kind"] == "instance":
        score, found = "quality", "fewest found"
    if kind == "class":
        return f"{name}: lowest {score} of the class"
    band = next(each for each in numbers["bands"] if each["name"] == name)
    size = (
        f"{band['from']:,} pixels and more"
        if band["to"] is None
        else f"{band['from']:,} to {band['to'] - 1:,} pixels"
    )
    return f"{name} objects ({size}): {found}"


def suspects(numbers: Numbers, pictures: Pictures) -> Section:
    """Return what may be mistakes of the annotation."""
    found = numbers["suspects"]
    if not found:
        return Section("Suspected labels", [note("No prediction contradicts a label.", level="good")])
    blocks: list[Content] = []
    if pictures.get("suspects"):
        blocks.append(_gallery(pictures["suspects"], least_px=330))
        blocks.append(
            paragraph("From left to right: the picture, what is labelled, what was predicted.", small=True)
        )
    rows = [
        [
            each["rank"],
            each["image_id"],
            label(each["kind"], level="warn"),
            each["labelled"],
            each["predicted"],
            f"{each['pixels']:,}",
            percent(each["confidence"]),
        ]
        for each in found
    ]
    head = ["", "image", "suspected", "labelled", "predicted", "pixels", "confidence"]
    blocks.append(fold(f"The first {len(rows)}", table(head, rows, numbers=[0, 5, 6])))
    blocks += [
        paragraph(
            "Look before you believe: the most suspect images are those where the model is sure and wrong. "
            "Take them along as a LIST:"
        ),
        code(
            f"python tools/browse.py CONFIG --split {numbers['split']} --list RUN/analysis/lists/suspects.txt"
        ),
    ]
    lead = "Where sure predictions contradict the labels, the most suspect first; one place an image."
    return Section("Suspected labels", blocks, lead=lead, short="Suspects")


def reasons(numbers: Numbers) -> Section | None:
    """Return what the score depends on."""
    blocks: list[Content] = []
    sizes = numbers["by_size"]
    if sizes:
        rows = [
            (
                f"{each['from']:,} – {each['to'] - 1:,} px",
                each["found"],
                f"{percent(each['found'])} % of {each['objects']:,}",
                None,
            )
            for each in sizes
        ]
        blocks += [
            tag("h4", "Size of objects"),
            charts.bars(rows),
            paragraph(
                "Share of the objects that were found, by their area."
                if numbers["kind"] == "instance"
                else "Share of the objects' pixels that was found, by the area of the object.",
                small=True,
            ),
        ]
    where = numbers["by_position"]
    if where is not None:
        parts = [
            f"{percent(where[part], 2)} % {name}"
            for part, name in (("rim", "at the rim"), ("middle", "inside"))
        ]
        position = join(
            [
                tag("h4", "Position in the image"),
                charts.heat(
                    np.array(where["wrong"]), told="Share of wrong pixels by position, the highest bright"
                ),
                paragraph(f"Wrong pixels: {', '.join(parts)}.", small=True),
            ]
        )
        blocks = [columns([join(blocks), position], least_px=300)] if blocks else [position]
    traits = numbers["by_traits"]
    cards = []
    for each in traits:
        rho, low, high = each["rho"]
        clear = low is not None and high is not None and (low > 0) == (high > 0)
        rows = [
            (f"{group['from']:.4g} – {group['to']:.4g}", group["score"][0], percent(group["score"][0]), None)
            for group in each["groups"]
        ]
        told = f"rank correlation {rho:+.2f}" + ("" if low is None else f" ({low:+.2f} to {high:+.2f})")
        cards.append(
            join(
                [
                    tag("h4", each["name"]),
                    charts.bars(rows),
                    paragraph(told + ("" if clear else ": no clear dependence"), small=True),
                ]
            )
        )
    if cards:
        score = "quality" if numbers["kind"] == "instance" else "mDice_fg"
        blocks += [heading(f"{score} of images, by quarters of"), columns(cards, least_px=300)]
    return Section("What it depends on", blocks, short="Why") if blocks else None


def calibration(numbers: Numbers) -> Section | None:
    """Return whether confidence means what it says."""
    told = numbers["calibration"]
    if told is None:
        return None
    bins = told["bins"]
    points = [(x, y) for x, y in zip(bins["confidence"], bins["accuracy"], strict=True) if x is not None]
    reliable = plot(
        [Line("right", "var(--accent)", points, dots=True)],
        told="Share of right pixels by confidence; the dashed line is where they are equal",
        x_label="confidence, %",
        y_label="right, %",
        diagonal=True,
    )
    at = told["thresholds"]
    lines = [
        Line(name, color, list(zip(at["from"], at[key], strict=True)))
        for name, key, color in (
            ("precision of objects", "precision", "var(--accent)"),
            ("recall of objects", "recall", "var(--warn)"),
            ("pixels kept", "kept", "var(--faint)"),
        )
    ]
    kept = plot(
        lines,
        told="Precision, recall and kept pixels by threshold of confidence",
        x_label="threshold of confidence, %",
    )
    verdict = "over" if told["confidence"] > told["accuracy"] else "under"
    lead = (
        f"Calibration error {percent(told['ece'], 2)} %; mean confidence {percent(told['confidence'])} %, "
        f"right {percent(told['accuracy'])} %: on the whole {verdict}confident."
    )
    rows = [
        [each["name"], f"{each['pixels']:,}", percent(each["ece"], 2), percent(each["over"], 2)]
        for each in sorted(told["classes"], key=lambda each: -(each["ece"] or 0))
        if each["pixels"]
    ]
    head = ["predicted class", "pixels", "calibration error, %", "overconfident by, %"]
    blocks: list[Content] = [
        columns(
            [
                join([tag("h4", "Reliability"), reliable]),
                join([tag("h4", "If pixels below a threshold go to nobody"), kept]),
            ],
            least_px=300,
        ),
        fold(first_of("By class", len(rows), MOST_ROWS), table(head, rows[:MOST_ROWS], numbers=[1, 2, 3])),
    ]
    return Section("Calibration", blocks, lead=lead)


def how(numbers: Numbers, files: Sequence[tuple[str, str]]) -> Section:
    """Return the files beside the page, and the rules of all numbers."""
    listed = table(["file", "what"], [[tag("a", name, href=name), text] for name, text in files])
    rules = tag("ul", *(tag("li", text) for text in dict.fromkeys(numbers["rules"].values())))
    return Section("Files and rules", [listed, heading("Rules of the numbers"), rules], short="Files")


def _gallery(shots: Sequence[tuple[np.ndarray, str]], *, least_px: int = 480) -> Html:
    return gallery(
        [Figure(picture(image, alt=text), text) for image, text in shots],
        least_px=least_px,
    )


def named(numbers: Numbers, index: int) -> Html:
    """Return the name of a class behind its colour."""
    palette = numbers["palette"]
    name = numbers["class_names"][index]
    return chipped(palette[index], name) if index < len(palette) else join([name, " "])


def _some(names: Sequence[str], most: int = 20) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
