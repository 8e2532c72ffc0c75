"""Draws a network from model.json: each block as high as its map, as wide as it has channels.

`model.json` says what a network holds and in which order, not what feeds what. So there are arrows between
parts alone, where OpenMMLab's own order makes them true.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segloop.viz.page import Html, join, tag

WIDTH = 760
MOST_BLOCKS = 14  # of one part; those beyond are counted in words
FEEDS = (("backbone", "neck"), ("backbone", "decode_head"), ("neck", "decode_head"), ("neck", "rpn_head"),
         ("rpn_head", "roi_head"))  # fmt: skip
IN_A_ROW = 7
_BAND, _LOW, _LEFT, _TITLE, _LABELS = 66, 20, 14, 26, 44


@dataclass(frozen=True)
class Block:
    """One block: its name within its part, its class, the shape of what it gives [C, H, W], parameters."""

    name: str
    kind: str
    shape: tuple[int, ...] | None
    parameters: int


@dataclass(frozen=True)
class NetworkPart:
    """A part of a network, as `backbone`, with its blocks in order."""

    block: Block
    blocks: Sequence[Block]


def network_parts(model: Mapping[str, Any]) -> list[NetworkPart]:
    """Return the parts of a network; a list of modules stands for what is in it."""
    listed = [each for each in model.get("blocks") or () if isinstance(each, dict)]
    tops = [each for each in listed if "." not in each["name"]]
    return [NetworkPart(_block(top, top["name"]), _within(listed, top["name"])) for top in tops]


def _within(listed: Sequence[Mapping[str, Any]], top: str) -> list[Block]:
    found = []
    for each in listed:
        name = each["name"]
        if not name.startswith(f"{top}."):
            continue
        inner = name[len(top) + 1 :]
        is_list = each["class"] in ("ModuleList", "ModuleDict")
        parent = name.rpartition(".")[0]
        in_list = any(other["name"] == parent and other["class"] == "ModuleList" for other in listed)
        depth = inner.count(".")
        if (depth == 0 and not is_list) or (depth == 1 and in_list):
            found.append(_block(each, inner))
    # activations and pooling without weights between blocks only fill the row
    weighty = [each for each in found if each.parameters]
    return weighty or found


def _block(each: Mapping[str, Any], name: str) -> Block:
    return Block(name, str(each["class"]), _shape(each.get("output")), int(each.get("parameters") or 0))


def _shape(output: Any) -> tuple[int, ...] | None:
    """Return a shape without the batch; of several maps, the first that is one."""
    if not isinstance(output, list) or not output:
        return None
    if all(isinstance(side, int) for side in output):
        return tuple(output[1:]) or None
    return next((found for each in output if (found := _shape(each))), None)


def shape_text(shape: Sequence[int] | None) -> str:
    """Return a shape as it is written in tables.

    >>> shape_text((64, 32, 40)), shape_text(None)
    ('64 × 32 × 40', '–')
    """
    return " × ".join(map(str, shape)) if shape else "–"


def draw_network(model: Mapping[str, Any]) -> Html | None:
    """Return an SVG of a network, None where model.json lists no blocks."""
    parts = network_parts(model)
    if not parts:
        return None
    scale = _Scale(parts)
    top, drawn = 40.0, [_entry(model)]
    before = ""
    for part in parts:
        rows = list(_rows(part.blocks[:MOST_BLOCKS]))
        more = len(part.blocks) - MOST_BLOCKS
        height = _TITLE + sum(_band(row) + _LABELS for row in rows) + (16 if more > 0 else 0)
        height = height if rows else _TITLE + 12
        if not before or (before, part.block.name) in FEEDS:
            drawn.append(_arrow(top - 12))
        drawn.append(_frame(part.block, top, height))
        ground = top + _TITLE
        for row in rows:
            drawn.append(_row(row, ground, scale))
            ground += _band(row) + _LABELS
        if more > 0:
            drawn.append(_text(f"and {more} more blocks", _LEFT + 12, top + height - 8, soft=True))
        top += height + 22
        before = part.block.name
    told = f"The parts of the network in order: {', '.join(part.block.name for part in parts)}"
    return tag("svg", *drawn, viewBox=f"0 0 {WIDTH} {top - 8:.0f}", role="img", aria_label=told)


class _Scale:
    """How large a block is drawn: by the logarithms of its map's height and its channels."""

    def __init__(self, parts: Sequence[NetworkPart]) -> None:
        shapes = [each.shape for part in parts for each in part.blocks if each.shape and len(each.shape) == 3]
        self.most_side = max((math.log2(max(shape[1], 1) + 1) for shape in shapes), default=1.0)
        self.most_channels = max((math.log2(shape[0] + 1) for shape in shapes), default=1.0)

    def size(self, block: Block) -> tuple[float, float]:
        """Return width and height of a block; one without a map is a low bar."""
        if block.shape is None or len(block.shape) != 3:
            return 22.0, 16.0
        channels, height = block.shape[0], block.shape[1]
        return (
            6 + 30 * math.log2(channels + 1) / self.most_channels,
            8 + (_BAND - 12) * math.log2(max(height, 1) + 1) / self.most_side,
        )


