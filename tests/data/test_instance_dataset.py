"""The mmengine data set of objects: what it lists, and that it takes the place of mmdet's."""

from __future__ import annotations

from pathlib import Path

from mmdet.registry import DATASETS
from mmengine.registry import init_default_scope

import segloop.experiments.components  # noqa: F401 (registers the steps)
from segloop.data.instance_dataset import InstanceDataset
from tests.experiments.objects import write_objects


def test_lists_a_split_with_the_classes_of_its_description(tmp_path: Path) -> None:
    root = write_objects(tmp_path / "data")
    data = InstanceDataset(str(root), "train")
    assert data.metainfo["classes"] == ("cell", "dust")
    assert data.metainfo["palette"] == [(200, 0, 0), (0, 0, 200)]
    assert [len(data.get_data_info(index)["instances"]) for index in range(4)] == [0, 1, 2, 3]
    assert data.get_data_info(1)["img_id"] == 8
    assert data.get_data_info(1)["img_path"] == str(root / "images/train/train_1.png")
    assert Path(data.ann_file) == root / "annotations/instances_train.json"


def test_images_without_objects_are_kept_or_not(tmp_path: Path) -> None:
    root = write_objects(tmp_path / "data")
    assert len(InstanceDataset(str(root), "train", keep_empty=False)) == 3
    assert len(InstanceDataset(str(root), "val", keep_empty=False, test_mode=True)) == 2


def test_no_data_set_of_mmdet_has_its_name() -> None:
    assert DATASETS.get("InstanceDataset") is InstanceDataset


def test_steps_that_look_at_other_samples_get_the_steps_before_them(tmp_path: Path) -> None:
    root = write_objects(tmp_path / "data")
    init_default_scope("mmdet")
    pipeline = [dict(type="LoadImageFromFile"), dict(type="LoadInstances"), dict(type="PasteInstances")]
    paste = InstanceDataset(str(root), "train", pipeline=pipeline).pipeline.transforms[2]
    assert len(paste.steps) == 2
    assert len(paste.dataset) == 4
