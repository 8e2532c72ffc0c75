"""IoU and non-maximum suppression of rotated boxes and of quadrilaterals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segloop.ops import sweep
from segloop.ops.lookup import computable
from segloop.ops.nms import Pairs, Strike, greedy

MOST_POINTS = 24  # 16 crossings of sides, 4 + 4 corners inside
SAME_POINT = 1e-8  # squared distance
SHRINK = 1e-9  # of one of two boxes, so that of two sides in one line just one lies inside
TINY = 1e-150
PAIRS = 1 << 13  # pairs whose outlines are cut at a time


@torch.no_grad()
def box_iou_rotated(boxes1: Tensor, boxes2: Tensor, ious: Tensor, mode_flag: int, aligned: bool) -> None:
    """Write the IoU (mode 0) or the share of the first box (mode 1) of (x, y, w, h, radians) to `ious`."""
    _write_ious(boxes1[:, :5], boxes2[:, :5], ious, mode_flag, aligned, _rotated_iou)


@torch.no_grad()
def box_iou_quadri(boxes1: Tensor, boxes2: Tensor, ious: Tensor, mode_flag: int, aligned: bool) -> None:
    """Write the IoU (mode 0) or the share of the first (mode 1) of quadrilaterals x1, y1 … y4 to `ious`."""
    _write_ious(boxes1[:, :8], boxes2[:, :8], ious, mode_flag, aligned, _quadri_iou)


@torch.no_grad()
def nms_rotated(
    dets: Tensor,
    scores: Tensor,
    order: Tensor,
    dets_sorted: Tensor,
    labels: Tensor,
    iou_threshold: float,
    multi_label: int,
) -> Tensor:
    """Return the indices of the kept rotated boxes, best score first.

    With `multi_label` the sixth column is a label, and boxes of other labels do not count; compiled mmcv does
    so on a GPU, and forgets it on a CPU.
    """
    boxes = computable(dets_sorted[:, :5])
    return _nms(order, boxes, _rotated_corners(boxes), dets_sorted[:, 5:], iou_threshold, _rotated_iou)


@torch.no_grad()
def nms_quadri(
    dets: Tensor, scores: Tensor, order: Tensor, dets_sorted: Tensor, iou_threshold: float, multi_label: int
) -> Tensor:
    """Return the indices of the kept quadrilaterals, best score first; labels as in `nms_rotated`."""
    boxes = computable(dets_sorted[:, :8])
    corners = boxes.unflatten(1, (4, 2))
    return _nms(order, boxes, corners, dets_sorted[:, 8:], iou_threshold, _quadri_iou)


def _nms(
    order: Tensor,
    boxes: Tensor,
    corners: Tensor,
    labels: Tensor,
    iou_threshold: float,
    iou: Callable[[Tensor, Tensor, int], Tensor],
) -> Tensor:
    low, high = corners.amin(1), corners.amax(1)
    width = (high[:, 0] - low[:, 0]).max() if len(boxes) else 0.0
    if iou_threshold <= 0:  # then boxes strike that do not touch
        low, high = torch.full_like(low, -torch.inf), torch.full_like(high, torch.inf)
    head = torch.stack([low[:, 0], low[:, 0] - width, high[:, 0], high[:, 0], low[:, 1], high[:, 1]])
    label = labels[:, 0].to(boxes.dtype) if labels.shape[1] else torch.zeros_like(low[:, 0])
    table = torch.cat([head, label[None], boxes.t()])
    return order[greedy(table, _strike(iou, iou_threshold), _pairs(iou, iou_threshold))]


def _near(first: Any, second: Any) -> Any:
    """Return whether upright boxes around columns of a table touch, and their labels are equal."""
    near = (first[0] <= second[3]) & (second[0] <= first[3])
    near &= (first[4] <= second[5]) & (second[4] <= first[5])
    near &= first[6] == second[6]
    return near


def _strike(iou: Callable[[Tensor, Tensor, int], Tensor], threshold: float) -> Strike:
    """Compare only pairs whose upright boxes touch; mmcv strikes from the threshold on, not above it."""

    def strike(first: Tensor, second: Tensor) -> Tensor:
        near = _near(first[:, :, None], second[:, None])
        strikes = first.new_zeros(near.shape)
        for part in near.nonzero().split(PAIRS):
            one, other = part.unbind(1)
            found = iou(first[7:, one].t(), second[7:, other].t(), 0)
            strikes[one, other] = (found >= threshold).to(strikes.dtype)
        return strikes

    return strike


def _pairs(iou: Callable[[Tensor, Tensor, int], Tensor], threshold: float) -> Pairs:
    def pairs(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first, second = sweep.pairs(table, _near)
        boxes = torch.from_numpy(table[7:]).t().contiguous()
        parts = torch.from_numpy(np.stack([first, second])).split(PAIRS, 1)
        hits = torch.cat([iou(boxes[one], boxes[other], 0) >= threshold for one, other in parts]).numpy()
        return first[hits], second[hits]

    return pairs


def _write_ious(
    boxes1: Tensor,
    boxes2: Tensor,
    ious: Tensor,
    mode: int,
    aligned: bool,
    iou: Callable[[Tensor, Tensor, int], Tensor],
) -> None:
    first, second, flat = computable(boxes1), computable(boxes2), ious.view(-1)
    for part in torch.arange(flat.numel(), device=flat.device).split(PAIRS):
        one, other = (part, part) if aligned else (part // len(second), part % len(second))
        flat[part] = iou(first[one], second[other], mode).to(flat.dtype)


def _rotated_corners(boxes: Tensor) -> Tensor:
    """Return the corners [N, 4, 2] of boxes (x, y, w, h, radians); y points down, the angle is clockwise."""
    # Sine and cosine in double precision, as in mmcv, where a right angle must stay one.
    angle = boxes[:, 4].double()
    across = torch.stack([angle.cos(), angle.sin()], 1).to(boxes.dtype) * (boxes[:, 2:3] / 2)
    down = torch.stack([-angle.sin(), angle.cos()], 1).to(boxes.dtype) * (boxes[:, 3:4] / 2)
    steps = torch.stack([down - across, -down - across, across - down, across + down], 1)
    return boxes[:, None, :2] + steps


def _rotated_iou(first: Tensor, second: Tensor, mode: int) -> Tensor:
    # Of two convex shapes, the border of what they share is the part of either border inside the other. A
    # side adds half its length inside times its distance from one fixed point, the middle of the second.
    one, other = first.double().t().contiguous(), second.double().t().contiguous()
    half1, half2 = one[2:4].abs() / 2, other[2:4].abs() / 2 * (1 - SHRINK)
    turn = _cos_sin(one[4] - other[4])
    gap2 = _turned_back(one[:2] - other[:2], _cos_sin(other[4]))  # to the first, as the second sees it
    gap1 = -_turned_back(gap2, turn)
    inside1 = _inside_share(half1, turn, gap2, half2)
    inside2 = _inside_share(half2, (turn[0], -turn[1]), gap1, half1)
    distance = half1 - torch.stack([gap1, -gap1])
    common = (inside1 * distance * half1.flip(0)).sum((0, 1)) + inside2.sum((0, 1)) * half2.prod(0)
    return _shares(common, one[2] * one[3], other[2] * other[3], mode).to(first.dtype)


def _cos_sin(angle: Tensor) -> tuple[Tensor, Tensor]:
    return angle.cos(), angle.sin()


def _turned_back(points: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    (x, y), (cos, sin) = points, turn
    return torch.stack([cos * x + sin * y, cos * y - sin * x])


def _inside_share(half: Tensor, turn: tuple[Tensor, Tensor], gap: Tensor, frame: Tensor) -> Tensor:
    """Return how much of each side of a turned box lies in an upright frame around the origin, [2, 2, N].

    Sizes [2, N] are halved, `gap` is the box's middle. Sides come as [far and near, along y and along x].
    """
    cos, sin = turn
    low, high = half.new_tensor(-0.5), half.new_tensor(0.5)
    # Coordinate by coordinate: where the middles of the sides are, and how far a side goes.
    for axis, ahead in enumerate((torch.stack([cos, -sin]) * half, torch.stack([sin, cos]) * half)):
        along = 2 * ahead.flip(0)
        slope = 1 / torch.where(along.abs() < TINY, TINY, along)
        enter = (torch.stack([-ahead, ahead]) - gap[axis]) * slope
        reach = frame[axis] * slope.abs()
        low, high = torch.maximum(low, enter - reach), torch.minimum(high, enter + reach)
    return (high - low).clamp_(min=0)


def _quadri_iou(first: Tensor, second: Tensor, mode: int) -> Tensor:
    corners = torch.stack([first, second], 1).unflatten(2, (4, 2))
    one, other = (corners - corners.mean((1, 2), keepdim=True)).unbind(1)
    return _iou(one, other, _quadri_area(one), _quadri_area(other), mode)


def _quadri_area(corners: Tensor) -> Tensor:
    spokes = corners[:, 1:] - corners[:, :1]
    return _cross(spokes[:, :-1], spokes[:, 1:]).abs().sum(1) / 2


def _iou(first: Tensor, second: Tensor, area1: Tensor, area2: Tensor, mode: int) -> Tensor:
    return _shares(_hull_area(*_common_points(first, second)), area1, area2, mode)


def _shares(common: Tensor, area1: Tensor, area2: Tensor, mode: int) -> Tensor:
    iou = common / (area1 if mode == 1 else area1 + area2 - common)
    return torch.where((area1 < 1e-14) | (area2 < 1e-14), 0.0, iou)


def _common_points(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return where sides cross and corners of one inside the other, [N, 24, 2], and which exist."""
    sides1 = first.roll(-1, 1) - first
    sides2 = second.roll(-1, 1) - second
    gap = second[:, None] - first[:, :, None]
    turn = _cross(sides2[:, None], sides1[:, :, None])
    parallel = turn.abs() <= 1e-14
    turn = torch.where(parallel, 1.0, turn)
    along1 = _cross(sides2[:, None].expand_as(gap), gap) / turn
    along2 = _cross(sides1[:, :, None].expand_as(gap), gap) / turn
    crosses = (along1 >= 0) & (along1 <= 1) & (along2 >= 0) & (along2 <= 1) & ~parallel
    at = first[:, :, None] + sides1[:, :, None] * along1[..., None]
    points = torch.cat([at.flatten(1, 2), first, second], 1)
    inside = [_inside(first, second, sides2), _inside(second, first, sides1)]
    return points, torch.cat([crosses.flatten(1), *inside], 1)


