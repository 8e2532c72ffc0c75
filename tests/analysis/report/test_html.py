"""The page escapes what is text, balances, and says to a screen reader what is what."""

from __future__ import annotations

from segloop.analysis.report import blocks as b
from segloop.analysis.report.bibliography import Citations, Reference
from segloop.analysis.report.html import html_page
from segloop.viz.plots import Line, plot
from tests.viz.test_page import NASTY, Balance

REFERENCES = {"one": Reference("one", "A. B", "On things", "2020")}


def drawn(*blocks: b.Block, classes: tuple[str, ...] = ("disc", "bar")) -> str:
    citations = Citations(REFERENCES)
    return html_page("A report", [b.Part("First", blocks)], citations=citations, lead="x", classes=classes)


def every_block() -> list[b.Block]:
    svg = plot([Line(NASTY, "var(--accent)", [(0, 0), (1, 1)])], told=NASTY, x_label=NASTY)
    spans = [NASTY, b.code(NASTY), b.link(NASTY, "https://x.org/?a=1&b=2"), b.cite("one"), b.cite("two")]
    spans += [b.Span("strong", NASTY), b.Span("chip", NASTY, "#fff"), b.Span("good", NASTY)]
    photo = b.Photo("p", b"jpeg", (4, 6), NASTY, [NASTY])
    return [
        b.Paragraph(spans),
        b.Heading(NASTY),
        b.Note(NASTY, "warn"),
        b.Tiles([(NASTY, NASTY)]),
        b.Table(NASTY, [NASTY, "n"], [b.Row([NASTY, "1"], [NASTY]), [spans, "2"]], [1]),
        b.Commands(NASTY),
        b.Bullets([NASTY]),
        b.Drawing("d", svg, NASTY, wide=True, below=NASTY),
        b.Gallery([photo]),
        b.Fold(NASTY, [b.Side([b.Paragraph(NASTY, small=True)])]),
    ]


def test_whatever_stands_in_a_block_is_text() -> None:
    text = drawn(*every_block(), classes=(NASTY, "b"))
    assert NASTY not in text
    balance = Balance()
    balance.feed(text)
    assert balance.wrong == []
    assert balance.open == []


def test_nothing_is_loaded_from_anywhere() -> None:
    balance = Balance()
    balance.feed(drawn(*every_block()))
    loaded = [each for each in balance.links if not each.startswith(("#", "data:"))]
    assert set(loaded) == {"https://x.org/?a=1&b=2"}, "a link, which is followed by a person alone"


def test_tables_have_a_name_a_head_and_columns_of_numbers() -> None:
    text = drawn(b.Table("Scores", ["name", "n"], [b.Row(["disc", "1"], ["disc"])], [1]))
    assert '<caption class="unseen">Scores</caption>' in text
    assert '<th scope="col">name</th><th class="number" scope="col">n</th>' in text
    assert 'data-classes="[&quot;disc&quot;]"' in text
    assert 'role="region" aria-label="Scores"' in text


def test_dotted_names_may_break_at_their_dots() -> None:
    text = drawn(b.Paragraph([b.code("model.head.type"), b.code("python tools/a.py")]))
    assert "<code>model.<wbr/>head.<wbr/>type</code>" in text
    assert "<code>python tools/a.py</code>" in text


def test_citations_lead_to_their_reference() -> None:
    text = drawn(b.Paragraph([b.cite("one"), b.cite("two")]))
    assert '<a href="#reference-1" class="cite">[1]</a>' in text
    assert "[two?]" in text


def test_a_filter_needs_something_to_choose() -> None:
    assert '<option value="disc">disc</option>' in drawn()
    assert "<select" not in drawn(classes=("disc",))
    assert 'class="filter" hidden=""' in drawn(), "without a script it could do nothing"
