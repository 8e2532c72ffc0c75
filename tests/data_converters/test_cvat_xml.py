"""XML from elsewhere does no harm, and text of ours comes back as it was."""

from __future__ import annotations

import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_converters import cvat_xml
from data_converters.cvat_xml import (
    in_quotes,
    in_text,
    make_parser,
    parse_file,
    sniff_encoding,
    writable,
)
from segloop.utils.errors import DataError, FormatError
from tests.data_converters.cvat_cases import write_xml


def parse(folder: Path, data: str | bytes) -> None:
    file = write_xml(folder, data)
    parse_file(file, make_parser(sniff_encoding(file)))


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    clean = writable(text)
    element = ElementTree.fromstring(f'<a b="{in_quotes(clean)}">{in_text(clean)}</a>'.encode())
    assert (element.get("b"), element.text or "") == (clean, clean)


def test_what_xml_cannot_hold_is_replaced() -> None:
    assert writable("a\x00\x1b\ud800\uffffb\t\n") == "a����b\t\n"


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        "<!DOCTYPE annotations><annotations/>",
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:1/"> %x;]><a/>',
    ],
)
def test_document_types_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(FormatError, match=r"a.xml: line 1: refused: it declares a document type"):
        parse(tmp_path, text)


def test_a_billion_laughs_end_at_once(tmp_path: Path) -> None:
    lines = ['<!ENTITY l0 "lol">'] + [f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12)]
    began = time.monotonic()
    with pytest.raises(FormatError, match="document type"):
        parse(tmp_path, f"<!DOCTYPE a [{''.join(lines)}]><a>&l11;</a>")
    assert time.monotonic() - began < 5


def test_entities_that_nobody_declared(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"line 2, column 4: not valid XML \(undefined entity\)"):
        parse(tmp_path, "<a>\nxy &z;</a>")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"line 1, column 1: not valid XML \(the file ends too early: no element found\)"),
        ("<a>\n <b>", r"line 2, column 5: not valid XML \(the file ends too early: no element found\)"),
        ("<a>\n <b", r"line 2, column 2: not valid XML \(the file ends too early: unclosed token\)"),
        ("<a>\n</b>", r"line 2, column 3: not valid XML \(mismatched tag\)"),
        ("{}", "line 1, column 1: not valid XML .not well-formed"),
    ],
)
def test_broken_files_are_told_with_line_and_column(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(FormatError, match=told):
        parse(tmp_path, text)


@pytest.mark.parametrize(
    ("encoding", "declared", "found"),
    [
        ("utf-8", None, "UTF-8"),
        ("utf-8", "UTF8", "UTF-8"),
        ("utf-8-sig", "utf-8", "UTF-8"),
        ("utf-16", "utf-16", "UTF-16LE"),
        ("utf-16", "utf-8", "UTF-16LE"),  # what a text editor of Windows saves
        ("utf-16-be", None, "UTF-16BE"),
        ("cp1251", "windows-1251", "cp1251"),
        ("koi8-r", "KOI8-R", "koi8-r"),
    ],
)
def test_encodings(tmp_path: Path, encoding: str, declared: str | None, found: str) -> None:
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    file = write_xml(tmp_path, f'{head}<a b="кот"/>'.encode(encoding))
    assert sniff_encoding(file) == found
    seen = []
    parser = make_parser(found)
    parser.StartElementHandler = lambda name, values: seen.append(values)
    parse_file(file, parser)
    assert seen == [{"b": "кот"}]


@pytest.mark.parametrize("name", ["shift_jis", "gbk", "utf-7", "rot13", "unicode_escape", "klingon", "idna"])
def test_encodings_that_expat_does_not_know(tmp_path: Path, name: str) -> None:
    with pytest.raises(FormatError, match=f"the encoding '{name}' is not read; save it as UTF-8"):
        parse(tmp_path, f'<?xml version="1.0" encoding="{name}"?><a/>')


def test_an_endless_tag_is_refused_with_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cvat_xml, "BLOCK", 1000)
    monkeypatch.setattr(cvat_xml, "MOST_TAG", 5000)
    parse(tmp_path, "<a>" + f'<b c="{"x" * 4000}"/>' * 9 + "</a>")
    with pytest.raises(FormatError, match="line 2: refused: a tag is longer than 5000 bytes"):
        parse(tmp_path, f'<a>\n<b c="{"x" * 12000}"/></a>')


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        sniff_encoding(tmp_path / "none.xml")
    with pytest.raises(DataError, match="cannot be read"):
        sniff_encoding(tmp_path)
