"""Takes the objects out of mmdet's data samples: found and true ones, as run lengths of the whole image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segloop.analysis.instances import Instances
from segloop.data.instance_labels import runs_of
from segloop.data.masks import Runs, areas, encode_stack
from segloop.data.patch_masks import PatchMasks
from segloop.utils.errors import ConfigError, DataError

SizeHW = tuple[int, int]


def size_of(sample: Mapping[str, Any]) -> SizeHW:
    """Return height and width of the picture as it lies on the disk."""
    height, width = sample["ori_shape"][:2]
    return int(height), int(width)


def name_of(sample: Mapping[str, Any]) -> str:
    """Return what a message calls the image."""
    return str(sample.get("image_id") or sample.get("img_path") or f"image {sample.get('img_id')}")


def found_instances(sample: Mapping[str, Any], *, class_names: Sequence[str]) -> Instances:
    """Return what the model found; masks must be of the picture's own size."""
    found, size_hw = sample["pred_instances"], size_of(sample)
    if "masks" not in found:
        raise ConfigError(
            "The model finds boxes and no masks, so there is nothing to score as a segmentation: "
            "it needs a mask head (model.roi_head.mask_head)."
        )
    labels = to_array(found["labels"]).astype(np.int64)
    if len(labels) and labels.max() >= len(class_names):
        raise ConfigError(
            f"The model found an object of class {labels.max()}, and the data have {len(class_names)} "
            f"classes, numbered from 0: {', '.join(class_names)}."
        )
    return _instances(
        _runs(found["masks"], size_hw, sample=sample, whose="found"),
        labels,
        size_hw,
        sample=sample,
        scores=to_array(found["scores"]).astype(np.float64),
        boxes_xyxy=to_array(found["bboxes"]) if "bboxes" in found else None,
    )


def listed_instances(objects: Sequence[Mapping[str, Any]], sample: Mapping[str, Any]) -> Instances:
    """Return true objects from the list in which mmdet's data sets keep them, as their file has them."""
    size_hw = size_of(sample)
    wrong = [
        f"object {number} has {_wide(_sides(each['mask']['size']))}"
        for number, each in enumerate(objects, 1)
        if isinstance(each.get("mask"), Mapping) and _sides(each["mask"]["size"]) != size_hw
    ]
    if wrong:
        raise DataError(
            f"{name_of(sample)}: the picture is {_wide(size_hw)} (width x height), and {len(wrong)} of its "
            f"{len(objects)} true masks are of another size: {wrong[0]}.",
            image_id=name_of(sample),
        )
    if bare := [str(number) for number, each in enumerate(objects, 1) if not each.get("mask")]:
        raise DataError(
            f"{name_of(sample)}: true object(s) {', '.join(bare[:5])} of {len(objects)} have no mask.",
            image_id=name_of(sample),
        )
    objects = sorted(
        objects, key=lambda each: bool(each.get("ignore_flag"))
    )  # crowds last, as mmdet packs them
    return _true(
        _runs([each["mask"] for each in objects], size_hw, sample=sample, whose="true"),
        np.array([each["bbox_label"] for each in objects], np.int64),
        size_hw,
        sample=sample,
        crowd=np.array([bool(each.get("ignore_flag")) for each in objects], bool),
        boxes_xyxy=np.array([each["bbox"] for each in objects], np.float64).reshape(-1, 4),
        coco_areas=_all([each.get("area") for each in objects]),
    )


def loaded_instances(sample: Mapping[str, Any]) -> Instances:
    """Return true objects as a pipeline loaded them: `gt_instances`, and `ignored_instances` as crowds."""
    size_hw = size_of(sample)
    runs: list[Runs] = []
    labels, crowd = [np.zeros(0, np.int64)], [np.zeros(0, bool)]
    for key in ("gt_instances", "ignored_instances"):
        part = sample.get(key) or {}
        if "labels" not in part or not len(part["labels"]):
            continue
        if "masks" not in part:
            raise no_truth()
        labels.append(to_array(part["labels"]).astype(np.int64))
        crowd.append(np.full(len(labels[-1]), key == "ignored_instances"))
        runs += _runs(part["masks"], size_hw, sample=sample, whose="true")
    return _true(runs, np.concatenate(labels), size_hw, sample=sample, crowd=np.concatenate(crowd))


