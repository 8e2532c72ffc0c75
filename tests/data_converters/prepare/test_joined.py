"""Parts become one set: labels by name, splits as the author says, ids that do not clash."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_converters.base import BadRecord, ReadOptions
from data_converters.prepare.base import Found, Opened, Part
from data_converters.prepare.joined import FOREIGN, FOREIGN_PIXELS, Key, Keys, TellOfShapes, join, join_labels
from segloop.data.annotations import Box, ImageRecord, Instance, Label, LabelSet, Polygon
from segloop.utils.errors import DataError, UserError
from tests.data_converters.coco_cases import annotation, image, write_coco
from tests.data_converters.prepare.prepare_cases import coco_found, picture, write_objects, write_pairs


def found(*parts: Part, **more: object) -> Found:
    return Found(parts=parts, root=Path(), **more)  # type: ignore[arg-type]


def one_image(root: Path, *annotations: object, **more: object) -> Path:
    root.mkdir(parents=True)
    (root / "1.png").write_bytes(picture(1))
    return write_coco(root / "a.json", annotations, **more)  # type: ignore[arg-type]


def test_keys_of_all_parts_stand_one_after_the_other() -> None:
    keys = Keys([["a", "b"], [], ["c"]])
    assert list(keys) == [Key(0, "a"), Key(0, "b"), Key(2, "c")]
    assert [list(keys.places(part)) for part in range(3)] == [[0, 1], [], [2]]
    assert keys[-1] == Key(2, "c")
    assert keys[1:] == [Key(0, "b"), Key(2, "c")]
    with pytest.raises(IndexError):
        keys[3]
    assert [key.split for key in keys.with_splits({1: "val"})] == [None, "val", None]


def test_the_split_of_a_part_goes_before_that_of_its_records(tmp_path: Path) -> None:
    file = one_image(tmp_path / "x", annotation())
    options = ReadOptions(split="Training")
    for part, split in (
        (Part(format="coco", source=file, options=options), None),
        (Part(format="coco", source=file, options=options, splits={"Training": "train"}), "train"),
        (Part(format="coco", source=file, options=options, split="val"), "val"),
    ):
        (record,) = join(found(part))
        assert record.split == split
    images = join(found(Part(format="coco", source=file)))
    assert images.load(Key(0, images.keys[0].key, "test")).split == "test"


def test_a_prefix_keeps_images_of_two_parts_apart(tmp_path: Path) -> None:
    parts = [
        Part(format="coco", source=one_image(tmp_path / name, annotation()), prefix=f"{name}/")
        for name in ("a", "b")
    ]
    assert [(each.image_id, each.name) for each in join(found(*parts))] == [
        ("a/1", "a/1.png"),
        ("b/1", "b/1.png"),
    ]


def test_labels_of_all_parts_come_in_their_order_with_the_first_colour() -> None:
    first = LabelSet((Label("ground"), Label("cat")), background=0)
    second = LabelSet((Label("dog"), Label("cat", (1, 2, 3))))
    joined = join_labels([first, second])
    assert joined == LabelSet((Label("ground"), Label("cat", (1, 2, 3)), Label("dog")), background=0)
    assert join_labels([first]) is first
    with pytest.raises(DataError, match="different backgrounds:\n  ground\n  dog"):
        join_labels([first, LabelSet(second.labels, background=0)])


def test_numbers_of_index_maps_follow_their_classes(tmp_path: Path) -> None:
    for name in "ab":
        write_pairs(tmp_path / name / "img_dir", tmp_path / name / "ann_dir", range(1, 2))
    names = {"a": ("ground", "cat", "dog"), "b": ("ground", "dog", "cat")}
    parts = [
        Part(format="mmseg", source=tmp_path / name, options=ReadOptions(labels=names[name])) for name in "ab"
    ]
    first, second = join(found(*parts))
    assert first.semantic is not None
    assert second.semantic is not None
    np.testing.assert_array_equal(second.semantic, np.array([0, 2, 1], np.uint8)[first.semantic])
    assert second.semantic.dtype == np.uint8


def test_what_the_task_does_not_train_on_is_left_out_and_counted(tmp_path: Path) -> None:
    file = one_image(tmp_path / "x", annotation(), annotation(2, category_id=7))
    wanted = LabelSet((Label("Ёж & [dog]"),))
    images = join(found(Part(format="coco", source=file), labels=wanted))
    (record,) = images
    assert images.labels == wanted
    assert [each.label for each in record.instances] == ["Ёж & [dog]"]
    assert [(each.kind, each.count, each.example) for each in record.remarks] == [(FOREIGN, 1, "1: cat")]

    write_pairs(tmp_path / "y/img_dir", tmp_path / "y/ann_dir", range(1, 2))
    part = Part(format="mmseg", source=tmp_path / "y", options=ReadOptions(labels=("ground", "cat", "dog")))
    wanted = LabelSet((Label("ground"), Label("dog")), background=0)
    (record,) = join(found(part, labels=wanted))
    assert record.semantic is not None
    assert np.unique(record.semantic, return_counts=True)[1].tolist() == [16, 16, 16]
    assert set(np.unique(record.semantic)) == {0, 1, 255}
    assert [(each.kind, each.count) for each in record.remarks] == [(FOREIGN_PIXELS, 16)]


def test_an_image_without_its_file_cannot_be_trained_on(tmp_path: Path) -> None:
    file = write_coco(tmp_path / "a.json", [annotation()])
    images = join(found(Part(format="coco", source=file, prefix="fine/")))
    with pytest.raises(BadRecord, match=r"fine/1\.png: there is no such image file") as caught:
        list(images)
    assert caught.value.image_id == "fine/1"


def test_all_parts_that_cannot_be_opened_are_told(tmp_path: Path) -> None:
    parts = [Part(format="coco", source=tmp_path / name) for name in ("a", "b")]
    with pytest.raises(DataError) as caught:
        join(found(*parts))
    assert str(tmp_path / "a") in str(caught.value)
    assert str(tmp_path / "b") in str(caught.value)


def test_what_loads_can_be_sent_to_another_process(tmp_path: Path) -> None:
    images = join(found(Part(format="coco", source=one_image(tmp_path / "x", annotation()))))
    load, key = pickle.loads(pickle.dumps((images.load, images.keys[0])))
    assert load(key).image_id == "1"


def test_facts_are_those_of_the_parts_and_of_the_task(tmp_path: Path) -> None:
    file = one_image(tmp_path / "x", annotation(), images=[image()])
    images = join(found(Part(format="coco", source=file), facts={"name": "pets"}))
    assert images.facts["name"] == "pets"


def test_what_was_opened_before_is_not_opened_again(tmp_path: Path) -> None:
    found = coco_found(write_objects(tmp_path, range(1, 3)))
    (part,) = found.parts
    images = join(found)
    opened = Opened(format=part.format, source=part.source, options=part.options, images=images)
    (tmp_path / "all.json").unlink()
    assert join(found, opened=opened).labels == images.labels
    other = replace(opened, options=ReadOptions(split="val"))
    with pytest.raises(UserError):
        join(found, opened=other)


def test_an_image_that_ends_early_is_refused_where_the_reader_sees_its_header_alone(tmp_path: Path) -> None:
    file = one_image(tmp_path / "x", annotation())
    whole = file.with_name("1.png").read_bytes()
    (image,) = join(found(Part(format="coco", source=file)))
    assert image.image_id == "1"
    file.with_name("1.png").write_bytes(whole[:-20])
    part = Part(format="coco", source=file, prefix="far/")
    images = join(found(part))
    with pytest.raises(BadRecord, match=r"1\.png: truncated") as error:
        images.load(images.keys[0])
    assert error.value.image_id == "far/1"


def test_boxes_are_left_out_and_told_where_masks_alone_are_trained_on() -> None:
    shapes = (Box((0.0, 0.0, 2.0, 2.0)), Polygon((np.array([[0.0, 0], [2, 0], [2, 2]]),)))
    whole = ImageRecord(
        image_id="a", name="a.png", instances=tuple(Instance(label="dent", shape=shape) for shape in shapes)
    )
    assert TellOfShapes(lambda key: whole)("a") is whole
    record = TellOfShapes(lambda key: whole, masks_only=True)("a")
    assert [each.shape for each in record.instances] == [shapes[1]]
    assert (record.remarks[0].count, record.remarks[0].example) == (1, "a: dent")
