"""What `ablation.py` changes of a recipe, a function a part: a loss, a crop, an augmentation, a layout.

Needs: ablation.py, which reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Missing(Exception):
    """The config has no such part to change."""


def nothing(config: Any) -> None:
    """Change nothing."""


def start_as_mmseg(config: Any) -> None:
    decode_head(config).init_cfg = dict(type="Normal", std=0.01, override=dict(name="conv_seg"))


def cross_entropy_alone(config: Any) -> None:
    losses = decode_head(config).loss_decode
    config.model.decode_head.loss_decode = [loss for loss in losses if loss.type == "CrossEntropyLoss"]


def weighted_classes(config: Any) -> None:
    head = decode_head(config)
    head.loss_decode[0].update(class_weight=[0.3] + [1.0] * (head.num_classes - 1), avg_non_ignore=False)


def instead_of_dice(**loss: Any) -> Callable[[Any], None]:
    """Return a change that puts another loss where a decode head has its Dice."""

    def change(config: Any) -> None:
        losses = decode_head(config).loss_decode
        place = next((i for i, each in enumerate(losses) if each.type == "BatchDiceLoss"), None)
        if place is None:
            raise Missing
        losses[place] = dict(background=losses[place].get("background"), **loss)

    return change


def besides(**loss: Any) -> Callable[[Any], None]:
    """Return a change that adds a loss to those of a decode head."""

    def change(config: Any) -> None:
        losses = decode_head(config).loss_decode
        background = next((each.background for each in losses if "background" in each), None)
        losses.append(dict(background=background, **loss))

    return change


def on_masks(**loss: Any) -> Callable[[Any], None]:
    """Return a change that adds a loss to that of a mask head."""

    def change(config: Any) -> None:
        head = config.model.get("roi_head", {}).get("mask_head")
        if head is None:
            raise Missing
        head.loss_mask = dict(type="InstanceMaskLoss", losses=[head.loss_mask, loss])

    return change


def windows_anywhere(config: Any) -> None:
    step(config, "RareClassCrop").prob = 0.0


def whole_images(config: Any) -> None:
    loader = config.train_dataloader
    size = step(config, "RareClassCrop").size
    drop(config, "RareClassCrop")
    loader.batch_size = max(2, round(loader.batch_size * (size / 192) ** 2))


def without_flips(config: Any) -> None:
    drop(config, "RandomFlip")


def without_colours(config: Any) -> None:
    drop(config, "PhotoMetricDistortion")


def without_dropout(config: Any) -> None:
    decode_head(config).dropout_ratio = 0.0
    if "dropout" in config.model.backbone:
        config.model.backbone.dropout = [0.0] * len(config.model.backbone.dropout)


def averaged_weights(config: Any) -> None:
    config.custom_hooks = [dict(type="EMAHook", momentum=0.005, begin_iter=200)]


def sgd(config: Any) -> None:
    config.optim_wrapper.optimizer = dict(type="SGD", lr=0.01, momentum=0.9, weight_decay=5e-4)


def other_optimizer(config: Any) -> None:
    """AdamW where the recipe has Muon, and the reverse, at the recipe's rate."""
    own = config.optim_wrapper.optimizer
    kind = "AdamW" if own.type == "MuonAdamW" else "MuonAdamW"
    config.optim_wrapper.optimizer = dict(type=kind, lr=own.lr, weight_decay=own.weight_decay)


def float32(config: Any) -> None:
    config.optim_wrapper.enabled = False


def contiguous(config: Any) -> None:
    config.env_cfg.memory_format = "contiguous"


def read_every_time(config: Any) -> None:
    pipeline = config.train_dataloader.dataset.pipeline
    place = pipeline.index(step(config, "KeepInMemory"))
    pipeline[place : place + 1] = pipeline[place].transforms


def stride_8(config: Any) -> None:
    backbone = config.model.backbone
    if "strides" in backbone:
        backbone.strides, backbone.dilations = (1, 2, 1, 1), (1, 1, 2, 4)


def compiled(config: Any) -> None:
    config.compile = True


def step(config: Any, kind: str) -> Any:
    """Return the first step of a kind in the training pipeline."""
    for item in config.train_dataloader.dataset.pipeline:
        if item.type == kind:
            return item
    raise Missing


def decode_head(config: Any) -> Any:
    """Return the head of a semantic experiment."""
    if "decode_head" not in config.model:
        raise Missing
    return config.model.decode_head


def drop(config: Any, kind: str) -> None:
    """Take all steps of a kind out of the training pipeline."""
    data = config.train_dataloader.dataset
    data.pipeline = [item for item in data.pipeline if item.type != kind]


# The numbers of the results in OUT: new ones go to the end.
VARIANTS: dict[str, Callable[[Any], None]] = {
    "the recipe": nothing,
    "head starts as mmseg's": start_as_mmseg,
    "cross-entropy alone": cross_entropy_alone,
    "background weighs 0.3": weighted_classes,
    "windows anywhere": windows_anywhere,
    "whole images": whole_images,
    "no flips": without_flips,
    "no change of colours": without_colours,
    "no dropout": without_dropout,
    "averaged weights (EMA)": averaged_weights,
    "SGD": sgd,
    "float32": float32,
    "channels first": contiguous,
    "files read every time": read_every_time,
    "output stride 8": stride_8,
    "torch.compile": compiled,
    "Dice of each image": instead_of_dice(type="BatchDiceLoss", per_image=True),
    "focal Tversky for Dice": instead_of_dice(type="FocalTverskyLoss"),
    "Lovász for Dice": instead_of_dice(type="LovaszSoftmaxLoss"),
    "Lovász besides": besides(type="LovaszSoftmaxLoss"),
    "boundary besides": besides(type="BoundaryDistanceLoss", loss_weight=5.0),
    "masks: Dice besides": on_masks(type="BatchDiceLoss"),
    "masks: focal Tversky besides": on_masks(type="FocalTverskyLoss"),
    "masks: Lovász besides": on_masks(type="LovaszSoftmaxLoss"),
    "masks: boundary besides": on_masks(type="BoundaryDistanceLoss"),
    "AdamW for Muon, or the reverse": other_optimizer,
}
