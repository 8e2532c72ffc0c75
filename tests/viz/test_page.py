"""A page holds all that it shows, escapes what is text, and loads nothing."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from segloop.viz.page import (
    Figure,
    Html,
    Section,
    chip,
    chipped,
    code,
    columns,
    facts,
    fold,
    gallery,
    label,
    markup,
    note,
    page,
    paragraph,
    picture,
    sorting,
    table,
    tag,
    write_page,
)

NASTY = "<script>alert(\"x\")</script> & 'quotes'"


class Balance(HTMLParser):
    """Reads a page and notes what was not closed, and every address in it."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        if name not in ("meta", "img", "input"):
            self.open.append(name)
        found = dict(attributes)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.links += [value or "" for key, value in attributes if key in ("href", "src")]

    def handle_startendtag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for key, value in attributes if key in ("href", "src")]

    def handle_endtag(self, name: str) -> None:
        if not self.open or self.open.pop() != name:
            self.wrong.append(name)


def full_page() -> str:
    image = np.zeros((4, 6, 3), np.uint8)
    blocks = [
        paragraph(NASTY),
        facts([(3, "images")]),
        table(["class", "share"], [[NASTY, "3 %"]], numbers=[1]),
        code(f"a = {NASTY!r}"),
        note(NASTY, level="bad"),
        label("new"),
        columns([chip((255, 0, 0)), "b"]),
        gallery([Figure(picture(image, alt=NASTY), NASTY)]),
        fold("more", paragraph("text")),
    ]
    return page(
        NASTY,
        [Section("One & two", blocks, lead=NASTY), Section("One & two", [])],
        eyebrow="data",
        footer="end",
    )


def test_the_page_is_well_formed_and_its_links_lead_somewhere() -> None:
    reader = Balance()
    reader.feed(full_page())
    assert reader.wrong == []
    assert reader.open == []
    assert reader.ids == ["one-two", "one-two--2"]
    inner = [link for link in reader.links if not link.startswith("data:")]
    assert inner == ["#one-two", "#one-two--2"]


def test_text_is_never_markup_and_markup_is_not_escaped_twice() -> None:
    assert "<script>alert" not in full_page()
    assert markup(markup("a & b")) == "a &amp; b"
    assert tag("p", Html("<b>x</b>"), "<") == "<p><b>x</b>&lt;</p>"


def test_nothing_can_be_loaded() -> None:
    text = full_page()
    assert "default-src 'none'" in text.replace("&#x27;", "'")
    assert not re.search(r"""(?:src|href|url\()\s*=?\s*["']?\s*(?:https?:|//)""", text)


@pytest.mark.parametrize("exact", [False, True])
def test_a_picture_lies_inside_with_its_size(exact: bool) -> None:
    image = np.zeros((5, 8, 3), np.uint8)
    image[..., 0] = 200  # red
    element = picture(image, alt="red", exact=exact)
    data = re.search(r"base64,([^\"]+)", element)
    assert data
    read = cv2.imdecode(np.frombuffer(base64.b64decode(data[1]), np.uint8), cv2.IMREAD_COLOR)
    assert read.shape == (5, 8, 3)
    assert read[2, 4, 2] > 190
    assert read[2, 4, 0] < 10
    assert 'width="8" height="5"' in element


def test_a_level_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="choose good, warn, bad, info"):
        note("x", level="fatal")


def test_the_same_page_has_the_same_bytes(tmp_path: Path) -> None:
    file = write_page(tmp_path / "a" / "index.html", full_page())
    assert file.read_text(encoding="utf-8") == full_page()


def test_a_kind_of_page_has_style_and_script_of_its_own() -> None:
    text = page("p", [], style=".mine { color: red; }", script="let mine = 1;")
    assert ".mine { color: red; }</style>" in text
    assert "let mine = 1;</script>" in text


def test_pictures_open_by_keyboard() -> None:
    """The script makes them buttons, for it alone can open them."""
    text = page("p", [])
    assert 'figure.setAttribute("role", "button")' in text
    assert "figure.onkeydown" in text


def test_no_line_ends_between_a_colour_and_its_name():
    assert chipped((255, 0, 0), "a <b>") == (
        '<span class="named"><span class="chip" style="background:#ff0000"></span>a &lt;b&gt;</span>'
    )


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js here")
@pytest.mark.parametrize(
    "ordered",
    [
        ["12.3 ms", "45.2 s", "8 min 4 s", "8 min 30 s", "1 h 2 min"],
        ["512 B", "900.0 kB", "7.3 MB", "1.2 GB"],
        ["< .001", ".040", ".500", "1.000"],
        ["-12.0 [-13.0, -11.0]", "+1.2 [0.1, 2.3]", "9.9", "1,024"],
        ["8 to 15", "64 to 127", "512 to 1,023", "1,024 to 2,047"],
        ["a 2", "a 10", "b"],
    ],
)
def test_tables_are_sorted_by_what_cells_mean(ordered: list[str]) -> None:
    counts = json.dumps(not {"a 2", "8 to 15"} & set(ordered))
    script = (
        f"const document = {{ querySelectorAll: () => [] }};{sorting()[1]}"
        f"const found = {json.dumps(ordered[::-1])}.sort((one, other) => compare(one, other, {counts}));"
        "console.log(JSON.stringify(found));"
    )
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ordered
