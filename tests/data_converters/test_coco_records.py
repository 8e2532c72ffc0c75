"""One image of a COCO file, read from its bytes: all that it says, or all that is wrong with it."""

from __future__ import annotations

import copy
import json
import pickle
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data_converters.base import BadRecord, ReadOptions
from data_converters.coco import read
from segloop.data.annotations import Bitmap, Box, ImageRecord, Opaque, Polygon, Tag
from segloop.data.png import encode_rgb
from segloop.utils.errors import UserError
from tests.data.masks.cases import RING_RUNS
from tests.data_converters.coco_cases import (
    CATS,
    COMPRESSED,
    UNCOMPRESSED,
    annotation,
    image,
    same,
    told,
    write_coco,
)


def load(file: Path, **options: Any) -> ImageRecord:
    """Read the first image of a file."""
    images = read(file, options=ReadOptions(**options))
    return images.load(images.keys[0])


def problems_of(file: Path, **options: Any) -> str:
    """Return what is told of the first image of a file."""
    with pytest.raises(BadRecord) as caught:
        load(file, **options)
    return "\n".join(caught.value.problems)


def test_an_object_says_all_that_coco_knows(tmp_path: Path) -> None:
    more = {"iscrowd": 1, "score": 0.25, "attributes": {"a": "x", "n": 1.5, "b": True, "none": None}}
    record = load(write_coco(tmp_path / "a.json", [annotation(**more), annotation(2, category_id=7)]))
    first, second = record.instances
    assert told(first) == {
        "label": "cat",
        "shape": ((6, 8), RING_RUNS),
        "attributes": more["attributes"],
        "group": None,
        "z_order": 0,
        "score": 0.25,
        "crowd": True,
        "occluded": False,
        "source": None,
        "uid": None,
    }
    assert (second.label, second.crowd, second.attributes) == ("Ёж & [dog]", False, {})
    assert (record.image_id, record.name, record.size_hw, record.split) == ("1", "1.png", (6, 8), None)


def test_what_may_be_missing_may_be_missing(tmp_path: Path) -> None:
    bare = {"image_id": 1, "category_id": 7, "segmentation": COMPRESSED}
    nulls = dict.fromkeys(("id", "area", "bbox", "iscrowd", "score", "attributes", "ignore", "segloop"))
    record = load(write_coco(tmp_path / "a.json", [bare, {**bare, **nulls}]))
    assert told(record.instances[0]) == told(record.instances[1])
    assert isinstance(record.instances[0].shape, Bitmap)


def test_shapes_of_all_kinds_in_one_image_keep_their_order(tmp_path: Path) -> None:
    segmentations = [[[0, 0, 4, 0, 4, 4]], UNCOMPRESSED, [], COMPRESSED]
    annotations = [annotation(n, segmentation=each) for n, each in enumerate(segmentations)]
    record = load(write_coco(tmp_path / "a.json", annotations))
    assert [type(each.shape) for each in record.instances] == [Polygon, Bitmap, Box, Bitmap]


def test_annotations_that_lie_far_apart_are_read_as_those_that_do_not(tmp_path: Path) -> None:
    texts = [f"{number}" * (7000 if number % 3 else 1) for number in range(9)]
    far = [annotation(n, image_id=1 + n % 2, attributes={"a": text}) for n, text in enumerate(texts)]
    file = write_coco(tmp_path / "a.json", far, images=[image(1), image(2)])
    for record, first in zip(read(file, options=ReadOptions()), (0, 1), strict=True):
        assert [each.attributes["a"] for each in record.instances] == texts[first::2]


def test_ignored_and_nested_are_carried_among_the_attributes(tmp_path: Path) -> None:
    given = annotation(ignore=1, attributes={"list": [1, "ё"], "object": {"a": 1}})
    (instance,) = load(write_coco(tmp_path / "a.json", [given])).instances
    assert instance.attributes == {"list": '[1, "ё"]', "object": '{"a": 1}', "ignore": True}


def test_what_we_wrote_beside_coco_comes_back(tmp_path: Path) -> None:
    marks = {"uid": "u", "group": 3, "z_order": -1, "occluded": True, "source": "manual"}
    shape = {"kind": "points", "payload": {"points": [1, 2]}}
    beside = {
        "split": "val",
        "tags": [{"label": "cat", "attributes": {"n": 1}}],
        "ignore": COMPRESSED,
        "shapes": [{"place": 1, "category_id": 7, "segloop": {"shape": shape, "z_order": 4}}],
    }
    annotations = [annotation(1, segloop=marks), annotation(2)]
    record = load(write_coco(tmp_path / "a.json", annotations, images=[image(segloop=beside)]))
    first, points, _ = record.instances
    assert (first.uid, first.group, first.z_order, first.occluded, first.source) == tuple(marks.values())
    assert (points.label, points.z_order) == ("Ёж & [dog]", 4)
    assert points.shape == Opaque("points", {"points": [1, 2]})
    assert record.split == "val"
    assert record.tags == (Tag("cat", {"n": 1}),)
    assert record.ignore is not None
    assert record.ignore.runs.tolist() == RING_RUNS


