"""Inputs for the operators, the same wherever they are made, and how mmcv calls each operator on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor


class Case(NamedTuple):
    """`call(extension, **tensors)` returns the operator's results by name."""

    name: str
    call: Callable[..., dict[str, Tensor]]
    tensors: dict[str, Tensor]


def random(seed: int) -> np.random.RandomState:
    return np.random.RandomState(seed)  # its stream is frozen for good, a Generator's is not


def tensor(values: Any) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


def roi_align_cases() -> Iterator[Case]:
    for channels in (8, 1):
        for ratio, aligned in ((0, True), (0, False), (2, True), (1, False)):
            yield _roi_case("roi_align", channels, ratio, aligned, pool_mode=1)
    for ratio, aligned in ((0, True), (3, False)):
        yield _roi_case("roi_align", 2, ratio, aligned, pool_mode=0)


def roi_pool_cases() -> Iterator[Case]:
    yield _roi_case("roi_pool", 2, 0, False, pool_mode=0)


def _roi_case(name: str, channels: int, ratio: int, aligned: bool, *, pool_mode: int) -> Case:
    rng = random(7 * channels + ratio + 31 * aligned)
    features = tensor(rng.randn(2, channels, 8, 7)).round(decimals=2)
    centers, sizes = rng.rand(9, 2) * (56, 64), rng.rand(9, 2) * 40 + 2
    rois = np.concatenate([rng.randint(0, 2, (9, 1)), centers - sizes / 2, centers + sizes / 2], 1)
    rois[0, 1:] = -500, -500, -400, -400  # far outside
    rois[1, 1:] = 20, 30, 20, 30  # empty
    rois[2, 1:] = -40, -30, 110, 99  # larger than the image: many samples in each bin
    rois[3, 1:] = 8, 8, 24, 24  # edges on whole pixels
    rois[4, 1:] = 30, 1, 30, 60  # no width
    tensors = {
        "features": features,
        "rois": tensor(rois).round(decimals=1),
        "grad": tensor(rng.randn(9, channels, 3, 2)).round(decimals=2),
    }
    if name == "roi_pool":
        return Case(name, call_roi_pool, tensors)

    def call(extension: Any, **tensors: Tensor) -> dict[str, Tensor]:
        return call_roi_align(extension, **tensors, ratio=ratio, pool_mode=pool_mode, aligned=aligned)

    kind = "mean" if pool_mode else "max"
    return Case(f"roi_align_{kind}_{channels}_channels_ratio_{ratio}_aligned_{aligned}", call, tensors)


def call_roi_align(
    extension: Any, features: Tensor, rois: Tensor, grad: Tensor, *, ratio: int, pool_mode: int, aligned: bool
) -> dict[str, Tensor]:
    options = {
        "aligned_height": grad.shape[2],
        "aligned_width": grad.shape[3],
        "spatial_scale": 0.125,
        "sampling_ratio": ratio,
        "pool_mode": pool_mode,
        "aligned": aligned,
    }
    output = features.new_zeros(grad.shape)
    argmax = [features.new_zeros(grad.shape if pool_mode == 0 else 0) for _ in range(2)]
    extension.roi_align_forward(features, rois, output, *argmax, **options)
    grad_features = torch.zeros_like(features)
    extension.roi_align_backward(grad.contiguous(), rois, *argmax, grad_features, **options)
    return {"output": output, "grad": grad_features, "y": argmax[0], "x": argmax[1]}


def call_roi_pool(extension: Any, features: Tensor, rois: Tensor, grad: Tensor) -> dict[str, Tensor]:
    options = {"pooled_height": grad.shape[2], "pooled_width": grad.shape[3], "spatial_scale": 0.125}
    output = features.new_zeros(grad.shape)
    argmax = torch.zeros(grad.shape, dtype=torch.int, device=grad.device)
    extension.roi_pool_forward(features, rois, output, argmax, **options)
    grad_features = torch.zeros_like(features)
    extension.roi_pool_backward(grad, rois, argmax, grad_features, **options)
    return {"output": output, "grad": grad_features, "argmax": argmax}


