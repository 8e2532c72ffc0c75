"""Examples come from training images with their labels, and rankings from what an analysis drew."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from segloop.analysis.report.pictures import classes_of, evenly, examples, ranked
from tests.analysis.report.made import facts_of, write_data, write_json, write_training


def test_examples_show_labels_and_name_their_classes(tmp_path: Path) -> None:
    folder = write_training(tmp_path)
    write_data(tmp_path)
    found = examples(facts_of(folder, tmp_path), most=3)
    assert [photo.caption for photo in found] == ["0", "2", "3"]
    assert found[0].classes == ["ground", "disc", "bar"]
    drawn = cv2.imdecode(np.frombuffer(found[0].jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert drawn.shape[:2] == found[0].size_hw
    assert drawn.max() > 100, "the picture is black, its labels are not"


def test_the_test_split_is_not_looked_at(tmp_path: Path) -> None:
    folder = write_training(tmp_path)
    data = write_data(tmp_path)
    (data / "img_dir/train").rename(data / "img_dir/test")
    (data / "ann_dir/train").rename(data / "ann_dir/test")
    info = data / "dataset.json"
    info.write_text(info.read_text().replace('"test": 4, "train": 4', '"test": 4'))
    assert facts_of(folder, tmp_path).info is not None
    assert examples(facts_of(folder, tmp_path)) == []


def test_data_that_are_gone_or_broken_give_no_examples(tmp_path: Path) -> None:
    folder = write_training(tmp_path)
    assert examples(facts_of(folder, tmp_path)) == []
    data = write_data(tmp_path)
    for mask in data.glob("ann_dir/train/*.png"):
        mask.write_bytes(b"no png")
    assert examples(facts_of(folder, tmp_path)) == []


def test_objects_of_a_coco_file_are_drawn(tmp_path: Path) -> None:
    folder = write_training(tmp_path)
    data = write_data(tmp_path)
    ring = [10, 10, 30, 10, 30, 30, 10, 30]
    write_json(
        data / "train.json",
        {
            "images": [{"id": 7, "file_name": "0.png", "width": 48, "height": 48}],
            "categories": [{"id": 4, "name": "disc"}],
            "annotations": [
                {"id": 1, "image_id": 7, "category_id": 4, "segmentation": [ring], "area": 400, "iscrowd": 0,
                 "bbox": [10, 10, 20, 20]}
            ],
        },
    )  # fmt: skip
    info = (data / "dataset.json").read_text()
    info = info.replace('"coco": {}', '"coco": {"train": "train.json"}')
    info = info.replace('"masks": {"folder": "ann_dir/{split}", "suffix": ".png"}', '"masks": null')
    (data / "dataset.json").write_text(info)
    found = examples(facts_of(folder, tmp_path))
    assert [(photo.caption, photo.classes) for photo in found] == [("0.png", ["disc"])]


def test_rankings_are_those_of_the_analysis(tmp_path: Path) -> None:
    folder = write_training(tmp_path)
    jpeg = cv2.imencode(".jpg", np.full((8, 16, 3), 99, np.uint8))[1].tobytes()
    for name in ("001_1.jpg", "002_2.jpg"):
        (folder / "analysis/worst").mkdir(parents=True, exist_ok=True)
        (folder / "analysis/worst" / name).write_bytes(jpeg)
    listed = [{"image_id": "1", "value": 0.25}, {"image_id": "2", "value": 0.5}]
    write_json(folder / "analysis/analysis.json", {"rankings": {"worst": listed}})
    facts = facts_of(folder, tmp_path)
    first, second = ranked(facts, "worst")
    assert (first.caption, first.size_hw, first.classes) == ("1. 1, 25.0 %", (8, 16), ["disc", "bar"])
    assert second.caption == "2. 2, 50.0 %"
    assert len(ranked(facts, "worst", most=1)) == 1
    assert ranked(facts, "best") == []
    assert classes_of(facts, "nobody") == []


def test_evenly_takes_the_ends() -> None:
    assert evenly(list(range(10)), 4) == [0, 3, 6, 9]
    assert evenly([1], 4) == [1]
    assert evenly([], 4) == []
