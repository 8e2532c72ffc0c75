"""One HTML page that works from disk: our own small style, pictures inside, light and dark, phone and laptop.

A page is made of sections, and a section of blocks, which the functions here return as `Html`. Whatever is no
`Html` is text, and is escaped. Nothing is loaded from anywhere, which the page itself forbids.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np

from segloop.utils.atomic import write_text

LEVELS = ("good", "warn", "bad", "info")
_HERE = Path(__file__).parent
_ALONE = frozenset(
    {"br", "img", "input", "meta", "rect", "circle", "line", "path", "polyline", "polygon", "stop", "image"}
)
# Nothing may come from elsewhere, whatever text gets into the page.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


class Html(str):
    """Text that is markup already and is put into a page as it is."""

    __slots__ = ()


Content: TypeAlias = "Html | str | int | float"


@dataclass(frozen=True)
class Section:
    """A part of a page: a heading, a sentence below it, and blocks. `short` names it in the bar on top."""

    title: str
    blocks: Sequence[Content]
    lead: Content = ""
    short: str = ""

    @property
    def anchor(self) -> str:
        """What a link to it is called."""
        return re.sub(r"[^a-z0-9]+", "-", (self.short or self.title).lower()).strip("-") or "section"


@dataclass(frozen=True)
class Figure:
    """A picture, `Html` from `picture`, with a caption; `zooms` makes it large when it is clicked."""

    picture: Html
    caption: Content = ""
    zooms: bool = True


def markup(content: Content) -> Html:
    """Return text as markup, escaped; markup is left as it is.

    >>> markup("a < b")
    'a &lt; b'
    """
    return content if isinstance(content, Html) else Html(html.escape(str(content)))


def tag(name: str, /, *children: Content, **attributes: str | float | None) -> Html:
    """Return an element; `class_` and `for_` lose their stroke, others become a dash, None is left out.

    >>> tag("a", "x & y", href="#top", class_="big", data_n=3)
    '<a href="#top" class="big" data-n="3">x &amp; y</a>'
    """
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _ALONE and not children:
        return Html(f"<{name}{told}/>")
    return Html(f"<{name}{told}>{join(children)}</{name}>")


def join(parts: Iterable[Content], *, between: str = "") -> Html:
    """Return the parts, one behind the other."""
    return Html(between.join(markup(part) for part in parts))


def paragraph(*parts: Content, small: bool = False) -> Html:
    """Return a paragraph; a small one stands below what it explains."""
    return tag("p", *parts, class_="dim small" if small else None)


def heading(text: Content) -> Html:
    """Return the heading of a part of a section."""
    return tag("h3", text)


def facts(items: Sequence[tuple[Content, Content]]) -> Html:
    """Return a row of tiles, each a large value and what it is."""
    return tag(
        "dl", *(tag("div", tag("dt", what), tag("dd", value)) for value, what in items), class_="facts"
    )


def table(
    head: Sequence[Content],
    rows: Iterable[Sequence[Content]],
    *,
    numbers: Iterable[int] = (),
    sorts: bool = False,
) -> Html:
    """Return a table that scrolls sideways where it does not fit; columns in `numbers` go to the right.

    One that `sorts` does so by the column whose head is clicked, on a page with what `sorting` returns.
    """
    right = frozenset(numbers)

    def line(kind: str, cells: Sequence[Content]) -> Html:
        return tag(
            "tr",
            *(
                tag(kind, cell, class_="number" if place in right else None)
                for place, cell in enumerate(cells)
            ),
        )

    body = [line("td", row) for row in rows]
    parts = tag("thead", line("th", head)), tag("tbody", *body)
    whole = tag("table", *parts, class_="sorts" if sorts else None)
    return tag("div", whole, class_="scroll")


def code(text: str) -> Html:
    """Return lines to paste, with a button that copies them."""
    return tag("div", tag("pre", text), class_="code")


def words(text: str) -> Html:
    """Return a command or a name in the letters of code, within a sentence."""
    return tag("code", text)


def note(text: Content, *, level: str = "info") -> Html:
    """Return a remark with a coloured edge: good, warn, bad or info."""
    return tag("p", text, class_=f"note {_known(level)}")


def label(text: Content, *, level: str = "info") -> Html:
    """Return a word in a coloured frame, within a sentence or a table."""
    return tag("span", text, class_=f"tag {_known(level)}")


def chip(color: Sequence[int]) -> Html:
    """Return a small square of an RGB colour, before the name of what has it."""
    return tag("span", class_="chip", style=f"background:{css_color(color)}")


def chipped(color: Sequence[int], name: Content) -> Html:
    """Return a name behind the square of its colour; no line ends between the two."""
    return tag("span", chip(color), name, class_="named")


def columns(blocks: Iterable[Content], *, least_px: int = 280) -> Html:
    """Return blocks side by side, as many as fit with `least_px` each."""
    return tag(
        "div", *(tag("div", block) for block in blocks), class_="columns", style=f"--least:{least_px}px"
    )


def gallery(figures: Iterable[Figure], *, least_px: int = 160) -> Html:
    """Return pictures in rows, each at least `least_px` wide; two in a row on a phone."""
    drawn = (
        tag(
            "figure",
            each.picture,
            tag("figcaption", each.caption) if each.caption else Html(),
            class_="zooms" if each.zooms else None,
        )
        for each in figures
    )
    return tag("div", *drawn, class_="gallery", style=f"--least:{least_px}px")


def fold(summary: Content, *blocks: Content, open_: bool = False) -> Html:
    """Return blocks that show when their line is clicked."""
    return tag("details", tag("summary", summary), *blocks, open="" if open_ else None)


def picture(
    image: np.ndarray, *, alt: str, exact: bool = False, quality: int = 84, crisp: bool = False
) -> Html:
    """Return an RGB (HxWx3) or grey (HxW) uint8 image, held in the page: a JPEG, or where `exact` a PNG.

    `crisp` keeps pixels square when they are shown larger than they are.
    """
    height, width = image.shape[:2]
    bgr = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    how = [cv2.IMWRITE_PNG_COMPRESSION, 9] if exact else [cv2.IMWRITE_JPEG_QUALITY, quality]
    done, data = cv2.imencode(".png" if exact else ".jpg", bgr, how)
    if not done:  # no user can cause it
        raise ValueError(f"an image of {image.shape} {image.dtype} could not be encoded")
    kind = "png" if exact else "jpeg"
    return tag(
        "img",
        src=f"data:image/{kind};base64,{base64.b64encode(data.tobytes()).decode('ascii')}",
        alt=alt,
        width=width,
        height=height,
        loading="lazy",
        class_="crisp" if crisp else None,
    )


def css_color(color: Sequence[int]) -> str:
    """Return an RGB colour as style sheets write it.

    >>> css_color((255, 128, 0))
    '#ff8000'
    """
    return "#" + "".join(f"{int(part):02x}" for part in color[:3])


def page(
    title: str,
    sections: Sequence[Section],
    *,
    eyebrow: str = "",
    lead: Content = "",
    top: Sequence[Content] = (),
    footer: Content = "",
    style: str = "",
    script: str = "",
) -> str:
    """Return the whole page; `eyebrow` stands above the title, `top` between the lead and the sections.

    `style` and `script` are more of CSS and JavaScript, which only this kind of page needs.
    """
    head = [
        Html('<meta charset="utf-8">'),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Html(_beside("page.css") + style)),
    ]
    header = [
        tag("p", eyebrow, class_="eyebrow") if eyebrow else Html(),
        tag("h1", title),
        tag("p", lead, class_="lead") if lead else Html(),
        *top,
    ]
    anchors = _anchors(sections)
    links = [
        tag("a", each.short or each.title, href=f"#{anchor}")
        for each, anchor in zip(sections, anchors, strict=True)
    ]
    bar = tag("nav", tag("div", *links), aria_label="Sections") if len(sections) > 1 else Html()
    drawn = [
        tag(
            "section",
            tag("h2", each.title),
            tag("p", each.lead, class_="lead") if each.lead else Html(),
            *each.blocks,
            id=anchor,
        )
        for each, anchor in zip(sections, anchors, strict=True)
    ]
    body = [
        tag("header", *header),
        bar,
        tag("main", *drawn),
        tag("footer", footer) if footer else Html(),
        tag("script", Html(_beside("page.js") + script)),
    ]
    return f'<!doctype html>\n<html lang="en">\n{tag("head", *head)}\n{tag("body", *body)}\n</html>\n'


def sorting() -> tuple[str, str]:
    """Return the style and the script by which tables of the class `sorts` do what it says."""
    return _beside("sorts.css"), _beside("sorts.js")


def write_page(path: Path | str, text: str) -> Path:
    """Write a page, whole or not at all, and return where it lies."""
    write_text(path, text)
    return Path(path)


def _anchors(sections: Sequence[Section]) -> list[str]:
    """Return a name for each section that no other has."""
    found: list[str] = []
    for each in sections:
        again = sum(name == each.anchor or name.startswith(f"{each.anchor}--") for name in found)
        found.append(f"{each.anchor}--{again + 1}" if again else each.anchor)
    return found


def _known(level: str) -> str:
    if level not in LEVELS:
        raise ValueError(f"level {level!r}; choose {', '.join(LEVELS)}")
    return level


@cache
def _beside(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
