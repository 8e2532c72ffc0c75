"""LabelMe's JSON files."""

import base64
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data_converters.base import BadRecord, ReadOptions
from data_converters.detect import detect
from data_converters.labelme import read
from segloop.data.annotations import Bitmap, ImageRecord, LabelledImages, Opaque, Polygon
from segloop.data.masks import decode
from segloop.utils.errors import DataError

SQUARE = [[1.0, 1.0], [5.0, 1.0], [5.0, 4.0], [1.0, 4.0]]


def shape(label: str, points: list, **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": None, "shape_type": "polygon", "flags": {}, **more}


def put(file: Path, *shapes: dict[str, Any], image: str | None = None, **more: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    name = image or f"{file.stem}.jpg"
    place = file.parent / name
    if "\\" not in name:
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((8, 10, 3), np.uint8)).save(place)
    told = {
        "version": "5.4.1",
        "shapes": shapes,
        "imagePath": name,
        "imageHeight": 8,
        "imageWidth": 10,
        **more,
    }
    file.write_text(json.dumps({"imageData": "a" * 99, **told}), encoding="utf-8")


def only(images: LabelledImages) -> ImageRecord:
    (record,) = images
    return record


def test_images_splits_and_labels_are_found(tmp_path: Path) -> None:
    put(tmp_path / "train" / "a.json", shape("dent", SQUARE))
    put(tmp_path / "val" / "b.json", shape("rust", SQUARE))
    put(tmp_path / "val" / "empty.json")
    Image.fromarray(np.zeros((8, 10, 3), np.uint8)).save(tmp_path / "val" / "bare.jpg")
    assert detect(tmp_path)[0] == "labelme"
    images = read(tmp_path, options=ReadOptions())
    assert images.labels.names == ("dent", "rust")
    assert [(each.split, each.image_id, len(each.instances)) for each in images] == [
        ("train", "a", 1),
        ("val", "b", 1),
        ("val", "empty", 0),
    ]
    assert images.told == ("1 image(s) have no JSON and are left out: val/bare.jpg",)
    (tmp_path / "labels.txt").write_text("__ignore__\n_background_\nrust\ndent\n", encoding="utf-8")
    assert read(tmp_path, options=ReadOptions()).labels.names == ("rust", "dent")


def test_shapes_are_read_as_labelme_means_them(tmp_path: Path) -> None:
    png = io.BytesIO()
    Image.fromarray(np.array([[True, False], [True, True]])).save(png, "PNG")
    mask = base64.b64encode(png.getvalue()).decode()
    put(
        tmp_path / "a.json",
        shape("dent", [[5.0, 4.0], [5.0, 6.0]], shape_type="circle"),
        shape("dent", [[3.0, 2.0], [4.0, 3.0]], shape_type="mask", mask=mask),
        shape("dent", [[1.0, 1.0], [3.0, 3.0]], shape_type="line"),
        shape("__ignore__", SQUARE),
    )
    record = only(read(tmp_path, options=ReadOptions()))
    circle, bitmap, line = (each.shape for each in record.instances)
    assert isinstance(circle, Polygon)
    assert np.allclose(np.linalg.norm(circle.rings[0] - [5, 4], axis=1), 2)
    assert isinstance(bitmap, Bitmap)
    assert np.argwhere(decode(bitmap.runs, (8, 10))).tolist() == [[2, 3], [3, 3], [3, 4]]
    assert isinstance(line, Opaque)
    assert record.ignore is not None
    assert decode(record.ignore.runs, (8, 10)).sum() == 12


def test_rectangles_may_say_what_is_ignored_and_lines_cannot(tmp_path: Path) -> None:
    put(
        tmp_path / "a.json",
        shape("__ignore__", [[1.0, 1.0], [5.0, 4.0]], shape_type="rectangle"),
        shape("__ignore__", [[7.0, 5.0], [9.0, 5.0], [9.0, 7.0], [7.0, 7.0]]),
        shape("__ignore__", SQUARE[:2], shape_type="line"),
    )
    record = only(read(tmp_path, options=ReadOptions()))
    assert record.instances == ()
    assert record.ignore is not None
    assert decode(record.ignore.runs, (8, 10)).sum() == 16
    assert [(each.kind, each.count) for each in record.remarks] == [
        ("line(s) and point(s) called __ignore__, left out", 1)
    ]


def test_a_json_that_names_no_image_is_of_the_one_beside_it(tmp_path: Path) -> None:
    put(tmp_path / "a.json", shape("dent", SQUARE))
    file = tmp_path / "a.json"
    told = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({key: told[key] for key in told if key != "imagePath"}), encoding="utf-8")
    record = only(read(tmp_path, options=ReadOptions()))
    assert (record.file, len(record.instances)) == (tmp_path / "a.jpg", 1)


