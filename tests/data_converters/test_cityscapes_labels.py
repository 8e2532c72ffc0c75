"""Labels have Cityscapes' ids, or those of a table, whose faults are told together."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_converters.cityscapes_labels import choose, number_labels, read_labels, write_labels
from segloop.data.annotations import Label, LabelSet
from segloop.data.cityscapes import LABELS
from segloop.utils.errors import DataError, FormatError
from tests.data_converters.cityscapes_cases import put

HEADER = "name,id,train_id,category,instances,ignored,color\n"


def test_a_table_survives_writing_and_reading(tmp_path: Path) -> None:
    file = put(tmp_path / "labels.csv", write_labels(LABELS))
    assert read_labels(file) == LABELS
    assert choose(tmp_path, (), semantic=False).ignored == tuple(label for label in LABELS if label.ignored)


def test_labels_have_their_official_ids_and_others_come_behind() -> None:
    labels = LabelSet(
        tuple(map(Label, ("none", "car", "Car", "road", "sidewalk", "ground", "trailer", "unlabeled"))),
        background=0,
    )
    numbered = number_labels(labels)
    assert [(each.name, each.id, each.instances) for each in numbered.rows] == [
        ("car", 26, True),
        ("Car", 34, True),
        ("road", 7, False),
        ("sidewalk", 8, False),
        ("ground", 35, True),  # Cityscapes would never score it
        ("trailer", 30, True),
        ("unlabeled", 36, True),
        ("none", 37, False),
        ("unlabeled_", 0, False),
    ]
    assert [each.name for each in numbered.rows if each.ignored] == ["unlabeled_"]


def test_what_nothing_covers_has_a_name_of_its_own() -> None:
    assert number_labels(LabelSet((Label("background"),))).ground.name == "background_"


def test_more_labels_than_ids_are_refused() -> None:
    labels = LabelSet(tuple(Label(f"class {number}") for number in range(31)))
    with pytest.raises(
        DataError, match="31 of the labels are not Cityscapes' own, and its numbers leave room for 30"
    ):
        number_labels(labels)
    assert number_labels(LabelSet(labels.labels[:-1])).ground.id == 64


def test_can_report_a_table(tmp_path: Path) -> None:
    rows = [
        "car,26,13,vehicle,1,0,#00008e",
        "car,27,14,,1,0,",
        "bus,65,1,,1,0,",
        "van,40,x,,1,0,",
        "cat,41,1,,yes,0,",
        "dog,42,1,,1,0,blue",
        ",43,1,,1,0,",
        "short,44",
    ]
    file = put(tmp_path / "labels.csv", HEADER + "\n".join(rows))
    with pytest.raises(FormatError) as told:
        read_labels(file)
    for part in (
        "7 problem(s)",
        "row 3: 'car' or its id 27 is there already",
        "row 4: id '65' is no number from -1 to 64",
        "row 5: train_id 'x'",
        "row 6: instances 'yes' is neither 0 nor 1",
        "row 7: 'blue' is no colour",
        "row 8: a label without a name",
        "row 9: 2 columns, not 7",
    ):
        assert part in str(told.value)
    put(file, "name,color\n")
    with pytest.raises(FormatError, match="the first row is not name,id"):
        read_labels(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="not a CSV in UTF-8"):
        read_labels(file)
