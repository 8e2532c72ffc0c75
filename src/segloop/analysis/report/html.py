"""Writes the blocks of a report as one HTML page that holds all it shows."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from segloop.analysis.report import blocks as b
from segloop.analysis.report.bibliography import Citations
from segloop.viz import page as p
from segloop.viz.page import Html, tag

MADE_BY = "tools/report.py"  # stands at the end of each page: who wrote it
_HERE = Path(__file__).parent


def html_page(
    title: str, parts: Sequence[b.Part], *, citations: Citations, lead: str, classes: Sequence[str]
) -> str:
    """Return the page. Classes that a filter offers are those of the pictures and tables."""
    writer = _Writer(citations)
    sections = [
        p.Section(
            each.title, [writer.block(block) for block in each.blocks], writer.text(each.lead), each.short
        )
        for each in parts
    ]
    sorting_style, sorting_script = p.sorting()
    return p.page(
        title,
        sections,
        eyebrow="Report",
        lead=lead,
        top=[_filter(classes)],
        footer=p.join(["Made by ", p.words(MADE_BY), " from the files of the RUNs."]),
        style=sorting_style + _beside("report.css"),
        script=sorting_script + _beside("report.js"),
    )


def _filter(classes: Sequence[str]) -> Html:
    """Return the choice of a class, which the script shows: without a script it could do nothing."""
    if len(classes) < 2:
        return Html()
    options = [tag("option", "all classes", value=""), *(tag("option", name, value=name) for name in classes)]
    choice = tag("select", *options, id="by-class")
    told = tag("span", role="status", class_="dim small", id="by-class-told")
    return tag("p", tag("label", "Show ", choice), " ", told, class_="filter", hidden="")


class _Writer:
    """Turns blocks into markup, numbering citations as they come."""

    def __init__(self, citations: Citations) -> None:
        self.citations = citations

    def text(self, content: b.Content) -> Html:
        """Return a sentence."""
        if isinstance(content, str):
            return p.markup(content)
        if isinstance(content, b.Span):
            return self._span(content)
        return p.join(self.text(each) for each in content)

    def _span(self, span: b.Span) -> Html:
        if span.kind == "code":
            return tag("code", *_breakable(span.text))
        if span.kind == "strong":
            return tag("strong", span.text)
        if span.kind == "link":
            return tag("a", span.text, href=span.target)
        if span.kind == "chip":
            return p.join([tag("span", class_="chip", style=f"background:{span.target}"), span.text])
        if span.kind == "cite":
            number = self.citations.number(span.text)
            if number is None:
                return p.markup(f"[{span.text}?]")
            return tag("a", f"[{number}]", href=f"#reference-{number}", class_="cite")
        return p.label(span.text, level=span.kind)

    def block(self, block: b.Block) -> Html:
        """Return a block."""
        if isinstance(block, b.Paragraph):
            return p.paragraph(self.text(block.text), small=block.small)
        if isinstance(block, b.Heading):
            return p.heading(block.text)
        if isinstance(block, b.Note):
            return p.note(self.text(block.text), level=block.level)
        if isinstance(block, b.Tiles):
            return p.facts(list(block.items))
        if isinstance(block, b.Commands):
            return p.code(block.text)
        if isinstance(block, b.Bullets):
            return tag("ul", *(tag("li", self.text(each)) for each in block.items))
        if isinstance(block, b.Table):
            return self._table(block)
        if isinstance(block, b.Drawing):
            return self._drawing(block)
        if isinstance(block, b.Gallery):
            return self._gallery(block)
        if isinstance(block, b.Fold):
            return p.fold(block.summary, *(self.block(each) for each in block.blocks))
        return p.columns([self.block(each) for each in block.blocks], least_px=block.least_px)

    def _table(self, table: b.Table) -> Html:
        right = frozenset(table.numbers)

        def look(place: int) -> str | None:
            return "number" if place in right else None

        head = [
            tag("th", self.text(cell), class_=look(place), scope="col")
            for place, cell in enumerate(table.head)
        ]
        rows = []
        for row in table.rows:
            cells = row.cells if isinstance(row, b.Row) else row
            classes = row.classes if isinstance(row, b.Row) else ()
            drawn = [tag("td", self.text(cell), class_=look(place)) for place, cell in enumerate(cells)]
            rows.append(tag("tr", *drawn, data_classes=_listed(classes)))
        caption = tag("caption", table.name, class_="unseen")
        whole = tag("table", caption, tag("thead", tag("tr", *head)), tag("tbody", *rows), class_="sorts")
        return tag("div", whole, class_="scroll", tabindex="0", role="region", aria_label=table.name)

    def _drawing(self, drawing: b.Drawing) -> Html:
        svg = tag("div", drawing.svg, class_="drawing wide" if drawing.wide else "drawing")
        if drawing.wide:
            svg = tag("div", svg, class_="scroll", tabindex="0", role="region", aria_label=drawing.told)
        below = tag("figcaption", self.text(drawing.below)) if drawing.below else Html()
        return tag("figure", svg, below)

    def _gallery(self, gallery: b.Gallery) -> Html:
        figures = []
        for photo in gallery.photos:
            height, width = photo.size_hw
            source = base64.b64encode(photo.jpeg).decode("ascii")
            image = tag(
                "img", src=f"data:image/jpeg;base64,{source}", alt=photo.caption, width=width, height=height
            )
            caption = tag("figcaption", photo.caption)
            figures.append(tag("figure", image, caption, class_="zooms", data_classes=_listed(photo.classes)))
        return tag("div", *figures, class_="gallery", style=f"--least:{gallery.least_px}px")


def _breakable(text: str) -> list[Html]:
    """Return a dotted name with places where a narrow column may break it; other code as it is."""
    if " " in text:
        return [p.markup(text)]
    steps = text.split(".")
    return [p.join([step, ".", Html("<wbr/>")]) for step in steps[:-1]] + [p.markup(steps[-1])]


def _listed(classes: Sequence[str]) -> str | None:
    return json.dumps(list(classes), ensure_ascii=False) if classes else None


@cache
def _beside(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
