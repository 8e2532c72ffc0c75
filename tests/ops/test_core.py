"""What users see of the core operators through mmcv: gradients, half precision, empty and large inputs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from mmcv.ops import RoIAlign, RoIPool, batched_nms, sigmoid_focal_loss, soft_nms, softmax_focal_loss
from mmcv.ops import nms as mmcv_nms
from mmcv.ops.multi_scale_deform_attn import (
    MultiScaleDeformableAttnFunction,
    multi_scale_deformable_attn_pytorch,
)
from mmcv.ops.roi_align import roi_align
from torch import Tensor

from segloop.ops import nms, rotated
from tests.ops.cases import attention_tensors, boxes_with_ties, rotated_boxes

ROIS = torch.tensor(
    [[0.0, 3.3, 2.1, 29.7, 40.2], [1.0, -9.0, 5.5, 20.1, 21.4], [1.0, 11.0, 11.0, 11.0, 11.0]]
)


def features(channels: int, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(channels)
    return torch.randn(2, channels, 6, 5, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()


@pytest.mark.parametrize("channels", [1, 8])
@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("ratio", [0, 2])
def test_roi_align_gradient_is_exact(channels: int, mode: str, ratio: int) -> None:
    rois = ROIS[:2].double() if mode == "max" else ROIS.double()  # an empty region has no maximum to move

    def pooled(values: Tensor) -> Tensor:
        return roi_align(values, rois, (2, 3), 0.125, ratio, mode, True)

    assert torch.autograd.gradcheck(pooled, features(channels, torch.float64), fast_mode=True)


def test_roi_align_of_several_images_and_many_pixels_is_exact() -> None:
    values = torch.rand(3, 8, 17, 16, dtype=torch.float64).requires_grad_()
    rois = torch.cat([ROIS, ROIS[:1]]).double()  # one image has regions at both ends, one has none
    rois[:, 1:] *= 3
    assert torch.autograd.gradcheck(lambda some: roi_align(some, rois, 2, 0.125), values, fast_mode=True)
    alone = torch.cat([roi_align(values, roi[None], 2, 0.125) for roi in rois])
    torch.testing.assert_close(roi_align(values, rois, 2, 0.125), alone)


def test_roi_pool_gradient_is_exact() -> None:
    assert torch.autograd.gradcheck(
        lambda values: RoIPool(2, 0.125)(values, ROIS.double()), features(3, torch.float64), fast_mode=True
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", [sigmoid_focal_loss, softmax_focal_loss])
def test_focal_loss_gradient_is_exact(loss: Callable[..., Tensor], weighted: bool) -> None:
    scores = torch.linspace(-3, 2, 12, dtype=torch.float64).view(4, 3).requires_grad_()
    target = torch.tensor([0, 2, 1, 1])
    weight = torch.tensor([0.5, 1.5, 2.0], dtype=torch.float64) if weighted else None
    assert torch.autograd.gradcheck(lambda values: loss(values, target, 1.5, 0.3, weight, "sum"), scores)


def test_background_has_no_positive_and_no_class_weight() -> None:
    scores, weight = torch.zeros(3, 2), torch.tensor([2.0, 3.0])
    background = torch.tensor([2, -1, 2])
    plain = sigmoid_focal_loss(scores, background, 2.0, 0.25, None, "none")
    torch.testing.assert_close(plain, torch.full((3, 2), 0.75 * 0.25 * 0.6931472))
    torch.testing.assert_close(sigmoid_focal_loss(scores, background, 2.0, 0.25, weight, "none"), plain)
    ignored = softmax_focal_loss(scores, torch.tensor([-1, -1, -1]), 2.0, 0.25, weight, "none")
    torch.testing.assert_close(ignored, torch.zeros(3))


def test_deformable_attention_equals_sampling_and_its_gradient() -> None:
    tensors = {
        name: values.double() if values.is_floating_point() else values
        for name, values in attention_tensors().items()
    }
    inputs = [tensors[name].requires_grad_() for name in ("value", "locations", "weights")]

    def attended(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
        maps = (value, tensors["shapes"], tensors["starts"], locations, weights)
        return MultiScaleDeformableAttnFunction.apply(*maps, 64)

    expected = multi_scale_deformable_attn_pytorch(inputs[0], tensors["shapes"], inputs[1], inputs[2])
    torch.testing.assert_close(attended(*inputs), expected)
    grads = [torch.autograd.grad(output.square().sum(), inputs) for output in (attended(*inputs), expected)]
    torch.testing.assert_close(grads[0][0], grads[1][0])
    torch.testing.assert_close(grads[0][2], grads[1][2])
    # A sample on a pixel's centre has two slopes there; elsewhere they agree.
    away = torch.ones_like(inputs[1], dtype=torch.bool)
    away[0, 0, 0, 0, 0] = False
    torch.testing.assert_close(grads[0][1][away], grads[1][1][away])


@pytest.mark.parametrize("channels", [1, 8])
@pytest.mark.parametrize(
    "layer",
    [RoIAlign(3, 0.125, 0), RoIAlign(3, 0.125, 2, "max"), RoIPool(3, 0.125)],
    ids=["mean", "max", "pool"],
)
def test_autocast_pools_bfloat16_as_precisely_as_it_can_hold(layer: torch.nn.Module, channels: int) -> None:
    half = features(channels, torch.bfloat16)
    full = half.detach().float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        pooled = layer(half, ROIS)
    exact = layer(full, ROIS)
    assert pooled.dtype == torch.bfloat16
    torch.testing.assert_close(pooled.float(), exact, rtol=2**-8, atol=1e-6)
    for output in (pooled, exact):
        (
            output.float() * torch.arange(1.0, 1 + output.numel()).view(output.shape).bfloat16()
        ).sum().backward()
    assert half.grad is not None
    assert full.grad is not None
    assert half.grad.dtype == torch.bfloat16
    torch.testing.assert_close(half.grad.float(), full.grad, rtol=2**-7, atol=1e-3)


def test_autocast_with_half_regions_from_mmdet() -> None:
    # mmdet's extractor turns RoIs to the type of the features, so bfloat16 coordinates arrive here.
    half = features(8, torch.bfloat16)
    pooled = RoIAlign(3, 0.125, 0)(half, ROIS.bfloat16())
    torch.testing.assert_close(pooled, RoIAlign(3, 0.125, 0)(half, ROIS.bfloat16().float()))


@pytest.mark.parametrize("loss", [sigmoid_focal_loss, softmax_focal_loss])
def test_autocast_focal_loss(loss: Callable[..., Tensor]) -> None:
    scores = torch.linspace(-3, 2, 12).view(4, 3).bfloat16().requires_grad_()
    target = torch.tensor([0, 2, 1, 1])
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(scores, target, 2.0, 0.25)
    torch.testing.assert_close(value.float(), loss(scores.float(), target, 2.0, 0.25), rtol=0.02, atol=0)
    value.backward()
    assert scores.grad is not None
    assert scores.grad.abs().sum() > 0


def test_autocast_suppression_computes_in_float32() -> None:
    boxes, scores = boxes_with_ties(60, 1)
    boxes, scores = boxes.nan_to_num(0).bfloat16(), scores.bfloat16()
    _, kept = mmcv_nms(boxes, scores, 0.5)
    assert torch.equal(kept, mmcv_nms(boxes.float(), scores.float(), 0.5)[1])
    dets, kept = soft_nms(boxes, scores, 0.5)
    assert dets.dtype == torch.bfloat16
    assert torch.equal(kept, soft_nms(boxes.float(), scores.float(), 0.5)[1])


@pytest.mark.parametrize("layer", [RoIAlign(7, 0.125), RoIAlign(7, 0.125, 0, "max"), RoIPool(7, 0.125)])
def test_no_regions_give_an_empty_result_and_no_gradient(layer: torch.nn.Module) -> None:
    values = features(4, torch.float32)
    pooled = layer(values, torch.zeros(0, 5))
    assert pooled.shape == (0, 4, 7, 7)
    pooled.sum().backward()
    assert values.grad is not None
    assert not values.grad.any()


@pytest.mark.parametrize("channels", [1, 8])
@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("ratio", [0, 2])
@pytest.mark.parametrize("far", [torch.nan, torch.inf, -20.0])
def test_a_region_that_is_none_spoils_no_other(channels: int, mode: str, ratio: int, far: float) -> None:
    values = features(channels, torch.float32)
    rois = ROIS.clone()
    rois[1, 3:] = far
    found = roi_align(values, rois, (2, 3), 0.125, ratio, mode, True)
    alone = roi_align(values, ROIS[:1], (2, 3), 0.125, ratio, mode, True)
    assert torch.equal(found[:1], alone)
    (gradient,) = torch.autograd.grad(found.sum(), values)
    assert gradient.isfinite().all()


def test_attention_of_no_queries_is_empty() -> None:
    value = torch.rand(2, 6, 2, 4, requires_grad=True)
    places, weights = torch.rand(2, 0, 2, 1, 3, 2), torch.rand(2, 0, 2, 1, 3)
    sizes, starts = torch.tensor([[2, 3]]), torch.tensor([0])
    found = MultiScaleDeformableAttnFunction.apply(value, sizes, starts, places, weights, 64)
    assert found.shape == (2, 0, 8)
    (gradient,) = torch.autograd.grad(found.sum(), value)
    assert not gradient.any()


def test_channels_last_features_give_the_same() -> None:
    values = features(8, torch.float32)
    plain = roi_align(values, ROIS, 3, 0.125)
    turned = roi_align(values.contiguous(memory_format=torch.channels_last), ROIS, 3, 0.125)
    assert torch.equal(plain, turned)


def slow_nms(boxes: Tensor, scores: Tensor, threshold: float) -> list[int]:
    order = scores.sort(descending=True)[1].tolist()
    kept: list[int] = []
    for index in order:
        ious = boxes.new_zeros(len(kept), 1)
        nms.bbox_overlaps(boxes[kept], boxes[index : index + 1], ious, 0, False, 0)
        if not (ious > threshold).any():
            kept.append(index)
    return kept


@pytest.mark.parametrize("few", [-1, 600, 1 << 16])  # in blocks, first in blocks, all at once
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7, 1.0, 1.5])
def test_nms_equals_one_box_after_another(
    threshold: float, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nms, "FEW_PAIRS", few)
    monkeypatch.setattr(nms, "MANY_PAIRS", few)
    monkeypatch.setattr(nms, "BLOCK", 16)  # many blocks and strips
    monkeypatch.setattr(nms, "STRIP", 3)
    boxes, scores = boxes_with_ties(150, 2)
    assert mmcv_nms(boxes, scores, threshold)[1].tolist() == slow_nms(boxes, scores, threshold)


def test_batched_nms_keeps_classes_apart() -> None:
    boxes = torch.tensor([[0.0, 0, 9, 9], [0, 0, 9, 9], [1, 0, 9, 9]])
    _, kept = batched_nms(
        boxes, torch.tensor([0.9, 0.8, 0.7]), torch.tensor([0, 1, 1]), {"iou_threshold": 0.5}
    )
    assert kept.tolist() == [0, 1]


@pytest.mark.parametrize("apart", [True, False])
def test_nms_of_20000_boxes_compares_few_at_a_time(apart: bool) -> None:
    boxes = torch.rand(20000, 2, generator=torch.Generator().manual_seed(0)) * (20000 if apart else 5)
    boxes = torch.cat([boxes, boxes + 20 + boxes % 3], 1)
    table, strike, sweep = nms._suppression(boxes, 0.7, 0, inclusive=False)
    pairs: list[int] = []

    def counted(first: Tensor, second: Tensor) -> Tensor:
        pairs.append(first.shape[1] * second.shape[1])
        return strike(first, second)

    nms.greedy(table, counted, sweep)
    assert max(pairs) <= nms.TILE  # three matrices of floats: 200 kB
    assert sum(pairs) < 20000**2 / 8


def test_rotated_iou_equals_that_of_the_corners() -> None:
    first, second = rotated_boxes(60, 3), rotated_boxes(60, 4)
    second[:20] = first[:20]  # the same,
    second[10:20, 0] += first[10:20, 2] / 3  # along one line if upright,
    first[15:20, 4] = second[15:20, 4] = 0
    second[20:30, :2] = first[20:30, :2]  # with one middle
    for mode in (0, 1):
        found, expected = first.new_empty(60), first.new_empty(60)
        rotated.box_iou_rotated(first, second, found, mode, True)
        corners = [rotated._rotated_corners(boxes).flatten(1) for boxes in (first, second)]
        rotated.box_iou_quadri(*corners, expected, mode, True)
        torch.testing.assert_close(found, expected, rtol=0, atol=2e-5)
    torch.testing.assert_close(found[4:10], torch.ones(6))


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.5])
def test_rotated_nms_in_blocks_equals_that_at_once(threshold: float, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = rotated_boxes(50, 5)
    scores, order = torch.arange(50.0).flip(0), torch.arange(50)
    arguments = (boxes, scores, order, boxes, scores, threshold, 0)
    kept = rotated.nms_rotated(*arguments)
    ious = boxes.new_empty(50, 50)
    rotated.box_iou_rotated(boxes, boxes, ious, 0, False)
    slow: list[int] = []
    for box in range(50):
        if not (ious[slow, box] >= threshold).any():
            slow.append(box)
    assert kept.tolist() == slow
    monkeypatch.setattr(nms, "FEW_PAIRS", -1)
    monkeypatch.setattr(nms, "MANY_PAIRS", -1)
    monkeypatch.setattr(nms, "BLOCK", 7)
    assert torch.equal(rotated.nms_rotated(*arguments), kept)


def test_rotated_nms_of_boxes_apart_and_of_none() -> None:
    boxes = torch.tensor([[0.0, 0, 2, 2, 0], [9, 9, 2, 2, 0]])
    scores, order = torch.tensor([0.2, 0.8]), torch.tensor([1, 0])
    assert rotated.nms_rotated(boxes, scores, order, boxes[order], scores, 0.5, 0).tolist() == [1, 0]
    none = boxes[:0], scores[:0], order[:0], boxes[:0], scores[:0]
    assert rotated.nms_rotated(*none, 0.5, 0).tolist() == []


def test_rotated_nms_minds_labels() -> None:
    boxes = rotated_boxes(8, 1)
    scores = torch.arange(8.0).flip(0)
    labels = torch.tensor([0.0, 1, 0, 0, 0, 0, 0, 0])
    order = scores.sort(0, descending=True)[1]
    labelled = torch.cat([boxes, labels[:, None]], 1)
    arguments = (labelled, scores, order, labelled[order], labels)
    kept = rotated.nms_rotated(*arguments, 0.9, 1).tolist()
    assert kept[:2] == [0, 1]  # the same box under two labels
    assert 2 not in kept
