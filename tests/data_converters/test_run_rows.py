"""The runs of an image's rows become masks, or all that is wrong with them is told by line."""

from __future__ import annotations

import numpy as np
import pytest

from data_converters.base import BadRecord
from data_converters.run_rows import ImageReading, one_label, order_hint, size_fault
from segloop.data import masks
from segloop.data.annotations import Bitmap, ImageRecord, Instance
from segloop.utils.errors import DataError
from tests.data.masks.cases import RING, RING_COLUMNS, RING_ROWS

SIZE_HW = (6, 8)


def rows_of(*texts: str) -> list[tuple[int, list[bytes]]]:
    """Return rows of an image from line 2 on."""
    return [(line, [b"a", text.encode()]) for line, text in enumerate(texts, 2)]


def problems_of(*texts: str, size_hw: tuple[int, int] | None = SIZE_HW) -> tuple[str, ...]:
    """Return what is said of these runs."""
    reading = ImageReading("a")
    reading.draw(rows_of(*texts), 1, size_hw, order="columns")
    with pytest.raises(BadRecord) as caught:
        reading.end()
    return caught.value.problems


def remarks_of(*texts: str) -> dict[str, tuple[int, str]]:
    """Return what is remarked on of these runs."""
    reading = ImageReading("a")
    reading.draw(rows_of(*texts), 1, SIZE_HW, order="columns")
    return {each.kind: (each.count, each.example) for each in reading.end()}


@pytest.mark.parametrize(("order", "numbers"), [("columns", RING_COLUMNS), ("rows", RING_ROWS)])
@pytest.mark.parametrize("space", [" ", "  ", "\t", " \t "])
def test_the_golden_mask_in_both_orders(order: masks.Order, numbers: list[int], space: str) -> None:
    text = space + space.join(map(str, numbers)) + space
    drawn, runs = ImageReading("a").draw(rows_of("", text), 1, SIZE_HW, order=order)
    assert [line for line, _ in drawn] == [3]
    assert (masks.decode(runs[0], SIZE_HW) == RING).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 2 3", "3 numbers: starts and lengths come in pairs"),
        ("0 2", "run 1 has the start 0"),
        ("1 0", "run 1 has the length 0"),
        ("1 2 45 6", "run 2 (45 6) ends past the 48 pixels there are"),
        ("1 5 3 2", "run 2 (3 2) overlaps the run before it"),
        ("9 2 3 2", "run 2 (3 2) begins before the run before it"),
        ("1 -2", "'-2' is not a whole number from 1"),
        ("1 2.5", "'2.5' is not a whole number from 1"),
        ("nan", "'nan' is not"),
        ("1e3 2", "'1e3' is not"),
        ("1 ２", "'２' is not"),
        ("1,2", "'1,2' is not"),
        ("1\x0b2", "is not a whole number"),
        ("\x00", "is not a whole number"),
        ("9" * 30 + " 2", "'" + "9" * 30 + "' is no place in any image"),
        ("9223372036854775807 9223372036854775807", "'9223372036854775807' is no place in any image"),
        ("x" * 90, "…"),
    ],
)
def test_runs_that_are_no_mask_are_told_by_line(text: str, words: str) -> None:
    (told,) = problems_of("1 2", text)
    assert told.startswith("line 3: ")
    assert words in told


def test_all_problems_of_an_image_are_told_together() -> None:
    assert [each[:7] for each in problems_of("1 2 3", "5 6", "x", "7 0")] == ["line 4:", "line 2:", "line 5:"]


def test_without_a_size_runs_are_looked_at_all_the_same() -> None:
    assert problems_of("1 2 3", "99999 2", size_hw=None) == (
        "line 2: 3 numbers: starts and lengths come in pairs",
    )


