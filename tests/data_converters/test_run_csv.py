"""A CSV of runs is found image by image, in whatever shape spreadsheets and pandas left it."""

from __future__ import annotations

import gc
import gzip
import pickle
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_converters import run_csv
from data_converters.run_csv import Table, look_over, open_table, read_rows, split_row
from segloop.utils.errors import DataError, FormatError

HEADER = b"ImageId,EncodedPixels\n"


def table_of(folder: Path, data: bytes, *, form: str = "airbus") -> Table:
    """Open a CSV of these bytes."""
    file = folder / "a.csv"
    file.write_bytes(data)
    return open_table(file, form=form, usual="usual.csv")


def images_of(table: Table) -> dict[str, list[tuple[int, bytes]]]:
    """Return line and runs of each row, by image."""
    named, drawn = table.place("ImageId"), table.place("EncodedPixels")
    found = {}
    for _, spans in look_over(table, named=named).rows:
        name, rows = read_rows(table, spans, named=named)
        found[name] = [(line, fields[drawn]) for line, fields in rows]
    return found


PLAIN = {"a.jpg": [(2, b"1 2"), (4, b"5 6")], "b.jpg": [(3, b"")], "c.jpg": [(5, b"7 8")]}


@pytest.mark.parametrize(
    "data",
    [
        HEADER + b"a.jpg,1 2\nb.jpg,\na.jpg,5 6\nc.jpg,7 8\n",
        HEADER + b"a.jpg,1 2\nb.jpg,\na.jpg,5 6\nc.jpg,7 8",
        (HEADER + b"a.jpg,1 2\nb.jpg,\na.jpg,5 6\nc.jpg,7 8\n").replace(b"\n", b"\r\n"),
        b'\xef\xbb\xbf"ImageId","EncodedPixels"\n"a.jpg","1 2"\n"b.jpg",""\n"a.jpg","5 6"\nc.jpg,"7 8"\n',
        b" encodedpixels ,IMAGEID,\n1 2,a.jpg,\n,b.jpg,\n5 6,a.jpg,\n7 8,c.jpg,\n",
        b",ImageId,EncodedPixels\n0,a.jpg,1 2\n1,b.jpg,\n2,a.jpg,5 6\n3,c.jpg,7 8\n",
        b"ImageId;EncodedPixels\na.jpg;1 2\nb.jpg;\na.jpg;5 6\nc.jpg;7 8\n",
        b"ImageId\tEncodedPixels\na.jpg\t1 2\nb.jpg\t\na.jpg\t5 6\nc.jpg\t7 8\n",
    ],
    ids=["plain", "no-end", "crlf", "bom-quotes", "order-case", "pandas-index", "semicolons", "tabs"],
)
def test_each_dress_of_a_table_is_read(data: bytes, tmp_path: Path) -> None:
    assert images_of(table_of(tmp_path, data)) == PLAIN


def test_blank_lines_count_as_lines_and_as_nothing_else(tmp_path: Path) -> None:
    data = HEADER + b"\na.jpg,1 2\n\r\n  \na.jpg,5 6\n\n"
    assert images_of(table_of(tmp_path, data)) == {"a.jpg": [(3, b"1 2"), (6, b"5 6")]}


def test_names_with_commas_quotes_and_letters_of_any_kind(tmp_path: Path) -> None:
    names = [
        "a, b.jpg",
        'say "x".jpg',
        "Снимок [1] & 2 — й.jpg",
        "12",
        " blank .jpg",
        'in"side.jpg',
        "d/e/1.jpg",
    ]
    lines = ['"a, b.jpg"', '"say ""x"".jpg"', *names[2:]]
    data = HEADER + "".join(f"{line},1 2\n" for line in lines).encode()
    assert list(images_of(table_of(tmp_path, data))) == names


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n")), min_size=1, max_size=5))
def test_a_row_comes_apart_as_it_was_put_together(fields: list[str]) -> None:
    row = ",".join('"' + field.replace('"', '""') + '"' for field in fields).encode()
    assert split_row(row + b"\r\n", b",") == [field.encode() for field in fields]


def test_keys_are_made_when_asked_for_and_weigh_little(tmp_path: Path) -> None:
    rows = "".join(f"{place:06d}.jpg,{'1 2' if place % 3 else ''}\n" for place in range(5000))
    keys = look_over(table_of(tmp_path, HEADER + rows.encode()), named=0).rows
    assert len(keys) == 5000
    assert keys[-1] == keys[4999]
    assert keys[1:3] == [keys[1], keys[2]]
    assert len(pickle.dumps(keys)) < 5000 * 40
    with pytest.raises(IndexError):
        keys[5000]


def test_rows_are_read_from_a_copy_in_another_process(tmp_path: Path) -> None:
    table = table_of(tmp_path, HEADER + b"a.jpg,1 2\nb.jpg,\n")
    keys = look_over(table, named=0).rows
    read_rows(table, keys[0][1], named=0)  # the file is open now
    copy = pickle.loads(pickle.dumps(table))
    assert read_rows(copy, keys[1][1], named=0) == ("b.jpg", [(3, [b"b.jpg", b""])])