def test_little_is_held_of_files_until_their_images_are_loaded(tmp_path: Path) -> None:
    count = 30
    for number in range(count):
        put(tmp_path / f"{number}.json", shape("dent", SQUARE * 500))
    read(tmp_path, options=ReadOptions())  # what is imported and remembered once
    tracemalloc.start()
    images = read(tmp_path, options=ReadOptions())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(images) == count
    assert most / count < 100_000, "the points of one file take 280,000 bytes"


def test_what_is_not_read_is_told(tmp_path: Path) -> None:
    more = {"line_color": [255, 0, 0], "difficult": False, "score": None, "attributes": {"side": "left"}}
    put(tmp_path / "a.json", shape("dent", SQUARE, **more), flags={"sharp": False, "blurred": True})
    record = only(read(tmp_path, options=ReadOptions()))
    assert [(each.kind, each.count, each.example) for each in record.remarks] == [
        ("flag(s) of whole images are not read", 1, "a: blurred"),
        ("value(s) of shapes are not read", 1, "a: attributes"),
    ]


def test_shapes_of_one_label_and_group_are_one_object(tmp_path: Path) -> None:
    parts = [
        shape("dent", SQUARE, group_id=1),
        shape("dent", SQUARE, group_id=1),
        shape("rust", SQUARE, group_id=1),
    ]
    put(tmp_path / "a.json", *parts)
    record = only(read(tmp_path, options=ReadOptions()))
    assert [(each.label, each.group) for each in record.instances] == [("dent", 1), ("rust", 1)]
    assert record.remarks[0].count == 1


def test_paths_of_windows_and_images_elsewhere_are_found(tmp_path: Path) -> None:
    put(tmp_path / "ann" / "a.json", image="..\\old\\a.png")
    put(tmp_path / "no" / "b.json", image="x\\b.png", imageHeight=None)
    with pytest.raises(BadRecord, match="neither its image"):
        only(read(tmp_path / "no", options=ReadOptions()))
    assert only(read(tmp_path / "ann", options=ReadOptions())).file is None
    (tmp_path / "img").mkdir()
    Image.fromarray(np.zeros((8, 10, 3), np.uint8)).save(tmp_path / "img" / "a.png")
    record = only(read(tmp_path / "ann", options=ReadOptions(images=tmp_path / "img")))
    assert (record.image_id, record.name, record.file) == ("a", "a.png", tmp_path / "img" / "a.png")


def test_what_is_wrong_with_an_image_is_told_at_once(tmp_path: Path) -> None:
    put(
        tmp_path / "a.json",
        shape("dent", SQUARE[:2]),
        shape("", SQUARE),
        shape("dent", [[1, 1], [1, 1]], shape_type="circle"),
        shape("dent", [[9, 7], [11, 9]], shape_type="mask", mask="?"),
        {"label": "dent"},
        imageWidth=11,
    )
    with pytest.raises(BadRecord) as caught:
        only(read(tmp_path, options=ReadOptions()))
    told = str(caught.value)
    for words in (
        "10x8, its JSON says 11x8",
        "shape 1: a polygon of 2",
        "shape 2: its label",
        "shape 3: a circle",
        "shape 4: its mask",
        "shape 5: there is no 'points'",
    ):
        assert words in told
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="holds no JSON of this format"):
        read(tmp_path / "other", options=ReadOptions())
