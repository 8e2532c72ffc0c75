"""An mmdetection experiment goes through the same tools: Mask R-CNN trains and tests without compiled ops."""

from __future__ import annotations

import json
import pickle
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segloop.experiments.launch import Options, evaluate, train
from segloop.experiments.rerun import plan
from segloop.utils.errors import ConfigError

CONFIG = """
_base_ = [{model!r}, {runtime!r}]
model = dict(
    data_preprocessor=dict(pad_size_divisor=32),
    backbone=dict(depth=18, init_cfg=None, frozen_stages=-1, norm_cfg=dict(type='BN', requires_grad=True)),
    neck=dict(in_channels=[64, 128, 256, 512], out_channels=16),
    rpn_head=dict(in_channels=16, feat_channels=16),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=16),
        mask_roi_extractor=dict(out_channels=16),
        bbox_head=dict(in_channels=16, fc_out_channels=32, num_classes=2),
        mask_head=dict(in_channels=16, conv_out_channels=16, num_convs=1, num_classes=2),
    ),
)
meta = dict(classes=('cell', 'dust'))
load = [dict(type='LoadImageFromFile'), dict(type='Resize', scale=(64, 64)),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True)]
keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')
data = dict(
    type='CocoDataset', data_root={root!r}, ann_file='ann.json', data_prefix=dict(img=''), metainfo=meta)
train_dataloader = dict(
    batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(**data, pipeline=[*load, dict(type='PackDetInputs')]))
test_dataloader = dict(
    batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**data, test_mode=True, pipeline=[*load, dict(type='PackDetInputs', meta_keys=keys)]))
val_dataloader = test_dataloader
val_evaluator = dict(type='CocoMetric', ann_file={root!r} + '/ann.json', metric='segm')
test_evaluator = val_evaluator
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.001))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
work_dir = {work!r}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Two images with a square cell each, and a small Mask R-CNN on mmdetection's own base files."""
    images, annotations = [], []
    for number in (1, 2):
        picture = np.random.default_rng(number).integers(0, 99, (64, 64, 3), np.uint8)
        picture[16:40, 16:48] = 220
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 64, "height": 64})
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "category_id": 1,
                "iscrowd": 0,
                "area": 768,
                "bbox": [16, 16, 32, 24],
                "segmentation": [[16, 16, 48, 16, 48, 40, 16, 40]],
            }
        )
    categories = [{"id": 1, "name": "cell"}, {"id": 2, "name": "dust"}]
    content = {"info": {}, "images": images, "annotations": annotations, "categories": categories}
    (tmp_path / "ann.json").write_text(json.dumps(content))
    spec = find_spec("mmdet")
    assert spec is not None
    assert spec.submodule_search_locations
    bases = Path(spec.submodule_search_locations[0]) / ".mim/configs/_base_"
    path = tmp_path / "cells.py"
    path.write_text(
        CONFIG.format(
            model=str(bases / "models/mask-rcnn_r50_fpn.py"),
            runtime=str(bases / "default_runtime.py"),
            root=str(tmp_path),
            work=str(tmp_path / "work"),
        )
    )
    return path


def test_mask_rcnn_trains_and_writes_its_predictions(config: Path, tmp_path: Path) -> None:
    train(Options(config=str(config)))
    metrics, folder = evaluate(
        Options(config=str(config)),
        checkpoint=str(tmp_path / "work/epoch_1.pth"),
        out=str(tmp_path / "p.pkl"),
    )
    assert "coco/segm_mAP" in metrics
    predictions = pickle.loads((tmp_path / "p.pkl").read_bytes())
    assert [item["img_id"] for item in predictions] == [1, 2]
    assert folder == tmp_path / "work/test/test-epoch_1"
    assert (folder / "meta.json").is_file()
    with pytest.raises(ConfigError, match=r"must end in \.pkl"):
        evaluate(Options(config=str(config)), out="folder")


def test_a_fold_of_coco_files_trains_tests_and_could_run_again(config: Path, tmp_path: Path) -> None:
    options = Options(config=str(config), overrides=["kfold.fold=2", "kfold.folds=2"])
    runner = train(options)
    assert len(runner.train_dataloader.dataset) == len(runner.val_dataloader.dataset) == 1
    record = json.loads((tmp_path / "work/train.json").read_text())
    assert record["data"]["content_hash"] is None  # there is no dataset.json …
    assert record["data"]["read"]["files"] == 4  # … but two pictures and the annotations of each part
    found = plan(tmp_path / "work", tool=Path("train.py"))
    assert found.differences == []
    metrics, folder = evaluate(options, checkpoint=str(tmp_path / "work/epoch_1.pth"), split="val")
    assert "coco/segm_mAP" in metrics
    assert len((folder / "images.csv").read_text().splitlines()) == 2
    annotations = tmp_path / "ann.json"
    annotations.write_text(annotations.read_text().replace('"area": 768', '"area": 700'))
    assert {each.kind for each in plan(tmp_path / "work", tool=Path("train.py")).differences} == {"data"}
