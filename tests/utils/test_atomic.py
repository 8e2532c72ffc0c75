"""A file is the old one or the new one, never a part."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from segloop.utils.atomic import open_atomic, open_gzip, read_json, read_record, write_json, write_text
from segloop.utils.errors import FormatError


def test_an_interrupted_write_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "scores.txt"
    write_text(path, "old")
    with pytest.raises(TypeError), open_atomic(path) as file:
        file.writelines(["half", 1])
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes with names")
def test_a_pipe_is_written_into_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # without it, whoever opens the pipe to write waits
    try:
        write_text(pipe, "ü")
        assert os.read(end, 10).decode() == "ü"
    finally:
        os.close(end)
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_makes_folders_and_readable_files(tmp_path: Path) -> None:
    path = tmp_path / "a/b/value.json"
    write_json(path, {"b": 1, "a": "ü"})
    assert path.read_text(encoding="utf-8") == '{\n  "a": "ü",\n  "b": 1\n}\n'
    assert path.stat().st_mode & 0o444 == 0o444


def test_a_record_that_is_missing_damaged_or_no_object_reads_as_none(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    assert read_record(file) is None
    for text in ("{", "[1]", "\udcff".encode("utf-8", "surrogateescape").decode("latin-1")):
        file.write_text(text, encoding="utf-8")
        assert read_record(file) is None
    write_json(file, {"a": 1})
    assert read_record(file) == {"a": 1}


def test_names_that_are_no_text_are_written_out(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    write_json(file, {"name": "caf\udce9"})
    assert file.read_bytes() == b'{\n  "name": "caf\\udce9"\n}\n'
    assert read_json(file) == {"name": "caf\udce9"}


def test_packed_text_is_the_same_bytes_under_any_name_and_at_any_time(tmp_path: Path) -> None:
    for name in ("a.csv.gz", "b.csv.gz"):
        with open_gzip(tmp_path / name) as file:
            file.write("x,ü\n")
    packed = (tmp_path / "a.csv.gz").read_bytes()
    assert packed == (tmp_path / "b.csv.gz").read_bytes()
    assert packed[4:8] == bytes(4)  # where gzip keeps the time
    assert gzip.decompress(packed).decode() == "x,ü\n"


def test_json_that_is_none_is_told_with_its_file(tmp_path):
    file = tmp_path / "a.json"
    write_json(file, {"ä": [1]})
    assert read_json(file) == {"ä": [1]}
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())  # as Windows' tools begin a text
    assert read_json(file) == {"ä": [1]}
    for broken in (b"{", b"\xff\xfe"):
        file.write_bytes(broken)
        with pytest.raises(FormatError, match="not valid JSON"):
            read_json(file)
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "none.json")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_json_is_read_in_each_encoding_that_windows_writes(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.json").write_bytes('{"name": "Möwe"}'.encode(encoding))
    assert read_json(tmp_path / "a.json") == {"name": "Möwe"}
