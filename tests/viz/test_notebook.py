"""A notebook shows sections and whole pages, and its own looks stay as they are."""

from __future__ import annotations

from html import unescape
from pathlib import Path

from segloop.viz.notebook import framed, framed_file
from segloop.viz.page import Section, paragraph


def test_sections_stand_in_a_frame_of_their_own() -> None:
    shown = framed("Shapes", Section("Sizes", [paragraph('a "b" & <c>')]), None, height=300)._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    assert 'height="300"' in shown
    assert shown.count("<") == 2, "what is framed is escaped whole"
    assert "<h2>Sizes</h2>" in unescape(shown)


def test_a_page_of_a_tool_is_shown_whole(tmp_path: Path) -> None:
    file = tmp_path / "index.html"
    file.write_text("<p>5 µm</p>", encoding="utf-8")
    assert "<p>5 µm</p>" in unescape(framed_file(file)._repr_html_())