def _inside(points: Tensor, corners: Tensor, sides: Tensor) -> Tensor:
    # By projection on the first and the last side. For quadrilaterals that are no rectangles this is mmcv's
    # approximation; theirs is kept so that the numbers are.
    steps = points - corners[:, :1]
    on_first, on_last = (steps * sides[:, :1]).sum(-1), -(steps * sides[:, 3:]).sum(-1)
    lengths = (sides * sides).sum(-1)
    return (on_first >= 0) & (on_last >= 0) & (on_first <= lengths[:, :1]) & (on_last <= lengths[:, 3:])


def _hull_area(points: Tensor, exists: Tensor) -> Tensor:
    """Return the area of the convex hull of each row's points, walked from the lowest one side at a time."""
    # A point that does not exist stands on the first that does, where it changes nothing.
    stand_in = points.gather(1, exists.float().argmax(1)[:, None, None].expand(-1, 1, 2))
    points = torch.where(exists[..., None], points, stand_in)
    start = points.gather(1, points[..., 1].argmin(1)[:, None, None].expand(-1, 1, 2))
    points = points - start
    at, heading = torch.zeros_like(start), points.new_zeros(len(points), 1)
    area, round_trip = heading[:, 0], torch.zeros(len(points), dtype=torch.bool, device=points.device)
    for _ in range(MOST_POINTS):
        steps = points - at
        length = (steps * steps).sum(-1)
        # The next corner needs the smallest turn to the left; of those in one line it is the farthest.
        turn = (torch.atan2(steps[..., 1], steps[..., 0]) - heading).remainder(2 * torch.pi)
        turn = torch.where(
            turn > 1.5 * torch.pi, 0.0, turn
        )  # a hair to the right: rounding, for all lie left
        turn = torch.where(length > SAME_POINT, turn, torch.inf)
        least = turn.amin(1, keepdim=True)
        farthest = torch.where(turn <= least + 1e-6, length, -1.0).argmax(1)[:, None, None]
        ahead = points.gather(1, farthest.expand(-1, 1, 2))
        heading = heading + least
        # Back at the start, or past it where it lies amid a side; sides that meet there add no area.
        home = ((ahead * ahead).sum((1, 2)) <= SAME_POINT) | (heading[:, 0] > 2 * torch.pi - 1e-4)
        round_trip = round_trip | home
        area = area + torch.where(round_trip, 0.0, _cross(at, ahead)[:, 0] / 2)
        if bool(round_trip.all()):
            break
        at = ahead
    return torch.where(exists.sum(1) > 2, area.clamp(min=0), 0.0)


def _cross(first: Tensor, second: Tensor) -> Tensor:
    return first[..., 0] * second[..., 1] - second[..., 0] * first[..., 1]
