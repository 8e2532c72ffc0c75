"""Street scenes are read as Cityscapes means them, and what its files say differently is told."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segloop.data.annotations import ImageRecord
from segloop.data.cityscapes import label_ids
from segloop.data.masks import decode
from segloop.utils.errors import UserError
from tests.data_converters.cityscapes_cases import (
    IDS,
    NAME,
    OBJECTS,
    SIZE,
    objects,
    polygons,
    problems,
    put,
    read,
    scene,
)
from tests.data_converters.damage import spoil_a_file

THINGS = ("person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle")


def check_golden(record: ImageRecord) -> None:
    """See that a record is what the golden scene shows."""
    found = objects(record)
    assert [(label, crowd) for label, crowd, _ in found] == [("car", False), ("car", False), ("person", True)]
    for (_, _, pixels), value in zip(found, (26000, 26001, 24), strict=True):
        np.testing.assert_array_equal(pixels, value == IDS)
    assert record.ignore is not None
    np.testing.assert_array_equal(decode(record.ignore.runs, SIZE), (IDS == 30000) | (IDS == 3))


def test_objects_groups_and_what_nobody_scores_come_from_the_ids(tmp_path: Path) -> None:
    scene(tmp_path)
    images = read(tmp_path)
    assert images.labels.names == THINGS
    assert images.labels.labels[2].color == (0, 0, 142)
    assert images.labels.labels[2].group == "vehicle"
    (record,) = images
    check_golden(record)
    assert (record.image_id, record.split) == (f"{NAME}_leftImg8bit", "train")
    assert record.file == tmp_path / "leftImg8bit/train" / f"{NAME}_leftImg8bit.png"
    assert not record.remarks


def test_outlines_alone_say_the_same_and_a_deleted_one_is_told(tmp_path: Path) -> None:
    scene(tmp_path, ids=None, outlines=polygons())
    (record,) = read(tmp_path)
    check_golden(record)
    (remark,) = record.remarks
    assert (remark.kind, remark.count) == ("outline(s) marked as deleted, left out", 1)
    assert "bus" in remark.example


def test_files_that_differ_are_told_and_the_ids_are_believed(tmp_path: Path) -> None:
    other = [each for each in OBJECTS if each["label"] not in ("bus", "trailer")]
    classes = label_ids(IDS)
    classes[0, 11] = 11
    scene(tmp_path, outlines=polygons(other), classes=classes)
    (record,) = read(tmp_path)
    check_golden(record)
    assert [(each.kind.split()[2], each.count) for each in record.remarks] == [
        ("polygons.json", 6),
        ("labelIds.png", 1),
    ]
    assert "pixel x=7, y=3 is 30000 in instanceIds.png and 23 in polygons.json" in record.remarks[0].example


def test_files_that_agree_are_not_remarked_upon(tmp_path: Path) -> None:
    kept = [each for each in OBJECTS if "deleted" not in each]
    scene(tmp_path, outlines=polygons(kept), classes=label_ids(IDS))
    (record,) = read(tmp_path)
    assert record.remarks == ()


def test_classes_have_their_train_ids(tmp_path: Path) -> None:
    scene(tmp_path)
    images = read(tmp_path, semantic=True)
    assert len(images.labels) == 19
    assert (images.labels.names[0], images.labels.names[18]) == ("road", "bicycle")
    (record,) = images
    assert record.semantic is not None
    expected = np.full(SIZE, 10)
    expected[label_ids(IDS) == 26] = 13
    expected[IDS == 24] = 11  # a group is of its class
    expected[(IDS == 30000) | (IDS == 3)] = 255
    np.testing.assert_array_equal(record.semantic, expected)
    assert not record.instances


def test_label_ids_alone_tell_classes_but_no_objects(tmp_path: Path) -> None:
    scene(tmp_path, ids=None, classes=label_ids(IDS))
    (record,) = read(tmp_path, semantic=True)
    assert record.semantic is not None
    assert record.semantic[2, 2] == 13
    (problem,) = problems(read(tmp_path))
    assert "does not tell objects apart" in problem


def test_labels_are_chosen_by_name(tmp_path: Path) -> None:
    scene(tmp_path)
    images = read(tmp_path, labels=("trailer",))
    (record,) = images
    assert [label for label, _, _ in objects(record)] == ["trailer"]
    assert record.ignore is not None
    np.testing.assert_array_equal(decode(record.ignore.runs, SIZE), IDS == 3)
    with pytest.raises(UserError, match="'sky' has no objects; --semantic reads it as a class") as told:
        read(tmp_path, labels=("sky", "cra"))
    assert "Did you mean 'car'?" in str(told.value)


def test_all_that_is_wrong_with_an_image_is_told_together(tmp_path: Path) -> None:
    ids = IDS.copy()
    ids[0, 0], ids[0, 1] = 7003, 40
    stem = tmp_path / "gtFine/train" / f"{NAME}_gtFine_"
    scene(
        tmp_path, ids=ids, outlines=polygons([{"label": "cart", "polygon": [[0, 0], [1, 1]]}, {"label": 1}])
    )
    put(Path(f"{stem}labelIds.png"), b"no picture")
    put(tmp_path / "leftImg8bit/train" / f"{NAME}_leftImg8bit.png", b"")
    told = "\n".join(problems(read(tmp_path)))
    for part in (
        "images that cannot be read whole",
        "1 pixels are 40, which is no label and no object of one",
        "1 pixels are 7003",
        "masks that cannot be read whole",
        "object 0: the label 'cart' is not known. Did you mean 'car'?",
        "object 1: its label is 1, no text",
    ):
        assert part in told


def test_sizes_must_agree(tmp_path: Path) -> None:
    scene(tmp_path, ids=IDS[:, :-1], outlines=polygons(size_hw=(8, 13)))
    first, second = problems(read(tmp_path))
    assert "mask 11x8, image 12x8" in first
    assert "it is of an image of 13x8, not 12x8" in second


def test_more_objects_than_ids_have_room_for_are_refused(tmp_path: Path) -> None:
    many = [{"label": "car", "polygon": [[0, 0], [1, 1]]}] * 1001
    scene(tmp_path, ids=None, outlines=polygons(many))
    (problem,) = problems(read(tmp_path))
    assert "1001 objects of 'car'; ids have room for 1000" in problem


def test_the_dummies_of_the_test_split_are_told(tmp_path: Path) -> None:
    scene(tmp_path)
    assert not any("dummy" in told for told in read(tmp_path).told)
    scene(tmp_path, split="test", ids=np.where(IDS == 3, IDS, 0).astype(np.uint16))
    assert any("truth of split 'test' is a dummy" in told for told in read(tmp_path).told)


def test_keys_and_load_travel_to_another_process(tmp_path: Path) -> None:
    scene(tmp_path)
    images = read(tmp_path)
    load, keys = pickle.loads(pickle.dumps((images.load, images.keys)))
    check_golden(load(keys[0]))


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_no_damage_ends_in_anything_but_words(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("fuzz")
    scene(root, outlines=polygons(), classes=label_ids(IDS))
    spoil_a_file(data, root)
    try:
        for record in read(root):
            assert record.size_hw == SIZE
            assert replace(record, split=None).split is None
    except UserError:
        pass
