"""What is decoded ahead is what would be read row by row, and nothing odd is taken from there."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_converters import run_ahead
from data_converters.airbus import read
from data_converters.base import ReadOptions
from data_converters.run_ahead import Ahead
from data_converters.run_csv import ImageRows, look_over, open_table
from segloop.data import masks
from tests.data.masks.cases import bitmaps

SIZE_HW = (9, 11)


def ahead_of(folder: Path, *rows: str) -> tuple[Ahead, ImageRows]:
    """Write rows, and return what reads them ahead and where each image's rows are."""
    file = folder / "a.csv"
    file.write_bytes(("ImageId,EncodedPixels\n" + "".join(f"{row}\n" for row in rows)).encode())
    table = open_table(file, form="airbus", usual="a.csv")
    return Ahead(table, 1, SIZE_HW), look_over(table, named=0).rows


def taken(ahead: Ahead, keys: ImageRows) -> list[tuple[int, list[list[int]]] | None]:
    """Ask for all images in order; return how many rows each has, and its masks."""
    found = [ahead.take(*spans[0][:2]) for _, spans in keys]
    return [each and (len(each[0]), [runs.tolist() for runs in each[1]]) for each in found]


PLAIN = ["a,1 2", "b,", "c,3 4 9 1", "c,12 3", "d,", "e,1 99", "f,2 1"]


def test_all_but_the_first_image_are_decoded_ahead(tmp_path: Path) -> None:
    ahead, keys = ahead_of(tmp_path, *PLAIN)
    first, *others = taken(ahead, keys)
    assert first is None, "nobody knows yet that they come in order"
    assert others == [
        (1, []),
        (2, [[2, 4, 2, 1, 90], [11, 3, 85]]),
        (1, []),
        (1, [[0, 99]]),
        (1, [[1, 1, 97]]),
    ]
    assert ahead.take(*keys[1][1][0][:2]) is not None, "going back within the block is fine"
    copy = pickle.loads(pickle.dumps(ahead))
    assert copy.take(*keys[1][1][0][:2]) is None


@pytest.mark.parametrize(
    "row",
    [
        "x,1 2 3",
        "x,1  2",
        "x,1\t2",
        "x,0 2",
        "x,98 5",
        "x,5 2 3 1",
        "x,a",
        "x",
        "x,1 2,3",
        '"x",1 2',
        "",
        "x,99999999999999999999 2",
    ],
)
def test_a_block_with_anything_odd_is_left_to_others(row: str, tmp_path: Path) -> None:
    ahead, keys = ahead_of(tmp_path, *PLAIN[:3], row, *PLAIN[4:])
    assert taken(ahead, keys) == [None] * len(keys)


@pytest.mark.parametrize("rows", [["c,1 2", "c,2 3"], ["c,1 2", "c,1 2"], ["c,1 2", "c,"], ["c,", "c,"]])
def test_rows_that_have_to_be_remarked_on_are_left_to_others(rows: list[str], tmp_path: Path) -> None:
    ahead, keys = ahead_of(tmp_path, "a,1 2", "b,", *rows, "d,5 6")
    assert taken(ahead, keys) == [None, (1, []), None, (1, [[4, 6, 89]])]


def test_scattered_images_decode_nothing_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead, keys = ahead_of(tmp_path, *PLAIN)
    monkeypatch.setattr(Ahead, "_decode", None)
    for place in (4, 2, 0, 5, 3, 1):
        assert ahead.take(*keys[place][1][0][:2]) is None


@given(
    drawn=st.lists(st.tuples(st.integers(1, 4), bitmaps(SIZE_HW)), max_size=40),
    smallest=st.sampled_from((16, 64, 4096)),
)
def test_records_are_the_same_as_row_by_row(
    drawn: list[tuple[int, np.ndarray]], smallest: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("ahead") / "a.csv"
    rows, image = [], 0
    for step, bitmap in drawn:
        image += step // 3  # several rows of an image now and then
        numbers = masks.to_pairs([masks.encode(bitmap)], SIZE_HW, order="columns")[0]
        rows.append(f"{image}.jpg,{' '.join(map(str, numbers))}\n")
    file.write_text("ImageId,EncodedPixels\n" + "".join(rows or ["a.jpg,\n"]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_ahead, "SMALLEST", smallest)
        patch.setattr(run_ahead, "LARGEST", 4 * smallest)
        found = read(file, options=ReadOptions(size_hw=SIZE_HW))
        ahead = list(found)
        one_by_one = [found.load._look(*key) for key in found.keys]

    def plain(record) -> tuple:
        shapes = [each.shape.runs.tolist() for each in record.instances]
        return record.image_id, record.name, record.size_hw, shapes, record.remarks

    assert list(map(plain, ahead)) == list(map(plain, one_by_one))