def test_all_that_is_wrong_with_an_image_is_told_at_once(tmp_path: Path) -> None:
    annotations = [
        annotation(1, category_id=3),
        annotation(2, category_id=[1]),
        annotation(3, score="high"),
        annotation(4, iscrowd=2),
        annotation(5, attributes=[1]),
        annotation(6, attributes={"a": float("nan")}),
        annotation(7, segloop=4),
        annotation(8, segloop={"uid": 4, "occluded": 1}),
        annotation(9, segmentation=[[1, 2, 3, 4]]),
        annotation(9, segmentation=[], bbox=[1, 1, 0, 0]),
    ]
    told = problems_of(write_coco(tmp_path / "a.json", annotations))
    for part in (
        "annotation 1 at byte 87: there is no category 3 (there are: 0, 7)",
        "there is no category [1]",
        "its score is high, not a number",
        "its iscrowd is 2, not 0 or 1",
        "its attributes are a list, not an object",
        "its attribute 'a' is nan, not a number",
        "its 'segloop' is a number",
        "its segloop.uid is a number",
        "its segloop.occluded is a number",
        "annotation 9 at byte 1443: its polygon has 2 point(s)",
        "has no area",
        "have the same id 9",
    ):
        assert part in told


def test_images_that_cannot_be(tmp_path: Path) -> None:
    for entry, part in (
        ({"file_name": "../1.png"}, "climbs out of its folder"),
        ({"file_name": 7}, "its file_name '7': it is no text"),
        ({"width": "8"}, "its width and height are '8' and 6"),
        ({"width": None}, "its width and height are None and 6"),
        ({"height": 0}, "are 8 and 0"),
        ({"height": 1.5}, "are 8 and 1.5"),
        ({"height": 1 << 20, "width": 1 << 20}, "are more than the 268435456 that are believed"),
        ({"segloop": {"tags": [{"label": "cow"}]}}, "the tag {'label': 'cow'} of the image cannot be read"),
        ({"segloop": {"tags": 7}}, "the tag 7 of the image cannot be read"),
        ({"segloop": {"shapes": [{"place": -1}]}}, "the shape {'place': -1} of the image cannot be read"),
        ({"segloop": {"ignore": {"size": [1, 1], "counts": [1]}}}, "what is ignored: its mask is 1x1"),
    ):
        assert part in problems_of(write_coco(tmp_path / "a.json", images=[image(**entry)])), entry


def test_a_size_comes_from_the_labels_the_file_the_user_or_the_masks(tmp_path: Path) -> None:
    bare = {"id": 1, "file_name": "1.png"}
    file = write_coco(tmp_path / "a.json", [annotation()], images=[bare])
    assert load(file).size_hw == (6, 8)
    assert "its mask is 6x8 (height x width), its image 5x5" in problems_of(file, size_hw=(5, 5))
    (tmp_path / "1.png").write_bytes(encode_rgb(np.zeros((6, 8, 3), np.uint8)))
    assert load(file, size_hw=(5, 5)).size_hw == (6, 8)
    assert load(file).file == tmp_path / "1.png"
    nothing = write_coco(tmp_path / "b/b.json", [annotation(segmentation=[])], images=[bare])
    assert load(nothing).size_hw is None


def test_sizes_that_disagree_with_the_image_are_told(tmp_path: Path) -> None:
    file = write_coco(tmp_path / "a.json", images=[image(file_name="1.jpg")])
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 6)).save(tmp_path / "1.jpg", exif=exif)
    assert problems_of(file) == "1.jpg is 6x8 pixels; its EXIF orientation turns it, and the file says 8x6"
    Image.new("RGB", (6, 8)).save(tmp_path / "1.jpg")
    assert problems_of(file) == "1.jpg is 6x8 pixels, and the file says 8x6"
    Image.new("RGB", (9, 6)).save(tmp_path / "1.jpg")
    assert problems_of(file) == "1.jpg is 9x6 pixels, and the file says 8x6"
    (tmp_path / "1.jpg").write_bytes(b"no image")
    assert f"{tmp_path / '1.jpg'}: " in problems_of(file)


