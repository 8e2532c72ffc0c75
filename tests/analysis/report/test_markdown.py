"""Markdown shows text as it is, and names the files of its pictures."""

from __future__ import annotations

import doctest
import re

import pytest

from segloop.analysis.report import blocks as b
from segloop.analysis.report import markdown
from segloop.analysis.report.bibliography import Citations, Reference
from segloop.analysis.report.markdown import escaped, markdown_pages
from tests.analysis.report.test_html import every_block


def written(*blocks: b.Block, folder: str = "f") -> tuple[str, dict[str, bytes]]:
    citations = Citations({"one": Reference("one", "A. B", "On things", "2020")})
    parts = [b.Part("First", blocks, lead="a_b")]
    return markdown_pages("T", parts, citations=citations, lead="x", folder=folder)


def test_a_table_keeps_its_columns() -> None:
    text, _ = written(b.Table("t", ["a|b", "n"], [["x | y", "1"], b.Row([b.code("p|q"), "2"])], [1]))
    assert "| a\\|b | n |\n| --- | ---: |\n| x \\| y | 1 |\n| `p\\|q` | 2 |" in text


def test_bold_text_ends_before_its_blank() -> None:
    text, _ = written(b.Paragraph([b.Span("strong", "coco: "), "as pycocotools"]))
    assert "**coco:** as pycocotools" in text


def test_pictures_are_files() -> None:
    blocks = every_block()
    text, files = written(*blocks)
    assert set(files) == {"d.svg", "p.jpg"}
    assert files["d.svg"].startswith(b"<svg xmlns=")
    assert "(<f/p.jpg>)" in text
    assert "(<f/d.svg>)" in text
    text, _ = written(*blocks, folder="50 % #2")
    assert "(<50%20%25%20%232/p.jpg>)" in text, "signs that mean something in an address"


def test_text_is_no_markup() -> None:
    text = written(*(block for block in every_block() if not isinstance(block, b.Commands)))[0]
    assert re.findall(r"(.)<script>", text) == ["`"] * 2, "in code alone"
    assert escaped("1. first") == "1\\. first", "a stroke before a digit would be shown"
    assert escaped("12) first") == "12\\) first"
    assert escaped("+ 3") == "\\+ 3"
    assert escaped("1.5 s") == "1.5 s"
    assert escaped("a\n\nb") == "a b"


def test_a_fence_is_longer_than_what_it_holds() -> None:
    assert "````\n```\n````" in written(b.Commands("```"))[0]


def test_what_folds_on_a_page_is_shown() -> None:
    text, _ = written(b.Fold("More", [b.Paragraph(["see ", b.cite("one")])]))
    assert "**More**\n\nsee \\[1\\]" in text


@pytest.mark.parametrize("kind", ["good", "chip"])
def test_frames_and_colours_are_words(kind: str) -> None:
    assert "\n\ndone\n" in written(b.Paragraph(b.Span(kind, "done", "#fff")))[0]


def test_examples_are_true() -> None:
    assert doctest.testmod(markdown).failed == 0
