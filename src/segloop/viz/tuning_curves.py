"""Draws how a score depends on a threshold, a line per class, with the threshold that was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from segloop.utils.atomic import open_atomic
from segloop.viz.letters import shown


def draw_thresholds(
    curves: Sequence[tuple[str, Sequence[float], Sequence[float], float]],
    out: Path | str,
    *,
    metric: str,
    title: str = "",
) -> None:
    """Write a picture; each curve is a class, its thresholds, their scores (fractions) and the one chosen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for number, (name, thresholds, scores, chosen) in enumerate(curves):
        color = f"C{number % 10}"
        axes.plot(
            thresholds, [100 * value for value in scores], color=color, label=shown(name), linewidth=1.4
        )
        axes.axvline(chosen, color=color, linewidth=0.9, linestyle="--")
    axes.set(xlabel="threshold (dashed: chosen)", ylabel=f"{metric}, %", xlim=(0, 1), title=shown(title))
    axes.title.set_fontsize(9)
    if len(curves) > 1:
        axes.legend(frameon=False, fontsize=8)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    with open_atomic(out, "wb") as file:
        figure.savefig(file, format="png", dpi=110, metadata={"Software": None})
