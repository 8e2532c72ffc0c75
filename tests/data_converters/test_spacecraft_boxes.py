"""The file of boxes is read as Python or JSON writes it; what is wrong with it is told with its place."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest

from data_converters.spacecraft_boxes import MOST_BYTES, Entry, parse_boxes, read_boxes
from segloop.utils.errors import FormatError

FILE = Path("all_bbox.txt")
GOOD = '{"0": [[30, 20, 10, 5]],\n "403": [[9, 9, 1, 2], [100.5, 40, 50, 30]], "5": []}'


def test_a_box_is_turned_to_left_top_right_bottom() -> None:
    assert parse_boxes(GOOD, file=FILE) == {
        0: Entry(1, ((10.0, 5.0, 30.0, 20.0),)),
        403: Entry(2, ((1.0, 2.0, 9.0, 9.0), (50.0, 30.0, 100.5, 40.0))),
        5: Entry(2, ()),
    }


@pytest.mark.parametrize(
    "text",
    [
        "{'7': [[3, 4, 1, 2]]}",
        "{7: [(3, 4, 1, 2)]}",
        "\ufeff{ '7' : ( (3,4,1,2,), ), }\n",
        "{'007': [[np.int64(3), np.float64(4.0), 1, 2]]}",
    ],
)
def test_python_writes_it_in_several_ways(tmp_path: Path, text: str) -> None:
    file = tmp_path / "all_bbox.txt"
    file.write_text(text, encoding="utf-8")
    assert read_boxes(file) == {7: Entry(1, ((1.0, 2.0, 3.0, 4.0),))}


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("", "line 1, column 1", "ends here"),
        ("[]", "line 1, column 1", "begins with {"),
        ("{'1': [[3, 4, 1, 2]]", "line 1, column 21", "ends here"),
        ("{'1':\n [[3, 4, 1, 2]\n", "line 3, column 1", "ends here"),
        ("{'1': [[3, 4, 1, 2]] '2': []}", "line 1, column 22", "a comma is expected"),
        ("{'1' [[3, 4, 1, 2]]}", "line 1, column 6", "a colon"),
        ("{'1': [[[3], 4, 1, 2]]}", "line 1, column 9", "nothing deeper"),
        ("{'1': {}}", "line 1, column 7", "a list of boxes"),
        ("{'1: []}", "line 1, column 2", "neither a number"),
        ("{'1': []} x", "line 1, column 11", "nothing is expected"),
        ("{['1']: []}", "line 1, column 2", "an image's number"),
        ("{'1': [[3, 4, 1, 2)]}", "line 1, column 19", "nothing deeper"),
    ],
)
def test_what_does_not_parse_is_told_with_its_place(text: str, place: str, told: str) -> None:
    with pytest.raises(FormatError, match=told) as caught:
        parse_boxes(text, file=FILE)
    assert caught.value.where == place


def test_all_strange_numbers_of_images_are_told_together() -> None:
    with pytest.raises(FormatError) as caught:
        parse_boxes("{'1': [],\n'x': [], '01': [],\n'-3': []}", file=FILE)
    for part in (
        "3 problem(s)",
        "line 2, 'x'",
        "'01': the number is there before, in line 1",
        "line 3, '-3'",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("[[1, 2, 3]]", "box 1 of 1: 3 numbers in place of max_x, max_y, min_x, min_y"),
        ("[[9, 9, 1, 1], [1, 9, 5, 2]]", "box 2 of 2: max_x 1 is under min_x 5; the order is"),
        ("[[5, 1, 2, 9]]", "max_y 1 is under min_y 9"),
        ("[[1, 2, 3, None]]", "'None' is no number"),
        ("[[nan, 2, 0, 1]]", "'nan' is no number"),
        ("[[1e9, 2, 0, 1]]", "a corner is more than 1048576 pixels away"),
        ("[3, 4, 1, 2]", "'3' in place of"),
        ("None", "'None' in place of a list of boxes"),
        (str([[3, 4, 1, 2]] * 1001), "1001 boxes"),
    ],
)
def test_what_is_wrong_with_boxes_stands_in_their_entry(value: str, told: str) -> None:
    entry = parse_boxes("{'1': [],\n'2': " + value + "}", file=FILE)[2]
    assert len(entry.problems) >= 1
    assert entry.problems[0].startswith("all_bbox.txt, line 2, '2': ")
    assert told in entry.problems[0]


def test_a_file_that_cannot_be_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "all_bbox.txt"
    file.write_bytes(b"\xff\xfe{}")
    with pytest.raises(FormatError, match="no UTF-8"):
        read_boxes(file)
    with file.open("wb") as opened:
        opened.truncate(MOST_BYTES + 1)
    with pytest.raises(FormatError, match="at most"):
        read_boxes(file)


def test_damage_costs_a_message_and_never_a_traceback() -> None:
    for end in range(len(GOOD)):
        with pytest.raises(FormatError):
            parse_boxes(GOOD[:end], file=FILE)
    dice = random.Random(0)
    for _ in range(1000):
        text = list(GOOD)
        for _ in range(dice.randint(1, 4)):
            text[dice.randrange(len(text))] = dice.choice("{}[]():,'\"0-9.eéx \n\\\0")
        with contextlib.suppress(FormatError):
            parse_boxes("".join(text), file=FILE)
    with pytest.raises(FormatError, match="nothing deeper"):
        parse_boxes("{'1': " + "[" * 100_000, file=FILE)
