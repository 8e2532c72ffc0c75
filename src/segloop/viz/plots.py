"""Lines over two axes as inline SVG, in the colours of the page, light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from segloop.viz.page import Html, join, tag

WIDTH, HEIGHT = 340, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 12, 36


@dataclass(frozen=True)
class Line:
    """A line through points; where a value is None it breaks. `dots` marks the points."""

    name: str
    color: str
    points: Sequence[tuple[float, float | None]]
    dots: bool = False


def plot(
    lines: Sequence[Line],
    *,
    told: str,
    x_label: str,
    y_label: str = "",
    x_range: tuple[float, float] = (0, 1),
    y_range: tuple[float, float] = (0, 1),
    percent: bool = True,
    diagonal: bool = False,
) -> Html:
    """Return lines in a frame with ticks at quarters; `diagonal` adds where both axes are equal."""

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x_range[0]) / ((x_range[1] - x_range[0]) or 1)
        up = (y - y_range[0]) / ((y_range[1] - y_range[0]) or 1)
        return (
            _LEFT + (WIDTH - _LEFT - _RIGHT) * across,
            HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * up,
        )

    parts = [_frame(place, x_range, y_range, percent=percent), _labels(x_label, y_label)]
    if diagonal:
        (x1, y1), (x2, y2) = place(x_range[0], y_range[0]), place(x_range[1], y_range[1])
        style = "stroke:var(--faint);stroke-dasharray:3 4"
        parts.append(tag("line", x1=_n(x1), y1=_n(y1), x2=_n(x2), y2=_n(y2), style=style))
    for line in lines:
        parts += _drawn(line, place)
    chart = tag("svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=told)
    if len(lines) < 2:
        return chart
    names = [
        tag("span", tag("span", class_="chip", style=f"background:{line.color}"), line.name, class_="named")
        for line in lines
    ]
    return tag("div", chart, tag("p", *names, class_="dim small"))


def _drawn(line: Line, place: object) -> list[Html]:
    assert callable(place)
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in line.points:
        if y is None or math.isnan(y):
            runs.append([])
        else:
            runs[-1].append(place(x, y))
    style = f"fill:none;stroke:{line.color};stroke-width:1.8;stroke-linejoin:round"
    parts = [
        tag("polyline", points=" ".join(f"{_n(x)},{_n(y)}" for x, y in run), style=style)
        for run in runs
        if len(run) > 1
    ]
    if line.dots:
        parts += [
            tag("circle", cx=_n(x), cy=_n(y), r=3, style=f"fill:{line.color}") for run in runs for x, y in run
        ]
    return parts


def _frame(
    place: object, x_range: tuple[float, float], y_range: tuple[float, float], *, percent: bool
) -> Html:
    assert callable(place)
    parts = []
    for quarter in range(5):
        x = x_range[0] + (x_range[1] - x_range[0]) * quarter / 4
        y = y_range[0] + (y_range[1] - y_range[0]) * quarter / 4
        left, level = place(x_range[0], y)
        right, _ = place(x_range[1], y)
        parts.append(
            tag("line", x1=_n(left), x2=_n(right), y1=_n(level), y2=_n(level), style="stroke:var(--line)")
        )
        parts.append(_text(_tick(y, percent), left - 6, level + 4, "end"))
        across, ground = place(x, y_range[0])
        parts.append(_text(_tick(x, percent), across, ground + 14, "middle"))
    return join(parts)


def _labels(x_label: str, y_label: str) -> Html:
    below = _text(x_label, (WIDTH + _LEFT) / 2, HEIGHT - 5, "middle")
    turned = f"translate(11 {(HEIGHT - _BOTTOM) / 2}) rotate(-90)"
    beside = tag("g", _text(y_label, 0, 0, "middle"), transform=turned) if y_label else Html()
    return join([below, beside])


def _tick(value: float, percent: bool) -> str:
    shown = 100 * value if percent else value
    return f"{shown:.4g}" if abs(shown) < 9999.5 else f"{shown:,.0f}"  # 20,000 iterations, not 2e+04


def _text(text: str, x: float, y: float, anchor: str) -> Html:
    return tag("text", text, x=_n(x), y=_n(y), text_anchor=anchor, style="fill:var(--soft)")


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
