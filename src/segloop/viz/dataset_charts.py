"""The charts of a data set's page, from the counts as its JSON holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segloop.viz.charts import Tick, density, histogram
from segloop.viz.page import Html


def whole_numbers(counts: Mapping[str, int]) -> Html:
    """Return how many images have how many objects; large numbers share bars."""
    numbers = {int(number): images for number, images in counts.items()}
    most = max(numbers, default=0)
    width = max(1, -(-(most + 1) // 40))
    heights = np.zeros(most // width + 1)
    for number, images in numbers.items():
        heights[number // width] += images
    return histogram(heights, ticks=[Tick(0, "0"), Tick(1, f"{most:,}")])


def span_of(counts: np.ndarray) -> slice:
    """Return the bins from the first to the last that holds anything, and one on each side."""
    filled = np.flatnonzero(counts)
    if len(filled) == 0:
        return slice(0, 1)
    return slice(max(int(filled[0]) - 1, 0), int(filled[-1]) + 2)


def octaves(
    counts: np.ndarray,
    values: np.ndarray,
    *,
    color: Sequence[int] | None = None,
    over: np.ndarray | None = None,
) -> Html:
    """Return a histogram of octave bins, with ticks at powers of two; `over` says which bins to show."""
    span = span_of(counts if over is None else over)
    shown = values[span]
    drawn = "var(--accent)" if color is None or sum(color) < 60 else f"rgb({', '.join(map(str, color))})"
    return histogram(counts[span], ticks=powers_of_two(shown), color=drawn)


def powers_of_two(values: np.ndarray) -> list[Tick]:
    """Return ticks at the powers of two among the middles of bins, every second one where there are many."""
    if len(values) < 2:
        return [Tick(0.5, f"{value:g}") for value in values.tolist()]
    low, high = np.log2(values[0]), np.log2(values[-1])
    powers = np.arange(np.ceil(low), np.floor(high) + 1)
    powers = powers[(powers % (len(powers) // 9 + 1) == 0) | (len(powers) < 2)]
    half = 0.5 / len(values)
    return [
        Tick(half + (power - low) / (high - low) * (1 - 2 * half), _plain(2.0**power))
        for power in powers.tolist()
    ]


def _plain(value: float) -> str:
    return f"{value:.0f}" if value >= 1 else f"{value:.2g}"


def aspect_chart(counts: np.ndarray) -> Html:
    values = 2.0 ** np.linspace(-4, 4, len(counts)) if len(counts) > 1 else np.ones(1)
    span = span_of(counts)
    ticks = [Tick(each.place, _ratio(float(each.text))) for each in powers_of_two(values[span])]
    return histogram(counts[span], ticks=ticks)


def _ratio(value: float) -> str:
    """Return height to width as people say it.

    >>> _ratio(0.25), _ratio(2)
    ('1:4', '2:1')
    """
    return f"1:{1 / value:.0f}" if value < 1 else f"{value:.0f}:1"


def boxes_map(boxes: Mapping[str, Any]) -> Html:
    """Return widths and heights of boxes as a map."""
    values = np.array(boxes["sides"])
    grid = np.zeros((len(values), len(values)))
    for wide, high, number in boxes["counts"]:
        grid[wide, high] = number
    span = span_of(grid.sum(axis=0) + grid.sum(axis=1))
    ticks = powers_of_two(values[span])
    return density(grid[span, span], x_ticks=ticks, y_ticks=ticks, told="widths and heights of boxes")


def spread_chart(
    numbers: Mapping[str, Any], *, digits: int | None = None, marks: Sequence[tuple[float, str]] = ()
) -> Html:
    """Return a histogram as the numbers hold it: steps of one width, or octaves."""
    counts, values = np.array(numbers["counts"]), np.array(numbers["values"])
    if not counts.any():
        return Html()
    span = span_of(counts)
    shown = values[span]
    if digits is not None:
        ends = [Tick(0, f"{shown[0]:,.{digits}f}"), Tick(1, f"{shown[-1]:,.{digits}f}")]
        return histogram(counts[span], ticks=ends)
    low, high = np.log2(shown[0]), np.log2(shown[-1])
    half = 0.5 / len(shown)
    lines = [
        Tick(half + (np.log2(value) - low) / max(high - low, 1e-9) * (1 - 2 * half), text)
        for value, text in marks
        if shown[0] <= value <= shown[-1]
    ]
    return histogram(counts[span], ticks=powers_of_two(shown), marks=lines)
