"""mmseg's and mmdet's own way to train an experiment of ours: the peer of `train_speed.py` and of the curves.

    python benchmarks/stock_recipe.py CONFIG [--work-dir FOLDER] [--cfg-options …]

The same network, batch, crop, data and validation as CONFIG; all else as mmseg's `_base_` files have it:
float32, cross-entropy alone, SGD 0.01 with polynomial decay, random crops, mmengine's runner and loading.
Of an instance experiment: the same network, batch, sizes, crops and flips; float32, `CocoDataset`, masks as
whole bitmaps, SGD 0.02 with momentum.

Needs: an experiment to train.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config


def stock(config: Config) -> Config:
    """Return `config` with mmseg's or mmdet's recipe in place of ours."""
    if config.get("default_scope") == "mmdet":
        return without_ours(stock_instances(config.copy()))
    from mmengine.registry import DATASETS

    import segloop.experiments.components  # noqa: F401

    config = config.copy()
    model, head = config.model, config.model.decode_head
    model.type = "EncoderDecoder"
    head.pop("init_cfg", None)
    head.loss_decode = dict(type="CrossEntropyLoss", use_sigmoid=False, loss_weight=1.0)
    crop = next(
        step for step in config.train_dataloader.dataset.pipeline if step.type == "RareClassCrop"
    ).size
    for name in ("train", "val", "test"):
        loader = config[f"{name}_dataloader"]
        split = DATASETS.build({**loader.dataset, "lazy_init": True, "_scope_": "mmseg"})
        loader.dataset = dict(
            type="BaseSegDataset",
            metainfo=dict(classes=split.metainfo["classes"], palette=split.metainfo["palette"]),
            data_prefix=dict(split.data_prefix),
            img_suffix=usual_suffix(Path(split.data_prefix["img_path"]), split.suffixes),
            seg_map_suffix=split.seg_map_suffix,
            reduce_zero_label=False,
            pipeline=[
                dict(type="LoadImageFromFile"),
                dict(type="LoadAnnotations"),
                dict(type="PackSegInputs"),
            ],
        )
        loader.num_workers = 2  # as mmseg's data sets of this size have it
    config.train_dataloader.dataset.pipeline[2:2] = [
        dict(type="RandomCrop", crop_size=(crop, crop), cat_max_ratio=0.75),
        dict(type="RandomFlip", prob=0.5),
        dict(type="PhotoMetricDistortion"),
    ]
    config.optim_wrapper = dict(
        type="OptimWrapper",
        optimizer=dict(type="SGD", lr=0.01, momentum=0.9, weight_decay=0.0005),
        clip_grad=None,
    )
    config.param_scheduler = [dict(type="PolyLR", eta_min=1e-4, power=0.9, begin=0, by_epoch=False)]
    return without_ours(config)


def usual_suffix(folder: Path, suffixes: Sequence[str]) -> str:
    """Return the suffix that most images have: `BaseSegDataset` takes one, ours any."""
    counts = Counter(path.suffix for path in folder.rglob("*") if path.suffix in suffixes)
    return counts.most_common(1)[0][0] if counts else suffixes[0]


def stock_instances(config: Config) -> Config:
    """Return an instance experiment with mmdet's data set, loading, masks and optimizer in place of ours."""
    from segloop.experiments.data_checks import settled

    config.model.backbone.init_cfg = None
    config.model.roi_head.mask_head.type = "FCNMaskHead"
    load = [
        dict(type="LoadImageFromFile"),
        dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
    ]
    for name in ("train", "val", "test"):
        loader = config[f"{name}_dataloader"]
        source = settled(loader.dataset)
        kept = [
            step for step in loader.dataset.pipeline if step.type in ("Resize", "RandomResize", "RandomFlip")
        ]
        crop = [step for step in loader.dataset.pipeline if step.type == "InstanceCrop"]
        size = crop[0].size if crop else None
        crops = [
            dict(type="RandomCrop", crop_size=(size, size) if isinstance(size, int) else size),
            dict(type="FilterAnnotations", min_gt_bbox_wh=(1, 1)),
        ]
        loader.dataset = dict(
            type="CocoDataset",
            data_root=source["data_root"],
            ann_file=source["ann_file"],
            data_prefix=source["data_prefix"],
            metainfo=source["metainfo"],
            filter_cfg=dict(filter_empty_gt=True, min_size=32),
            test_mode=name != "train",
            pipeline=[*load, *kept, *(crops if crop else ()), dict(type="PackDetInputs")],
        )
        loader.num_workers = 2  # as mmdet's own data sets have it
    config.optim_wrapper = dict(
        type="OptimWrapper", optimizer=dict(type="SGD", lr=0.02, momentum=0.9, weight_decay=0.0001)
    )
    config.param_scheduler = [dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=500)]
    return config


def without_ours(config: Config) -> Config:
    """Return a config that mmengine's runner trains, without our hooks, layout and precision."""
    config.env_cfg.pop("memory_format", None)
    for name in ("live_line", "record", "early_stop"):
        config.default_hooks.pop(name, None)
    for name in ("val_cfg", "test_cfg"):
        config[name].pop("fp16", None)
    config.runner_type = "Runner"
    return config


def main() -> None:
    """Train the peer as its own runner does."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", metavar="CONFIG")
    parser.add_argument("--work-dir", metavar="FOLDER")
    parser.add_argument("--cfg-options", nargs="+", action="extend", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    from segloop.experiments.config import load_config

    config: Any = stock(
        load_config(
            Path(args.config),
            overrides=args.cfg_options,
            work_dir=args.work_dir or f"work_dirs/stock_{Path(args.config).stem}",
        )
    )
    from mmengine.runner import Runner

    Runner.from_cfg(config).train()


if __name__ == "__main__":
    main()
