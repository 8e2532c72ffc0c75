"""Writes the blocks of a report in Markdown, with its pictures as files beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from segloop.analysis.report import blocks as b
from segloop.analysis.report.bibliography import Citations
from segloop.analysis.report.svg_files import stand_alone

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~])")
_AT_THE_START = re.compile(r"^(\s*\d*)([#>+-]|(?<=\d)[.)])(?=\s|$)")


def markdown_pages(
    title: str, parts: Sequence[b.Part], *, citations: Citations, lead: str, folder: str
) -> tuple[str, dict[str, bytes]]:
    """Return the text, and what its pictures hold by their names in `folder`, which lies beside it."""
    writer = _Writer(citations, quote(folder))  # in an address # and % mean something
    lines = [f"# {escaped(title)}", "", escaped(lead), ""]
    for part in parts:
        lines += [f"## {escaped(part.title)}", ""]
        if part.lead:
            lines += [writer.text(part.lead), ""]
        for block in part.blocks:
            lines += [*writer.block(block), ""]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    return f"{text}\n", writer.files


def escaped(text: str) -> str:
    r"""Return text that Markdown shows as it is, on one line.

    >>> print(escaped("a_b <c> | 1"), escaped("# no"), escaped("1. no"))
    a\_b \<c\> \| 1 \# no 1\. no
    """
    flat = _SPECIAL.sub(r"\\\1", " ".join(text.split()) if "\n" in text else text)
    return _AT_THE_START.sub(r"\1\\\2", flat)


class _Writer:
    """Turns blocks into lines, numbering citations and collecting pictures as they come."""

    def __init__(self, citations: Citations, folder: str) -> None:
        self.citations, self.folder = citations, folder
        self.files: dict[str, bytes] = {}

    def text(self, content: b.Content) -> str:
        """Return a sentence."""
        if isinstance(content, str):
            return escaped(content)
        if isinstance(content, b.Span):
            return self._span(content)
        return "".join(self.text(each) for each in content)

    def _span(self, span: b.Span) -> str:
        if span.kind == "code":
            fence = "``" if "`" in span.text else "`"
            return f"{fence}{span.text.replace('|', chr(92) + '|')}{fence}"
        if span.kind == "strong":
            bold = span.text.rstrip()  # `**bold **` is no bold, but asterisks
            return f"**{escaped(bold)}**{span.text[len(bold) :]}"
        if span.kind == "link":
            return f"[{escaped(span.text)}](<{span.target}>)"
        if span.kind == "cite":
            number = self.citations.number(span.text)
            return f"\\[{number}\\]" if number is not None else escaped(f"[{span.text}?]")
        return escaped(span.text)

    def block(self, block: b.Block) -> list[str]:
        """Return a block's lines."""
        if isinstance(block, b.Paragraph):
            return [self.text(block.text)]
        if isinstance(block, b.Heading):
            return [f"### {escaped(block.text)}"]
        if isinstance(block, b.Note):
            return [f"> {self.text(block.text)}"]
        if isinstance(block, b.Tiles):
            return [f"- {escaped(what)}: **{escaped(value)}**" for value, what in block.items]
        if isinstance(block, b.Commands):
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", block.text)), default=0))
            return [fence, block.text, fence]
        if isinstance(block, b.Bullets):
            return [f"- {self.text(each)}" for each in block.items]
        if isinstance(block, b.Table):
            return self._table(block)
        if isinstance(block, b.Drawing):
            name = f"{block.name}.svg"
            self.files[name] = stand_alone(block.svg).encode()
            below = ["", self.text(block.below)] if block.below else []
            return [f"![{escaped(block.told)}](<{self.folder}/{name}>)", *below]
        if isinstance(block, b.Gallery):
            return self._gallery(block)
        if isinstance(block, b.Fold):
            inner = [line for each in block.blocks for line in (*self.block(each), "")]
            return [f"**{escaped(block.summary)}**", "", *inner]
        return [line for each in block.blocks for line in (*self.block(each), "")]

    def _table(self, table: b.Table) -> list[str]:
        right = frozenset(table.numbers)
        rules = ["---:" if place in right else "---" for place in range(len(table.head))]
        rows = [row.cells if isinstance(row, b.Row) else row for row in table.rows]
        lines = [[self.text(cell) for cell in table.head], rules]
        lines += [[self.text(cell) for cell in row] for row in rows]
        return [f"| {' | '.join(line)} |" for line in lines]

    def _gallery(self, gallery: b.Gallery) -> list[str]:
        lines = []
        for photo in gallery.photos:
            name = f"{photo.name}.jpg"
            self.files[name] = photo.jpeg
            lines += [f"![{escaped(photo.caption)}](<{self.folder}/{name}>)", "", escaped(photo.caption), ""]
        return lines
