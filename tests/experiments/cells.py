"""Two images with a cell each and a small Mask R-CNN, for tests that train with mmdetection."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

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


def write_cells(folder: Path) -> Path:
    """Write two images with a square cell each, and a config on mmdetection's own base files; return it."""
    images, annotations = [], []
    for number in (1, 2):
        picture = np.random.default_rng(number).integers(0, 99, (64, 64, 3), np.uint8)
        picture[16:40, 16:48] = 220
        Image.fromarray(picture).save(folder / f"{number}.png")
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
    (folder / "ann.json").write_text(json.dumps(content))
    spec = find_spec("mmdet")
    assert spec is not None
    assert spec.submodule_search_locations
    bases = Path(spec.submodule_search_locations[0]) / ".mim/configs/_base_"
    path = folder / "cells.py"
    path.write_text(
        CONFIG.format(
            model=str(bases / "models/mask-rcnn_r50_fpn.py"),
            runtime=str(bases / "default_runtime.py"),
            root=str(folder),
            work=str(folder / "work"),
        )
    )
    return path
