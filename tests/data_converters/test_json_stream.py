"""JSON is read in pieces as it is read whole, and what is broken is told by line and byte."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_converters import json_stream
from data_converters.json_stream import decoded, elements
from segloop.utils.errors import DataError, FormatError, UserError

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner), max_leaves=8
)
KEYS = st.text('ab"\\\n', max_size=3)
FILES = st.dictionaries(KEYS, VALUES | st.lists(VALUES, max_size=5), max_size=4) | st.lists(VALUES)


def read(file: Path) -> Any:
    """Put the elements of a file together again, from their bytes."""
    data = file.read_bytes()
    whole: dict[str, Any] = {}
    for key, place, value, start, stop in elements(file):
        part = data[start:stop]
        if place >= 0:
            assert json.loads(part.decode("latin-1")) == value
            whole[key].append(decoded(part))
        else:
            whole[key] = [] if value == [] else decoded(part)
    return whole


@settings(max_examples=50)
@given(FILES, st.integers(1, 40), st.sampled_from([None, 1, "\t"]), st.booleans())
def test_pieces_make_the_whole_wherever_the_window_ends(
    tmp_path_factory: pytest.TempPathFactory, value: Any, block: int, indent: Any, ascii_only: bool
) -> None:
    file = tmp_path_factory.getbasetemp() / "pieces.json"
    file.write_text(json.dumps(value, indent=indent, ensure_ascii=ascii_only), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "BLOCK", block)
        patch.setattr(json_stream, "MOST_TOGETHER", block % 3 + 1)
        found = read(file)
    assert found == ({"": value} if isinstance(value, list) else value)


def test_a_number_at_the_end_of_the_window_is_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.json"
    file.write_text("[1234567.5e-10, 12, -1e+30]")
    for block in range(1, 28):
        monkeypatch.setattr(json_stream, "BLOCK", block)
        assert read(file) == {"": [1234567.5e-10, 12, -1e30]}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"images": [1,\n 2,\n oops]}', "line 3, byte 20: not valid JSON: Expecting value"),
        ('{"images": [1 2]}', r"byte 14: not valid JSON: Expecting ',' delimiter"),
        ('{"images": [{"a" 2}]}', r"byte 17: not valid JSON: Expecting ':' delimiter"),
        ('{"images": [1],}', r"byte 15: not valid JSON: Expecting property name"),
        ('{"a": 1} x', "byte 9: not valid JSON: there is more after the end"),
        ('{"a": "no end', "Unterminated string"),
        ('{"a": [1, {"b": 2}', "line 1, byte 18: not valid JSON: the file ends too early"),
        ("7", "Expecting an object or a list"),
        ("  \n ", "the file is empty"),
        ("", "the file is empty"),
    ],
)
def test_what_is_broken_is_told_by_line_and_byte(tmp_path: Path, text: str, place: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(text)
    with pytest.raises(FormatError, match=place):
        list(elements(file))


def test_an_error_far_from_the_window_s_end_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"images": [oops' + " " * (3 << 20))
    with pytest.raises(FormatError, match="byte 12: not valid JSON: Expecting value"):
        list(elements(file))


def test_encodings(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes('["ё"]'.encode("utf-8-sig"))
    assert read(file) == {"": ["ё"]}
    for encoding in ("utf-16", "utf-16-le", "utf-32"):
        file.write_bytes('["ё"]'.encode(encoding))
        with pytest.raises(FormatError, match="not UTF-8; save it as UTF-8"):
            list(elements(file))
    file.write_bytes(b'["\xff"]')
    ((_, _, _, start, stop),) = list(elements(file))[1:]
    with pytest.raises(ValueError, match="byte 1 of it is not UTF-8"):
        decoded(file.read_bytes()[start:stop])


def test_absurd_values_are_refused_and_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.json"
    file.write_text("[" * 100_000)
    with pytest.raises(FormatError, match="lists in lists"):
        list(elements(file))
    file.write_text(f"[{'9' * 5000}]")
    with pytest.raises(FormatError, match="digits"):
        list(elements(file))
    monkeypatch.setattr(json_stream, "BLOCK", 100)
    monkeypatch.setattr(json_stream, "MOST_BYTES", 1000)
    file.write_text(json.dumps([[1] * 10] * 100))
    assert len(list(elements(file))) == 101, "many small ones are no large one"
    file.write_text(json.dumps([[1] * 1000]))
    with pytest.raises(FormatError, match="one value takes more than 1000 bytes"):
        list(elements(file))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        list(elements(tmp_path / "none.json"))
    with pytest.raises(DataError, match="cannot be read"):
        list(elements(tmp_path))
    (tmp_path / "a.json").write_text("[")
    with pytest.raises(FormatError, match=r"^x\.zip/a\.json: line 1"):
        list(elements(tmp_path / "a.json", shown=Path("x.zip/a.json")))


def test_cut_or_scrambled_files_are_read_as_json_reads_them_or_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_stream, "BLOCK", 16)
    whole = json.dumps({"images": [{"id": 1, "ё": '\\"]'}, [1.5, None]], "info": {"a": [True]}}).encode()
    noise = random.Random(3)
    cases = [whole[:length] for length in range(len(whole))]
    for _ in range(80):
        data = bytearray(whole)
        data[noise.randrange(len(data))] = noise.choice(b'"[]{},:019eE.-\\\n x')
        cases.append(bytes(data))
    file = tmp_path / "a.json"
    for data in cases:
        file.write_bytes(data)
        try:
            wanted = json.loads(data)
        except ValueError:
            wanted = None
        if isinstance(wanted, dict):
            assert read(file) == wanted, data
        else:
            with pytest.raises(UserError):
                read(file)
