"""Folds of COCO files: an image takes its annotations along, and files of several splits become one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

from segloop.experiments.coco_folds import CocoFile, merge
from segloop.experiments.folds import with_folds
from segloop.utils.errors import DataError, FormatError

CATEGORIES = [{"id": 7, "name": "cell"}, {"id": 3, "name": "dust"}]


def coco(numbers: list[int], *, folder: str = "") -> dict[str, Any]:
    """Return a COCO file's content: each image has as many cells as its number modulo 3, and one dust."""
    images = [{"id": number, "file_name": f"{folder}{number}.png"} for number in numbers]
    annotations = [
        {"id": 100 * number + each, "image_id": number, "category_id": 7 if each else 3}
        for number in numbers
        for each in range(number % 3 + 1)
    ]
    return {"info": {"year": 1}, "images": images, "annotations": annotations, "categories": CATEGORIES}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A config of two COCO files with the same numbers for other images."""
    root = tmp_path / "data"
    root.mkdir()
    (root / "train.json").write_text(json.dumps(coco(list(range(12)))))
    (root / "val.json").write_text(json.dumps(coco(list(range(6)), folder="x/")))
    metric = dict(type="CocoMetric", ann_file=str(root / "val.json"))

    def loader(split: str, **more: Any) -> dict[str, Any]:
        dataset = dict(type="CocoDataset", data_root=str(root), ann_file=f"{split}.json", **more)
        return dict(dataset=dict(data_prefix=dict(img=f"{split}/"), **dataset))

    return Config(
        dict(
            default_scope="mmdet",
            train_dataloader=loader("train", filter_cfg=dict(filter_empty_gt=True)),
            val_dataloader=loader("val", test_mode=True),
            val_evaluator=[metric, dict(type="CocoMetric", ann_file="other.json")],
            test_evaluator=metric,
            work_dir=str(tmp_path / "work"),
            kfold=dict(fold=1, folds=3),
        )
    )


def read(dataset: dict[str, Any]) -> dict[str, Any]:
    return json.loads(Path(dataset["data_root"], dataset["ann_file"]).read_text())


def test_an_image_takes_its_annotations_along(config: Config, tmp_path: Path) -> None:
    found = with_folds(config)
    parts = [read(found[f"{part}_dataloader"].dataset) for part in ("train", "val")]
    assert [len(part["images"]) for part in parts] == [8, 4]
    assert sorted(image["id"] for part in parts for image in part["images"]) == list(range(12))
    for part in parts:
        numbers = {image["id"] for image in part["images"]}
        assert {each["image_id"] for each in part["annotations"]} == numbers
        assert part["categories"] == CATEGORIES
    whole = coco(list(range(12)))["annotations"]
    assert sorted(each["id"] for part in parts for each in part["annotations"]) == [e["id"] for e in whole]
    cells = [sum(each["category_id"] == 7 for each in part["annotations"]) for part in parts]
    assert cells == [8, 4]  # stratified
    val = found.val_dataloader.dataset
    assert (val.data_prefix.img, val.test_mode) == ("train/", True)
    assert found.train_dataloader.dataset.filter_cfg.filter_empty_gt
    assert found.val_evaluator[0].ann_file == str(tmp_path / "work/folds/val.json")
    assert found.val_evaluator[1].ann_file == "other.json"
    assert found.test_evaluator.ann_file == config.test_evaluator.ann_file


def test_files_of_several_splits_become_one(config: Config) -> None:
    config.kfold.splits = ["train", "val"]
    found = with_folds(config)
    parts = [read(found[f"{part}_dataloader"].dataset) for part in ("train", "val")]
    names = [image["file_name"] for part in parts for image in part["images"]]
    assert sorted(names) == sorted(
        [f"train/{n}.png" for n in range(12)] + [f"val/x/{n}.png" for n in range(6)]
    )
    for part in parts:
        assert [image["id"] for image in part["images"]] == list(range(1, len(part["images"]) + 1))
        assert [each["id"] for each in part["annotations"]] == list(range(1, len(part["annotations"]) + 1))
        cells = [0] * (len(part["images"]) + 1)
        for each in part["annotations"]:
            cells[each["image_id"]] += each["category_id"] == 7
        wanted = [int(Path(image["file_name"]).stem) % 3 for image in part["images"]]
        assert cells[1:] == wanted
    assert found.val_dataloader.dataset.data_prefix.img == ""


def test_of_images_that_are_listed_again_the_first_is_taken_where_that_was_asked_for(tmp_path: Path) -> None:
    content = coco([4, 5])
    content["images"].append({"id": 6, "file_name": "4.png"})
    content["annotations"].append({"id": 700, "image_id": 6, "category_id": 7})
    (tmp_path / "a.json").write_text(json.dumps(content))
    source = {"data_root": str(tmp_path), "ann_file": "a.json", "drop": ["repeated"]}
    file = CocoFile.read("train", source)
    assert file.image_ids == ["4", "5"]
    assert merge([(file, ["4"])])[0]["annotations"] == coco([4])["annotations"]


def test_instances_are_counted_by_category(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(coco([4, 5])))
    file = CocoFile.read("train", {"data_root": str(tmp_path), "ann_file": "a.json"})
    assert file.instances().tolist() == [[1, 1], [2, 1]]
    content, prefix = merge([(file, ["5"])])
    assert [image["id"] for image in content["images"]] == [5]
    assert prefix == {"img": ""}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "holds a list of images"),
        ('{"images": [], "annotations": 1, "categories": []}', "a list of annotations"),
        (
            '{"images": [{"id": 1}], "annotations": [], "categories": []}',
            r"images\.0: needs file_name and id",
        ),
        (
            '{"images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "a.jpg"}],'
            ' "annotations": [], "categories": []}',
            "two images would both be 'a'",
        ),
    ],
)
def test_can_report(content: str, message: str, config: Config) -> None:
    Path(config.train_dataloader.dataset.data_root, "train.json").write_text(content)
    with pytest.raises(FormatError, match=message):
        with_folds(config)


def test_can_report_files_that_do_not_go_together(config: Config) -> None:
    config.kfold.splits = ["train", "val"]
    other = coco([1]) | {"categories": [{"id": 1, "name": "star"}]}
    path = Path(config.train_dataloader.dataset.data_root, "val.json")
    path.write_text(json.dumps(other | {"annotations": []}))
    with pytest.raises(DataError, match="differ in their categories"):
        with_folds(config)
    path.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        with_folds(config)