def test_an_image_that_is_missing_among_others_is_told(tmp_path: Path) -> None:
    (tmp_path / "2.png").write_bytes(encode_rgb(np.zeros((6, 8, 3), np.uint8)))
    file = write_coco(tmp_path / "a.json", images=[image(1), image(2)])
    assert f"the image {tmp_path / '1.png'} is missing" in problems_of(file)


def test_bytes_that_are_no_text_and_files_that_change_are_told(tmp_path: Path) -> None:
    file = write_coco(tmp_path / "a.json", [annotation(attributes={"a": "xyz"})])
    file.write_bytes(file.read_bytes().replace(b"xyz", b"x\xffz"))
    assert problems_of(file) == "the annotation at byte 87: byte 176 of it is not UTF-8"
    images = read(file, options=ReadOptions())
    file.write_bytes(file.read_bytes()[10:])
    with pytest.raises(BadRecord, match="has the file changed meanwhile"):
        images.load(images.keys[0])


def test_annotations_of_no_image_come_last_and_are_told(tmp_path: Path) -> None:
    images = read(write_coco(tmp_path / "a.json", [annotation(image_id=5)]), options=ReadOptions())
    assert images.load(images.keys[0]).instances == ()
    with pytest.raises(BadRecord, match=r"a.json: annotations of no image: 1 problem.*\n.*no image 5"):
        images.load(images.keys[1])


def test_it_travels_to_other_processes(tmp_path: Path) -> None:
    images = read(write_coco(tmp_path / "a.json", [annotation()]), options=ReadOptions())
    load_, key = pickle.loads(pickle.dumps((images.load, images.keys[0])))
    assert same(load_(key), images.load(images.keys[0]))


VALUES = (
    None, True, -1, 0, 1.5, float("nan"), float("inf"), 10**30, 2**63, "", "x", "\ud800", "../x", [], {},
    [[]], [None], [[1, 2]], [["a"] * 6], {"a": 1}, {"size": [6, 8], "counts": [2**62, 2**62]},
)  # fmt: skip
APART = {"place": 0, "category_id": 0, "segloop": {"shape": {"kind": "k", "payload": {}}}}
DECLARED = {"shape": "mask", "attributes": [{"name": "a", "values": ["1"]}]}
RICH = {
    "images": [
        image(segloop={"tags": [{"label": "cat"}], "ignore": COMPRESSED, "split": "a"}),
        image(2, segloop={"shapes": [APART]}),
    ],
    "annotations": [
        annotation(1, attributes={"a": 1}, score=0.5, segloop={"uid": "u", "group": 1, "occluded": True}),
        annotation(2, segmentation=UNCOMPRESSED, category_id=7, image_id=2, ignore=1),
        annotation(3, segmentation=[[0, 0, 4, 0, 4, 4], [1, 1, 5, 1, 5, 5]]),
        annotation(4, segmentation=[], image_id=2),
    ],
    "categories": [{**CATS[0], "color": [1, 2, 3], "segloop": DECLARED}, CATS[1]],
    "info": {"description": "d", "segloop": {"background": {"index": 0, "name": "sea"}}},
    "licenses": [{"id": 1, "name": "n"}],
}


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each value inside a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*path, key)
        yield from paths(each, (*path, key))


def read_all(file: Path) -> int:
    """Read a file to its end; return how many images could be read. What is told is told in words."""
    fine = 0
    with suppress(UserError):
        images = read(file, options=ReadOptions())
        for key in images.keys:
            with suppress(UserError):
                images.load(key)
                fine += 1
    return fine


def test_wrong_types_anywhere_are_told_and_never_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(RICH))
    assert read_all(file) == 2
    noise = random.Random(5)
    for path in noise.sample(list(paths(RICH)), 50):
        for wrong in noise.sample(VALUES, 3):
            changed = copy.deepcopy(RICH)
            place: Any = changed
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = wrong
            file.write_text(json.dumps(changed))
            read_all(file)


def test_cut_and_scrambled_files_are_told_and_never_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    whole = json.dumps(RICH).encode()
    noise = random.Random(6)
    cases = [whole[: noise.randrange(len(whole))] for _ in range(40)]
    for _ in range(80):
        data = bytearray(whole)
        for _ in range(noise.randint(1, 3)):
            data[noise.randrange(len(data))] = noise.choice(b'"[]{},:019-.eE\\ x\xff')
        cases.append(bytes(data))
    for data in cases:
        file.write_bytes(data)
        read_all(file)
