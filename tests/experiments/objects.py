"""A small prepared set of objects and a small Mask R-CNN on our own bases, for tests of instance configs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from segloop.data.info import ClassInfo, DatasetInfo, Files
from segloop.data.masks import encode, strings_areas_boxes

REPOSITORY = Path(__file__).resolve().parents[2]
SIZE_HW = (64, 48)

CONFIG = """
_base_ = [{bases}]
channels = 16
roi_extractor = dict(out_channels=channels)
model = dict(
    data_preprocessor=dict(pad_size_divisor=32),
    backbone=dict(base_channels=16, stem_channels=16),
    neck=dict(in_channels=[16, 32, 64, 128], out_channels=channels),
    guide=dict(in_channels=channels, num_classes=2),
    rpn_head=dict(in_channels=channels, feat_channels=channels),
    roi_head=dict(
        bbox_roi_extractor=roi_extractor,
        bbox_head=dict(in_channels=channels, fc_out_channels=16, num_classes=2),
        mask_roi_extractor=roi_extractor,
        mask_head=dict(in_channels=channels, conv_out_channels=channels, num_convs=1, num_classes=2),
    ),
    train_cfg=dict(rpn_proposal=dict(nms_pre=20, max_per_img=10), rcnn=dict(sampler=dict(num=8))),
    test_cfg=dict(rpn=dict(nms_pre=20, max_per_img=10), rcnn=dict(max_per_img=5)),
)
data_root = {root!r}
demo = dict(root=data_root)
train_dataloader = dict(batch_size=2, num_workers=0, dataset=dict(data_root=data_root))
val_dataloader = dict(batch_size=2, num_workers=0, dataset=dict(data_root=data_root))
test_dataloader = dict(batch_size=2, num_workers=0, dataset=dict(data_root=data_root))
train_cfg = dict(max_iters=2, val_interval=2)
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=1))
optim_wrapper = dict(enabled=False)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(vis_backends=vis_backends)
env_cfg = dict(cudnn_benchmark=False)
work_dir = {work!r}
"""
BASES = ("models/mask_rcnn_r18_fpn_gn", "datasets/spacecraft_instances", "schedules/adamw_instances")


def write_objects(root: Path, counts: dict[str, int] | None = None) -> Path:
    """Write a set of two classes, `cell` and `dust`: image n of a split shows n objects, the first none."""
    counts = counts or {"train": 4, "val": 2}
    rng = np.random.default_rng(0)
    for split, count in counts.items():
        (root / "images" / split).mkdir(parents=True)
        images, annotations = [], []
        for number in range(count):
            picture = rng.integers(0, 99, (*SIZE_HW, 3), np.uint8)
            name = f"{split}_{number}.png"
            images.append({"id": number + 7, "file_name": name, "height": SIZE_HW[0], "width": SIZE_HW[1]})
            for place in range(number):
                top, left = 2 + 15 * place, 4 + 9 * place
                picture[top : top + 12, left : left + 10] = 220
                annotations.append(
                    annotation(len(annotations) + 1, number + 7, (top, left, 12, 10), place % 2)
                )
            Image.fromarray(picture).save(root / "images" / split / name)
        content = {
            "images": images,
            "annotations": annotations,
            # not in the order of the labels
            "categories": [{"id": 5, "name": "dust"}, {"id": 3, "name": "cell"}],
        }
        file = root / "annotations" / f"instances_{split}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(content))
    DatasetInfo(
        name="objects",
        task="cells",
        classes=(ClassInfo("cell", (200, 0, 0)), ClassInfo("dust", (0, 0, 200))),
        splits=counts,
        images=Files("images/{split}", ".png"),
        coco={split: f"annotations/instances_{split}.json" for split in counts},
    ).write(root)
    return root


def annotation(number: int, image: int, window: tuple[int, int, int, int], label: int) -> dict[str, Any]:
    """Return a rectangle (top, left, height, width) as a COCO annotation with run lengths; 0 is a cell."""
    top, left, height, width = window
    mask = np.zeros(SIZE_HW, bool)
    mask[top : top + height, left : left + width] = True
    strings, pixels, boxes = strings_areas_boxes([encode(mask)], SIZE_HW)
    return {
        "id": number,
        "image_id": image,
        "category_id": (3, 5)[label],
        "segmentation": {"size": list(SIZE_HW), "counts": strings[0]},
        "area": pixels[0],
        "bbox": boxes[0],
        "iscrowd": 0,
    }


def change(root: Path, split: str = "train", **changes: Any) -> Path:
    """Change the last annotation of a split, or the lists of its file; return the file."""
    file = root / "annotations" / f"instances_{split}.json"
    content = json.loads(file.read_text())
    for key, value in changes.items():
        if key in content:
            content[key] = value
        elif value is None:
            content["annotations"][-1].pop(key)
        else:
            content["annotations"][-1][key] = value
    file.write_text(json.dumps(content))
    return file


def write_experiment(folder: Path, root: Path, *extra: str) -> Path:
    """Write a config that trains a small Mask R-CNN on such a set, for two iterations; return it."""
    bases = ", ".join(
        repr(str(REPOSITORY / f"configs/_base_/{name}.py")) for name in (*BASES, "runtime_instances")
    )
    path = folder / "objects.py"
    text = CONFIG.format(bases=bases, root=str(root), work=str(folder / "work"))
    path.write_text(text + "".join(f"{line}\n" for line in extra))
    return path
