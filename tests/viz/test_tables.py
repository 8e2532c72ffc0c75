"""One table, told three ways."""

from __future__ import annotations

from segloop.viz.tables import Table, as_html, as_markdown, as_text

TOLD = Table("Scores", ["", "A"], [["mDice | fg", "9.5"], ["a name that is long", "10.0"]], [1], note="In %.")


def test_text_is_aligned_and_cut():
    assert as_text(TOLD, widest=12) == (
        "Scores\n                 A\nmDice | fg     9.5\na name that…  10.0\nIn %."
    )


def test_markdown_escapes_bars():
    assert as_markdown(TOLD) == (
        "## Scores\n\n|  | A |\n|---|---:|\n| mDice \\| fg | 9.5 |\n| a name that is long | 10.0 |\n\nIn %."
    )


def test_html_escapes_names():
    drawn = as_html(Table("", ["x"], [["<b>"]], note="a & b"))
    assert "&lt;b&gt;" in drawn
    assert "a &amp; b" in drawn
