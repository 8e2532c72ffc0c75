"""Colour masks of spacecraft become parts that know their craft, or whole craft; what is wrong is told."""

from __future__ import annotations

import contextlib
import pickle
import random
from pathlib import Path
from typing import Any

import pytest

from data_converters import spacecraft
from data_converters.base import BadRecord, ReadOptions
from data_converters.convert import convert
from segloop.data import masks
from segloop.data.annotations import Bitmap, ImageRecord, LabelledImages
from segloop.data.png import encode_rgb
from segloop.utils.errors import DataError, UserError
from tests.data_converters.spacecraft_cases import TWO, TWO_BOXES, colored, write_set


def read(folder: Path, **options: Any) -> LabelledImages:
    return spacecraft.read(folder, options=ReadOptions(**options))


def first(found: LabelledImages) -> ImageRecord:
    return pickle.loads(pickle.dumps(found.load))(pickle.loads(pickle.dumps(found.keys[0])))


def objects(record: ImageRecord) -> list[tuple[str, int, int | None]]:
    """Return label, area and group of each object."""
    found = []
    for each in record.instances:
        assert isinstance(each.shape, Bitmap)
        found.append((each.label, masks.area(each.shape.runs), each.group))
    return found


def told(record: ImageRecord) -> list[tuple[int, str, str]]:
    return [(each.count, each.kind, each.example) for each in record.remarks]


def test_connected_parts_of_a_colour_are_objects_and_boxes_group_them(tmp_path: Path) -> None:
    found = read(write_set(tmp_path, {"train/img_7": TWO}, boxes=TWO_BOXES))
    assert found.labels.names == ("solar panel", "body", "antenna")
    assert [label.color for label in found.labels.labels] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    assert (found.told, dict(found.facts)) == ((), {"task": "spacecraft"})
    record = first(found)
    assert (record.image_id, record.name, record.split) == ("img_7", "img_7.png", "train")
    assert (record.size_hw, record.file) == ((4, 11), tmp_path / "images/train/img_7.png")
    assert objects(record) == [
        ("solar panel", 3, 1),
        ("solar panel", 3, 1),
        ("body", 4, 1),
        ("body", 2, 2),
        ("antenna", 1, 2),
    ]
    assert told(record) == []


def test_corners_connect_a_part(tmp_path: Path) -> None:
    found = read(write_set(tmp_path, {"img_1": ["R.", ".R"]}, boxes="{'1': [[1, 1, 0, 0]]}"))
    assert objects(first(found)) == [("solar panel", 2, 1)]


def test_whole_craft_are_one_object_each(tmp_path: Path) -> None:
    found = read(write_set(tmp_path, {"train/img_7": TWO}, boxes=TWO_BOXES), join_groups=True)
    assert found.labels.names == ("spacecraft",)
    assert objects(first(found)) == [("spacecraft", 10, None), ("spacecraft", 3, None)]


def test_whole_craft_without_boxes_are_what_touches_and_that_is_told(tmp_path: Path) -> None:
    found = read(write_set(tmp_path, {"img_7": TWO}), join_groups=True)
    record = first(found)
    assert found.told == (
        "there is no all_bbox.txt: nothing groups parts into craft, and whole craft are parts that touch",
    )
    # The left panel touches nothing; body and right panel, and antenna and body, touch.
    assert sorted(objects(record)) == [
        ("spacecraft", 3, None),
        ("spacecraft", 3, None),
        ("spacecraft", 7, None),
    ]
    assert told(record) == [(3, "craft made of parts that touch, for want of a box", "img_7")]


def test_small_objects_are_left_out_on_request_and_counted(tmp_path: Path) -> None:
    write_set(tmp_path, {"img_7": TWO}, boxes=TWO_BOXES)
    record = first(read(tmp_path, min_area=3))
    assert [area for _, area, _ in objects(record)] == [3, 3, 4]
    assert told(record) == [(2, "object(s) of fewer than 3 pixels, left out", "img_7: 3 pixel(s) in all")]
    assert len(objects(first(read(tmp_path, min_area=4, join_groups=True)))) == 1


def test_near_colours_are_taken_and_counted(tmp_path: Path) -> None:
    write_set(tmp_path, {"img_7": ["RrG", "..."]}, boxes="{'7': [[2, 0, 0, 0]]}")
    record = first(read(tmp_path))
    assert objects(record) == [("solar panel", 2, 1), ("body", 1, 1)]
    kind = "pixel(s) of colours that are none of a part's, taken for the nearest"
    assert told(record) == [(1, kind, "img_7: up to 5 off, (250, 3, 0) for one")]
    with pytest.raises(
        BadRecord, match=r"mask/img_7_mask.png: 1 pixel\(s\) of colours that are not within 4"
    ):
        first(read(tmp_path, color_tolerance=4))