def boxes_with_ties(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return crowded boxes: doubles, without an area, upside down, not a number; few different scores."""
    rng = random(seed)
    centers = (rng.rand(max(1, count // 6), 2) * 200)[rng.randint(0, max(1, count // 6), count)]
    sizes = rng.rand(count, 2) * 60 + 4
    boxes = np.concatenate([centers - sizes / 2, centers + sizes / 2], 1) + rng.randn(count, 4) * 3
    boxes[::3] = boxes[::3].round()
    boxes[5::9] = boxes[4::9][: len(boxes[5::9])]
    boxes[6::11, 2] = boxes[6::11, 0]
    boxes[7::13] = boxes[7::13][:, [2, 3, 0, 1]]
    boxes[8::61, 1] = np.nan
    scores = (rng.rand(count) * 20).round() / 20
    return tensor(boxes), tensor(scores)


def nms_cases() -> Iterator[Case]:
    for count in (0, 1, 700):
        boxes, scores = boxes_with_ties(count, count)
        for offset, threshold in ((0, 0.5), (1, 0.7), (0, 0.0)):

            def call(extension: Any, boxes: Tensor, scores: Tensor, *, o: int = offset, t: float = threshold):
                return {"kept": extension.nms(boxes, scores, iou_threshold=t, offset=o)}

            yield Case(
                f"nms_{count}_offset_{offset}_above_{threshold}", call, dict(boxes=boxes, scores=scores)
            )


def softnms_cases() -> Iterator[Case]:
    boxes, scores = boxes_with_ties(90, 3)
    boxes = boxes.nan_to_num(0.0)
    for method in (0, 1, 2):
        for offset in (0, 1):

            def call(extension: Any, boxes: Tensor, scores: Tensor, *, m: int = method, o: int = offset):
                dets = boxes.new_empty((len(boxes), 5))
                kept = extension.softnms(
                    boxes, scores, dets, iou_threshold=0.3, sigma=0.5, min_score=0.1, method=m, offset=o
                )
                return {"kept": kept, "dets": dets[: len(kept)]}

            yield Case(f"softnms_method_{method}_offset_{offset}", call, dict(boxes=boxes, scores=scores))


def nms_match_cases() -> Iterator[Case]:
    boxes, scores = boxes_with_ties(300, 4)

    def call(extension: Any, dets: Tensor) -> dict[str, Tensor]:
        groups = extension.nms_match(dets, iou_threshold=0.6)
        return {
            "sizes": torch.tensor([len(group) for group in groups]),
            "members": torch.tensor([index for group in groups for index in group]),
        }

    yield Case("nms_match", call, {"dets": torch.cat([boxes, scores[:, None]], 1)})


def overlap_cases() -> Iterator[Case]:
    first, second = boxes_with_ties(14, 5)[0], boxes_with_ties(14, 6)[0]
    for mode in (0, 1):
        for aligned in (False, True):

            def call(extension: Any, one: Tensor, other: Tensor, *, m: int = mode, a: bool = aligned):
                ious = one.new_zeros(len(one) if a else (len(one), len(other)))
                extension.bbox_overlaps(one, other, ious, mode=m, aligned=a, offset=m)
                return {"ious": ious}

            yield Case(f"bbox_overlaps_{mode}_aligned_{aligned}", call, dict(one=first, other=second))


def rotated_boxes(count: int, seed: int) -> Tensor:
    rng = random(seed)
    boxes = np.concatenate(
        [rng.rand(count, 2) * 50, rng.rand(count, 2) * 30 + 2, rng.rand(count, 1) * 7 - 3], 1
    )
    boxes[:2] = 30, 30, 20, 10, 0  # the same box three times
    boxes[2] = 30, 30, 10, 20, np.pi / 2
    boxes[3, 2] = 0  # no area
    boxes[4] = 30, 30, 20, 10, 0.7  # one within another
    boxes[5] = 30, 30, 4, 2, 0.7
    boxes[6] = 50, 30, 20, 10, 0  # neighbours that share a side
    return tensor(boxes)


def quadrilaterals(boxes: Tensor, seed: int) -> Tensor:
    """Return the corners of rotated boxes, each second one pulled out of shape."""
    x, y, w, h, angle = boxes.double().unbind(1)
    across = torch.stack([w * angle.cos(), w * angle.sin()], 1) / 2
    down = torch.stack([-h * angle.sin(), h * angle.cos()], 1) / 2
    corners = torch.stack([down - across, -down - across, across - down, across + down], 1)
    corners += torch.stack([x, y], 1)[:, None]
    corners[1::2] += torch.from_numpy(random(seed).rand(len(boxes), 4, 2))[1::2]
    return corners.flatten(1).float()


def rotated_cases() -> Iterator[Case]:
    first, second = rotated_boxes(14, 8), rotated_boxes(12, 9)
    shapes = {
        "rotated": (first, second),
        "quadri": (quadrilaterals(first, 10), quadrilaterals(second, 11)),
    }
    for kind, (one, other) in shapes.items():
        for mode in (0, 1):
            for aligned in (False, True):

                def call(
                    extension: Any,
                    one: Tensor,
                    other: Tensor,
                    *,
                    k: str = kind,
                    m: int = mode,
                    a: bool = aligned,
                ):
                    ious = one.new_zeros(12 if a else len(one) * len(other))
                    one = one[:12] if a else one
                    getattr(extension, f"box_iou_{k}")(one, other, ious, mode_flag=m, aligned=a)
                    return {"ious": ious}

                yield Case(f"box_iou_{kind}_{mode}_aligned_{aligned}", call, dict(one=one, other=other))
    boxes = rotated_boxes(60, 12)
    scores = tensor((random(13).rand(60) * 30).round() / 30)

    def call_rotated(extension: Any, boxes: Tensor, scores: Tensor) -> dict[str, Tensor]:
        order = scores.sort(0, descending=True)[1]
        labels = torch.empty(0, dtype=torch.int, device=boxes.device)
        return {"kept": extension.nms_rotated(boxes, scores, order, boxes[order], labels, 0.2, 0)}

    def call_quadri(extension: Any, boxes: Tensor, scores: Tensor) -> dict[str, Tensor]:
        order = scores.sort(0, descending=True)[1]
        return {"kept": extension.nms_quadri(boxes, scores, order, boxes[order], 0.2, 0)}

    yield Case("nms_rotated", call_rotated, dict(boxes=boxes, scores=scores))
    yield Case("nms_quadri", call_quadri, dict(boxes=quadrilaterals(boxes, 14), scores=scores))


def focal_cases() -> Iterator[Case]:
    rng = random(15)
    scores = tensor(rng.randn(8, 5) * 4)
    scores[0, 0], scores[0, 1] = 120.0, -120.0  # saturated
    weight = tensor(rng.rand(5))
    labels = torch.from_numpy(rng.randint(0, 5, 8))
    for kind in ("sigmoid", "softmax"):
        for weighted in (False, True):
            target = labels.clone()
            if not weighted:  # mmcv reads a weight for background from past the end
                target[3] = 5 if kind == "sigmoid" else -1

            def call(extension: Any, scores: Tensor, target: Tensor, weight: Tensor, *, k: str = kind):
                values = scores.softmax(1) if k == "softmax" else scores
                output = values.new_zeros(len(values) if k == "softmax" else values.shape)
                options = {"gamma": 2.0, "alpha": 0.25}
                getattr(extension, f"{k}_focal_loss_forward")(values, target, weight, output, **options)
                grad = torch.zeros_like(values)
                buff = [values.new_zeros(len(values))] if k == "softmax" else []
                getattr(extension, f"{k}_focal_loss_backward")(values, target, weight, *buff, grad, **options)
                return {"output": output, "grad": grad}

            used = weight if weighted else scores.new_empty(0)
            tensors = dict(scores=scores, target=target, weight=used)
            yield Case(f"{kind}_focal_loss_weighted_{weighted}", call, tensors)


def attention_tensors() -> dict[str, Tensor]:
    rng = random(16)
    shapes = torch.tensor([[5, 6], [3, 2], [1, 1]])
    locations = tensor(rng.rand(2, 4, 2, 3, 2, 2) * 1.6 - 0.3)
    locations[0, 0, 0, 0, 0] = torch.tensor([0.25, 0.3])  # on a pixel's centre
    locations[0, 0, 0, 0, 1] = torch.tensor([-9.0, 0.5])  # far outside
    return {
        "value": tensor(rng.randn(2, 37, 2, 4)),
        "shapes": shapes,
        "starts": torch.tensor([0, 30, 36]),
        "locations": locations,
        "weights": tensor(rng.rand(2, 4, 2, 3, 2)),
        "grad": tensor(rng.randn(2, 4, 8)),
    }


def attention_cases() -> Iterator[Case]:
    def call(
        extension: Any,
        value: Tensor,
        shapes: Tensor,
        starts: Tensor,
        locations: Tensor,
        weights: Tensor,
        grad: Tensor,
    ) -> dict[str, Tensor]:
        inputs = (value, shapes, starts, locations, weights)
        output = extension.ms_deform_attn_forward(*inputs, im2col_step=64)
        grads = [torch.zeros_like(some) for some in (value, locations, weights)]
        extension.ms_deform_attn_backward(*inputs, grad, *grads, im2col_step=64)
        return {"output": output, **dict(zip(("value", "locations", "weights"), grads, strict=True))}

    yield Case("ms_deform_attn", call, attention_tensors())


# mmcv compiles these for a CPU …
CPU_CASES = [
    *roi_align_cases(),
    *nms_cases(),
    *softnms_cases(),
    *nms_match_cases(),
    *overlap_cases(),
    *rotated_cases(),
]
# … and these for GPUs only.
GPU_CASES = [*roi_pool_cases(), *focal_cases(), *attention_cases()]