def no_truth() -> ConfigError:
    """Return what to say where a test hands on no true objects."""
    return ConfigError(
        "SegLoopInstanceMetric finds no true objects in what the test pipeline hands on. Add 'instances' to "
        "meta_keys of its PackDetInputs, or name the COCO file in the metric: ann_file='…/val.json'."
    )


def to_array(value: Any) -> np.ndarray:
    """Return a tensor, boxes of mmdet, or anything like an array as an array on the CPU."""
    value = getattr(value, "tensor", value)
    return value.detach().cpu().numpy() if hasattr(value, "detach") else np.asarray(value)


def _true(
    runs: Sequence[Runs], labels: np.ndarray, size_hw: SizeHW, *, sample: Mapping[str, Any], **arrays: Any
) -> Instances:
    """Return true objects without those that have no pixel: nothing could find them."""
    some = np.flatnonzero(areas(runs))
    if len(some) < len(runs):
        runs, labels = [runs[place] for place in some], labels[some]
        arrays = {name: value if value is None else value[some] for name, value in arrays.items()}
    ignored = sample.get("unscored")  # COCO's run lengths of the pixels in which nothing is scored
    ignore = _runs([ignored], size_hw, sample=sample, whose="ignored")[0] if ignored else None
    return _instances(runs, labels, size_hw, sample=sample, ignore=ignore, **arrays)


def _instances(
    runs: Sequence[Runs], labels: np.ndarray, size_hw: SizeHW, *, sample: Mapping[str, Any], **arrays: Any
) -> Instances:
    try:
        return Instances(runs=runs, labels=labels, size_hw=size_hw, **arrays)
    except DataError as error:
        raise DataError(f"{name_of(sample)}: {error}", image_id=name_of(sample)) from error


def _runs(masks: Any, size_hw: SizeHW, *, sample: Mapping[str, Any], whose: str) -> list[Runs]:
    """Return masks as run lengths: bitmaps [N, H, W], mmdet's mask structures, or COCO's segmentations."""
    if isinstance(masks, list | tuple):
        try:
            return runs_of([_text(each) for each in masks], size_hw)
        except DataError as error:
            raise DataError(f"{name_of(sample)}: {error}", image_id=name_of(sample)) from error
    if isinstance(masks, PatchMasks):
        _require_size((masks.height, masks.width), size_hw, sample=sample, whose=whose)
        return masks.runs()
    bitmaps = masks.to_ndarray() if hasattr(masks, "to_ndarray") else to_array(masks)
    if len(bitmaps) == 0:
        return []
    _require_size(_sides(bitmaps.shape[1:]), size_hw, sample=sample, whose=whose)
    return encode_stack(bitmaps)


def _require_size(found: SizeHW, wanted: SizeHW, *, sample: Mapping[str, Any], whose: str) -> None:
    if found != wanted:
        raise DataError(
            f"{name_of(sample)}: the picture is {_wide(wanted)} (width x height), and the {whose} masks are "
            f"{_wide(found)}. Load the truth after the image was resized, at its own size.",
            image_id=name_of(sample),
        )


def _text(segmentation: Any) -> Any:
    """Return a segmentation with compressed counts as text, where pycocotools made them bytes."""
    if isinstance(segmentation, Mapping) and isinstance(segmentation.get("counts"), bytes):
        return {**segmentation, "counts": segmentation["counts"].decode("ascii")}
    return segmentation


def _all(values: Sequence[Any]) -> np.ndarray | None:
    return np.array(values, np.float64) if values and None not in values else None


def _sides(size: Sequence[Any]) -> SizeHW:
    return int(size[0]), int(size[1])


def _wide(size_hw: SizeHW) -> str:
    return f"{size_hw[1]}x{size_hw[0]}"