def test_images_that_the_boxes_do_not_know_are_counted(tmp_path: Path) -> None:
    write_set(tmp_path, {"img_7": TWO, "img_8": TWO, "nameless": TWO}, boxes=TWO_BOXES)
    found = read(tmp_path)
    records = {record.image_id: record for record in found}
    assert {group for _, _, group in objects(records["img_8"])} == {None}
    assert told(records["img_8"]) == [(1, "image(s) whose number is not in all_bbox.txt", "img_8")]
    kind = "image(s) without a number at the end of their names, by which to look into all_bbox.txt"
    assert told(records["nameless"]) == [(1, kind, "nameless")]


def test_boxes_that_no_image_has_and_numbers_of_two_images_are_told(tmp_path: Path) -> None:
    boxes = "{'7': [[4, 2, 0, 0]], '9': [], '10': []}"
    write_set(tmp_path, {"train/img_7": TWO, "val/other_7": TWO}, boxes=boxes)
    assert read(tmp_path).told == (
        "2 number(s) in all_bbox.txt are of no image, first 9",
        "1 number(s) are of several images, first img_7 and other_7",
    )
    assert read(tmp_path, split="val").told == ()


def test_an_empty_image_is_an_image(tmp_path: Path) -> None:
    record = first(read(write_set(tmp_path, {"img_7": ["..", ".."]}, boxes="{'7': []}")))
    assert (record.instances, record.remarks, record.size_hw) == ((), (), (2, 2))


def test_masks_alone_tell_names_and_sizes(tmp_path: Path) -> None:
    write_set(tmp_path / "set", {"img_7": TWO}, boxes=TWO_BOXES)
    (tmp_path / "set/images").rename(tmp_path / "away")
    found = read(tmp_path / "set")
    assert found.told == ("there is no folder 'images': the masks alone tell names and sizes",)
    assert (first(found).file, first(found).size_hw) == (None, (4, 11))


def test_all_that_is_wrong_with_an_image_is_told_together(tmp_path: Path) -> None:
    write_set(tmp_path, {"img_7": ["RW"]}, boxes="{'7': [[1, 2, 3, 4], [1]]}")
    (tmp_path / "images/img_7.png").write_bytes(encode_rgb(colored(TWO)))
    with pytest.raises(BadRecord) as caught:
        first(read(tmp_path))
    assert len(caught.value.problems) == 4
    for part in (
        "mask 2x1, image 11x4",
        "box 1 of 2: max_x 1 is under min_x 3",
        "box 2 of 2",
        "(255, 255, 255)",
    ):
        assert part in str(caught.value)


def test_what_is_alone_or_damaged_is_left_out_on_request(tmp_path: Path) -> None:
    names = [f"train/img_{number}" for number in range(5)]
    write_set(tmp_path / "set", dict.fromkeys(names, TWO), boxes="{}")
    (tmp_path / "set/mask/train/img_0_mask.png").unlink()
    (tmp_path / "set/images/train/img_1.png").unlink()
    (tmp_path / "set/mask/train/img_2_mask.png").write_bytes(b"not a PNG")
    (tmp_path / "set/images/train/img_3.png").write_bytes(b"")
    with pytest.raises(DataError, match="4 of 5 images cannot be used"):
        convert(tmp_path / "set", tmp_path / "coco", from_format="spacecraft", to_format="coco")
    report = convert(
        tmp_path / "set", tmp_path / "coco", from_format="spacecraft", to_format="coco", skip_bad=True
    )
    assert (report.images, report.instances) == (1, (5, 5))


@pytest.mark.parametrize(
    ("options", "told"),
    [({"color_tolerance": 128}, "choose 0 to 127"), ({"min_area": -1}, "choose 0 or more")],
)
def test_options_out_of_range_are_refused(tmp_path: Path, options: dict[str, int], told: str) -> None:
    with pytest.raises(UserError, match=told):
        read(write_set(tmp_path, {"img_7": TWO}), **options)


def test_damaged_files_cost_a_message_and_never_a_traceback(tmp_path: Path) -> None:
    write_set(tmp_path, {"img_7": TWO}, boxes=TWO_BOXES)
    dice = random.Random(0)
    for file in ("mask/img_7_mask.png", "images/img_7.png", "all_bbox.txt"):
        whole = (tmp_path / file).read_bytes()
        for _ in range(60):
            data = bytearray(whole)
            for _ in range(dice.randint(1, 3)):
                data[dice.randrange(len(data))] = dice.randrange(256)
            (tmp_path / file).write_bytes(data)
            with contextlib.suppress(UserError):
                first(read(tmp_path))
        (tmp_path / file).write_bytes(whole)
