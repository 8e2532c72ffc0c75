"""The labelmap says which colour means what, however it was written."""

from __future__ import annotations

from data_converters.cvat_labelmap import read_labelmap


def test_comments_blank_lines_and_names_with_colons() -> None:
    text = (
        "# label:color_rgb:parts:actions\n\n  \nbackground:0,0,0::\ncar: small:255, 0,0::\n"
        "person:0,0,255:head,hand:jumping\n#road:1,1,1::\nplain:0,255,0\n"
    )
    found, problems, told = read_labelmap(text)
    assert (problems, told) == ([], [])
    assert found.labels.names == ("background", "car: small", "person", "plain")
    assert [label.color for label in found.labels.labels] == [
        (0, 0, 0),
        (255, 0, 0),
        (0, 0, 255),
        (0, 255, 0),
    ]
    assert (found.labels.background, found.labels.ignore_index) == (0, 255)
    assert [found.place(color) for color in (0, 0xFF0000, 0x0000FF, 0x00FF00, 0x010101)] == [0, 1, 2, 3, None]


def test_a_background_that_is_not_black() -> None:
    found, _, told = read_labelmap("a:1,2,3::\nbackground:255,255,255::\n")
    assert found.labels.background == 1
    assert told == ["No label is black; black pixels count as none."]
    assert (found.place(0), found.place(0xFFFFFF)) == (-1, 1)
    assert [found.nothing(place) for place in (-1, 0, 1)] == [True, False, True]


def test_a_black_label_is_the_background_where_none_is_called_so() -> None:
    found, _, _ = read_labelmap("void:0,0,0::\na:1,2,3::")
    assert found.labels.background == 0
    found, _, _ = read_labelmap("a:1,2,3::")
    assert found.labels.background is None


def test_two_labels_of_one_colour_are_told() -> None:
    found, problems, told = read_labelmap("background:0,0,0::\na:1,2,3::\nb:1,2,3::\nc:::\n")
    assert problems == []
    assert told == [
        "Labels 'a' and 'b' have the same colour 1,2,3: their pixels are read as 'b', the later, as CVAT "
        "does.",
        "Label 'c' has no colour, so that only masks of line numbers can show it.",
    ]
    assert found.place(0x010203) == 2


def test_all_that_is_wrong_is_told_with_its_line() -> None:
    _, problems, _ = read_labelmap("a:1,2::\n:1,2,3::\n\nb:1,2,300::\nc:1,2,3::\nc:4,5,6::\nd:red::\n")
    assert problems == [
        "line 1: label 'a' has the colour '1,2', not three numbers from 0 to 255",
        "line 2: ':1,2,3::' names no label",
        "line 4: label 'b' has the colour '1,2,300', not three numbers from 0 to 255",
        "line 6: label 'c' stands in line 5 already",
        "line 7: label 'd' has the colour 'red', not three numbers from 0 to 255",
    ]
    assert read_labelmap("# nothing\n")[1] == ["it declares no label"]


def test_many_labels_need_a_wider_value_for_what_is_ignored() -> None:
    text = "".join(f"l{number}:{number >> 8},{number & 255},9::\n" for number in range(300))
    assert read_labelmap(text)[0].labels.ignore_index == 65_535
