"""Muon for kernels and matrices, AdamW for the rest: training from scratch gets further in the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from mmengine.registry import OPTIMIZERS
from torch import Tensor

_QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan's: singular values from .002 on come to .7 … 1.2 in five rounds
_ROUNDS = 5


@OPTIMIZERS.register_module()
class MuonAdamW(torch.optim.Optimizer):
    """Turn the momentum of each kernel into the nearest orthogonal matrix, and step along it.

    Muon (K. Jordan et al., 2024, https://kellerjordan.github.io/posts/muon) moves all directions of a layer
    alike, also those whose gradients are small beside the largest. Its steps have the size of AdamW's (Liu et
    al., 2025, arXiv:2502.16982), so `lr` and `weight_decay` mean the same for both. torch's own `Muon` takes
    matrices alone, and a second optimizer beside it for whatever is none.

    Args:
        params: parameters or groups of them.
        lr: learning rate.
        momentum: of the gradients that Muon sees, Nesterov's.
        betas: AdamW's, for biases, norms and layers of few channels.
        eps: AdamW's.
        weight_decay: decoupled, of both.
        smallest: kernels that make a matrix with fewer rows or columns are AdamW's: what stands at the end
            of a network, a row for each class, is no map between features.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        *,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.05,
        smallest: int = 16,
    ) -> None:
        if not 0 <= momentum < 1 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"momentum {momentum} and betas {betas}: each must be from 0 to below 1")
        if lr < 0 or weight_decay < 0 or eps <= 0:
            raise ValueError(
                f"lr {lr} and weight_decay {weight_decay} must not be below 0, eps {eps} be above"
            )
        defaults = dict(lr=lr, momentum=momentum, betas=tuple(betas), eps=eps, weight_decay=weight_decay)
        super().__init__(params, {**defaults, "smallest": smallest})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Change all parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for value in group["params"]:
                if value.grad is None:
                    continue
                value.mul_(1 - group["lr"] * group["weight_decay"])
                update = self._muon if _is_map(value, group["smallest"]) else self._adam
                update(value, value.grad, self.state[value], group)
        return loss

    @staticmethod
    def _muon(value: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        if not state:
            state["momentum"] = torch.zeros_like(grad)
        mean = state["momentum"].lerp_(grad, 1 - group["momentum"])
        ahead = torch.lerp(grad, mean, group["momentum"])
        matrix = ahead.reshape(len(ahead), -1)
        size = 0.2 * max(matrix.shape) ** 0.5  # AdamW's steps have 0.2 per element, in the mean square
        value.add_(orthogonal(matrix).reshape(ahead.shape), alpha=-group["lr"] * size)

    @staticmethod
    def _adam(value: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        if not state:
            state["step"] = 0
            state["mean"], state["square"] = torch.zeros_like(grad), torch.zeros_like(grad)
        state["step"] += 1
        first, second = group["betas"]
        mean = state["mean"].lerp_(grad, 1 - first)
        square = state["square"].mul_(second).addcmul_(grad, grad, value=1 - second)
        scale = (square / (1 - second ** state["step"])).sqrt_().add_(group["eps"])
        value.addcdiv_(mean, scale, value=-group["lr"] / (1 - first ** state["step"]))


def orthogonal(matrix: Tensor) -> Tensor:
    """Return the matrix with its singular values brought near 1, by five rounds of Newton and Schulz.

    The rounds are done on the small square of the matrix with itself, whose polynomials all commute.
    """
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    wide = wide / wide.norm().clamp_min(1e-7)
    linear, cubic, quintic = _QUINTIC
    square = wide @ wide.T
    total = None
    for left in reversed(range(_ROUNDS)):
        factor = torch.addmm(square, square, square, beta=cubic, alpha=quintic)
        factor.diagonal().add_(linear)
        total = factor if total is None else factor @ total
        if left:
            square = factor @ square @ factor
    result = total @ wide
    return result if matrix.shape[0] <= matrix.shape[1] else result.T


def _is_map(value: Tensor, smallest: int) -> bool:
    return value.ndim >= 2 and min(len(value), value[0].numel()) >= smallest
