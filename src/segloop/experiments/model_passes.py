"""Passes an input through a model as prediction does, for shapes and FLOPs, on tensors without values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn


@dataclass
class Pass:
    """What a pass took for granted, in words, and how often it left out what it could not run."""

    assumed: list[str] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)


def pass_through(model: nn.Module, inputs: Tensor) -> Pass:
    """Pass a batch [1, C, H, W] through a model in evaluation mode; its tensors may be on the meta device."""
    if _is_two_stage(model):
        return _two_stage(model, inputs)
    model(inputs, None, mode="tensor")
    return Pass()


def _is_two_stage(model: nn.Module) -> bool:
    """Return whether a model is mmdet's detector with proposals and one box head, as its classes are."""
    if "TwoStageDetector" not in {base.__name__ for base in type(model).__mro__}:
        return False
    from mmdet.models.roi_heads import StandardRoIHead

    head = getattr(model, "roi_head", None)
    steps = ("_bbox_forward", "_mask_forward")  # who does it otherwise counts otherwise
    return isinstance(head, StandardRoIHead) and all(
        getattr(type(head), step) is getattr(StandardRoIHead, step) for step in steps
    )


def _two_stage(model: Any, inputs: Tensor) -> Pass:
    """Run the heads on as many regions as the settings of the test allow.

    How many regions an image has is in its values, and mmdet's own pass asks for them. The most that may
    come makes a number that depends on the model alone, and no image costs more.
    """
    done = Pass()
    features = model.extract_feat(inputs)
    if model.with_rpn:
        model.rpn_head(features)
        done.left_out["nms"] = 1
    head = model.roi_head
    regions = int(((model.test_cfg or {}).get("rpn") or {}).get("max_per_img", 1000))
    objects = int((head.test_cfg or {}).get("max_per_img", 100))
    if head.with_bbox:
        head.bbox_head(_cut_out(head, head.bbox_roi_extractor, inputs, regions, done))
        done.left_out["nms"] = done.left_out.get("nms", 0) + 1
        done.assumed.append(f"{regions:,} regions in the box head, the most that rpn.max_per_img gives")
    if head.with_mask:
        head.mask_head(_cut_out(head, head.mask_roi_extractor, inputs, objects, done))
        done.left_out["pasting of masks"] = 1
        done.assumed.append(f"{objects:,} objects in the mask head, the most that rcnn.max_per_img keeps")
    return done


def _cut_out(head: Any, extractor: Any, inputs: Tensor, number: int, done: Pass) -> Tensor:
    """Return what an extractor would cut out of the features, [number, C, h, w]."""
    layers = extractor.roi_layers
    done.left_out["roi_align"] = done.left_out.get("roi_align", 0) + len(layers)  # one for each level
    size = layers[0].output_size
    height, width = size if isinstance(size, tuple | list) else (size, size)
    cut = inputs.new_empty(number, extractor.out_channels, height, width)
    return head.shared_head(cut) if head.with_shared_head else cut
