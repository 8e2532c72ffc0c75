"""What sections of a report are made of; a block knows nothing of HTML or Markdown.

Text is text: whatever stands in it is escaped when it is written. What is more than text is a `Span`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from segloop.viz.page import Html


@dataclass(frozen=True)
class Span:
    """A piece of a sentence that is more than text.

    `kind` is code, strong, link (`target` is where to), cite (`text` is the key in references.bib),
    chip (`target` is a CSS colour, `text` the name behind it), good, bad or warn (a word in a frame).
    """

    kind: str
    text: str
    target: str = ""


Content: TypeAlias = "str | Span | Sequence[str | Span]"


def code(text: str) -> Span:
    """Return a name or a command within a sentence."""
    return Span("code", text)


def link(text: str, target: str) -> Span:
    """Return a link, which leads out of the page."""
    return Span("link", text, target)


def cite(key: str) -> Span:
    """Return a citation of an entry of references.bib."""
    return Span("cite", key)


@dataclass(frozen=True)
class Paragraph:
    """A sentence or more; a small one explains what is above it."""

    text: Content
    small: bool = False


@dataclass(frozen=True)
class Heading:
    """The heading of a part of a section."""

    text: str


@dataclass(frozen=True)
class Note:
    """A remark with a coloured edge: good, warn, bad or info."""

    text: Content
    level: str = "info"


@dataclass(frozen=True)
class Tiles:
    """Large values, each with what it is."""

    items: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Row:
    """A row of a table that is about some classes: the filter hides it when none of them is chosen."""

    cells: Sequence[Content]
    classes: Sequence[str] = ()


@dataclass(frozen=True)
class Table:
    """Rows under a head; columns in `numbers` go to the right. `name` tells a screen reader what it is."""

    name: str
    head: Sequence[Content]
    rows: Sequence[Row | Sequence[Content]]
    numbers: Sequence[int] = ()


@dataclass(frozen=True)
class Commands:
    """Lines to paste into a terminal."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[Content]


@dataclass(frozen=True)
class Drawing:
    """An SVG, with words for who cannot see it. `wide` keeps it legible: it scrolls on a phone."""

    name: str
    svg: Html
    told: str
    wide: bool = False
    below: Content = ""


@dataclass(frozen=True)
class Photo:
    """A JPEG with what to say below it, and the classes that are in it."""

    name: str
    jpeg: bytes
    size_hw: tuple[int, int]
    caption: str
    classes: Sequence[str] = ()


@dataclass(frozen=True)
class Gallery:
    """Pictures in rows, each at least `least_px` wide."""

    photos: Sequence[Photo]
    least_px: int = 200


@dataclass(frozen=True)
class Fold:
    """Blocks that are shown when they are asked for, and when the page is printed."""

    summary: str
    blocks: Sequence[Block] = field(default=())


@dataclass(frozen=True)
class Side:
    """Blocks side by side where there is room."""

    blocks: Sequence[Block]
    least_px: int = 300


Block: TypeAlias = (
    "Paragraph | Heading | Note | Tiles | Table | Commands | Bullets | Drawing | Gallery | Fold | Side"
)


@dataclass(frozen=True)
class Part:
    """A section: its title, a sentence below it, its blocks; `short` names it in the bar on top."""

    title: str
    blocks: Sequence[Block]
    lead: Content = ""
    short: str = ""


def percent(value: float | None, digits: int = 1) -> str:
    """Return a fraction as percent, a dash for none.

    >>> percent(0.8496), percent(float("nan"))
    ('85.0', '–')
    """
    return "–" if value is None or value != value else f"{100 * value:.{digits}f}"


def duration(seconds: float | None) -> str:
    """Return a time as people say it.

    >>> duration(484.1), duration(0.0123), duration(None)
    ('8 min 4 s', '12.3 ms', '–')
    """
    if seconds is None or seconds != seconds:
        return "–"
    if seconds < 0.9995:
        return f"{1000 * seconds:.3g} ms"
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{seconds:.3g} s"


def size(count: float | None) -> str:
    """Return a number of bytes.

    >>> size(7259392), size(None)
    ('7.3 MB', '–')
    """
    if count is None:
        return "–"
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count:.0f} B"
