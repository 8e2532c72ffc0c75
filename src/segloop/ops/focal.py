"""Focal losses of classification scores, and their gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from segloop.ops.lookup import computable


@torch.no_grad()
def sigmoid_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Write the loss of each class in each row of `input` [N, C] to `output` [N, C].

    A target outside 0 … C - 1 is background: every class of the row is a negative.
    """
    p, positive = _sigmoid(input, target)
    hit = -alpha * (1 - p) ** gamma * _log(p)
    miss = -(1 - alpha) * p**gamma * _log(1 - p)
    output.copy_(torch.where(positive, hit, miss) * _class_weight(weight, target, input)[:, None])


@torch.no_grad()
def sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    """Write the derivative of each class's loss by its own score to `grad_input` [N, C]."""
    p, positive = _sigmoid(input, target)
    hit = -alpha * (1 - p) ** gamma * (1 - p - gamma * p * _log(p))
    miss = -(1 - alpha) * p**gamma * (gamma * (1 - p) * _log(1 - p) - p)
    grad_input.copy_(torch.where(positive, hit, miss) * _class_weight(weight, target, input)[:, None])


@torch.no_grad()
def softmax_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Write the loss of each row of probabilities `input` [N, C] to `output` [N].

    A target below zero, or past the last class, is left out: its loss is zero.
    """
    p, counted = _picked(input, target)
    loss = -alpha * (1 - p) ** gamma * _log(p) * _class_weight(weight, target, input)
    output.copy_(torch.where(counted, loss, 0.0))


@torch.no_grad()
def softmax_focal_loss_backward(
    input: Tensor,
    target: Tensor,
    weight: Tensor,
    buff: Tensor,
    grad_input: Tensor,
    gamma: float,
    alpha: float,
) -> None:
    """Write the derivative of each row's loss by the scores before the softmax to `grad_input` [N, C]."""
    p, counted = _picked(input, target)
    rest = 1 - p
    slope = alpha * (gamma * rest ** (gamma - 1) * p * _log(p) - rest**gamma)
    slope = torch.where(counted, slope * _class_weight(weight, target, input), 0.0)
    buff.copy_(slope)
    classes = torch.arange(input.shape[1], device=input.device)
    grad_input.copy_(slope[:, None] * ((target[:, None] == classes).to(slope.dtype) - computable(input)))


def _sigmoid(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    classes = torch.arange(input.shape[1], device=input.device)
    return computable(input).sigmoid(), target[:, None] == classes


def _picked(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return each row's probability of its target, and which rows have one."""
    counted = (target >= 0) & (target < input.shape[1])
    index = torch.where(counted, target, 0)[:, None]
    return computable(input).gather(1, index)[:, 0], counted


def _class_weight(weight: Tensor, target: Tensor, input: Tensor) -> Tensor:
    """Return each row's weight; background gets 1 (mmcv reads past the end for it)."""
    if weight.numel() == 0:
        return computable(input).new_ones(len(target))
    counted = (target >= 0) & (target < len(weight))
    return torch.where(counted, computable(weight)[torch.where(counted, target, 0)], 1.0)


def _log(p: Tensor) -> Tensor:
    # The smallest normal float32, whatever the precision, as in mmcv: log 0 would be infinite.
    return p.clamp(min=torch.finfo(torch.float32).tiny).log()
