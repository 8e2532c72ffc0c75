"""Small charts as inline SVG and HTML, drawn by hand: they follow the page's colours, light and dark."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from segloop.viz.page import Content, Html, css_color, join, tag

WIDTH, HEIGHT = 320, 150  # units of a small chart, about pixels
_LEFT, _BOTTOM, _TOP = 4, 20, 6
_LONGEST_NAME = 24  # letters beside a matrix; of a longer one the rest would lie outside of the page
# Dark to light over blue and green: the order holds in grey and for colour-blind eyes.
_RAMP = np.array(
    [[30, 26, 62], [38, 66, 118], [29, 113, 130], [53, 158, 112], [150, 197, 72], [250, 226, 92]], np.float64
)


@dataclass(frozen=True)
class Tick:
    """A mark below a chart: where, from 0 to 1 of its width, and what it says."""

    place: float
    text: str


def histogram(
    counts: Sequence[float] | np.ndarray,
    *,
    ticks: Sequence[Tick] = (),
    color: str = "var(--accent)",
    told: str = "",
    marks: Sequence[Tick] = (),
) -> Html:
    """Return bars of equal width from left to right; `marks` are upright lines with a word on top."""
    heights = np.asarray(counts, np.float64)
    most = max(float(heights.max(initial=0)), 1e-9)
    step = (WIDTH - 2 * _LEFT) / max(len(heights), 1)
    room = HEIGHT - _BOTTOM - _TOP - (12 if marks else 0)
    gap = min(1.5, step * 0.15)
    bars = [
        tag(
            "rect",
            x=_number(_LEFT + place * step + gap / 2),
            y=_number(HEIGHT - _BOTTOM - room * value / most),
            width=_number(step - gap),
            height=_number(max(room * value / most, 0.8)),
            rx=_number(min(1.5, step / 4)),
        )
        for place, value in enumerate(heights.tolist())
        if value > 0
    ]
    lines = [
        join(
            [
                tag(
                    "line",
                    x1=x,
                    x2=x,
                    y1=12,
                    y2=HEIGHT - _BOTTOM,
                    style="stroke:var(--ink)",
                    stroke_dasharray="2 3",
                ),
                _text(mark.text, x, 9, anchor=_anchor(mark.place, edge=0.3), strong=True),
            ]
        )
        for mark in marks
        for x in [_number(_LEFT + mark.place * (WIDTH - 2 * _LEFT))]
    ]
    return _chart([tag("g", *bars, style=f"fill:{color}"), *lines, _axis(ticks)], told=told)


def curves(
    lines: Sequence[tuple[str, Sequence[float] | np.ndarray]], *, ticks: Sequence[Tick] = (), told: str = ""
) -> Html:
    """Return areas over one another, one per colour and its values, all to one scale."""
    most = max((float(np.max(values)) for _, values in lines), default=1.0) or 1.0
    room = HEIGHT - _BOTTOM - _TOP
    drawn = []
    for color, values in lines:
        places = np.linspace(_LEFT, WIDTH - _LEFT, len(values))
        points = [
            f"{_number(x)},{_number(HEIGHT - _BOTTOM - room * value / most)}"
            for x, value in zip(places.tolist(), np.asarray(values, np.float64).tolist(), strict=True)
        ]
        ground = f"{_number(WIDTH - _LEFT)},{HEIGHT - _BOTTOM} {_LEFT},{HEIGHT - _BOTTOM}"
        drawn.append(tag("polygon", points=f"{' '.join(points)} {ground}", style=f"fill:{color};opacity:.16"))
        style = f"fill:none;stroke:{color};stroke-width:1.6"
        drawn.append(tag("polyline", points=" ".join(points), style=style))
    return _chart([*drawn, _axis(ticks)], told=told)


def bars(rows: Sequence[tuple[Content, float, Content, Sequence[int] | None]]) -> Html:
    """Return a bar a row: its name, its length from 0 to 1, what stands behind it, its RGB colour."""
    drawn = []
    for name, share, text, color in rows:
        style = f"width:{max(min(share, 1.0) * 100, 0.4):.2f}%"
        if color is not None:
            style += f";background:{css_color(color)}"
        bar = tag("span", tag("i", style=style), class_="bar")
        drawn.append(tag("div", tag("span", name, class_="name"), bar, tag("span", text, class_="value")))
    return tag("div", *drawn, class_="bars")


def bar(share: float, color: Sequence[int] | None = None) -> Html:
    """Return a single bar, from 0 to 1, for a cell of a table."""
    style = f"width:{max(min(share, 1.0) * 100, 0.4):.2f}%"
    if color is not None:
        style += f";background:{css_color(color)}"
    return tag("span", tag("i", style=style), class_="bar")


def heat(grid: np.ndarray, *, told: str, smooth: bool = True) -> Html:
    """Return a map of values, the highest bright; a map of nothing but zeros is dark."""
    colored = ramp(grid / max(float(grid.max(initial=0)), 1e-12))
    if smooth:
        colored = cv2.resize(colored, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    return tag(
        "img",
        src=_png(colored),
        alt=told,
        width=colored.shape[1],
        height=colored.shape[0],
        class_="heat" if smooth else "heat crisp",
    )


def density(grid: np.ndarray, *, x_ticks: Sequence[Tick], y_ticks: Sequence[Tick], told: str) -> Html:
    """Return a map of counts by two values, the first axis to the right and the second up."""
    side, left = 260, 34
    shown = np.log1p(grid.T[::-1].astype(np.float64))
    colored = ramp(shown / max(float(shown.max(initial=0)), 1e-12))
    alpha = np.where(grid.T[::-1] > 0, 255, 0).astype(np.uint8)
    image = tag(
        "image",
        href=_png(np.dstack([colored, alpha])),
        x=left,
        y=_TOP,
        width=side,
        height=side,
        preserveAspectRatio="none",
        style="image-rendering:pixelated",
    )
    frame = tag("rect", x=left, y=_TOP, width=side, height=side, style="fill:var(--well)")
    middle = tag(
        "line",
        x1=left,
        y1=_TOP + side,
        x2=left + side,
        y2=_TOP,
        style="stroke:var(--faint)",
        stroke_dasharray="3 4",
    )
    below = [_text(each.text, left + each.place * side, _TOP + side + 14) for each in x_ticks]
    beside = [
        _text(each.text, left - 5, _TOP + side - each.place * side + 4, anchor="end") for each in y_ticks
    ]
    return _chart(
        [frame, middle, image, *below, *beside], told=told, width=left + side + 8, height=side + _TOP + 20
    )


def matrix(
    values: np.ndarray, names: Sequence[str], *, texts: Sequence[Sequence[str]] | None = None, told: str = ""
) -> Html:
    """Return a square of cells, the stronger the higher, from 0 to 1, with the names on two sides."""
    count = len(names)
    cell = 46 if count <= 8 else 34 if count <= 14 else 22 if count <= 30 else 12
    left = min(150, 12 + 6.4 * max(map(len, names), default=0))
    top = left * 0.72 + 8
    drawn: list[Html] = []
    for row in range(count):
        y = top + row * cell
        drawn.append(_name(names[row], left - 6, y + cell / 2 + 4, anchor="end"))
        x = left + row * cell + cell / 2
        turned = tag(
            "g",
            _name(names[row], 0, 0, anchor="start"),
            transform=f"translate({_number(x)} {_number(top - 6)}) rotate(-45)",
        )
        drawn.append(turned)
        for column in range(count):
            value = float(values[row, column])
            drawn.append(
                tag(
                    "rect",
                    x=_number(left + column * cell + 0.75),
                    y=_number(y + 0.75),
                    width=_number(cell - 1.5),
                    height=_number(cell - 1.5),
                    rx=3,
                    style=f"fill:var(--accent);fill-opacity:{0.04 + 0.92 * value:.3f}",
                )
            )
            if texts is not None and cell >= 34:
                at = left + column * cell + cell / 2
                strong = "fill:var(--card)" if value > 0.7 else "fill:var(--ink)"
                drawn.append(
                    tag(
                        "text",
                        texts[row][column],
                        x=_number(at),
                        y=_number(y + cell / 2 + 4),
                        text_anchor="middle",
                        style=strong,
                    )
                )
    wide, high = left + count * cell + top * 0.6, top + count * cell + 4
    chart = _chart(drawn, told=told, width=wide, height=high)
    return tag("div", tag("div", chart, style=f"width:{wide:.0f}px"), class_="scroll")


def ramp(values: np.ndarray) -> np.ndarray:
    """Return RGB uint8 colours of values from 0 to 1."""
    places = np.clip(values, 0, 1) * (len(_RAMP) - 1)
    stops = np.arange(len(_RAMP))
    channels = [np.interp(places, stops, _RAMP[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def _png(image: np.ndarray) -> str:
    order = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
    _, data = cv2.imencode(".png", cv2.cvtColor(image, order), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    return f"data:image/png;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"


def _axis(ticks: Sequence[Tick]) -> Html:
    ground = HEIGHT - _BOTTOM
    line = tag("line", x1=_LEFT, x2=WIDTH - _LEFT, y1=ground, y2=ground, style="stroke:var(--faint)")
    texts = [
        _text(each.text, _LEFT + each.place * (WIDTH - 2 * _LEFT), HEIGHT - 5, anchor=_anchor(each.place))
        for each in ticks
    ]
    return join([line, *texts])


def _anchor(place: float, *, edge: float = 0.04) -> str:
    return "start" if place < edge else "end" if place > 1 - edge else "middle"


def _text(
    text: Content, x: float | str, y: float | str, *, anchor: str = "middle", strong: bool = False
) -> Html:
    style = f"fill:var({'--ink' if strong else '--soft'})"
    return tag("text", text, x=_number(x), y=_number(y), text_anchor=anchor, style=style)


def _name(name: str, x: float, y: float, *, anchor: str) -> Html:
    """Return a name, cut where it is long; the whole of it shows when the mouse is over it."""
    if len(name) <= _LONGEST_NAME:
        return _text(name, x, y, anchor=anchor)
    cut = join([f"{name[: _LONGEST_NAME - 1]}…", tag("title", name)])
    return _text(cut, x, y, anchor=anchor)


def _chart(parts: Sequence[Html], *, told: str, width: float = WIDTH, height: float = HEIGHT) -> Html:
    about = {"role": "img", "aria_label": told} if told else {"aria_hidden": "true"}
    return tag("svg", *parts, viewBox=f"0 0 {_number(width)} {_number(height)}", **about)


def _number(value: float | str) -> str:
    """Return a coordinate without digits that nobody sees."""
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
