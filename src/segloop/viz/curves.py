"""Draws a run's curves from what it logged: loss of training and validation, and the scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segloop.utils.errors import DataError


def read_scalars(work_dir: Path | str) -> list[dict[str, Any]]:
    """Return the logged lines of a run's folder in the order of their steps; resumed parts are joined."""
    files = sorted(Path(work_dir).glob("*/vis_data/scalars.json"))
    lines: dict[tuple[int, bool], dict[str, Any]] = {}
    for file in files:
        for text in file.read_text(encoding="utf-8").splitlines():
            try:
                line = json.loads(text)
            except json.JSONDecodeError:
                continue  # a run that was killed may leave half a line
            if "step" in line:
                lines[line["step"], "loss" in line and "lr" in line] = line  # a later part has the last word
    if not lines:
        raise DataError(f"{work_dir} has no log of a training (<time>/vis_data/scalars.json).")
    return [lines[key] for key in sorted(lines)]


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