def test_a_zip_and_a_folder_with_the_file_will_do(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    file = tmp_path / "set" / "usual.csv"
    file.write_bytes(HEADER + b"a.jpg,1 2\n")
    (tmp_path / "set" / "sample.csv").write_bytes(HEADER)
    packed = tmp_path / "usual.csv.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(file, "x/usual.csv")
        archive.writestr("x/sample.csv", b"")
    for source in (tmp_path / "set", packed):
        table = open_table(source, form="airbus", usual="usual.csv")
        assert images_of(table) == {"a.jpg": [(2, b"1 2")]}
    unpacked = table.file.path
    assert unpacked.exists()
    del table
    gc.collect()
    assert not unpacked.exists()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "has the columns ImageId,EncodedPixels"),
        (b"\n", "has the columns"),
        (b"a.jpg,1 2\n", "here is 'a.jpg,1 2'"),
        (
            b"id,annotation,width\n",
            "columns of sartorius, whose runs go the other way; read it with --from sartorius",
        ),
        (b"ImageId,EncodedPixels,imageid\n", "columns are there twice: ImageId, imageid"),
        (b"\xff\xfeI\0m\0", "is UTF-16; save it as UTF-8"),
        (gzip.compress(b"x", mtime=0), "is packed by gzip"),
        (b"ImageId,Encoded\xe9\n", "not UTF-8"),
        (b"ImageId,EncodedPixels\ra.jpg,1 2\r", "lines end with CR alone"),
        (b'ImageId,"EncodedPixels\n', "has the columns"),
        (b"PK\x03\x04 and no zip", "not a zip archive"),
        (b"x" * 5000, "…"),
        (HEADER, "there is no row under the header"),
    ],
)
def test_a_file_that_is_another_one_is_refused_in_words(data: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        look_over(table_of(tmp_path, data), named=0)
    assert words in str(caught.value)


def test_a_place_without_such_a_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        open_table(tmp_path / "no.csv", form="airbus", usual="usual.csv")
    with pytest.raises(DataError, match="has no CSV file"):
        open_table(tmp_path, form="airbus", usual="usual.csv")
    for name in ("a.csv", "b.CSV"):
        (tmp_path / name).write_bytes(HEADER)
    with pytest.raises(DataError, match=r"has 2 CSV files; name one of them:\n  a.csv\n  b.CSV"):
        open_table(tmp_path, form="airbus", usual="usual.csv")
    packed = tmp_path / "a.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("readme.txt", "x")
    with pytest.raises(FormatError, match="has no CSV file in it"):
        open_table(packed, form="airbus", usual="usual.csv")


def test_rows_that_belong_to_no_image_are_told_together(tmp_path: Path) -> None:
    data = HEADER + (
        b',1 2\na.jpg,1 2\n"b.jpg,3 4\n../c.jpg,\n/d.jpg,\nC:\\e.jpg,\nf\x00.jpg,\ng\xff.jpg,\n'
        b"a.png,5 6\nx//y.jpg,\n" + b"z" * 5000 + b".jpg,\n.,\n./a.jpg,\n"
    )
    with pytest.raises(FormatError) as caught:
        look_over(table_of(tmp_path, data), named=0)
    told = str(caught.value)
    assert "12 problem(s)" in told
    for words in (
        "line 2: no ImageId",
        "line 4: no ImageId",
        "line 5: '../c.jpg' names no file within a folder",
        "line 6: '/d.jpg' names no",
        "line 9: the name 'g\ufffd.jpg' is not UTF-8",
        "'a.jpg' (line 3) and 'a.png' (line 10) would be the same image",
    ):
        assert words in told, words


def test_a_file_of_nothing_but_problems_is_left_early(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"1000 or more problem\(s\)"):
        look_over(table_of(tmp_path, HEADER + b",1 2\n" * 3000), named=0)


def test_a_line_without_end_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_csv, "MOST_ROW", 64)
    with pytest.raises(FormatError, match="line 3: longer than"):
        look_over(table_of(tmp_path, HEADER + b"a.jpg,1 2\nb.jpg," + b"1" * 70 + b"\n"), named=0)


def test_a_file_that_changes_meanwhile_is_noticed(tmp_path: Path) -> None:
    table = table_of(tmp_path, HEADER + b"a.jpg,1 2\na.jpg,3 4\nb.jpg,\n")
    keys = look_over(table, named=0).rows
    (tmp_path / "a.csv").write_bytes(HEADER + b"b.jpg,1 2\na.jpg,3 4\n")
    with pytest.raises(FormatError, match="changed while it was read"):
        read_rows(table, keys[0][1], named=0)
    (tmp_path / "a.csv").unlink()
    with pytest.raises(DataError, match="cannot be read"):
        read_rows(pickle.loads(pickle.dumps(table)), keys[0][1], named=0)


def test_a_last_line_without_end_is_remarked_on(tmp_path: Path) -> None:
    assert look_over(table_of(tmp_path, HEADER + b"a.jpg,1 2\n"), named=0).told == ()
    (told,) = look_over(table_of(tmp_path, HEADER + b"a.jpg,1 2"), named=0).told
    assert "The last line has no end" in told
