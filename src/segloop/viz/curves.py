"""Draws curves from what runs logged: losses and scores of one run, scores of several by minutes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segloop.utils.atomic import read_record
from segloop.utils.errors import DataError


def read_scalars(work_dir: Path | str) -> list[dict[str, Any]]:
    """Return the logged lines of a run's folder in the order of their steps; resumed parts are joined.

    Where `train.json` names the parts, what tests and an earlier training in the folder logged is left out. A
    validation that was logged by its epoch stands at the last step of training that was logged before it.
    """
    files = _parts(Path(work_dir))
    lines: dict[tuple[int, bool], dict[str, Any]] = {}
    for file in files:
        last = 0
        for text in file.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                line = json.loads(text)
            except json.JSONDecodeError:
                continue  # a run that was killed may leave half a line, a disk that failed anything
            if isinstance(line, dict) and "step" in line:
                validation = not ("loss" in line and "lr" in line)
                if validation:  # LoggerHook counts epochs here, unless log_metric_by_epoch=False
                    line["step"] = max(line["step"], last)
                last = line["step"]
                # training before the validation at its end; a later part has the last word
                lines[line["step"], validation] = line
    if not lines:
        raise DataError(f"{work_dir} has no log of a training (<time>/vis_data/scalars.json).")
    return [lines[key] for key in sorted(lines)]


def _parts(work_dir: Path) -> list[Path]:
    """Return the logs of a training's parts, the first one first."""
    record = read_record(work_dir / "train.json") or {}
    sessions = [each for each in [*(record.get("earlier") or ()), record] if isinstance(each, dict)]
    names = [str(each["log"]) for each in sessions if each.get("log")]
    if not names:
        return sorted(work_dir.glob("*/vis_data/scalars.json"))
    return [file for name in names if (file := work_dir / name / "vis_data/scalars.json").is_file()]


def draw_curves(
    work_dir: Path | str, out: Path | str, *, scores: Sequence[str] = ("mDice", "mDice_fg")
) -> None:
    """Write a picture with two plots: losses of training and validation, and scores of validation."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lines = read_scalars(work_dir)
    training = [(line["step"], line["loss"]) for line in lines if "lr" in line and "loss" in line]
    checked = [(line["step"], line["val_loss"]) for line in lines if "val_loss" in line]
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    for values, name, style in ((training, "training", "-"), (checked, "validation", "o-")):
        if values:
            left.plot(*zip(*values, strict=True), style, label=name, markersize=3, linewidth=1.2)
    left.set(xlabel="iteration", ylabel="loss")
    for name in scores:
        values = [(line["step"], line[name]) for line in lines if name in line]
        if values:
            right.plot(*zip(*values, strict=True), "o-", label=name, markersize=3, linewidth=1.2)
    right.set(xlabel="iteration", ylabel="validation, %", ylim=(0, 100))
    for axes in (left, right):
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(out, dpi=110, metadata={"Software": None})


def score_by_minutes(
    work_dir: Path | str, score: str, *, seconds: float | None = None
) -> list[tuple[float, float]]:
    """Return a run's validation scores with the minutes of training before each, validations not counted.

    `seconds` per iteration stand in for those in the log, where the machine did other work as well.
    """
    minutes, last, found = 0.0, 0, []
    for line in read_scalars(work_dir):
        if "lr" in line and "time" in line:  # mean seconds per iteration since the line before
            minutes += (line["time"] if seconds is None else seconds) * (line["step"] - last) / 60
            last = line["step"]
        elif score in line:
            found.append((minutes, line[score]))
    return found


def draw_by_minutes(
    plots: Mapping[str, Mapping[str, Sequence[Path | str]]],
    out: Path | str,
    *,
    score: str = "mDice_fg",
    bar: float | None = None,
    seconds: Mapping[tuple[str, str], float] | None = None,
) -> None:
    """Write a picture of a score against minutes of training: a plot per title, a colour per recipe.

    `plots` maps titles to recipes, and each recipe's name to the work_dirs of its runs, one line each.
    `seconds` maps title and recipe to seconds per iteration, where those in the logs do not count.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6 * len(plots), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(1, len(plots), sharey=True, squeeze=False)[0]
    for axes, (title, recipes) in zip(grid, plots.items(), strict=True):
        for number, (name, runs) in enumerate(recipes.items()):
            for nth, run in enumerate(runs):
                own = (seconds or {}).get((title, name))
                points = [(0.0, 0.0), *score_by_minutes(run, score, seconds=own)]
                label = name if nth == 0 else None
                axes.plot(*zip(*points, strict=True), "o-", color=f"C{number}", label=label, markersize=3)
        if bar is not None:
            axes.axhline(bar, color="0.5", linewidth=0.8, linestyle="--")
        axes.set(title=title, xlabel="minutes of training", ylim=(0, 100))
        axes.legend(frameon=False, loc="center right")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    grid[0].set_ylabel(f"{score} on validation, %")
    figure.savefig(out, dpi=110, metadata={"Software": None})
