"""Categories and labels become each other."""

from __future__ import annotations

from typing import Any

import pytest

from data_converters.coco_labels import (
    category_ids,
    join_labels,
    read_categories,
    read_skeletons,
    write_categories,
    write_info,
)
from data_converters.cvat_meta import PICTURES, SUBLABELS
from segloop.data.annotations import Attribute, Label, LabelSet

QUALITY = Attribute("quality", kind="select", values=("ok", "bad"), default="ok", mutable=True)
LABELS = LabelSet(
    (
        Label("Cat", group="animal"),
        Label("nothing", color=(0, 0, 0)),
        Label("cat", color=(1, 2, 3), attributes=(QUALITY, Attribute("note")), shape="mask"),
        Label("Ёж & [dog]"),
    ),
    background=1,
    ignore_index=254,
)


def test_labels_come_back_with_all_that_is_known_of_them() -> None:
    faults: list[str] = []
    categories = write_categories(LABELS)
    assert [each["id"] for each in categories] == [1, 2, 3]
    assert category_ids(LABELS) == {"Cat": 1, "cat": 2, "Ёж & [dog]": 3}
    found = read_categories(categories, faults)
    assert join_labels([found], [write_info(LABELS, {})]) == LABELS
    assert faults == []


def test_without_ours_there_are_coco_s_own_keys_alone() -> None:
    for category in write_categories(LABELS, ours=False):
        assert set(category) == {"id", "name", "supercategory"}
    assert write_info(LABELS, {"name": "n", "source": "s"}, ours=False) == {"description": "n", "url": "s"}


def test_ids_are_read_whatever_they_are_and_in_their_order() -> None:
    faults: list[str] = []
    ids = [7, 0, -1, "x", 2.0]
    found = read_categories([{"id": ident, "name": f"c{ident}"} for ident in ids], faults)
    assert faults == []
    assert join_labels([found], [None]).names == ("c7", "c0", "c-1", "cx", "c2.0")
    assert found[2].name == "c2.0"


def test_colours_as_other_tools_write_them() -> None:
    colors: list[Any] = [[1, 2, 3], "#0102ff", "red", [1, 2], [1, 2, 300], "#xyzxyz", None]
    entries = [{"id": n, "name": str(n), "color": color} for n, color in enumerate(colors)]
    found = read_categories(entries, [])
    assert [each.color for each in found.values()] == [(1, 2, 3), (1, 2, 255), *[None] * 5]


def test_labels_of_several_files_are_one_set() -> None:
    first = read_categories([{"id": 1, "name": "a"}, {"id": 2, "name": "b"}], [])
    second = read_categories([{"id": 1, "name": "c"}, {"id": 9, "name": "a"}], [])
    assert join_labels([first, second], [None, None]).names == ("a", "b", "c")


@pytest.mark.parametrize(
    "info",
    [
        None,
        7,
        {"segloop": 7},
        {"segloop": {"background": 7, "ignore_index": "x"}},
        {"segloop": {"background": {"name": "a", "index": 0}}},
        {"segloop": {"background": {"name": "b", "index": 9}, "ignore_index": 1 << 20}},
        {"segloop": {"background": {"name": "b", "index": "0"}}},
    ],
)
def test_what_cannot_be_a_background_is_none(info: Any) -> None:
    assert join_labels([read_categories([{"id": 1, "name": "a"}], [])], [info]) == LabelSet((Label("a"),))


def test_all_that_is_wrong_with_categories_is_told() -> None:
    faults: list[str] = []
    entries: list[Any] = [
        {"id": 1, "name": "a"},
        {"id": 1, "name": "b"},
        {"id": 2, "name": "a"},
        {"id": 3, "name": ""},
        {"id": 4},
        {"name": "x"},
        {"id": True, "name": "x"},
        7,
    ]
    assert list(read_categories(entries, faults)) == [1]
    assert [fault.partition(":")[0] for fault in faults] == [
        "categories[1]",
        "categories[2]",
        "categories[3] (id 3)",
        "categories[4] (id 4)",
        "categories[5]",
        "categories[6]",
        "categories[7] is a number, not an object",
    ]
    assert "'a' and 'b' have the same id 1" in faults[0]
    assert "1 and 2 have the same name 'a'" in faults[1]


def test_roboflows_heading_of_the_name_of_its_only_class_is_that_class() -> None:
    faults: list[str] = []
    heading = {"id": 0, "name": "ship", "supercategory": "none"}
    found = read_categories([heading, {"id": 1, "name": "ship", "supercategory": "ship"}], faults)
    assert found == dict.fromkeys((0, 1), Label("ship", group="ship"))
    assert not faults
    read_categories([heading, {"id": 1, "name": "ship", "supercategory": "none"}], faults)
    assert len(faults) == 1


def test_what_only_skeletons_have_comes_back_and_what_is_odd_is_let_be() -> None:
    parts = [{"name": "label", "text": "", "inner": [{"name": "name", "text": "elbow", "inner": []}]}]
    facts = {SUBLABELS: parts, PICTURES: {"person": "<line/>"}}
    assert read_skeletons(write_info(LABELS, facts)) == facts
    assert read_skeletons(write_info(LABELS, facts, ours=False)) == {}
    for odd in (7, [], ["x"], [{"name": "a b", "text": "", "inner": []}], [{"name": "a", "inner": []}]):
        assert read_skeletons({"segloop": {"skeletons": {"parts": odd, "pictures": odd}}}) == {}
