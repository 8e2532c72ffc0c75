"""Sections on what came out: scores with intervals, comparison of models, best and worst, errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from segloop.analysis.bootstrap import RULE
from segloop.analysis.report import pictures
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
    Span,
    Table,
    cite,
    code,
    duration,
    percent,
    size,
)
from segloop.analysis.report.config_reading import dotted
from segloop.analysis.report.contents import Contents
from segloop.analysis.report.facts import Facts
from segloop.analysis.report.intervals import Triple, headline
from segloop.analysis.runs import common_images
from segloop.viz import analysis_sections, instance_sections

CLASS_SCORES = ("Dice", "IoU", "spacecraft/IoU", "coco/segm_mAP", "cityscapes/AP", "pq/PQ")
MOST_DIFFERENCES = 40  # in the table; the others fold
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
    rule: list[str | Span] = [RULE.format(repeats=f"{facts.repeats:,}", seed=facts.seed)]
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


def comparison(report: Contents) -> Part | None:
    """Return the RUNs side by side, where there are several."""
    if len(report.runs) < 2:
        return None
    runs = report.runs
    blocks: list[Block] = [_doubts(runs)] if _different(runs) else []
    keys = [key for key in report.first.headline if all(key in facts.scores for facts in runs)][:10]
    rows: list[list[Content]] = [_side_by_side(key, [facts.scores[key] for facts in runs]) for key in keys]
    costs: Sequence[tuple[str, Callable[[Facts], str]]] = (
        (
            "parameters",
            lambda facts: f"{facts.model['parameters']:,}" if facts.model.get("parameters") else "–",
        ),
        ("GFLOPs", lambda facts: f"{facts.model['flops'] / 1e9:.2f}" if facts.model.get("flops") else "–"),
        ("size on disk", _on_disk),
        ("training", lambda facts: duration(facts.train_s)),
        (
            "an image, median",
            lambda facts: duration((facts.run.timing.get("seconds_per_image") or {}).get("median")),
        ),
        ("peak memory of training", _peak),
    )
    rows += [[name, *(tell(facts) for facts in runs)] for name, tell in costs]
    head: list[Content] = ["", *(facts.name for facts in runs)]
    blocks.append(Table("The models side by side", head, rows, range(1, len(head))))
    blocks.append(
        Paragraph(
            "Percent, with 95 % intervals, the highest in bold. Intervals that overlap decide nothing.",
            small=True,
        )
    )
    differing = _differences(runs)
    if differing:
        shown: list[list[Content]] = [[code(key), *map(code, values)] for key, values in differing]
        more = len(shown) - MOST_DIFFERENCES
        blocks += [
            Heading("Settings that differ"),
            Table("Settings that differ", ["setting", *head[1:]], shown[:MOST_DIFFERENCES]),
        ]
        if more > 0:
            blocks.append(
                Fold(f"{more} more", [Table("More", ["setting", *head[1:]], shown[MOST_DIFFERENCES:])])
            )
    return Part("Comparison of models", blocks, short="Models")


def _different(runs: Sequence[Facts]) -> bool:
    return (
        len({len(facts.run.images) for facts in runs} | {len(common_images([facts.run for facts in runs]))})
        > 1
    )


def _doubts(runs: Sequence[Facts]) -> Note:
    shared = len(common_images([facts.run for facts in runs]))
    told = ", ".join(f"{facts.name} {len(facts.run.images):,}" for facts in runs)
    return Note(
        f"These RUNs did not test the same images ({told}; {shared:,} in common): their scores cannot be "
        "compared.",
        level="bad",
    )


def _side_by_side(key: str, triples: Sequence[Triple]) -> list[Content]:
    most = max((value for value, _, _ in triples if value == value), default=None)
    cells: list[Content] = [key]
    for value, low, high in triples:
        told = percent(value, 2)
        spread = "" if low is None else f" ({_interval(low, high)})"
        cells.append([Span("strong", told) if value == most else told, spread])
    return cells


def _on_disk(facts: Facts) -> str:
    name = (facts.run.meta.get("checkpoint") or {}).get("file")
    file = facts.work_dir / name if name else None
    return size(file.stat().st_size) if file is not None and file.is_file() else "–"


def _peak(facts: Facts) -> str:
    memory = facts.train.get("peak_memory") or {}
    return size(memory.get("gpu_bytes") or memory.get("process_bytes"))


def _differences(runs: Sequence[Facts]) -> list[tuple[str, list[str]]]:
    """Return the settings that are not the same in all trainings; paths and logs are none."""
    flat = [
        dict(_leaves({key: facts.config[key] for key in _SETTINGS if key in facts.config})) for facts in runs
    ]
    found = []
    for key in dict.fromkeys(key for each in flat for key in each):
        values = [_short(each.get(key, "–")) for each in flat]
        if len(set(values)) > 1:
            found.append((key, values))
    return found


_SETTINGS = ("model", "optim_wrapper", "param_scheduler", "train_cfg", "train_dataloader", "randomness")


def _leaves(part: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str, Any]]:
    if isinstance(part, Mapping) and part:
        return [leaf for key, each in part.items() for leaf in _leaves(each, (*path, key))]
    if isinstance(part, list) and any(isinstance(each, Mapping) for each in part):
        return [leaf for place, each in enumerate(part) for leaf in _leaves(each, (*path, place))]
    return [] if path[-1] in ("data_root", "root") else [(dotted(path), part)]


def _short(value: Any, most: int = 40) -> str:
    text = str(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def best_and_worst(report: Contents) -> Part:
    """Return the pictures that an analysis drew, the best and the worst."""
    facts = report.first
    blocks: list[Block] = []
    for key, title in RANKINGS.items():
        shown = pictures.ranked(facts, key)
        if shown:
            blocks += [Heading(title), Gallery(shown, least_px=440)]
    if not blocks:
        return Part("Best and worst", [_not_analysed(facts)], short="Best, worst")
    blocks.append(
        Paragraph(
            "Image, truth, prediction, errors: missed red, invented blue, wrong class orange.", small=True
        )
    )
    return Part("Best and worst", blocks, short="Best, worst")


def _not_analysed(facts: Facts) -> Note:
    place = f"work_dirs/{facts.work_dir.name}/test/{facts.run.folder.name}"
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