def _rows(blocks: Sequence[Block]) -> Iterator[Sequence[Block]]:
    """Yield blocks in rows; another list of modules begins another row."""
    for _, group in itertools.groupby(blocks, key=lambda block: block.name.rpartition(".")[0]):
        listed = list(group)
        for begin in range(0, len(listed), IN_A_ROW):
            yield listed[begin : begin + IN_A_ROW]


def _band(row: Sequence[Block]) -> int:
    """Return how high a row is drawn: low where no map of it is known."""
    return _BAND if any(block.shape for block in row) else _LOW


def _row(blocks: Sequence[Block], top: float, scale: _Scale) -> Html:
    step = (WIDTH - 2 * _LEFT - 16) / IN_A_ROW
    ground = top + _band(blocks)
    parts: list[Html] = []
    for place, block in enumerate(blocks):
        middle = _LEFT + 8 + step * (place + 0.5)
        width, height = scale.size(block)
        parts.append(
            _cuboid(middle - width / 2, ground - height, width, height, known=block.shape is not None)
        )
        parts.append(_text(_short(block.name), middle, ground + 13, anchor="middle"))
        parts.append(_text(shape_text(block.shape), middle, ground + 25, anchor="middle", soft=True))
        parts.append(_text(_count(block.parameters), middle, ground + 37, anchor="middle", soft=True))
    return join(parts)


def _cuboid(left: float, top: float, width: float, height: float, *, known: bool) -> Html:
    style = "fill:var(--accent-soft);stroke:var(--accent)"
    style += "" if known else ";stroke-dasharray:3 3;fill:none"
    return tag(
        "rect",
        x=_n(left),
        y=_n(top),
        width=_n(width),
        height=_n(height),
        rx=3,
        style=f"{style};stroke-width:1.2",
    )


def _frame(block: Block, top: float, height: float) -> Html:
    box = tag(
        "rect",
        x=_LEFT,
        y=_n(top),
        width=WIDTH - 2 * _LEFT,
        height=_n(height),
        rx=10,
        style="fill:var(--well);stroke:var(--line)",
    )
    title = _text(block.name, _LEFT + 12, top + 18, strong=True)
    told = f"{block.kind}, {_count(block.parameters)} parameters"
    told += f", gives {shape_text(block.shape)}" if block.shape else ""
    return join([box, title, _text(told, WIDTH - _LEFT - 12, top + 18, anchor="end", soft=True)])


def _entry(model: Mapping[str, Any]) -> Html:
    shape = model.get("input_chw")
    told = f"image, {shape_text(shape)}" if shape else "image"
    return _text(told, WIDTH / 2, 14, anchor="middle", soft=True)


def _arrow(top: float) -> Html:
    x = WIDTH / 2
    head = tag(
        "polygon", points=f"{_n(x - 4)},{_n(top + 5)} {_n(x + 4)},{_n(top + 5)} {_n(x)},{_n(top + 11)}"
    )
    return tag("g", _line(x, top - 6, x, top + 6), head, style="fill:var(--faint)")


def _line(x1: float, y1: float, x2: float, y2: float) -> Html:
    return tag("line", x1=_n(x1), y1=_n(y1), x2=_n(x2), y2=_n(y2), style="stroke:var(--faint)")


def _text(
    text: str, x: float, y: float, *, anchor: str = "start", soft: bool = False, strong: bool = False
) -> Html:
    style = f"fill:var({'--soft' if soft else '--ink'});font-size:{11 if not strong else 13}px"
    style += ";font-weight:600" if strong else ""
    return tag("text", text, x=_n(x), y=_n(y), text_anchor=anchor, style=style)


def _short(name: str, most: int = 17) -> str:
    return name if len(name) <= most else f"…{name[1 - most :]}"


def _count(number: int) -> str:
    for unit, scale in (("M", 1e6), ("k", 1e3)):
        if number >= scale:
            return f"{number / scale:.1f} {unit}"
    return str(number)


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