def test_what_is_odd_and_no_fault_is_remarked_on() -> None:
    assert remarks_of("", "1 2", "4 2") == {"empty row(s) beside others of the image": (1, "a: line 2")}
    assert remarks_of("") == {}
    assert remarks_of("", "", "") == {"empty row(s) beside others of the image": (2, "a: line 3")}
    assert remarks_of("1 4", "9 2", "3 4") == {
        "pixel(s) that several objects claim, kept by all": (2, "a: 2 among lines 2 to 4")
    }
    assert remarks_of("1 2", "5 6", "1 2", "1 2") == {
        "object(s) that are there twice, both kept": (2, "a: lines 2 and 4"),
        "pixel(s) that several objects claim, kept by all": (2, "a: 2 among lines 2 to 5"),
    }


def test_rows_that_do_not_fit_the_header_are_told() -> None:
    from data_converters.run_csv import ByteFile, Table

    table = Table(ByteFile.__new__(ByteFile), None, ("id", "annotation"), ",", 0)  # type: ignore[arg-type]
    reading = ImageReading("a")
    rows = [(2, [b"a", b"1 2"]), (3, [b"a"]), (4, [b"a", b"", b""]), (5, [])]
    assert reading.whole(rows, table) == rows[:1]
    assert reading.problems == [
        "line 3: 1 field(s), and the header has 2",
        "line 4: 3 field(s), and the header has 2",
        "line 5: a quoted field does not end",
    ]


def test_attributes_come_from_other_columns_and_must_be_text() -> None:
    rows = [(2, [b"a", b"1 2", "день".encode()]), (3, [b"a", b"5 2", b"\xff"])]
    reading = ImageReading("a")
    drawn, runs = reading.draw(rows, 1, SIZE_HW, order="rows")
    found = reading.instances(drawn, runs, ["x", "y"], {"note": 2}, SIZE_HW)
    assert [(each.label, each.attributes) for each in found] == [
        ("x", {"note": "день"}),
        ("y", {"note": "'\ufffd'"}),
    ]
    assert reading.problems == ["line 3: note is not UTF-8"]


def test_sizes_that_no_image_has_are_refused_with_the_limit() -> None:
    assert size_fault((16384, 16384)) is None
    assert "limit is 268435456" in str(size_fault((16385, 16384)))
    assert size_fault((0, 5)) == "an image of 5x0 pixels"


def test_one_label_has_one_name() -> None:
    assert (one_label((), "ship", "airbus"), one_label(("boat",), "ship", "airbus")) == ("ship", "boat")
    with pytest.raises(DataError, match="airbus has one label, and 2 were named: a, b"):
        one_label(("a", "b"), "ship", "airbus")


def sample(order: masks.Order, size_hw: tuple[int, int]) -> list[ImageRecord]:
    """Return images of discs as they look if their runs are read in an order that is right, or wrong."""
    height, width = size_hw
    y, x = np.mgrid[:height, :width]
    discs = [(x - 9 * place - 8) ** 2 + (y - 12) ** 2 <= 16 for place in range(3)]
    pairs = masks.to_pairs([masks.encode(disc) for disc in discs], size_hw, order="columns")
    runs = masks.from_pairs(pairs, size_hw, order=order) or []
    instances = tuple(Instance(label="x", shape=Bitmap(size_hw, each)) for each in runs)
    return [ImageRecord(image_id="a", name="a.png", size_hw=size_hw, instances=instances)] * 4


def test_the_wrong_order_makes_crumbs_and_is_asked_about() -> None:
    wrong = sample("rows", (30, 44))
    (told,) = order_hint(wrong.__getitem__, range(4), order="rows", form="sartorius")
    assert "Read row by row, as sartorius has it, 12 objects fall into 120 parts, and into 12" in told
    right = sample("columns", (30, 44))
    assert order_hint(right.__getitem__, range(4), order="columns", form="airbus") == []


def test_a_square_image_tells_nothing_and_bad_images_wait_for_their_turn() -> None:
    assert order_hint(sample("rows", (44, 44)).__getitem__, range(4), order="rows", form="x") == []

    def fail(key: int) -> ImageRecord:
        raise BadRecord("a", ["line 2: no"])

    assert order_hint(fail, range(3), order="rows", form="x") == []
