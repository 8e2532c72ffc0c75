"""Sections on training: commands, curves, times, environment, libraries."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from segloop.analysis.report.blocks import (
    Block,
    Commands,
    Content,
    Drawing,
    Note,
    Paragraph,
    Part,
    Side,
    Table,
    Tiles,
    code,
    duration,
    size,
)
from segloop.analysis.report.contents import Contents
from segloop.analysis.report.facts import Facts
from segloop.viz.plots import Line, plot

COLORS = ("var(--accent)", "var(--warn)", "var(--bad)", "var(--good)", "var(--soft)", "var(--faint)")
MOST_POINTS = 400  # of a curve; more cannot be told apart


def training(report: Contents) -> Part:
    """Return how the model was trained, and the commands that do it again."""
    facts = report.first
    train = facts.train
    if not train:
        return Part(
            "Training",
            [Note("train.json is not in the work_dir: where this comes from is not recorded.", "warn")],
        )
    state, best = train.get("state"), train.get("best_score")
    tiles = [
        (str(train.get("last_iter") or "–"), f"iterations of {train.get('max_iters') or '–'}"),
        (str(train.get("batch_size") or "–"), "images a batch"),
        (duration(facts.train_s), "of training"),
        (
            f"{best:.1f}" if isinstance(best, int | float) else "–",
            f"best {facts.main_score or 'score'} on val, as logged",
        ),
    ]
    blocks: list[Block] = [Tiles(tiles)]
    if state != "done":
        blocks.append(
            Note(f"This training ended as {state!r}: {train.get('error') or 'no error is recorded'}.", "warn")
        )
    blocks.append(Commands("\n".join(_commands(facts))))
    code_state, seed = train.get("code") or {}, train.get("seed")
    told: list[Content] = [
        f"Seed {seed}; code at commit {str(code_state.get('commit') or 'unknown')[:12]}"
        + (", with changes that were not committed" if code_state.get("dirty") else "")
        + "."
    ]
    blocks += [Paragraph(each, small=True) for each in told]
    return Part("Training", blocks)


def _commands(facts: Facts) -> list[str]:
    """Return the commands of training and test, as they were given, from the root of the repository."""
    found = []
    for words in (facts.train.get("command"), facts.run.meta.get("command")):
        if isinstance(words, list) and words:
            found.append(shlex.join(["python", *map(str, words)]))
    return [*found, f"python tools/analyze.py {facts.place}"]


def curves(report: Contents) -> Part:
    """Return losses of training and validation, and scores of validation."""
    blocks: list[Block] = []
    facts = report.first
    losses = [
        Line("training", COLORS[0], _points(facts.log, "loss", training=True)),
        Line("validation", COLORS[1], _points(facts.log, "val_loss", training=False), dots=True),
    ]
    side = [_curve("loss_curve", "Loss of training and validation", losses, "loss")]
    keys = _scores_in(facts)
    scores = [
        Line(key, COLORS[place % len(COLORS)], _points(facts.log, key, training=False), dots=True)
        for place, key in enumerate(keys)
    ]
    side.append(_curve("score_curve", "Scores of validation", scores, "as logged"))
    if len(report.runs) > 1:
        main = facts.main_score or ""
        lines = [
            Line(each.name, COLORS[place % len(COLORS)], _points(each.log, main, training=False), dots=True)
            for place, each in enumerate(_different_trainings(report.runs))
        ]
        if len(lines) > 1:
            side.append(_curve("runs_curve", f"{main} of the models", lines, f"{main}, as logged"))
    drawn = [each for each in side if each is not None]
    if drawn:
        blocks.append(Side(drawn))
    else:
        blocks.append(Note("The log of the training is gone, or holds no losses yet.", level="warn"))
    return Part("Curves", blocks)


def _different_trainings(runs: Sequence[Facts]) -> list[Facts]:
    return list({facts.work_dir: facts for facts in runs}.values())


def _scores_in(facts: Facts) -> list[str]:
    logged = {key for line in facts.log for key in line if "lr" not in line}
    return [key for key in facts.headline if key in logged][:5]


def _points(
    log: Sequence[Mapping[str, Any]], key: str, *, training: bool
) -> list[tuple[float, float | None]]:
    found: list[tuple[float, float | None]] = [
        (float(line["step"]), float(line[key]))
        for line in log
        if isinstance(line.get(key), int | float) and ("lr" in line) is training and math.isfinite(line[key])
    ]
    step = max(1, math.ceil(len(found) / MOST_POINTS))
    return found[::step] if step == 1 else [*found[:-1:step], found[-1]]


def _curve(name: str, told: str, lines: Sequence[Line], y_label: str) -> Drawing | None:
    shown = [line for line in lines if line.points]
    if not shown:
        return None
    values = [value for line in shown for _, value in line.points if value is not None]
    last = max(x for line in shown for x, _ in line.points)
    least = min(0.0, *values)
    svg = plot(
        shown,
        told=told,
        x_label="iteration",
        y_label=y_label,
        x_range=(0, last),
        y_range=(least, round_up(max(values))),
        percent=False,
    )
    names = "" if len(shown) == 1 else f": {', '.join(line.name for line in shown)}"
    return Drawing(name, svg, f"{told}{names}", below=told)


def round_up(value: float) -> float:
    """Return the next number that divides into quarters nicely.

    >>> round_up(1.41), round_up(86.7), round_up(0.0)
    (1.6, 100.0, 1.0)
    """
    if value <= 0:
        return 1.0
    scale = 10.0 ** math.floor(math.log10(value))
    steps = (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10)
    return float(f"{next(step * scale for step in steps if step * scale >= value * 0.9999):.6g}")


def times(report: Contents) -> Part:
    """Return how long training and prediction take, and how much memory."""
    rows: list[list[Content]] = []
    for facts in report.runs:
        timing, memory = _timing(facts), facts.train.get("peak_memory") or {}
        each = timing.get("seconds_per_image") or {}
        rows.append(
            [
                facts.name,
                duration(facts.train_s),
                size(memory.get("gpu_bytes") or memory.get("process_bytes")),
                duration(each.get("median")),
                duration(each.get("p95")),
                str(timing.get("batch_size") or "–"),
                f"{timing.get('device') or '–'}, {timing.get('threads') or '–'} threads",
            ]
        )
    head = ["RUN", "training", "peak memory", "an image, median", "95 % are below", "batch", "on"]
    return Part(
        "Time and memory",
        [
            Table("Time and memory", head, rows, [1, 2, 3, 4, 5]),
            Paragraph(
                "Training without validation and start. Prediction as the test ran: the network with what "
                "comes before and after it, without the batches that warm it up.",
                small=True,
            ),
        ],
        short="Time",
    )


def _timing(facts: Facts) -> Mapping[str, Any]:
    found = facts.run.timing
    return found if isinstance(found, dict) else {}


def environment(report: Contents) -> Part:
    """Return the machines that trained and tested."""
    facts = report.first
    machines = (("training", facts.train.get("hardware")), ("test", facts.run.meta.get("hardware")))
    known = [(name, each) for name, each in machines if isinstance(each, dict)]
    if not known:
        return Part("Runtime environment", [Note("No hardware is recorded.", level="warn")], short="Machine")
    keys = list(dict.fromkeys(key for _, each in known for key in each))
    rows: list[list[Content]] = [
        [key.replace("_bytes", "").replace("_", " "), *(_machine(key, each.get(key)) for _, each in known)]
        for key in keys
    ]
    operators = (facts.run.meta.get("operators") or {}).get("kind")
    blocks: list[Block] = [Table("Machines", ["", *(name for name, _ in known)], rows)]
    if operators:
        what = "in plain PyTorch (segloop.ops)" if operators == "torch" else f"of the kind {operators!r}"
        blocks.append(Paragraph(["Operators of ", code("mmcv"), f" {what}."], small=True))
    return Part("Runtime environment", blocks, short="Machine")


def _machine(key: str, value: Any) -> str:
    if value is None:
        return "–"
    return size(value) if key.endswith("_bytes") and isinstance(value, int | float) else str(value)


def libraries(report: Contents) -> Part:
    """Return the versions that trained and tested."""
    facts = report.first
    trained, tested = facts.train.get("versions") or {}, facts.run.meta.get("versions") or {}
    names = sorted({*trained, *tested})
    rows: list[list[Content]] = [[name, trained.get(name, "–"), tested.get(name, "–")] for name in names]
    if not rows:
        return Part("Libraries", [Note("No versions are recorded.", level="warn")])
    return Part("Libraries", [Table("Libraries", ["library", "training", "test"], rows)])
